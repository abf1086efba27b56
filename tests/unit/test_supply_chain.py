"""What the targets of the Makefile install: what is pinned with its hash, and nothing outside the checkout unasked."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.support.paths import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PACKAGE_MANAGERS = re.compile(r"apt-get|chromium|sudo|dnf |apk |brew ")


def commands_of(target: str) -> str:
    """Return what make would run for a target, its prerequisites included."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "ARGS")}
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "--no-print-directory", target],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True, env=environment,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_requirement_of_a_lock_file_is_pinned_with_hashes(lock: object) -> None:
    text = re.sub(r" *\\\n *", " ", (ROOT / str(lock)).read_text("utf-8"))
    requirements = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert requirements
    assert [line for line in requirements if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize(
    "target", ["test", "test-fast", "test-all", "coverage", "check", "venv", "test-lowest", "lock"]
)
def test_a_target_installs_nothing_on_the_machine_unasked(target: str) -> None:
    assert PACKAGE_MANAGERS.findall(commands_of(target)) == []


def test_uv_is_installed_from_its_lock_file() -> None:
    installs = [line for line in commands_of("lock").splitlines() if "pip" in line and " install " in line]
    assert installs
    assert all("--require-hashes" in line and "requirements/uv.lock" in line for line in installs)


def test_the_browser_has_a_target_which_the_gate_asks_for() -> None:
    assert "tests/chromium.sh" in commands_of("chromium")
    assert "\nmake chromium\n" in (ROOT / ".ci" / "run").read_text("utf-8")
