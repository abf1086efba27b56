"""Deadlines of calls, and every kind of `Retry-After`: the promised error, and never a hang.

Seconds are shown, not judged: a busy machine is late.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from calls import astream, async_client, awhole, client, stream, whole
from loopback import Upstream, upstream
from measuring import TRANSPORTS, LoopRun, Outcomes, Row, aoutcome_of, outcome_of, program, scaled

LIMIT_SECONDS = 0.5
TIMED_OUT = "failed: APITimeoutError"
RETRY_AFTER = {
    "0": "ok",
    "0.3": "ok",
    "500": "failed: ServiceUnavailableError",
    "-1": "ok",
    "nan": "ok",
    "1e400": "ok",
    "soon": "ok",
    "1_0": "ok",
    "٣": "ok",
    "Mon,_99999999999999999999_Jan_2020_00:00:00_-0000": "ok",
    "Mon,_01_Jan_2020_00:00:00_GMT": "ok",
}
"""How a call ends whose first try got that header with a 503; underscores stand for blanks in `loopback.py`."""


def seconds_of(call: Callable[[], str], outcomes: Outcomes) -> float:
    began = time.perf_counter()
    outcomes[call()] += 1
    return time.perf_counter() - began


def totals(scale: float) -> Iterator[Row]:
    rounds = scaled(8, scale)
    for transport in TRANSPORTS:
        with upstream() as server:
            outcomes, run = Outcomes(), LoopRun("asyncio")
            times = sync_totals(server, transport, rounds, outcomes)
            times += run.run(async_totals(server, transport, rounds, outcomes))
            left = server.closed()
            yield Row(
                f"`timeout={LIMIT_SECONDS}` and an upstream that is silent, drips or fails, {transport}",
                f"{outcomes.total()} calls",
                f"{outcomes.shown()}; after {min(times):.2f} to {max(times):.2f} s; {left} sockets left",
                held=outcomes.only(TIMED_OUT) and min(times) >= LIMIT_SECONDS - 0.01 and not left and run.is_clean,
            )


def sync_totals(server: Upstream, transport: str, rounds: int, outcomes: Outcomes) -> list[float]:
    with client(server.base_url, transport, timeout=LIMIT_SECONDS) as caller:
        works: list[Callable[[], str]] = [
            lambda: outcome_of(whole, caller, delay=30),
            lambda: outcome_of(stream, caller, chunks=1000, gap=0.05),
            lambda: outcome_of(stream, caller, delay=30),
        ]
        return [seconds_of(work, outcomes) for _ in range(rounds) for work in works]


async def async_totals(server: Upstream, transport: str, rounds: int, outcomes: Outcomes) -> list[float]:
    async def timed(call: Any) -> float:
        began = time.perf_counter()
        outcomes[await aoutcome_of(call)] += 1
        return time.perf_counter() - began

    async with async_client(server.base_url, transport, timeout=LIMIT_SECONDS) as caller:
        calls = [
            timed(call)
            for _ in range(rounds)
            for call in (awhole(caller, delay=30), astream(caller, chunks=1000, gap=0.05), astream(caller, delay=30))
        ]
        return list(await asyncio.gather(*calls))


def retry_after(_: float) -> Iterator[Row]:
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport, timeout=30.0) as caller:
            found = {value: outcome_of(whole, caller, errors=1, retry_after=value) for value in RETRY_AFTER}
        wrong = {value: end for value, end in found.items() if end != RETRY_AFTER[value]}
        yield Row(
            f"a 503 with a sensible, an odd or an absurd `Retry-After`, {transport}",
            f"{len(found)} values",
            f"{list(found.values()).count('ok')} retried, {len(found) - list(found.values()).count('ok')} refused with "
            f"the upstream's error; not as promised: {', '.join(f'{k}: {v}' for k, v in wrong.items()) or 'none'}",
            held=not wrong,
        )


def waits_beyond_the_deadline(_: float) -> Iterator[Row]:
    for transport in TRANSPORTS:
        with upstream() as server, client(server.base_url, transport, timeout=1.0) as caller:
            outcomes = Outcomes()
            seconds = seconds_of(lambda: outcome_of(whole, caller, errors=1, retry_after="3"), outcomes)
            tries = server.counts()["requests"]
        yield Row(
            f"`Retry-After: 3` with `timeout=1.0`, {transport}",
            "1 call",
            f"{outcomes.shown()} after {seconds:.2f} s, {tries} request",
            held=outcomes.only("failed: ServiceUnavailableError") and tries == 1,
        )


def slow_names(scale: float) -> Iterator[Row]:
    """The resolver of the machine answers after three seconds; the look-up itself cannot be stopped.

    A synchronous call over httpx waits for it: docs/reliability.md, "What we cannot keep".
    """
    real, answered = socket.getaddrinfo, threading.Event()

    def slow(host: Any, *arguments: Any, **named: Any) -> Any:
        if host in ("slow.invalid", b"slow.invalid") and not named.get("flags", 0) & socket.AI_NUMERICHOST:
            answered.wait(3.0)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **named)

    count = scaled(40, scale, 2)
    socket.getaddrinfo = slow
    try:
        for transport in TRANSPORTS:
            run, outcomes = LoopRun("asyncio"), Outcomes()

            async def calls(transport: str = transport, outcomes: Outcomes = outcomes) -> None:
                base_url = "http://slow.invalid/v1"
                async with async_client(base_url, transport, timeout=LIMIT_SECONDS) as caller:
                    outcomes.update(await asyncio.gather(*(aoutcome_of(awhole(caller)) for _ in range(count))))

            kinds = "async"
            if transport == "http1":
                kinds = "sync and async"
                with client("http://slow.invalid/v1", transport, timeout=LIMIT_SECONDS) as caller:
                    outcomes[outcome_of(whole, caller)] += 1
            run.run(calls())
            yield Row(
                f"a name that takes 3 s to look up, `timeout={LIMIT_SECONDS}`, {kinds}, {transport}",
                f"{outcomes.total()} calls",
                f"{outcomes.shown()}; {run.shown()}",
                held=outcomes.only(TIMED_OUT) and run.is_clean,
            )
    finally:
        answered.set()
        socket.getaddrinfo = real


if __name__ == "__main__":
    program(totals, retry_after, waits_beyond_the_deadline, slow_names)
