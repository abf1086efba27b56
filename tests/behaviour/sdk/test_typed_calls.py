"""Type checkers accept the good lines of `typed_calls.py`, refuse the bad ones, and say what each call returns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import BLOCK
from tests.support.paths import ROOT

PAGES = (ROOT / "README.md", ROOT / "docs" / "quickstart.md")
CALLS = Path(__file__).with_name("typed_calls.py")
CHECKERS = {
    "mypy": ["mypy", "--strict", "--no-error-summary", "--no-color-output"],
    "pyright": ["pyright", "--pythonpath", sys.executable],
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_refuses_exactly_the_lines_marked_as_errors(checker: str, tmp_path: Path) -> None:
    # in a folder of their own, as programs of a user: pyright does not read our tests
    programs = {CALLS.name: CALLS.read_text("utf-8"), **programs_of_the_first_pages()}
    for name, program in programs.items():
        (tmp_path / name).write_text(program, "utf-8")
    command = [sys.executable, "-m", *CHECKERS[checker], *programs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path)
    found = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?:: | - )error", done.stdout)
    wanted = {
        (name, number)
        for name, program in programs.items()
        for number, line in enumerate(program.splitlines(), 1)
        if line.endswith("# error")
    }
    assert {(name, int(number)) for name, number in found} == wanted, done.stdout + done.stderr


def programs_of_the_first_pages() -> dict[str, str]:
    """Return the programs of README and quickstart; one without imports goes on from the one before it."""
    programs: dict[str, str] = {}
    for page in PAGES:
        for number, (program, _) in enumerate(BLOCK.findall(page.read_text("utf-8"))):
            if "import" in program:
                name = f"{page.stem.lower()}_{number}.py"
            programs[name] = programs.get(name, "") + program
    return programs
