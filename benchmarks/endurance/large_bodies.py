"""Large answers, long streams, and a program that is slow to read: limits hold, and memory stays flat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from calls import MODEL, async_client, client, messages, new_token, stream, whole
from loopback import until, upstream
from measuring import TRANSPORTS, Outcomes, Row, outcome_of, program, resident_mb, scaled

MEGA = 1_000_000
CHUNK_BYTES = 1_000_000
QUIET_SECONDS = 0.3


def large_answers(scale: float) -> Iterator[Row]:
    size = scaled(40, scale) * MEGA
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport) as caller:
            outcomes = Outcomes()
            began = time.perf_counter()
            outcomes[outcome_of(whole, caller, bytes=size)] += 1
            seconds = time.perf_counter() - began
            refused = outcome_of(whole, caller, bytes=70 * MEGA)
            outcomes[outcome_of(whole, caller)] += 1
            yield Row(
                f"an answer within the limit of 64 MiB, one beyond it, one after it, {transport}",
                f"{size // MEGA} MB, 70 MB, small",
                f"{outcomes.shown()} ({seconds:.1f} s); beyond: {refused}",
                held=outcomes.only("ok") and refused == "failed: APIResponseValidationError",
            )


def long_streams(scale: float) -> Iterator[Row]:
    chunks = scaled(80, scale, 2)
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport) as caller:
            began = time.perf_counter()
            outcome = outcome_of(stream, caller, chunks=chunks, gap=0, bytes=CHUNK_BYTES)
            yield Row(
                f"a stream of chunks of 1 MB, {transport}",
                f"{chunks * CHUNK_BYTES // MEGA} MB",
                f"{outcome} ({time.perf_counter() - began:.1f} s)",
                held=outcome == "ok",
            )


def slow_programs(scale: float) -> Iterator[Row]:
    """The program takes one chunk and waits: the upstream has to wait as well, as only the sockets have buffers."""
    chunks = scaled(60, scale, 30)
    for transport in TRANSPORTS:
        with upstream() as server:
            with client(server.base_url, transport) as caller:
                memory = resident_mb()
                orders = messages(new_token(), chunks=chunks, gap=0, bytes=CHUNK_BYTES)
                with caller.completion(MODEL, orders, stream=True) as answer:
                    next(answer)
                    sent = settled(server) // MEGA
                    growth = resident_mb() - memory
                    rest = sum(1 for _ in answer)
            asent, agrowth, arest = asyncio.run(slow_task(server, transport, chunks))
            yield Row(
                f"a program that reads one chunk of a stream and waits, {transport}",
                f"{chunks * CHUNK_BYTES // MEGA} MB, sync and async",
                f"the upstream could send {sent} and {asent} MB meanwhile; "
                f"resident {growth:+.0f} and {agrowth:+.0f} MB; then {rest + 1} and {arest + 1} chunks",
                held=max(sent, asent) < chunks * 0.7 and rest >= chunks - 1 and arest >= chunks - 1,
            )


async def slow_task(server: Any, transport: str, chunks: int) -> tuple[int, float, int]:
    before = server.counts()["sent"]
    async with async_client(server.base_url, transport) as caller:
        memory = resident_mb()
        orders = messages(new_token(), chunks=chunks, gap=0, bytes=CHUNK_BYTES)
        async with await caller.completion(MODEL, orders, stream=True) as answer:
            await anext(answer)
            sent = await asyncio.to_thread(settled, server) - before
            growth = resident_mb() - memory
            return sent // MEGA, growth, len([chunk async for chunk in answer])


def settled(server: Any) -> int:
    """Wait until the upstream sends no more, and return how many bytes it has sent."""
    last = -1

    def is_quiet() -> bool:
        nonlocal last
        time.sleep(QUIET_SECONDS)
        before, last = last, server.counts()["sent"]
        return before == last

    until(is_quiet)
    return last


if __name__ == "__main__":
    program(large_answers, long_streams, slow_programs)
