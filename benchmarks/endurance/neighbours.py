"""Two processes that only spin, beside a gateway under load: every request is still answered."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from calls import new_token
from gateways import Line, chat, gateway, outcome_of
from loopback import upstream
from measuring import Outcomes, Row, program, scaled

NEIGHBOURS, AT_ONCE, REQUESTS = 2, 16, 8000


@contextmanager
def spinning(count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


async def traffic(port: int, count: int, outcomes: Outcomes) -> list[float]:
    """Send whole and streamed requests in turns, and return the seconds that each took."""
    left, seconds = iter(range(count)), []

    async def one_client() -> None:
        line = Line(port)
        for number in left:
            token, began = new_token(), time.perf_counter()
            outcomes[await outcome_of(line, chat(token, stream=number % 2 == 0, chunks=10), token)] += 1
            seconds.append(time.perf_counter() - began)
        line.close()

    await asyncio.gather(*(one_client() for _ in range(AT_ONCE)))
    return sorted(seconds)


def neighbours(scale: float) -> Iterator[Row]:
    count = scaled(REQUESTS, scale, 100)
    with upstream() as server, gateway(server) as running:
        outcomes, figures = Outcomes(), []
        for busy in (0, NEIGHBOURS):
            with spinning(busy):
                began = time.perf_counter()
                waits = asyncio.run(traffic(running.port, count, outcomes))
                rate = count / (time.perf_counter() - began)
            p50, p99 = (waits[int(len(waits) * part)] * 1e3 for part in (0.5, 0.99))
            figures.append(f"{rate:,.0f} a second, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        status, _ = running.end()
        duplicates = server.counts()["duplicates"]
        yield Row(
            f"{NEIGHBOURS} processes that spin beside a gateway with {AT_ONCE} clients",
            f"{count:,} requests without them, {count:,} with them",
            f"{outcomes.shown()}; {figures[0]} without; {figures[1]} with them; {duplicates} sent twice",
            held=outcomes == {"ok": 2 * count} and not (duplicates or status or running.tracebacks()),
        )


if __name__ == "__main__":
    program(neighbours)
