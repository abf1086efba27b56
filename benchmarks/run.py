"""Measure what llmgate costs, as a ratio to a plain httpx program that does the same in the same run.

CPU time of this process only (the upstream runs in another one), in interleaved rounds, so that a busy
machine slows both sides alike. Checks correctness only in that every call must return the same text.
benchmarks/README.md says what is compared, and why.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import NamedTuple

from footprint import measure_first_call, measure_import, measure_install
from plain import KEY, MESSAGES, TEXT, Plain
from rows import Row, show
from servers import upstream

import llmgate_core

SIDES = {"http1": "http1", "httpx": "httpx"}
"""What a row is called, and the transport that it measures."""
H11_SIDES = {"h11": "http1"}
ROUNDS = 9
Program = Callable[[int], None]


class Scenario(NamedTuple):
    """One comparison: the method of both sides, its base path, how many at a time, the budget of each of our sides."""

    name: str
    method: str
    path: str
    concurrency: int
    http1: float
    httpx: float
    h11: float


SCENARIOS = (
    Scenario("sync call", "call", "/v1", 0, http1=0.28, httpx=1.05, h11=0.55),
    Scenario("async calls, 64 at a time", "acall", "/v1", 64, http1=0.055, httpx=0.40, h11=0.16),
    Scenario("sync stream, burst", "stream", "/v1", 0, http1=0.42, httpx=1.45, h11=0.85),
    Scenario("sync stream, paced", "stream", "/paced/v1", 0, http1=0.8, httpx=1.3, h11=0.9),
    Scenario("16 async streams, burst", "astream", "/v1", 16, http1=0.24, httpx=1.1, h11=0.65),
    Scenario("16 async streams, paced", "astream", "/paced/v1", 16, http1=0.24, httpx=1.0, h11=0.65),
    Scenario("embedding of 1536 numbers", "embed", "/v1", 0, http1=0.22, httpx=0.65, h11=0.45),
)


class Ours:
    """The same through llmgate, with typed results read by attribute."""

    def __init__(self, base_url: str, transport: str) -> None:
        self.client = llmgate_core.Client(api_key=KEY, api_base=base_url, transport=transport)
        self.aclient = llmgate_core.AsyncClient(api_key=KEY, api_base=base_url, transport=transport)

    def call(self) -> int:
        response = self.client.completion(model="openai/gpt-4o", messages=MESSAGES)
        return len(response.choices[0].message.content)

    async def acall(self) -> int:
        response = await self.aclient.completion(model="openai/gpt-4o", messages=MESSAGES)
        return len(response.choices[0].message.content)

    def stream(self) -> int:
        stream = self.client.completion(model="openai/gpt-4o", messages=MESSAGES, stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in stream)

    async def astream(self) -> int:
        size = 0
        async for chunk in await self.aclient.completion(model="openai/gpt-4o", messages=MESSAGES, stream=True):
            size += len(chunk.choices[0].delta.content or "")
        return size

    def embed(self) -> int:
        response = self.client.embedding(model="openai/text-embedding-3-small", input=TEXT)
        return len(response.data[0].embedding)


def program(side: Plain | Ours, scenario: Scenario, expected: int, loop: asyncio.AbstractEventLoop) -> Program:
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


def measure(
    scenario: Scenario, origin: str, seconds: float, loop: asyncio.AbstractEventLoop, ours: dict[str, str]
) -> list[Row]:
    """Run the sides in turns and return one row for each of ours: the median of the rounds' ratios."""
    base_url = origin + scenario.path
    plain = Plain(base_url)
    sides = {"plain": plain, **{name: Ours(base_url, transport) for name, transport in ours.items()}}
    expected = plain.embed() if scenario.method == "embed" else getattr(plain, scenario.method.removeprefix("a"))()
    programs = {name: program(side, scenario, expected, loop) for name, side in sides.items()}
    n = calls_per_round(programs, seconds)
    rounds = [one_round(programs, n, turn) for turn in range(ROUNDS)]
    plain_us = median(times["plain"] for times in rounds) / n / (scenario.concurrency or 1) * 1e6
    return [
        Row(scenario.name, name, median(t[name] / t["plain"] for t in rounds), getattr(scenario, name), "x", plain_us)
        for name in ours
    ]


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each comparison (default: 8)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument(
        "--h11", action="store_true", help="only `http1`, parsing with h11, as if httptools were not installed"
    )
    arguments = parser.parse_args()
    if arguments.h11:
        sys.modules["httptools"] = None  # type: ignore[assignment]  # an import of it fails
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # the upstream is on loopback
    ours = H11_SIDES if arguments.h11 else SIDES
    rows = []
    with upstream() as origin:
        loop = asyncio.new_event_loop()
        todo: list[tuple[str, Callable[[], list[Row]]]] = [
            (scenario.name, partial(measure, scenario, origin, arguments.seconds, loop, ours)) for scenario in SCENARIOS
        ]
        if not arguments.h11:
            todo += [
                ("import llmgate_core", measure_import),
                ("first call with set-up, memory after it", partial(measure_first_call, origin)),
                ("core install", measure_install),
            ]
        for name, work in todo:
            if arguments.only in name:
                for row in work():
                    rows.append(row)
                    show(row, as_json=arguments.json)
    return int(arguments.check and not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
