"""Measure what llmgate costs, as a ratio to a plain httpx program that does the same in the same run.

CPU time of this process only (the upstream runs in another one), in interleaved rounds, so that a busy
machine slows both sides alike. Checks correctness only in that every call must return the same text.
benchmarks/README.md says what is compared, and why.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx
from footprint import Row, measure_first_call, measure_import, measure_install

import llmgate_core

MESSAGES = [{"role": "user", "content": "How many ships did the lighthouse keeper count?"}]
TEXT = "a sentence to embed"
KEY = "sk-benchmark"
TRANSPORTS = ("http1", "httpx")
ROUNDS = 9
Program = Callable[[int], None]


class Scenario(NamedTuple):
    """One comparison: the method of both sides, its base path, how many at a time, the budgets."""

    name: str
    method: str
    path: str
    concurrency: int
    httpx: float
    http1: float


SCENARIOS = (
    Scenario("sync call", "call", "/v1", 0, 1.05, 0.35),
    Scenario("async calls, 64 at a time", "acall", "/v1", 64, 0.40, 0.08),
    Scenario("sync stream, burst", "stream", "/v1", 0, 1.45, 0.45),
    Scenario("sync stream, paced", "stream", "/paced/v1", 0, 1.3, 0.8),
    Scenario("16 async streams, burst", "astream", "/v1", 16, 1.1, 0.30),
    Scenario("16 async streams, paced", "astream", "/paced/v1", 16, 1.0, 0.35),
    Scenario("embedding of 1536 numbers", "embed", "/v1", 0, 0.65, 0.30),
)


class Plain:
    """A program that uses httpx alone. Each method returns the length of the text, or the count of numbers, it got."""

    def __init__(self, base_url: str) -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        self.client, self.aclient = httpx.Client(headers=headers), httpx.AsyncClient(headers=headers)
        self.chat_url, self.embeddings_url = f"{base_url}/chat/completions", f"{base_url}/embeddings"
        self.chat = {"model": "gpt-4o", "messages": MESSAGES}
        self.chat_stream = {**self.chat, "stream": True}

    def call(self) -> int:
        response = self.client.post(self.chat_url, json=self.chat)
        return len(json.loads(response.content)["choices"][0]["message"]["content"])

    async def acall(self) -> int:
        response = await self.aclient.post(self.chat_url, json=self.chat)
        return len(json.loads(response.content)["choices"][0]["message"]["content"])

    def stream(self) -> int:
        size = 0
        with self.client.stream("POST", self.chat_url, json=self.chat_stream) as response:
            for line in response.iter_lines():
                size += self._delta_size(line)
        return size

    async def astream(self) -> int:
        size = 0
        async with self.aclient.stream("POST", self.chat_url, json=self.chat_stream) as response:
            async for line in response.aiter_lines():
                size += self._delta_size(line)
        return size

    def embed(self) -> int:
        response = self.client.post(self.embeddings_url, json={"model": "text-embedding-3-small", "input": TEXT})
        return len(json.loads(response.content)["data"][0]["embedding"])

    @staticmethod
    def _delta_size(line: str) -> int:
        if not line.startswith("data: ") or line == "data: [DONE]":
            return 0
        return len(json.loads(line[6:])["choices"][0]["delta"].get("content") or "")


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


def measure(scenario: Scenario, origin: str, seconds: float, loop: asyncio.AbstractEventLoop) -> list[Row]:
    """Run the sides in turns and return one row for each transport: the median of the rounds' ratios."""
    base_url = origin + scenario.path
    plain = Plain(base_url)
    sides = {"plain": plain, **{name: Ours(base_url, name) for name in TRANSPORTS}}
    expected = plain.embed() if scenario.method == "embed" else getattr(plain, scenario.method.removeprefix("a"))()
    programs = {name: program(side, scenario, expected, loop) for name, side in sides.items()}
    n = calls_per_round(programs, seconds)
    rounds = [one_round(programs, n, turn) for turn in range(ROUNDS)]
    plain_us = median(times["plain"] for times in rounds) / n / (scenario.concurrency or 1) * 1e6
    return [
        Row(scenario.name, name, median(t[name] / t["plain"] for t in rounds), getattr(scenario, name), "x", plain_us)
        for name in TRANSPORTS
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


@contextmanager
def running_upstream() -> Iterator[str]:
    """Start the upstream in a process of its own and yield its origin."""
    command = [sys.executable, str(Path(__file__).with_name("upstream.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


def show(row: Row, as_json: bool) -> None:
    """Print one row immediately, since a whole run takes a minute or two."""
    if as_json:
        print(json.dumps({**row._asdict(), "passed": row.passed}), flush=True)
        return
    verdict = "pass" if row.passed else "FAIL"
    plain = f"  plain {row.plain_us:,.0f} us" if row.plain_us else ""
    figures = f"{row.measured:9.3f} {row.unit:3}{row.budget:9.2f} {row.unit:3}"
    print(f"{row.name:28}{row.transport:7}{figures} {verdict}{plain}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each comparison (default: 8)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument("--h11", action="store_true", help="parse with h11, as if httptools were not installed")
    arguments = parser.parse_args()
    if arguments.h11:
        sys.modules["httptools"] = None  # type: ignore[assignment]  # an import of it fails
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # the upstream is on loopback
    rows = []
    with running_upstream() as origin:
        loop = asyncio.new_event_loop()
        todo: list[tuple[str, Callable[[], list[Row]]]] = [
            *((s.name, lambda s=s: measure(s, origin, arguments.seconds, loop)) for s in SCENARIOS),  # type: ignore[misc]
            ("import llmgate_core", measure_import),
            ("first call with set-up, memory after it", lambda: measure_first_call(origin)),
            ("core install", measure_install),
        ]
        for name, work in todo:
            if arguments.only in name:
                for row in work():
                    rows.append(row)
                    show(row, arguments.json)
    return int(arguments.check and not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
