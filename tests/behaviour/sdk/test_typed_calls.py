"""Type checkers accept the good lines of `typed_calls.py`, refuse the bad ones, and say what each call returns."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).with_name("typed_calls.py")
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-error-summary", "--no-color-output"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_refuses_exactly_the_lines_marked_as_errors(checker: str, tmp_path: Path) -> None:
    shutil.copy(CALLS, tmp_path)  # as a program of a user: pyright does not read our tests
    command = [sys.executable, "-m", *CHECKERS[checker], CALLS.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    refused = {int(line) for line in re.findall(rf"{CALLS.name}:(\d+)(?::\d+)?(?:: | - )error", done.stdout)}
    lines = CALLS.read_text("utf-8").splitlines()
    wanted = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert refused == wanted, done.stdout + done.stderr
