"""Measure what the gateway adds under load: milliseconds at a steady rate, and jitter over many slow streams.

The gateway has a core to itself; upstream and client share another. Each figure is measured twice in one run, directly
at the upstream and through the gateway, since upstream and client have jitter too; and through nginx, a plain reverse
proxy, if it is installed. Of the content, only the end is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from statistics import median
from typing import Any

import uvloop
from servers import cpu_seconds, gateway, nginx, request_of, upstream

RATE, RATE_SECONDS = 40, 10
STEADY_SECONDS = 0.05  # between the events of a steady stream, as in upstream.py
BUDGETS = {
    "added p50 at 40 requests a second, ms": 0.7,
    "p99 of the jitter between events, ms": 10.0,
}


class Reader(asyncio.Protocol):
    """Reads one answer after another and records when each block arrived."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.status = b""
        self._tail = b""
        self._ended: asyncio.Future[None] | None = None
        self._ends: Callable[[bytes], bool] = _is_whole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.times.append(time.perf_counter())
        self.status = self.status or data[:12]
        self._tail = (self._tail + data)[-4096:]
        if self._ended is not None and not self._ended.done() and self._ends(self._tail):
            self._ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error or ConnectionError("closed before the end of the answer"))

    async def ask(self, request: bytes, ends: Callable[[bytes], bool]) -> list[float]:
        """Send a request, and return when each block of the answer arrived."""
        self.times, self.status, self._tail, self._ends = [], b"", b"", ends
        self._ended = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]  # a transport of a stream
        await self._ended
        if not self.status.endswith(b"200"):
            raise SystemExit(f"the answer is {self.status!r}")
        return self.times


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(blank) and len(body) >= int(length)


def _is_last_chunk(tail: bytes) -> bool:
    return tail.endswith(b"\r\n0\r\n\r\n")


async def latencies(port: int, request: bytes) -> list[float]:
    """Return the milliseconds of each answer, requested at a steady rate over one connection."""
    _, reader = await asyncio.get_running_loop().create_connection(Reader, "127.0.0.1", port)
    for _ in range(50):
        await reader.ask(request, _is_whole)
    milliseconds, began = [], time.perf_counter()
    for number in range(RATE * RATE_SECONDS):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        sent = time.perf_counter()
        milliseconds.append(((await reader.ask(request, _is_whole))[-1] - sent) * 1e3)
    return milliseconds


async def jitters(port: int, request: bytes, count: int) -> list[float]:
    """Return by how many milliseconds each event of `count` streams missed its time."""
    loop = asyncio.get_running_loop()

    async def one(number: int) -> list[float]:
        await asyncio.sleep(number / count)  # their starts are spread evenly over a second
        transport, reader = await loop.create_connection(Reader, "127.0.0.1", port)
        times = await reader.ask(request, _is_last_chunk)
        transport.close()
        middle = times[5:-5]  # the first arrive with the head, the last with the end
        return [abs(b - a - STEADY_SECONDS) * 1e3 for a, b in pairwise(middle)]

    streams = await asyncio.gather(*map(one, range(count)))
    return [jitter for stream in streams for jitter in stream]


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def run(work: Coroutine[Any, Any, list[float]]) -> list[float]:
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def measure(pid: int | None, port: int, streams: int) -> dict[str, float]:
    """Return the figures of one server; `pid` is None if its CPU time is not measured."""
    figures = {"p50, ms": median(run(latencies(port, request_of("plain"))))}
    before = cpu_seconds(pid) if pid else 0.0
    figures["jitter p99, ms"] = p99(run(jitters(port, request_of("steady", stream=True), streams)))
    if pid:
        figures["CPU of a steady event, microseconds"] = (cpu_seconds(pid) - before) / (streams * 201) * 1e6
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000, help="streams at once (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with upstream() as origin:
        upstream_port = int(origin.rpartition(":")[2])
        servers = {"upstream": measure(None, upstream_port, options.streams)}
        with gateway(origin) as (pid, port, _):
            os.sched_setaffinity(pid, {cores[0]})
            servers["gateway"] = measure(pid, port, options.streams)
        if shutil.which("nginx"):
            with nginx(origin) as (pid, port):
                os.sched_setaffinity(pid, {cores[0]})
                servers["nginx"] = measure(pid, port, options.streams)
    for name, figures in servers.items():
        print(f"{name:10} {json.dumps({figure: round(value, 3) for figure, value in figures.items()})}")
    measured = (
        servers["gateway"]["p50, ms"] - servers["upstream"]["p50, ms"],
        servers["gateway"]["jitter p99, ms"],
    )
    for (name, budget), value in zip(BUDGETS.items(), measured, strict=True):
        print(f"{name:40} {value:10.3f}   budget {budget:g}")
    return int(options.check and any(value > budget for value, budget in zip(measured, BUDGETS.values(), strict=True)))


if __name__ == "__main__":
    sys.exit(main())
