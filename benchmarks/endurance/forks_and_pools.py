"""Children of `os.fork` and of process pools, made while the parent's streams, threads and loops are at work."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from calls import MODEL, async_client, awhole, check, client, messages, new_token, whole
from loopback import Upstream, upstream
from measuring import TRANSPORTS, Outcomes, Row, outcome_of, program, scaled

BUSY_THREADS = 6


def in_child(work: Callable[[], Any]) -> str:
    """Fork, do the work in the child, and return how it ended."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    return "ok" if status == 0 else "failed"


def beside_a_stream(server: Upstream, transport: str, outcomes: Outcomes) -> None:
    """The parent's stream goes on after the child has made calls and ended."""
    with client(server.base_url, transport) as caller:
        token = new_token()
        with caller.completion(MODEL, messages(token, chunks=20, gap=0.01), stream=True) as answer:
            check(next(answer).choices[0].delta.content, token)
            outcomes[in_child(lambda: [whole(caller) for _ in range(3)])] += 1
            texts = [chunk.choices[0].delta.content for chunk in answer if chunk.choices]
        outcomes["ok" if texts == [f"{token}:"] * 19 else "failed: stream of the parent"] += 1
        outcomes[outcome_of(whole, caller)] += 1


def beside_threads(server: Upstream, transport: str, forks: int, outcomes: Outcomes) -> None:
    """The child is made at any moment of the calls of other threads."""
    with client(server.base_url, transport) as caller:
        stopped = threading.Event()

        def busy() -> None:
            while not stopped.is_set():
                outcomes[outcome_of(whole, caller)] += 1

        threads = [threading.Thread(target=busy) for _ in range(BUSY_THREADS)]
        for thread in threads:
            thread.start()
        for _ in range(forks):
            outcomes[in_child(lambda: whole(caller))] += 1
        stopped.set()
        for thread in threads:
            thread.join()


async def inside_a_loop(server: Upstream, transport: str, outcomes: Outcomes) -> None:
    """The child inherits a running loop, and uses one of its own in a thread."""
    async with async_client(server.base_url, transport) as caller:
        await awhole(caller)

        def in_a_thread() -> None:
            found: list[str] = []
            thread = threading.Thread(target=lambda: found.append(outcome_of(lambda: asyncio.run(awhole(caller)))))
            thread.start()
            thread.join()
            if found != ["ok"]:
                raise RuntimeError(found)

        outcomes[in_child(in_a_thread)] += 1
        await awhole(caller)
        outcomes["ok"] += 1


def forks(scale: float) -> Iterator[Row]:
    count = scaled(25, scale, 2)
    for transport in TRANSPORTS:
        with upstream() as server:
            outcomes = Outcomes()
            beside_a_stream(server, transport, outcomes)
            beside_threads(server, transport, count, outcomes)
            asyncio.run(inside_a_loop(server, transport, outcomes))
            left = server.closed()
            yield Row(
                f"forks beside a live stream, {BUSY_THREADS} busy threads and a running loop, {transport}",
                f"{count + 2} forks, {outcomes.total():,} calls",
                f"{outcomes.shown()}; {left} sockets left",
                held=outcomes.only("ok") and not left,
            )


def job(base_url: str, number: int) -> str:
    with client(base_url, TRANSPORTS[number % 2]) as caller:
        return outcome_of(whole, caller)


def pools(scale: float) -> Iterator[Row]:
    jobs = scaled(60, scale, 3)
    for method in ("fork", "spawn", "forkserver"):
        with upstream() as server, client(server.base_url, "http1") as caller:
            whole(caller)  # the pool is made by a process that has connections
            outcomes = Outcomes()
            with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
                outcomes.update(pool.map(job, [server.base_url] * jobs, range(jobs)))
            yield Row(
                f"a pool of 2 processes, started by {method}",
                f"{jobs} jobs",
                outcomes.shown(),
                held=outcomes.only("ok") and outcomes.total() == jobs,
            )


if __name__ == "__main__":
    program(forks, pools)
