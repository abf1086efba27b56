"""100,000 calls and 20,000 streams of the SDK, half of these left early: memory, descriptors, tasks, threads stay."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from calls import aleft_early, astream, async_client, awhole, client, left_early, stream, whole
from held import AT_ONCE, Held, Load, held_by, soak_row
from loopback import Upstream, upstream
from measuring import LoopRun, Outcomes, Row, aoutcome_of, outcome_of, program


def synchronous(scale: float) -> Iterator[Row]:
    load, outcomes, held = Load.at(scale), Outcomes(), []
    with upstream() as server, client(server.base_url, "http1") as caller:
        for number in range(load.calls):
            if number == load.warm:
                held.append(held_by(server, 0))
            outcomes[outcome_of(whole, caller)] += 1
        held.append(held_by(server, 0))
        for number in range(load.streams):
            if number % 2:
                outcomes[as_left(outcome_of(left_early, caller))] += 1
            else:
                outcomes[outcome_of(stream, caller, gap=0)] += 1
        held.append(held_by(server, 0))
        duplicates = server.counts()["duplicates"]
    yield soak_row("one thread, one `Client`", load, outcomes, held, clean=not duplicates)


def as_left(outcome: str) -> str:
    return "left early" if outcome == "ok" else outcome


async def many(server: Upstream, load: Load, outcomes: Outcomes) -> list[Held]:
    held: list[Held] = []
    async with async_client(server.base_url, "http1") as caller:

        async def one(number: int, *, streamed: bool) -> str:
            if not streamed:
                return await aoutcome_of(awhole(caller))
            if number % 2:
                return as_left(await aoutcome_of(aleft_early(caller)))
            return await aoutcome_of(astream(caller, gap=0))

        for count, streamed in ((load.warm, False), (load.calls - load.warm, False), (load.streams, True)):
            left = iter(range(count))

            async def worker(left: Iterator[int] = left, streamed: bool = streamed) -> None:
                for number in left:
                    outcomes[await one(number, streamed=streamed)] += 1

            await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
            held.append(await asyncio.to_thread(held_by, server, len(asyncio.all_tasks())))
    return held


def asynchronous(scale: float) -> Iterator[Row]:
    load, outcomes = Load.at(scale), Outcomes()
    with upstream() as server:
        run = LoopRun("asyncio")
        held = run.run(many(server, load, outcomes))
        clean = run.is_clean and not server.counts()["duplicates"] and not server.closed()
    yield soak_row(f"{AT_ONCE} tasks, one `AsyncClient`", load, outcomes, held, clean=clean)


if __name__ == "__main__":
    program(synchronous, asynchronous)
