"""Mixed traffic through the gateway, and more of it than it may take: figures stay flat, and counters are right."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

from calls import new_token
from gateways import Gateway, Line, chat, gateway, outcome_of, upload
from loopback import until, upstream
from measuring import Outcomes, Row, descriptors, program, resident_mb, scaled

AT_ONCE = 40
ENTRY = "  - {{model_name: m{number}, params: {{model: openai/gpt-4o, api_key: sk-x{number}-0123456789}}}}\n"
KINDS = 6


async def traffic(port: int, count: int, outcomes: Outcomes) -> None:
    left = iter(range(count))

    async def one_client() -> None:
        line = Line(port)
        for number in left:
            outcomes[await one_request(line, number % KINDS)] += 1
        line.close()

    await asyncio.gather(*(one_client() for _ in range(AT_ONCE)))


async def one_request(line: Line, kind: int) -> str:
    token = new_token()
    if kind in (4, 5):  # the client disconnects: before the answer, or in a stream
        await line.send(chat(token, stream=kind == 5, chunks=50, gap=0.01, delay=0.02))
        await asyncio.sleep(0.005 if kind == 4 else 0.04)
        line.abort()
        return "aborted"
    if kind == 3:
        found = await outcome_of(line, chat(token, errors=1), token)
        return "503 of the upstream" if found == "503" else f"unexpected {found}"
    request = (chat(token), chat(token, stream=True, chunks=10), upload(token))[kind]
    return await outcome_of(line, request, token)


def mixed(scale: float) -> Iterator[Row]:
    count = scaled(15_000, scale, 120)
    for workers in (1, 2):
        with upstream() as server, gateway(server, workers=workers) as running:
            outcomes, memory = Outcomes(), []
            warm = Outcomes()
            asyncio.run(traffic(running.port, max(60, count // 10), warm))  # what is made once is there
            idle(running)
            until(lambda warm=warm: len(running.log_lines()) >= warm.total(), 5)
            before, lines = sum(map(descriptors, running.processes())), len(running.log_lines())
            began = time.perf_counter()
            for _ in range(3):
                asyncio.run(traffic(running.port, count // 3, outcomes))
                idle(running)
                memory.append(sum(map(resident_mb, running.processes())))
            seconds, total = time.perf_counter() - began, outcomes.total()
            after = sum(map(descriptors, running.processes()))
            until(lambda lines=lines, total=total: len(running.log_lines()) >= lines + total, 10)
            logged = {json.loads(line)["request_id"] for line in running.log_lines()[lines:]}
            duplicates = server.counts()["duplicates"]
            status, _ = running.end()
            left = server.closed()
            expected = {"ok", "aborted", "503 of the upstream"}
            yield Row(
                f"gateway, {workers} worker{'s' if workers > 1 else ''}: whole, streams, uploads, errors, aborts",
                f"{total:,} requests, {AT_ONCE} clients",
                f"{outcomes.shown()}; {total / seconds:,.0f} a second; resident {memory[0]:.0f} → {memory[-1]:.0f} MB; "
                f"descriptors {before} → {after}; {len(logged):,} log lines; {duplicates} sent twice; "
                f"{left} sockets left",
                held=outcomes.only(*expected)
                and memory[-1] - memory[0] < 8 * workers
                and after <= before + AT_ONCE  # kept connections to the upstream
                and total - outcomes["aborted"] <= len(logged) <= total  # some may be gone before they are read
                and not (duplicates or left or status or running.tracebacks()),
            )


def idle(running: Gateway) -> None:
    if not until(lambda: running.metric("llmgate_requests_in_flight") == 1):  # the one that asks
        raise RuntimeError("requests are in flight although no client is left")


async def crowd(port: int, count: int, delay: float, outcomes: Outcomes) -> None:
    async def one() -> None:
        line, token = Line(port), new_token()
        outcomes[await outcome_of(line, chat(token, delay=delay), token)] += 1
        line.close()

    await asyncio.gather(*(one() for _ in range(count)))


def overload(scale: float) -> Iterator[Row]:
    most = scaled(300, scale, 10)
    count = most * 3
    with upstream() as server, gateway(server, general=f"limits: {{max_in_flight: {most}}}") as running:
        first, second = Outcomes(), Outcomes()
        asyncio.run(crowd(running.port, count, 3.0, first))
        asyncio.run(crowd(running.port, most, 0.1, second))
        yield Row(
            f"`max_in_flight: {most}`, an upstream of 3 s, then a second wave within the limit",
            f"{count:,} and {most} at once",
            f"{first.shown()}; then {second.shown()}",
            held=first == {"ok": most, "503": count - most} and second == {"ok": most} and not running.tracebacks(),
        )


def wide(scale: float) -> Iterator[Row]:
    """More requests at once than one client keeps connections to one upstream."""
    count = scaled(1200, scale, 30)
    with upstream() as server, gateway(server, general="limits: {max_in_flight: 1500}") as running:
        outcomes = Outcomes()
        asyncio.run(crowd(running.port, count, 1.0, outcomes))
        memory = resident_mb(running.pid)
        yield Row(
            "`max_in_flight: 1500`, an upstream of 1 s",
            f"{count:,} at once",
            f"{outcomes.shown()}; {server.counts()['peak']:,} at a time at the upstream; resident {memory:.0f} MB",
            held=outcomes.only("ok") and not running.tracebacks(),
        )


def deployments(scale: float) -> Iterator[Row]:
    """A config of many models: it starts, lists them all, and serves."""
    for full in (100, 1000):
        count = scaled(full, scale, 2)
        more = "".join(ENTRY.format(number=number) for number in range(count))
        began = time.perf_counter()
        with upstream() as server, gateway(server, more=more) as running:
            seconds, outcomes = time.perf_counter() - began, Outcomes()
            listed = len(json.loads(running.get("/v1/models"))["data"])
            asyncio.run(crowd(running.port, 10, 0.0, outcomes))
            yield Row(
                "a config of many deployments",
                f"{count:,} more than usual",
                f"{listed:,} models listed, {outcomes.shown()}; start in {seconds:.1f} s, the upstream's included; "
                f"resident {resident_mb(running.pid):.0f} MB",
                held=listed == count + 2 and outcomes == {"ok": 10},
            )


if __name__ == "__main__":
    program(mixed, overload, wide, deployments)
