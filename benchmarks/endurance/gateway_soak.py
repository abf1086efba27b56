"""100,000 requests and 20,000 streams through a gateway, half of these left early: what it holds stays the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from calls import new_token
from gateways import Gateway, Line, chat, gateway, outcome_of, read_head
from held import AT_ONCE, Held, Load, held_by, soak_row
from loopback import Upstream, until, upstream
from measuring import Outcomes, Row, program


async def send(port: int, count: int, outcomes: Outcomes, *, streams: bool) -> None:
    left = iter(range(count))

    async def one_client() -> None:
        line = Line(port)
        for number in left:
            token = new_token()
            if streams and number % 2:
                outcomes[await left_in_a_stream(line, token)] += 1
            else:
                outcomes[await outcome_of(line, chat(token, stream=streams, chunks=10), token)] += 1
        line.close()

    await asyncio.gather(*(one_client() for _ in range(AT_ONCE)))


async def left_in_a_stream(line: Line, token: str) -> str:
    """Read the first event of a stream, and drop the connection."""
    reader = await line.send(chat(token, stream=True, chunks=50, gap=0.01))
    status, _ = await read_head(reader)
    await reader.readuntil(b"\n\n")
    line.abort()
    return "left early" if status == 200 else str(status)


def idle(running: Gateway, server: Upstream) -> Held:
    """Return what the gateway holds now that no client is left."""
    if not until(lambda: running.metric("llmgate_requests_in_flight") == 1):  # the one that asks
        raise RuntimeError("requests are in flight although no client is left")
    tasks = min(running.tasks() for _ in range(5))  # the task of the request above may not have ended
    return held_by(server, tasks, running.pid)


def gateway_soak(scale: float) -> Iterator[Row]:
    load, outcomes, held = Load.at(scale), Outcomes(), []
    with upstream() as server, gateway(server, census=True) as running:
        for count, streams in ((load.warm, False), (load.calls - load.warm, False), (load.streams, True)):
            asyncio.run(send(running.port, count, outcomes, streams=streams))
            held.append(idle(running, server))
        duplicates = server.counts()["duplicates"]
        status, _ = running.end()
        clean = not (duplicates or status or running.tracebacks() or server.closed())
    yield soak_row(f"gateway, 1 worker, {AT_ONCE} clients", load, outcomes, held, clean=clean)


if __name__ == "__main__":
    program(gateway_soak)
