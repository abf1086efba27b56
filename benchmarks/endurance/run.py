"""Run the experiments of this folder, each program in a process of its own, and print a table of what they found.

The exit status is 1 if something did not hold, or if a program hung.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from measuring import Row

HERE = Path(__file__).parent
ENDURANCE = (
    "cancels",
    "threads_and_loops",
    "bursts",
    "memory",
    "forks_and_pools",
    "deadlines",
    "tls",
    "large_bodies",
    "exits",
    "gateway_traffic",
    "slow_clients",
    "reloads",
    "stops",
    "worker_deaths",
    "log_files",
    "descriptors",
)
SOAK = ("soak", "gateway_soak", "live_streams", "overload", "stale_connections", "key_limits", "neighbours")


class Group(NamedTuple):
    """Programs that make one table: their names, and after how many seconds one of them counts as hung."""

    target: str
    programs: tuple[str, ...]
    hang_seconds: float

    @property
    def begin(self) -> str:
        """The line of a page that begins the table."""
        return f"<!-- from make {self.target} -->\n"


GROUPS = {group.target: group for group in (Group("endurance", ENDURANCE, 240.0), Group("soak", SOAK, 3600.0))}
PAGE_COLUMNS = 110
QUIET_LOAD = 0.5  # runnable processes for each core before the start
END = "<!-- end -->"
HEADER = "| experiment | load | figures | held |\n|---|---|---|---|\n"


def rows_of(name: str, options: argparse.Namespace) -> list[Row]:
    """Run a program, and return its rows; one that hangs is killed with its children, and is a row too."""
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", "--scale", str(options.scale)]
    command += ["--first"] if options.first else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    hung = False
    try:
        out, _ = process.communicate(timeout=options.group.hang_seconds)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        out, _ = process.communicate()
    rows = [Row(**json.loads(line)) for line in out.splitlines()]
    if hung or process.returncode != int(not all(row.held for row in rows)):
        end = f"no end within {options.group.hang_seconds:.0f} s" if hung else f"ended with status {process.returncode}"
        rows.append(Row(f"{name}.py", "", end, held=False))
    return rows


def all_rows(names: list[str], options: argparse.Namespace) -> Iterator[Row]:
    with ThreadPoolExecutor(options.jobs) as pool:
        for rows in pool.map(partial(rows_of, options=options), names):
            for row in rows:
                print(row.markdown(), flush=True)
                yield row


def machine() -> str:
    """Return the machine's class: its cores, their kind and its memory."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() + Path("/proc/meminfo").read_text().splitlines()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    kind = f" ({facts['model name']})" if "model name" in facts else ""  # not on every architecture
    return f"{os.cpu_count()} shared cores{kind}, {int(facts['MemTotal'].split()[0]) * 1024 / 1e9:.0f} GB"


def conditions(scale: float) -> str:
    """Return when and on what was measured; no name of a machine."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    busy = "quiet" if load < QUIET_LOAD else f"busy with other programs, {load:.1f} runnable processes for each core"
    share = "" if scale == 1 else f", {scale:g} of the full load"
    day = datetime.date.today()
    return textwrap.fill(
        f"Measured on {day.day} {day:%B %Y}: {machine()}, Python {platform.python_version()}, "
        f"{platform.system()}, {busy}{share}.",
        PAGE_COLUMNS,
    )


def around_table(path: Path, begins: str) -> tuple[str, str]:
    """Return what a page has before and behind one of its tables, the two markers included.

    Raises:
        SystemExit: it has no such place.
    """
    head, begin, rest = path.read_text("utf-8").partition(begins)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path} has no {begins.strip()} and {END} behind it")
    return head + begin, end + tail


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=list(GROUPS), default="endurance", help="(default: %(default)s)")
    parser.add_argument("--only", default="", help="programs whose names contain this text")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full load (default: %(default)s)")
    parser.add_argument("--first", action="store_true", help="only the first row of each program")
    parser.add_argument("--jobs", type=int, default=1, help="programs at a time (default: %(default)s)")
    parser.add_argument("--write", type=Path, help="page whose table is replaced as well")
    options = parser.parse_args()
    options.group = GROUPS[options.group]
    names = [name for name in options.group.programs if options.only in name]
    if not names:
        parser.error(f"no program is named like {options.only!r}; there are {', '.join(options.group.programs)}")
    if options.write is not None:
        around_table(
            options.write, options.group.begin
        )  # a page without a place for the table is refused before the run
    title = conditions(options.scale)
    print(f"{title}\n\n{HEADER}", end="")
    rows = list(all_rows(names, options))
    if options.write is not None:
        before, after = around_table(options.write, options.group.begin)
        table = HEADER + "".join(f"{row.markdown()}\n" for row in rows)
        options.write.write_text(f"{before}\n{title}\n\n{table}\n{after}", "utf-8")
    failed = sum(not row.held for row in rows)
    print(f"\n{len(rows)} rows, {failed} did not hold")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
