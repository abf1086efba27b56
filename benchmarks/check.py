"""The regression gate: run the benchmarks five times, and fail if the median of a row misses its budget by 15 %.

    python benchmarks/check.py                   # before (baseline.json), after, budget; about six minutes
    python benchmarks/check.py --only stream     # rows whose name contains "stream"
    python benchmarks/check.py --write-baseline  # and what was measured is "before" from now on

Most rows are ratios to a yardstick of the same run, so that they hold on another machine too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from rows import Row, rows_in

HERE = Path(__file__).parent
BASELINE = HERE / "baseline.json"
RUNS = 5
TOLERANCE = 1.15
Key = tuple[str, str]
"""The name of a row, and what it is beside."""


def programs(only: str, seconds: float) -> list[list[str]]:
    sdk = ["run.py", "--seconds", str(seconds)]
    return [[*program, "--json", "--only", only] for program in (sdk, [*sdk, "--h11"], ["gateway.py"])]


def rows_of(arguments: list[str]) -> Iterator[Row]:
    """Run a program and yield its rows.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, str(HERE / arguments[0]), *arguments[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from rows_in(process.stdout)
    if process.returncode:
        raise SystemExit(f"{arguments[0]} ended with status {process.returncode}")


def medians(runs: int, only: str, seconds: float) -> list[Row]:
    """Run everything several times, and return each row with the median of its figures."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for number in range(runs):
        print(f"run {number + 1} of {runs}", file=sys.stderr)
        for arguments in programs(only, seconds):
            for row in rows_of(arguments):
                found[row.name, row.beside].append(row)
    return [rows[-1]._replace(measured=median(row.measured for row in rows)) for rows in found.values()]


def missed(row: Row) -> bool:
    return row.budget is not None and row.measured > row.budget * TOLERANCE


def verdict(row: Row) -> str:
    if row.budget is None:
        return ""
    if row.passed:
        return "held"
    return f"**missed by {row.measured / row.budget - 1:.0%}**" if missed(row) else "within 15 %"


def table(rows: list[Row], before: dict[Key, float]) -> str:
    lines = ["| measurement | beside or over | unit | before | after | budget | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        old = before.get((row.name, row.beside))
        figures = ("" if value is None else f"{value:.3g}" for value in (old, row.measured, row.budget))
        lines.append(f"| {row.name} | {row.beside} | {row.unit} | {' | '.join(figures)} | {verdict(row)} |")
    return "\n".join(lines)


def conditions() -> str:
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return (
        f"{datetime.date.today().isoformat()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{platform.system()}, {load:.1f} runnable processes for each core before the start"
    )


def read_baseline() -> tuple[str, dict[Key, float]]:
    """Return the conditions of the baseline, and its figures; none if there is no file."""
    if not BASELINE.exists():
        return "never", {}
    content = json.loads(BASELINE.read_text("utf-8"))
    return content["measured"], {(row["name"], row["beside"]): row["figure"] for row in content["rows"]}


def write_baseline(rows: list[Row], measured: str) -> None:
    figures = [
        {"name": row.name, "beside": row.beside, "figure": float(f"{row.measured:.4g}"), "unit": row.unit}
        for row in rows
    ]
    lines = ",\n    ".join(json.dumps(figure) for figure in figures)
    BASELINE.write_text(f'{{\n  "measured": {json.dumps(measured)},\n  "rows": [\n    {lines}\n  ]\n}}\n', "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each comparison of a run (default: 2)")
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--write-baseline", action="store_true", help="keep the figures as those of before")
    options = parser.parse_args()
    if options.write_baseline and options.only:
        parser.error("a baseline has all rows: leave out --only")
    measured, (known, before) = conditions(), read_baseline()
    rows = medians(options.runs, options.only, options.seconds)
    if not rows:
        parser.error(f"no measurement's name contains {options.only!r}")
    print(f"before: {known}\nafter:  {measured}, median of {options.runs} runs\n\n{table(rows, before)}\n")
    if options.write_baseline:
        write_baseline(rows, measured)
    worst = [row for row in rows if missed(row)]
    for row in worst:
        beside = f" ({row.beside})" if row.beside else ""
        print(f"missed: {row.name}{beside}: {row.measured:.3g} {row.unit}, budget {row.budget:.3g}", file=sys.stderr)
    return int(bool(worst))


if __name__ == "__main__":
    sys.exit(main())
