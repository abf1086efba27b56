"""How deep a run of the tests goes, and what a machine cannot test.

`pytest --depth=fast` leaves out the tests marked `slow` and gives a property 20 examples; `normal`, the default, leaves
out those marked `exhaustive` only; `full` runs every test, every hostile case with every kind of client, and a
property with all its examples.
"""

from __future__ import annotations

import gc
import os
import shutil

import pytest
from hypothesis import settings

from llmgate_core.testing import FakeUpstream

pytest.register_assert_rewrite("tests.support")
pytest_plugins = ["llmgate_core.testing.pytest_plugin", "tests.support.plugin_fixtures"]

MAX_EXAMPLES = {"fast": 20, "normal": 100, "full": 10_000}  # a property may ask for fewer: tests/support/examples.py
LEFT_OUT = {"fast": ("slow", "exhaustive"), "normal": ("exhaustive",), "full": ()}  # markers
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--depth`."""
    parser.addoption("--depth", choices=tuple(MAX_EXAMPLES), default="normal", help="how much to run (default: normal)")


def pytest_configure(config: pytest.Config) -> None:
    """Load the Hypothesis profile of the depth, before a test module reads it, and forget this machine's keys."""
    from tests.support.machine_variables import forget_providers  # after the registration above

    forget_providers()
    for depth, examples in MAX_EXAMPLES.items():
        settings.register_profile(depth, max_examples=examples, deadline=None, database=None)
    settings.load_profile(config.getoption("--depth"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `--numprocesses=auto` means: two for each core, as many tests wait."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what the depth leaves out, and skip the tests marked `browser` where there is none."""
    for marker in LEFT_OUT[config.getoption("--depth")]:
        _deselect(marker, config, items)
    if not any(map(shutil.which, BROWSERS)):
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="needs Chromium, which `make chromium` installs"))


def pytest_collection_finish() -> None:
    """Keep garbage collection from looking through all modules and 13,000 tests again and again: they stay."""
    gc.collect()
    gc.freeze()


def _deselect(marker: str, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the tests with `marker` out of `items`."""
    deselected = [item for item in items if item.get_closest_marker(marker)]
    items[:] = [item for item in items if not item.get_closest_marker(marker)]
    config.hook.pytest_deselected(items=deselected)


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    """Return the upstream of the test; a folder or a module may override it with one that has answers ready."""
    return fake_upstream
