"""Fixtures of pytest for programs that call models, and for plugins.

Name this module in the `conftest.py` at the root of your tests:

    pytest_plugins = ["llmgate_core.testing.pytest_plugin"]

It also adds `--llmgate-report=FILE`: what became of each check of the conformance kit, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmgate_core
from llmgate_core import Client, Settings, testing
from llmgate_core.testing import FakeUpstream

__all__ = ["fake_upstream", "llmgate_client", "llmgate_defaults"]

API_KEY = "sk-test"


@pytest.fixture
def fake_upstream() -> Iterator[FakeUpstream]:
    """Start a server on the loopback that answers from a script and records what it receives."""
    with testing.fake_upstream() as upstream:
        yield upstream


@pytest.fixture
def llmgate_client(fake_upstream: FakeUpstream) -> Iterator[Client]:
    """Open a client whose calls go to `fake_upstream`, with default settings and without retries."""
    with Client(api_base=fake_upstream.base_url, api_key=API_KEY, max_retries=0, settings=Settings()) as client:
        yield client


@pytest.fixture
def llmgate_defaults(fake_upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> FakeUpstream:
    """Point `llmgate_core.completion` and the other functions at `fake_upstream`, without retries; return it."""
    for name, value in (("api_base", fake_upstream.base_url), ("api_key", API_KEY), ("max_retries", 0)):
        monkeypatch.setattr(llmgate_core, name, value)
    return fake_upstream


# --- the report of the conformance kit ---

REPORTED = "llmgate_check"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--llmgate-report`."""
    parser.addoption("--llmgate-report", metavar="FILE", help="write the outcome of each conformance check as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes where a report is wanted; with pytest-xdist, in the process that starts the others."""
    path = config.getoption("--llmgate-report", None)
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ReportWriter(Path(path)), "llmgate-report")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Add to pytest's report of a check what the kit says about it."""
    report: Any = yield
    result = getattr(getattr(item, "instance", None), "last_result", None)
    if call.when == "call" and result is not None and item.config.getoption("--llmgate-report", None):
        from llmgate_core.testing.conformance.report import row_of, subject_of

        subject = subject_of(type(item.instance))  # type: ignore[attr-defined]  # it has one: see above
        report.user_properties.append((REPORTED, {"subject": subject, "row": row_of(result)}))
    return report


class ReportWriter:
    """Writes the report when all tests have run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: dict[str, tuple[Any, list[Any]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of a check."""
        for name, value in report.user_properties:
            if name == REPORTED and isinstance(value, dict):
                subject = value["subject"]
                self._runs.setdefault(json.dumps(subject), (subject, []))[1].append(value["row"])

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        from llmgate_core.testing.conformance.report import report_of

        text = json.dumps(report_of(list(self._runs.values())), indent=2, ensure_ascii=False)
        self._path.write_text(text + "\n", "utf-8")
