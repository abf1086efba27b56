"""`make bench-check`: which rows it fails for, and what it keeps; no figure is judged here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.paths import ROOT

FOLDER = ROOT / "benchmarks"


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The program as a module, with a baseline of its own."""
    monkeypatch.syspath_prepend(FOLDER)
    module: Any = importlib.import_module("check")
    monkeypatch.setattr(module, "BASELINE", tmp_path / "baseline.json")
    yield module
    for name in ("check", "rows"):
        del sys.modules[name]


@pytest.mark.parametrize(
    ("measured", "budget", "missed"),
    [(0.28, 0.28, False), (0.32, 0.28, False), (0.33, 0.28, True), (9.0, None, False)],
)
def test_a_row_fails_when_it_is_more_than_fifteen_percent_above_its_budget(
    check: Any, measured: float, budget: float | None, missed: bool
) -> None:
    assert check.missed(check.Row("sync call", "http1", measured, budget, "x")) is missed


def test_the_table_shows_before_after_and_budget(check: Any) -> None:
    rows = [check.Row("sync call", "http1", 0.35, 0.28, "x"), check.Row("gateway request", "", 160.0, None, "us")]
    lines = check.table(rows, {("sync call", "http1"): 0.44}).splitlines()
    assert lines[2:] == [
        "| sync call | http1 | x | 0.44 | 0.35 | 0.28 | **missed by 25%** |",
        "| gateway request |  | us |  | 160 |  |  |",
    ]


def test_a_baseline_is_read_as_it_was_written(check: Any) -> None:
    assert check.read_baseline() == ("never", {})
    check.write_baseline([check.Row("sync call", "http1", 0.4400001, 0.28, "x")], "today")
    assert check.read_baseline() == ("today", {("sync call", "http1"): 0.44})


def test_the_baseline_of_the_repository_names_rows_once() -> None:
    rows = [(row["name"], row["beside"]) for row in json.loads((FOLDER / "baseline.json").read_text("utf-8"))["rows"]]
    assert len(rows) == len(set(rows)) > 10


@pytest.mark.slow
def test_a_run_prints_the_median_of_a_row_and_its_exit_status_says_whether_budgets_were_kept() -> None:
    command = [sys.executable, str(FOLDER / "check.py"), "--runs", "1", "--only"]
    done = subprocess.run([*command, "core install"], capture_output=True, text=True, timeout=300)
    assert "| core install, distributions |" in done.stdout, done.stderr
    assert done.returncode == int("missed:" in done.stderr)
    assert subprocess.run([*command, "nothing"], capture_output=True, timeout=300).returncode == 2
