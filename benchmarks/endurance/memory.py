"""Many calls of each kind, one after another and very many at once: memory and descriptors stay where they are."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from calls import (
    MODEL,
    aleft_early,
    aretried,
    astream,
    async_client,
    aupload,
    awhole,
    client,
    left_early,
    messages,
    new_token,
    stream,
    whole,
)
from loopback import Upstream, upstream
from measuring import TRANSPORTS, LoopRun, Outcomes, Row, aoutcome_of, descriptors, program, resident_mb, scaled

from llmgate_core import InternalServerError

CHUNKS_AT_FULL_SCALE = 30_000


def sequential(scale: float) -> Iterator[Row]:
    """The growth counts after a fifth of the calls, when everything that is made once is there."""
    count = scaled(2500, scale, 20)
    kinds: list[tuple[str, Callable[[Any], None]]] = [
        ("whole answers", whole),
        ("streams", lambda caller: stream(caller, gap=0)),
        ("streams left early", left_early),
    ]
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport) as caller:
            for name, kind in kinds:
                yield sequence(server, caller, f"{name} one after another, {transport}", kind, count)
            with client(server.base_url, transport, max_retries=0) as single:
                title = f"errors of the upstream one after another, {transport}"
                yield sequence(server, single, title, failing, count)


def failing(caller: Any) -> None:
    try:
        whole(caller, errors=1)
    except InternalServerError:
        return
    raise AssertionError("the error of the upstream did not arrive")


def sequence(server: Upstream, caller: Any, title: str, kind: Callable[[Any], None], count: int) -> Row:
    for _ in range(max(1, count // 5)):
        kind(caller)
    memory, before = resident_mb(), descriptors()
    for _ in range(count):
        kind(caller)
    growth, after = resident_mb() - memory, descriptors()
    server.reset()
    return Row(
        title,
        f"{count:,} calls",
        f"resident {growth:+.1f} MB; descriptors {before} → {after}",
        held=growth < 4 and after <= before + 1,
    )


async def at_once(server: Upstream, count: int, outcomes: Outcomes) -> list[float]:
    memory = []
    async with async_client(server.base_url, "http1", timeout=300.0) as caller:
        for kind in (awhole, astream, aleft_early, aretried, aupload):
            outcomes.update(await asyncio.gather(*(aoutcome_of(kind(caller)) for _ in range(count))))
            memory.append(resident_mb())
    return memory


def crowds(scale: float) -> Iterator[Row]:
    count = scaled(2000, scale, 50)
    for loop in ("asyncio", "uvloop"):
        with upstream() as server:
            run, outcomes, before = LoopRun(loop), Outcomes(), descriptors()
            memory = run.run(at_once(server, count, outcomes))
            left, after = server.closed(), descriptors()
            yield Row(
                f"5 kinds of calls, each very many at once, http1 on {loop}",
                f"{count:,} calls of each kind",
                f"{outcomes.shown()}; resident {' → '.join(f'{value:.0f}' for value in memory)} MB; "
                f"descriptors {before} → {after}; {left} sockets left",
                held=outcomes.only("ok") and run.is_clean and not left and after <= before + 2,
            )


def kept_chunks(scale: float) -> Iterator[Row]:
    """A stream keeps the content of its chunks for `whole()`, and nothing else of them."""
    count = scaled(CHUNKS_AT_FULL_SCALE, scale, 1000)
    with upstream() as server, client(server.base_url, "http1") as caller:
        stream(caller)
        tracemalloc.start()
        answer = caller.completion(MODEL, messages(new_token(), chunks=count), stream=True)
        before = tracemalloc.get_traced_memory()[0]
        seen = sum(1 for _ in answer)
        gc.collect()
        kept = (tracemalloc.get_traced_memory()[0] - before) / count
        tracemalloc.stop()
        length = len(answer.whole().choices[0].message.content)
    yield Row(
        "a long stream that is read to its end, then `whole()`",
        f"{count:,} chunks",
        f"{kept:.0f} bytes kept for each chunk; {length:,} characters in the whole",
        held=kept < 1000 and seen >= count,
    )


if __name__ == "__main__":
    program(sequential, crowds, kept_chunks)
