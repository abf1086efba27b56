"""`kill -9` of a worker under load: only its own requests break, and the counters stay right."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections.abc import Iterator
from http.client import HTTPException

from gateways import Gateway, clients, gateway
from loopback import until, upstream
from measuring import Outcomes, Row, children, program, scaled

AT_ONCE, WORKERS = 40, 2
SECONDS_BETWEEN = 1.5


def worker_deaths(scale: float) -> Iterator[Row]:
    count = scaled(6000, scale, 800)
    with upstream() as server, gateway(server, workers=WORKERS) as running:
        outcomes, killed, stopped = Outcomes(), [], threading.Event()

        def kill() -> None:
            while not stopped.wait(SECONDS_BETWEEN * min(1.0, scale * 3)):
                replaced = starts(running) == WORKERS + len(killed)
                workers = children(running.pid)  # after the question: a list from before it may name the last victim
                if replaced and len(workers) == WORKERS:
                    killed.append(random.choice(workers))
                    os.kill(killed[-1], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        asyncio.run(clients(running.port, count, AT_ONCE, outcomes, pause=0.03))
        stopped.set()
        thread.join()
        again = until(lambda: starts(running) == WORKERS + len(killed))
        until(lambda: running.metric("llmgate_requests_in_flight") == 1, 10)  # the one that asks
        in_flight = running.metric("llmgate_requests_in_flight") - 1
        begun, counted = starts(running), running.metric("llmgate_requests_total")
        status, _ = running.end()
        duplicates, left = server.counts()["duplicates"], server.closed()
        yield Row(
            f"`kill -9` of one of {WORKERS} workers, again and again under load",
            f"{count:,} requests, {AT_ONCE} clients, {len(killed)} kills",
            f"{outcomes.shown()}; {begun:.0f} starts; {counted:,.0f} requests counted, {in_flight:.0f} in flight; "
            f"{duplicates} sent twice; status {status}; {left} sockets left",
            held=outcomes.only("ok", "broken")
            and outcomes["broken"] <= AT_ONCE * max(1, len(killed))
            and again
            and bool(killed)
            and counted >= outcomes["ok"]
            and in_flight == 0
            and status == 0
            and not (duplicates or left or running.tracebacks()),
        )


def starts(running: Gateway) -> float:
    """Return how many workers were started; 0 if the one that was asked is being killed."""
    try:
        return running.metric("llmgate_worker_starts_total")
    except (OSError, HTTPException):
        return 0


if __name__ == "__main__":
    program(worker_deaths)
