"""Calls that begin in one turn of the event loop on a client that is warm: the upstream gets all of them at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from calls import async_client, awhole
from loopback import Upstream, upstream
from measuring import TRANSPORTS, LoopRun, Outcomes, Row, aoutcome_of, program, scaled

from llmgate_core import Timeouts

CONNECTIONS = 1000  # of one client to one host
WARM = 8


async def burst(server: Upstream, transport: str, count: int, timeout: Timeouts, outcomes: Outcomes) -> float:
    async with async_client(server.base_url, transport, timeout=timeout, max_retries=0) as caller:
        await asyncio.gather(*(awhole(caller, delay=0.05) for _ in range(WARM)))
        began = time.perf_counter()
        outcomes.update(await asyncio.gather(*(aoutcome_of(awhole(caller, delay=0.5)) for _ in range(count))))
        return time.perf_counter() - began


def bursts(scale: float) -> Iterator[Row]:
    for transport in TRANSPORTS:
        for full in (50, 500, 2000):
            count = scaled(full, scale, WARM * 2)
            with upstream() as server:
                run, outcomes = LoopRun("asyncio"), Outcomes()
                seconds = run.run(burst(server, transport, count, Timeouts(total=120, pool=60), outcomes))
                counts, left = server.counts(), server.closed()
                yield Row(
                    f"calls of 0.5 s begun in one turn of a warm client, {transport}",
                    f"{count:,} at once",
                    f"{outcomes.shown()}; {counts['peak']:,} at a time at the upstream; all after {seconds:.1f} s",
                    held=outcomes.only("ok") and run.is_clean and not left and wide_enough(counts["peak"], count),
                )


def wide_enough(peak: int, count: int) -> bool:
    """The rule is "all at once"; answers of the first may be there before the last of very many are sent."""
    return peak == count if count <= 64 else peak > min(count, CONNECTIONS) / 3


def short_wait_for_a_connection(scale: float) -> Iterator[Row]:
    count = scaled(60, scale, WARM * 2)
    for transport in TRANSPORTS:
        with upstream() as server:
            run, outcomes = LoopRun("asyncio"), Outcomes()
            run.run(burst(server, transport, count, Timeouts(total=120, pool=0.2), outcomes))
            yield Row(
                f"the same with `Timeouts(pool=0.2)`, {transport}",
                f"{count} at once",
                f"{outcomes.shown()}; {server.counts()['peak']} at a time at the upstream",
                held=outcomes.only("ok") and run.is_clean,
            )


if __name__ == "__main__":
    program(bursts, short_wait_for_a_connection)
