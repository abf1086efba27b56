"""Five times as many clients as a gateway takes: the rest is refused, what is taken is served, and it stays alive."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

from calls import new_token
from gateways import Line, chat, gateway, is_alive, is_answer, read_body, read_head
from loopback import upstream
from measuring import Outcomes, Row, program

AT_ONCE, TIMES = 10, 5
ANSWER_SECONDS = 0.5  # so that the limit is what is short, not the CPU of a busy machine
SECONDS, TURNS = 60.0, 4
GOODPUT = 0.9
JUDGED_SECONDS = 20.0  # in a shorter run the starts of the clients weigh too much
REFUSALS = (429, 503)


async def client(port: int, ends: float, outcomes: Outcomes) -> None:
    """Ask again and again; after a refusal, wait for about as long as an answer takes, whatever `Retry-After` says."""
    line = Line(port)
    while time.monotonic() < ends:
        token = new_token()
        reader = await line.send(chat(token, delay=ANSWER_SECONDS))
        status, headers = await read_head(reader)
        body = await read_body(reader, headers)
        if status in REFUSALS:
            outcomes["refused" if "retry-after" in headers else "refused without Retry-After"] += 1
            await asyncio.sleep(random.random() * 2 * ANSWER_SECONDS)
        else:
            outcomes["ok" if status == 200 and is_answer(body, token) else f"unexpected {status}"] += 1
    line.close()


async def watch(port: int, ends: float, outcomes: Outcomes, waits: list[float]) -> None:
    """Ask whether the process is alive, each time over a new connection."""
    while time.monotonic() < ends:
        began = time.perf_counter()
        outcomes["alive" if await is_alive(port) else "not alive"] += 1
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.2)


async def crowd(port: int, count: int, seconds: float, outcomes: Outcomes, waits: list[float]) -> float:
    """Return how many answers a second arrived."""
    began, answered = time.monotonic(), outcomes["ok"]
    clients = (client(port, began + seconds, outcomes) for _ in range(count))
    await asyncio.gather(watch(port, began + seconds, outcomes, waits), *clients)
    return (outcomes["ok"] - answered) / (time.monotonic() - began)


def overload(scale: float) -> Iterator[Row]:
    seconds = max(2.0, SECONDS * scale)
    general = f"limits: {{max_in_flight: {AT_ONCE}}}"
    with upstream() as server, gateway(server, general=general) as running:
        within, beyond, waits, rates = Outcomes(), Outcomes(), list[float](), {1: 0.0, TIMES: 0.0}
        for _ in range(TURNS):  # in turns, since what else the machine does changes meanwhile
            rates[1] += asyncio.run(crowd(running.port, AT_ONCE, seconds / TURNS, within, [])) / TURNS
            rates[TIMES] += asyncio.run(crowd(running.port, AT_ONCE * TIMES, seconds / TURNS, beyond, waits)) / TURNS
        share = rates[TIMES] / rates[1]
        # where the CPU does not suffice for what the limit allows, the limit is not what is measured
        judged = seconds >= JUDGED_SECONDS and rates[1] >= GOODPUT * AT_ONCE / ANSWER_SECONDS
        status, _ = running.end()
        duplicates = server.counts()["duplicates"]
        yield Row(
            f"`max_in_flight: {AT_ONCE}`, an upstream of {ANSWER_SECONDS} s, {TIMES} times as many impatient clients",
            f"{AT_ONCE} and {AT_ONCE * TIMES} clients in turns, {seconds:.0f} s each",
            f"{rates[1]:.0f} and {rates[TIMES]:.0f} answers a second, goodput {share:.2f}"
            f"{'' if judged else ' (too short or too busy a run to judge it)'}; {beyond.shown()}; "
            f"`/livez` after {max(waits) * 1e3:.0f} ms at most; {duplicates} sent twice",
            held=within.only("ok", "refused", "alive")
            and beyond.only("ok", "refused", "alive")
            and beyond["refused"] > 0
            and beyond["alive"] > 0
            and (share >= GOODPUT or not judged)
            and not (duplicates or status or running.tracebacks()),
        )


if __name__ == "__main__":
    program(overload)
