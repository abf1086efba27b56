"""The programs of `make endurance` and `make soak`, at the smallest scale: each runs, and what it checks holds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FOLDER = ROOT / "benchmarks" / "endurance"
PATIENCE_SECONDS = 300.0
GROUPS = ("endurance", "soak")
SHARED = {"calls", "census", "gateways", "held", "loopback", "measuring", "run"}

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the programs read /proc")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--scale", "0.01", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.slow
def test_the_first_row_of_every_program_holds() -> None:
    done = [run("--group", group, "--first", "--jobs", "4") for group in GROUPS]
    shown = "".join(each.stdout + each.stderr for each in done)
    rows = [line for line in shown.splitlines() if line.endswith(("| yes |", "| **no** |"))]
    programs = {path.stem for path in FOLDER.glob("*.py")} - SHARED
    assert ([each.returncode for each in done], len(rows)) == ([0, 0], len(programs)), shown


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("group", GROUPS)
def test_every_row_holds(group: str) -> None:
    done = run("--group", group, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_of_a_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n\n<!-- from make endurance -->\n\nold\n\n<!-- end -->\n\nAfter <!-- end -->\n")
    done = run("--only", "bursts", "--first", "--write", str(page))
    before, _, rest = page.read_text().partition("<!-- from make endurance -->")
    table, _, after = rest.partition("<!-- end -->")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (before, after) == ("Before\n\n", "\n\nAfter <!-- end -->\n")
    assert "old" not in table
    assert table.count("| yes |") == 1


def test_a_page_without_a_place_for_the_table_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing\n")
    done = run("--only", "bursts", "--first", "--write", str(page))
    assert done.returncode == 1
    assert page.read_text() == "nothing\n"


def test_a_name_that_no_program_has_is_refused() -> None:
    assert run("--only", "nothing").returncode == 2
