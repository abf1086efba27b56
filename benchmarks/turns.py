"""The same work done by several programs in turns, and the ratio of each to the plain program.

CPU time of this process only; the upstream runs in another one. The sides take turns in nine rounds and the first side
changes, so that a busy machine slows all of them alike. It imports nothing of llmgate, so peers can use it too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any, NamedTuple

from plain import Plain
from rows import Row

ROUNDS = 9
Program = Callable[[int], None]
MakeSide = Callable[[str], Any]
"""Takes a base URL, and returns an object with the methods of `Plain`."""


class Scenario(NamedTuple):
    """One comparison: the method of every side, its base path, how many at a time, the budget of each of our sides."""

    name: str
    method: str
    path: str
    concurrency: int
    budgets: Mapping[str, float]


SCENARIOS = (
    Scenario("sync call", "call", "/v1", 0, {"http1": 0.28, "httpx": 1.05, "h11": 0.55}),
    Scenario("async calls, 64 at a time", "acall", "/v1", 64, {"http1": 0.055, "httpx": 0.40, "h11": 0.16}),
    Scenario("sync stream, burst", "stream", "/v1", 0, {"http1": 0.42, "httpx": 1.45, "h11": 0.85}),
    Scenario("sync stream, paced", "stream", "/paced/v1", 0, {"http1": 0.8, "httpx": 1.3, "h11": 1.0}),
    Scenario("16 async streams, burst", "astream", "/v1", 16, {"http1": 0.24, "httpx": 1.1, "h11": 0.65}),
    Scenario("16 async streams, paced", "astream", "/paced/v1", 16, {"http1": 0.24, "httpx": 1.0, "h11": 0.65}),
    Scenario("embedding of 1536 numbers", "embed", "/v1", 0, {"http1": 0.22, "httpx": 0.65, "h11": 0.45}),
)


def measure(
    scenario: Scenario, origin: str, seconds: float, loop: asyncio.AbstractEventLoop, others: Mapping[str, MakeSide]
) -> list[Row]:
    """Run the plain program and the others in turns.

    Args:
        origin: of the upstream.
        seconds: that all rounds together take, about.
        others: the side of each row.

    Returns:
        a row for each of the others: the median of the rounds' ratios.

    Raises:
        SystemExit: a side did not get the text that the plain program got.
    """
    base_url = origin + scenario.path
    plain = Plain(base_url)
    sides = {"plain": plain, **{name: make(base_url) for name, make in others.items()}}
    expected = plain.embed() if scenario.method == "embed" else getattr(plain, scenario.method.removeprefix("a"))()
    programs = {name: program(side, scenario, expected, loop) for name, side in sides.items()}
    n = calls_per_round(programs, seconds)
    rounds = [one_round(programs, n, turn) for turn in range(ROUNDS)]
    plain_us = median(times["plain"] for times in rounds) / n / (scenario.concurrency or 1) * 1e6
    return [
        Row(
            scenario.name,
            name,
            median(times[name] / times["plain"] for times in rounds),
            scenario.budgets.get(name),
            "x",
            plain_us,
        )
        for name in others
    ]


def program(side: Any, scenario: Scenario, expected: int, loop: asyncio.AbstractEventLoop) -> Program:
    """Return a function that does `n` calls (times the concurrency) and checks each result."""
    work = getattr(side, scenario.method)

    def check(size: int) -> None:
        if size != expected:
            raise SystemExit(f"{scenario.name}: {type(side).__name__} got {size}, the plain program {expected}")

    def run(n: int) -> None:
        for _ in range(n):
            check(work())

    async def worker(n: int) -> None:
        for _ in range(n):
            check(await work())

    async def run_workers(n: int) -> None:
        await asyncio.gather(*(worker(n) for _ in range(scenario.concurrency)))

    return (lambda n: loop.run_until_complete(run_workers(n))) if scenario.concurrency else run


def calls_per_round(programs: dict[str, Program], seconds: float) -> int:
    """Warm up every side, and return how many calls make all rounds take about `seconds`."""
    for run in programs.values():
        run(2)
    start = time.perf_counter()
    for run in programs.values():
        run(1)
    return max(1, int(seconds / ROUNDS / (time.perf_counter() - start)))


def one_round(programs: dict[str, Program], n: int, turn: int) -> dict[str, float]:
    """Return each side's CPU seconds; the first side changes from round to round."""
    names = list(programs)
    times = {}
    for name in names[turn % len(names) :] + names[: turn % len(names)]:
        gc.collect()
        start = time.process_time()
        programs[name](n)
        times[name] = time.process_time() - start
    return times


def clean_environment() -> None:
    """Remove the proxies from the environment, since every upstream is on the loopback, and what forbids bytecode.

    Without bytecode each start of a child would compile more than a hundred modules.
    """
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "PYTHONDONTWRITEBYTECODE":
            del os.environ[name]
