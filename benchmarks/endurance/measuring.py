"""What every program of this folder shares: its row of the table, its command line, and figures of a process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import uvloop

TRANSPORTS = ("http1", "httpx")
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        experiment: what was done.
        load: how much of it.
        figures: what was counted.
        held: whether everything was as promised.
    """

    experiment: str
    load: str
    figures: str
    held: bool

    def markdown(self) -> str:
        return f"| {self.experiment} | {self.load} | {self.figures} | {'yes' if self.held else '**no**'} |"


Experiment = Callable[[float], Iterable[Row]]
"""Runs at a scale, 1 for the full load, and yields its rows."""


def program(*experiments: Experiment) -> None:
    """Run experiments as the command line says, print their rows, and end the process: 1 if one did not hold."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full load (default: %(default)s)")
    parser.add_argument("--first", action="store_true", help="only the first row")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of rows of Markdown")
    options = parser.parse_args()
    held = True
    rows = chain.from_iterable(rows_of(experiment, options.scale) for experiment in experiments)
    for row in islice(rows, 1 if options.first else None):
        print(json.dumps(asdict(row)) if options.json else row.markdown(), flush=True)
        held &= row.held
    sys.exit(0 if held else 1)


def rows_of(experiment: Experiment, scale: float) -> Iterator[Row]:
    """Yield the rows of an experiment; an exception is a row as well."""
    try:
        yield from experiment(scale)
    except Exception as error:  # noqa: BLE001  an experiment that breaks did not hold
        traceback.print_exc()
        yield Row(experiment.__name__.replace("_", " "), "", f"{type(error).__name__}: {error}"[:200], held=False)


def scaled(count: int, scale: float, least: int = 1) -> int:
    return max(least, round(count * scale))


def descriptors(pid: int | str = "self") -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mb(pid: int | str = "self") -> float:
    """Return the resident memory in 10^6 bytes, after a collection if the process is this one."""
    if pid == "self":
        gc.collect()
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no VmRSS")


def threads(pid: int | str = "self") -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Outcomes(Counter[str]):
    """Counts how calls ended; everything but `ok` and what an experiment expects is a failure."""

    def shown(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in sorted(self.items()) if count)

    def only(self, *names: str) -> bool:
        """Return whether no call ended in any other way."""
        return not set(+self) - set(names)


def outcome_of(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """Make a call, and return how it ended: `ok`, or `failed` and the name of the error's class."""
    try:
        call(*arguments, **named)
    except Exception as error:  # noqa: BLE001  every failure is a figure
        return failure(error)
    return "ok"


async def aoutcome_of(call: Awaitable[Any]) -> str:
    """Wait for a call, and return how it ended."""
    try:
        await call
    except Exception as error:  # noqa: BLE001  every failure is a figure
        return failure(error)
    return "ok"


def failure(error: BaseException) -> str:
    return f"failed: {type(error).__name__}"


class LoopRun:
    """Runs coroutines on a loop of one kind, and counts what the loop complains of and which tasks are left."""

    def __init__(self, name: str) -> None:
        self._make = LOOPS[name]
        self.complaints: list[str] = []
        self.tasks_left = 0

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        loop = self._make()
        loop.set_exception_handler(lambda _, context: self.complaints.append(str(context.get("message"))))
        try:
            result = loop.run_until_complete(main)
            self.tasks_left += len(asyncio.all_tasks(loop))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            gc.collect()
            return result
        finally:
            loop.close()

    def shown(self) -> str:
        return f"{self.tasks_left} tasks left, {len(self.complaints)} complaints of the loop"

    @property
    def is_clean(self) -> bool:
        return not self.tasks_left and not self.complaints
