"""Clients of one key that leave at random moments: each slot of the key becomes free again, and no more are taken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from calls import new_token
from gateways import Gateway, Line, chat, gateway, is_alive, outcome_of
from loopback import until, upstream
from measuring import Outcomes, Row, program, scaled

ABORTS, AT_ONCE, LIMIT = 10_000, 24, 4
KEY, OTHER = "sk-limited-0123456789", "sk-free-0123456789"
GENERAL = (
    f"keys: [{{name: limited, key: {KEY}, limits: {{max_in_flight: {LIMIT}}}}}, "
    f"{{name: free, key: {OTHER}, metrics: true}}]"
)


async def leave(line: Line) -> str:
    """Send all or a part of a request, and drop the connection before, in or after the answer."""
    request = chat(new_token(), stream=random.random() < 0.5, key=KEY, delay=0.005, chunks=20, gap=0.002)
    whole = random.random() < 0.8
    await line.send(request if whole else request[: random.randrange(1, len(request))])
    await asyncio.sleep(random.random() * 0.05)
    line.abort()
    return "left" if whole else "left in the request"


async def leave_all(port: int, count: int, outcomes: Outcomes) -> None:
    left = iter(range(count))

    async def one_client() -> None:
        for _ in left:
            outcomes[await leave(Line(port))] += 1
            await is_alive(port)  # else clients that leave at once are faster than any server, and fill its backlog

    await asyncio.gather(*(one_client() for _ in range(AT_ONCE)))


async def ask_at_once(port: int, count: int, outcomes: Outcomes) -> None:
    async def one() -> None:
        line, token = Line(port), new_token()
        outcomes[await outcome_of(line, chat(token, key=KEY, delay=1.0), token)] += 1
        line.close()

    await asyncio.gather(*(one() for _ in range(count)))


async def ask_often(port: int, count: int, outcomes: Outcomes) -> None:
    """Clients that never leave, more than the key may have."""
    left = iter(range(count))

    async def one_client() -> None:
        line = Line(port)
        for _ in left:
            token = new_token()
            outcomes[await outcome_of(line, chat(token, key=KEY, delay=0.002), token)] += 1
        line.close()

    await asyncio.gather(*(one_client() for _ in range(AT_ONCE)))


def is_idle(running: Gateway) -> bool:
    return running.metric("llmgate_requests_in_flight") == 1  # the one that asks


def key_limits(scale: float) -> Iterator[Row]:
    count = scaled(ABORTS, scale, 200)
    with upstream() as server, gateway(server, general=GENERAL, key=OTHER) as running:
        aborted, at_once, often = Outcomes(), Outcomes(), Outcomes()
        asyncio.run(leave_all(running.port, count, aborted))
        idle = until(lambda: is_idle(running), 20)
        until(lambda: server.counts()["active"] == 0, 10)
        asyncio.run(ask_at_once(running.port, LIMIT * 3, at_once))
        server.reset()
        asyncio.run(ask_often(running.port, count, often))
        peak = server.counts()["peak"]
        status, _ = running.end()
        yield Row(
            f"a key with `max_in_flight: {LIMIT}`: clients that leave at random moments, then {LIMIT * 3} at once, "
            f"then {AT_ONCE} that stay",
            f"{count:,}, {LIMIT * 3} and {count:,} requests",
            f"{aborted.shown()}; {LIMIT - at_once['ok']} slots lost: {at_once.shown()}; then {often.shown()}, "
            f"{peak} at a time at the upstream",
            held=aborted.total() == count
            and idle
            and at_once == {"ok": LIMIT, "429": LIMIT * 2}
            and often.only("ok", "429")
            and peak <= LIMIT
            and not (status or running.tracebacks()),
        )


if __name__ == "__main__":
    program(key_limits)
