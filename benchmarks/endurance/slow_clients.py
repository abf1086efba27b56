"""Clients that pipeline, drip, stop half-way or never read: each gets what it may have, and holds nothing for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from calls import new_token
from gateways import HOST, Line, chat, gateway, is_answer, outcome_of, read_body, read_head
from loopback import until, upstream
from measuring import Outcomes, Row, program, resident_mb, scaled

LIMITS = "timeouts: {head: 2, body: 2, write: 2}"
ANSWER_BYTES = 20_000_000
PIPELINED = 6


async def pipelined(port: int, count: int) -> int:
    """Send requests without waiting for answers; return how many of these came, in the order of the requests."""
    reader, writer = await asyncio.open_connection(HOST, port)
    tokens = [new_token() for _ in range(count)]
    writer.write(b"".join(chat(token, delay=0.01) for token in tokens))
    answered = 0
    try:
        for token in tokens:
            _, headers = await asyncio.wait_for(read_head(reader), 60)
            if not is_answer(await read_body(reader, headers), token):
                return -1
            answered += 1
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()
    return answered


def pipelines(_: float) -> Iterator[Row]:
    with upstream() as server, gateway(server) as running:
        few, many = asyncio.run(pipelined(running.port, PIPELINED)), asyncio.run(pipelined(running.port, 200))
        yield Row(
            "requests sent without waiting for answers",
            f"{PIPELINED} and 200 on a connection",
            f"{few} and {many} answered, in their order",
            held=few == PIPELINED and many >= PIPELINED and not running.tracebacks(),
        )


async def dripped(port: int, outcomes: Outcomes) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    token = new_token()
    request = chat(token)
    for start in range(0, len(request), 3):
        writer.write(request[start : start + 3])
        await asyncio.sleep(0.01)
    status, headers = await read_head(reader)
    outcomes["ok" if status == 200 and is_answer(await read_body(reader, headers), token) else str(status)] += 1
    writer.close()


def drips(scale: float) -> Iterator[Row]:
    count = scaled(20, scale, 2)
    with upstream() as server, gateway(server) as running:
        outcomes = Outcomes()

        async def all_at_once() -> None:
            await asyncio.gather(*(dripped(running.port, outcomes) for _ in range(count)))

        asyncio.run(all_at_once())
        yield Row(
            "3 bytes of a request each 10 ms", f"{count} clients", outcomes.shown(), held=outcomes == {"ok": count}
        )


def half_requests(scale: float) -> Iterator[Row]:
    """Half of a head, and half of a body: both are ended by their clocks, and others are served meanwhile."""
    count = scaled(300, scale, 20)

    async def hold(port: int, outcomes: Outcomes) -> None:
        request = chat(new_token())
        pairs = [await asyncio.open_connection(HOST, port) for _ in range(count)]
        for number, (_, writer) in enumerate(pairs):
            writer.write(request[:60] if number % 2 else request[:-20])
        token = new_token()
        line = Line(port)
        outcomes[await outcome_of(line, chat(token), token)] += 1
        line.close()
        ends = (asyncio.wait_for(reader.read(), 60) for reader, _ in pairs)
        for end in await asyncio.gather(*ends, return_exceptions=True):
            outcomes["hang" if isinstance(end, asyncio.TimeoutError) else "ended by the gateway"] += 1
        for _, writer in pairs:
            writer.close()

    with upstream() as server, gateway(server, general=LIMITS) as running:
        outcomes, before = Outcomes(), resident_mb(running.pid)
        asyncio.run(hold(running.port, outcomes))
        after = resident_mb(running.pid)
        yield Row(
            "half a head or half a body, and a whole request meanwhile",
            f"{count} and 1 clients",
            f"{outcomes.shown()}; resident {before:.0f} → {after:.0f} MB",
            held=outcomes == {"ok": 1, "ended by the gateway": count} and not running.tracebacks(),
        )


def never_read(scale: float) -> Iterator[Row]:
    """Answers of 20 MB that are never read: the connection ends after `timeouts.write`, and the upstream's with it."""
    count = scaled(20, scale, 2)

    async def hold(running_port: int, pid: int, outcomes: Outcomes) -> float:
        pairs = []
        for number in range(count):
            reader, writer = await asyncio.open_connection(HOST, running_port, limit=1024)
            orders = {"chunks": 20, "bytes": ANSWER_BYTES // 20} if number % 2 else {"bytes": ANSWER_BYTES}
            writer.write(chat(new_token(), stream=bool(number % 2), **orders))
            pairs.append((reader, writer))
        peak, token, line = 0.0, new_token(), Line(running_port)
        for _ in range(10):
            await asyncio.sleep(0.3)
            peak = max(peak, resident_mb(pid))
        outcomes[await outcome_of(line, chat(token), token)] += 1
        line.close()
        for _, writer in pairs:
            writer.transport.abort()
        return peak

    with upstream() as server, gateway(server, general=LIMITS) as running:
        outcomes, before = Outcomes(), resident_mb(running.pid)
        peak = asyncio.run(hold(running.port, running.pid, outcomes))
        idle = until(lambda: server.counts()["active"] == 0, 20)
        still = server.counts()["active"]
        status, _ = running.end()
        yield Row(
            "clients that never read their answer of 20 MB, whole or streamed, and one that does",
            f"{count} and 1 clients",
            f"{outcomes.shown()}; resident {before:.0f} → {peak:.0f} MB at most; {still} still sent by the upstream",
            held=outcomes == {"ok": 1} and idle and status == 0 and not running.tracebacks(),
        )


async def half_closed(port: int, outcomes: Outcomes, *, stream: bool) -> None:
    """Send a request and end the own direction: the answer comes all the same, as docs/gateway/run.md says."""
    reader, writer = await asyncio.open_connection(HOST, port)
    token = new_token()
    writer.write(chat(token, stream=stream, delay=0.05))
    writer.write_eof()
    try:
        answer = await asyncio.wait_for(reader.read(), 60)
    except OSError:
        answer = b""
    whole = f'"{token}:'.encode() in answer
    outcomes["answered" if whole else "closed without an answer" if not answer else "part of an answer"] += 1
    writer.close()


def half_closes(scale: float) -> Iterator[Row]:
    count = scaled(20, scale, 2)

    async def all_at_once(port: int, outcomes: Outcomes) -> None:
        await asyncio.gather(*(half_closed(port, outcomes, stream=number % 2 == 0) for number in range(count)))

    with upstream() as server, gateway(server) as running:
        outcomes, after, token = Outcomes(), Outcomes(), new_token()
        asyncio.run(all_at_once(running.port, outcomes))
        asyncio.run(one_more(running.port, token, after))
        yield Row(
            "a request, then the client's end of the connection",
            f"{count} clients",
            f"{outcomes.shown()}; then {after.shown()}",
            held=outcomes == {"answered": count} and after.only("ok") and not running.tracebacks(),
        )


async def one_more(port: int, token: str, outcomes: Outcomes) -> None:
    line = Line(port)
    outcomes[await outcome_of(line, chat(token), token)] += 1
    line.close()


if __name__ == "__main__":
    program(pipelines, drips, half_requests, never_read, half_closes)
