"""An upstream that closes kept connections just when they may be used again: no call fails, and none is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from calls import astream, async_client, awhole, client, stream, whole
from gateways import clients, gateway
from loopback import Upstream, upstream
from measuring import TRANSPORTS, LoopRun, Outcomes, Row, aoutcome_of, outcome_of, program, scaled

SHARE = 0.3
CALLS = 10_000
THREADS, TASKS = 16, 30


def in_threads(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    with client(server.base_url, transport) as caller:

        def call(number: int) -> str:
            return outcome_of(whole, caller) if number % 3 else outcome_of(stream, caller, gap=0)

        with ThreadPoolExecutor(THREADS) as pool:
            outcomes.update(pool.map(call, range(count)))


async def in_tasks(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    async with async_client(server.base_url, transport) as caller:
        left = iter(range(count))

        async def worker() -> None:
            for number in left:
                outcomes[await aoutcome_of(awhole(caller) if number % 3 else astream(caller, gap=0))] += 1

        await asyncio.gather(*(worker() for _ in range(TASKS)))


def stale_connections(scale: float) -> Iterator[Row]:
    count = scaled(CALLS, scale, 60)
    for transport in TRANSPORTS:
        for place in (f"{THREADS} threads", f"{TASKS} tasks"):
            with upstream(cut=SHARE) as server:
                run, outcomes = LoopRun("asyncio"), Outcomes()
                if "threads" in place:
                    in_threads(server, transport, count, outcomes)
                else:
                    run.run(in_tasks(server, transport, count, outcomes))
                counts, left = server.counts(), server.closed()
                yield Row(
                    f"{SHARE:.0%} of kept connections closed within 4 ms of an answer, {place}, {transport}",
                    f"{count:,} calls",
                    f"{counts['cuts']} cuts; {outcomes.shown()}; {counts['duplicates']} sent twice; "
                    f"{left} sockets left",
                    held=outcomes.only("ok") and not counts["duplicates"] and not left and run.is_clean,
                )


def through_the_gateway(scale: float) -> Iterator[Row]:
    """The gateway's config allows no retry: one replay on a fresh connection is not one."""
    count = scaled(CALLS, scale, 60)
    with upstream(cut=SHARE) as server, gateway(server) as running:
        outcomes = Outcomes()
        asyncio.run(clients(running.port, count, TASKS, outcomes))
        counts = server.counts()
        status, _ = running.end()
        left = server.closed()
        yield Row(
            f"{SHARE:.0%} of kept connections closed within 4 ms of an answer, gateway, {TASKS} clients",
            f"{count:,} requests, `max_retries: 0`",
            f"{counts['cuts']} cuts; {outcomes.shown()}; {counts['duplicates']} sent twice; {left} sockets left",
            held=outcomes == {"ok": count} and not (counts["duplicates"] or left or status or running.tracebacks()),
        )


if __name__ == "__main__":
    program(stale_connections, through_the_gateway)
