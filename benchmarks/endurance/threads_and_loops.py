"""One client in many threads, and many event loops one after another: no call fails, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from calls import ASYNC_KINDS, SYNC_KINDS, async_client, client
from loopback import Upstream, upstream
from measuring import TRANSPORTS, Outcomes, Row, aoutcome_of, descriptors, outcome_of, program, resident_mb, scaled

THREADS, LOOP_THREADS, LOOPS_EACH, CALLS_AT_ONCE = 50, 10, 10, 8


def threads(scale: float) -> Iterator[Row]:
    count = scaled(2000, scale, THREADS)
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport) as caller:
            outcomes, before = Outcomes(), descriptors()

            def call(number: int, caller=caller) -> str:
                return outcome_of(SYNC_KINDS[number % len(SYNC_KINDS)], caller)

            with ThreadPoolExecutor(THREADS) as pool:
                outcomes.update(pool.map(call, range(count)))
            duplicates = server.counts()["duplicates"]
            caller.close()
            left, after = server.closed(), descriptors()
            yield Row(
                f"{THREADS} threads share one `Client`, 5 kinds of calls, {transport}",
                f"{count:,} calls",
                f"{outcomes.shown()}; {duplicates} sent twice; descriptors {before} → {after}; {left} sockets left",
                held=outcomes.only("ok") and not duplicates and not left and after <= before + 1,
            )


def loops(scale: float) -> Iterator[Row]:
    """Each thread runs one loop after another; the client is shared by all, the connections are not."""
    loops_each = scaled(LOOPS_EACH, scale)
    for transport in TRANSPORTS:
        with upstream() as server:
            outcomes, memory, before = Outcomes(), [], descriptors()
            for _ in range(3):
                run_loops(server, transport, loops_each, outcomes)
                memory.append(resident_mb())
            left, after = server.closed(), descriptors()
            yield Row(
                f"{LOOP_THREADS} threads with one event loop after another, one `AsyncClient`, {transport}",
                f"{3 * LOOP_THREADS * loops_each} loops, {3 * LOOP_THREADS * loops_each * CALLS_AT_ONCE:,} calls",
                f"{outcomes.shown()}; descriptors {before} → {after}; resident {memory[0]:.0f} → {memory[-1]:.0f} MB "
                f"after the first third; {left} sockets left",
                held=outcomes.only("ok") and not left and after <= before + 2 and memory[-1] - memory[0] < 8,
            )


def run_loops(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    caller = async_client(server.base_url, transport)
    kinds = [kind for kind in ASYNC_KINDS if "large" not in kind.__name__]

    async def one_loop() -> list[str]:
        calls = (aoutcome_of(kinds[number % len(kinds)](caller)) for number in range(CALLS_AT_ONCE))
        found = await asyncio.gather(*calls)
        await caller.aclose()
        return found

    def thread(_: int) -> list[str]:
        return [outcome for _ in range(count) for outcome in asyncio.run(one_loop())]

    with ThreadPoolExecutor(LOOP_THREADS) as pool:
        for found in pool.map(thread, range(LOOP_THREADS)):
            outcomes.update(found)


if __name__ == "__main__":
    program(threads, loops)
