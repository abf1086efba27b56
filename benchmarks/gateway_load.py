"""Measure what the gateway adds under load: milliseconds at a steady rate, and jitter over many slow streams.

The gateway has one core to itself, upstream and client share another. Each figure is taken twice in one run, straight
from the upstream and through the gateway, since upstream and client have jitter of their own; and through nginx,
a plain reverse proxy, where that is installed. Judges no content beyond its end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import uvloop
from gateway import cost, cpu_seconds, free_port, gateway, request_of, upstream

RATE, RATE_SECONDS = 40, 10
STEADY_SECONDS = 0.05  # between the events of a steady stream, as in upstream.py
BUDGETS = {
    "added p50 at 40 requests a second, ms": 0.7,
    "p99 of the jitter between events, ms": 10.0,
}
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  keepalive_requests 1000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class Reader(asyncio.Protocol):
    """Reads one answer after another and says when each block of it came."""

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
            self._ended.set_exception(error or ConnectionError("closed before its end"))

    async def ask(self, request: bytes, ends: Callable[[bytes], bool]) -> list[float]:
        """Return when each block of the answer came."""
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
    """Return the milliseconds of each answer, asked for at a steady rate over one connection."""
    _, reader = await asyncio.get_running_loop().create_connection(Reader, "127.0.0.1", port)
    for _ in range(50):
        await reader.ask(request, _is_whole)
    found, began = [], time.perf_counter()
    for number in range(RATE * RATE_SECONDS):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        asked = time.perf_counter()
        found.append(((await reader.ask(request, _is_whole))[-1] - asked) * 1e3)
    return found


async def jitters(port: int, request: bytes, count: int) -> list[float]:
    """Return by how many milliseconds each event of `count` streams came off its beat."""
    loop = asyncio.get_running_loop()

    async def one(number: int) -> list[float]:
        await asyncio.sleep(number / count)  # all begin within a second, evenly
        transport, reader = await loop.create_connection(Reader, "127.0.0.1", port)
        times = await reader.ask(request, _is_last_chunk)
        transport.close()
        middle = times[5:-5]  # the first come with the head, the last with the end
        return [abs(b - a - STEADY_SECONDS) * 1e3 for a, b in pairwise(middle)]

    return [late for found in await asyncio.gather(*map(one, range(count))) for late in found]


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def run(work: Coroutine[Any, Any, list[float]]) -> list[float]:
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@contextmanager
def nginx(upstream_port: int) -> Iterator[tuple[int, int]]:
    """Yield the process id of the one worker, and the port."""
    with tempfile.TemporaryDirectory() as folder:
        port, config = free_port(), Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, port=port, upstream=upstream_port))
        os.chmod(folder, 0o777)  # its worker runs as another user
        process = subprocess.Popen(["nginx", "-p", folder, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(1.0)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield int(children[0]), port
        finally:
            process.terminate()
            process.wait()


def measure(pid: int | None, port: int, streams: int) -> dict[str, float]:
    """Return the figures of one place that answers."""
    found = {"p50, ms": median(run(latencies(port, request_of("plain"))))}
    before = cpu_seconds(pid) if pid else 0.0
    found["jitter p99, ms"] = p99(run(jitters(port, request_of("steady", stream=True), streams)))
    if pid:
        found["CPU of a steady event, microseconds"] = (cpu_seconds(pid) - before) / (streams * 201) * 1e6
        found["CPU of a request, microseconds"] = cost(pid, port, request_of("plain"), 500, 8)
        found["CPU of a burst, microseconds"] = cost(pid, port, request_of("plain", stream=True), 50, 8)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000, help="streams at once (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="exit 1 where a budget is missed")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with upstream() as origin:
        upstream_port = int(origin.rpartition(":")[2])
        places = {"upstream": measure(None, upstream_port, given.streams)}
        with gateway(origin) as (pid, port, _):
            os.sched_setaffinity(pid, {cores[0]})
            places["gateway"] = measure(pid, port, given.streams)
        if shutil.which("nginx"):
            with nginx(upstream_port) as (pid, port):
                os.sched_setaffinity(pid, {cores[0]})
                places["nginx"] = measure(pid, port, given.streams)
    for place, found in places.items():
        print(f"{place:10} {json.dumps({name: round(value, 3) for name, value in found.items()})}")
    measured = (
        places["gateway"]["p50, ms"] - places["upstream"]["p50, ms"],
        places["gateway"]["jitter p99, ms"],
    )
    for (name, budget), value in zip(BUDGETS.items(), measured, strict=True):
        print(f"{name:40} {value:10.3f}   budget {budget:g}")
    return int(given.check and any(value > budget for value, budget in zip(measured, BUDGETS.values(), strict=True)))


if __name__ == "__main__":
    sys.exit(main())
