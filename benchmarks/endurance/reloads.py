"""SIGHUP again and again under load: no request fails, and memory stays flat."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator

from gateways import Gateway, clients, gateway
from loopback import upstream
from measuring import Outcomes, Row, program, resident_mb, scaled

SECONDS_BETWEEN = 0.2
AT_ONCE = 20
MODELS = 200
PATIENCE_SECONDS = 30.0
ENTRY = "  - {{model_name: m{number}, params: {{model: openai/gpt-4o, api_key: sk-x{number}-0123456789}}}}\n"


def reloads(scale: float) -> Iterator[Row]:
    count = scaled(4000, scale, 100)
    more = "".join(ENTRY.format(number=number) for number in range(MODELS))
    for workers in (1, 2):
        with upstream() as server, gateway(server, workers=workers, more=more) as running:
            outcomes, sent, stopped = Outcomes(), [], threading.Event()
            memory: list[float] = []

            def hang_up(running=running, sent=sent, stopped=stopped, memory=memory) -> None:
                while True:
                    running.signal(signal.SIGHUP)
                    sent.append(1)
                    memory.append(sum(map(resident_mb, running.processes())))
                    if stopped.wait(SECONDS_BETWEEN):
                        return

            thread = threading.Thread(target=hang_up)
            thread.start()
            asyncio.run(clients(running.port, count, AT_ONCE, outcomes, pause=0.02))
            taken = _reloads_of(running, workers)
            stopped.set()
            thread.join()
            status, _ = running.end()
            left = server.closed()
            middle = memory[len(memory) // 2]
            yield Row(
                f"SIGHUP every {SECONDS_BETWEEN} s under load, {MODELS + 2} models, {workers} "
                f"worker{'s' if workers > 1 else ''}",
                f"{count:,} requests, {len(sent)} signals",
                f"{outcomes.shown()}; {taken:.0f} reloads; "
                f"resident {memory[0]:.0f} → {middle:.0f} → {memory[-1]:.0f} MB; status {status}; {left} sockets left",
                held=outcomes.only("ok")
                and taken >= workers
                and memory[-1] - middle < 8 * workers
                and status == 0
                and not (left or running.tracebacks()),
            )


def _reloads_of(running: Gateway, workers: int) -> float:
    """Return how many reloads there were; a short load may end before the first of each worker."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (taken := running.metric("llmgate_config_reloads_total")) < workers and time.monotonic() < until:
        time.sleep(0.05)
    return taken


if __name__ == "__main__":
    program(reloads)
