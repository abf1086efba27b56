"""Calls that are cancelled at random moments, streams that someone else closes, and Ctrl-C: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

from calls import ASYNC_KINDS, MODEL, async_client, client, messages, new_token, retried, stream, whole
from loopback import Upstream, upstream
from measuring import LoopRun, Outcomes, Row, descriptors, failure, program, scaled

from llmgate_core import LLMGateError

AT_ONCE = 12


async def cancelled_calls(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    async with async_client(server.base_url, transport) as caller:
        left = iter(range(count))

        async def worker() -> None:
            for number in left:
                task = asyncio.ensure_future(ASYNC_KINDS[number % len(ASYNC_KINDS)](caller))
                if random.random() < 0.5:
                    for _ in range(random.randrange(12)):  # in any turn of the loop
                        await asyncio.sleep(0)
                else:
                    await asyncio.sleep(random.random() * 0.03)
                if random.random() < 0.7:
                    task.cancel()
                await asyncio.wait([task], timeout=60)
                outcomes[end_of(task)] += 1

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


def end_of(task: asyncio.Task[Any]) -> str:
    if not task.done():
        return "hang"
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "ok" if error is None else failure(error)


def cancels(scale: float) -> Iterator[Row]:
    count = scaled(700, scale, 20)
    for transport, loop in (("http1", "asyncio"), ("http1", "uvloop"), ("httpx", "asyncio")):
        with upstream() as server:
            run, outcomes, before = LoopRun(loop), Outcomes(), descriptors()
            run.run(cancelled_calls(server, transport, count, outcomes))
            left, after = server.closed(), descriptors()
            yield Row(
                f"calls of 7 kinds cancelled at random moments, {transport} on {loop}",
                f"{count:,} calls, {AT_ONCE} at once",
                f"{outcomes.shown()}; {run.shown()}; descriptors {before} → {after}; {left} sockets left",
                held=outcomes.only("ok", "cancelled") and run.is_clean and not left and after <= before + 2,
            )


async def stopped_streams(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    async with async_client(server.base_url, transport) as caller:
        for _ in range(count):
            answer = await caller.completion(MODEL, messages(new_token(), chunks=200, gap=0.05), stream=True)
            await anext(answer)

            async def read(answer: Any = answer) -> str:
                try:
                    return "read to the end" if [chunk async for chunk in answer] else "ended"
                except LLMGateError:
                    return "ended"

            reader = asyncio.ensure_future(read())
            await asyncio.sleep(0.02)
            await answer.aclose()
            outcomes[await asyncio.wait_for(reader, 30)] += 1


def stopped_by_thread(server: Upstream, transport: str, count: int, outcomes: Outcomes) -> None:
    with client(server.base_url, transport) as caller:
        for _ in range(count):
            answer = caller.completion(MODEL, messages(new_token(), chunks=200, gap=0.05), stream=True)
            next(answer)
            closer = threading.Timer(0.02, answer.close)
            closer.start()
            try:
                outcomes["read to the end" if len(list(answer)) > 190 else "ended"] += 1
            except LLMGateError:
                outcomes["ended"] += 1
            closer.join()


def stopped(scale: float) -> Iterator[Row]:
    count = scaled(15, scale, 2)
    for transport in ("http1", "httpx"):
        with upstream() as server:
            run, outcomes = LoopRun("asyncio"), Outcomes()
            run.run(stopped_streams(server, transport, count, outcomes))
            stopped_by_thread(server, transport, count, outcomes)
            left = server.closed()
            yield Row(
                f"streams closed by another task or thread than reads them, {transport}",
                f"{2 * count} streams",
                f"{outcomes.shown()}; {run.shown()}; {left} sockets left",
                held=outcomes.only("ended") and run.is_clean and not left,
            )


async def adropped(server: Upstream, transport: str, count: int) -> None:
    async with async_client(server.base_url, transport) as caller:
        for _ in range(count):
            answer = await caller.completion(MODEL, messages(new_token(), chunks=200, gap=0.05), stream=True)
            await anext(answer)
        del answer
        gc.collect()
        await asyncio.to_thread(server.closed)


def dropped_by_thread(server: Upstream, transport: str, count: int) -> None:
    """The last reference to each stream belongs to another thread, or is in a cycle that is collected there."""
    with client(server.base_url, transport) as caller:
        for number in range(count):
            held: list[Any] = [caller.completion(MODEL, messages(new_token(), chunks=200, gap=0.05), stream=True)]
            next(held[0])
            if number % 2:
                held.append(held)
            work = gc.collect if number % 2 else held.clear
            del held
            dropper = threading.Thread(target=work)
            del work
            dropper.start()
            dropper.join()
        server.closed()


def dropped(scale: float) -> Iterator[Row]:
    """No stream is closed, and the client stays open: what is left when all are gone was leaked."""
    count = scaled(20, scale, 2)
    for transport in ("http1", "httpx"):
        with upstream() as server:
            run = LoopRun("asyncio")
            dropped_by_thread(server, transport, count)
            left = server.counts()["active"]
            run.run(adropped(server, transport, count))
            aleft = server.counts()["active"]
            yield Row(
                f"streams that are dropped, by other threads and by the collector, {transport}",
                f"{2 * count} streams",
                f"{left + aleft} still sent by the upstream; {run.shown()}",
                held=not left and not aleft and run.is_clean,
            )


def interrupts(scale: float) -> Iterator[Row]:
    """Signals, as Ctrl-C sends them, while a call, a stream or a retry is under way."""
    count = scaled(60, scale, 6)
    for transport in ("http1", "httpx"):
        with upstream() as server, client(server.base_url, transport) as caller:
            outcomes = Outcomes()
            for number in range(count):
                outcomes[interrupted(caller, (whole, stream, retried)[number % 3])] += 1
                whole(caller)
            idle = server.counts()["open"]
            caller.close()
            left = server.closed()
            yield Row(
                f"KeyboardInterrupt in calls, streams and retries, each followed by a call, {transport}",
                f"{count} calls",
                f"{outcomes.shown()}; {idle} idle sockets, {left} after the end",
                held=outcomes.only("ok", "interrupted") and not left and idle <= 2,
            )


def interrupted(caller: Any, kind: Any) -> str:
    sender = threading.Timer(random.random() * 0.03, os.kill, (os.getpid(), signal.SIGINT))
    outcome = "ok"
    try:
        sender.start()
        kind(caller, delay=0.01)
        sender.join()
        time.sleep(0.01)  # the signal is here at the latest now
    except KeyboardInterrupt:
        outcome = "interrupted"
    sender.join()
    return outcome


async def given_up(server: Upstream, transport: str, rounds: int, outcomes: Outcomes) -> None:
    async with async_client(server.base_url, transport) as caller:
        for number in range(rounds):
            kind = ASYNC_KINDS[number % len(ASYNC_KINDS)]
            try:
                await asyncio.wait_for(kind(caller, delay=0.2), 0.02)
            except asyncio.TimeoutError:
                outcomes["timed out"] += 1
            calls = [asyncio.ensure_future(kind(caller, delay=0.2)) for _ in range(5)]
            _, pending = await asyncio.wait(calls, timeout=0.01)
            for call in pending:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            for result in results:
                outcomes[type(result).__name__ if isinstance(result, BaseException) else "ok"] += 1


def timeouts_of_the_program(scale: float) -> Iterator[Row]:
    rounds = scaled(70, scale, 7)
    for loop in ("asyncio", "uvloop"):
        with upstream() as server:
            run, outcomes = LoopRun(loop), Outcomes()
            run.run(given_up(server, "http1", rounds, outcomes))
            left = server.closed()
            yield Row(
                f"`wait_for` and groups of tasks that are given up, http1 on {loop}",
                f"{rounds * 6} calls",
                f"{outcomes.shown()}; {run.shown()}; {left} sockets left",
                held=outcomes.only("timed out", "CancelledError") and run.is_clean and not left,
            )


if __name__ == "__main__":
    program(cancels, stopped, dropped, interrupts, timeouts_of_the_program)
