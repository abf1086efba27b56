"""SIGTERM at any moment, also while it starts or replaces a worker: the exit status is 0, and streams are drained."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from calls import new_token
from gateways import Gateway, Line, chat, gateway, read_body, read_head, start, write_config
from loopback import until, upstream
from measuring import Outcomes, Row, children, program, scaled

DRAIN_SECONDS = 3
UNUSED = "http://127.0.0.1:9/v1"


async def drained_stream(port: int, chunks: int, outcomes: Outcomes) -> None:
    line, token = Line(port), new_token()
    reader = await line.send(chat(token, stream=True, chunks=chunks, gap=0.1))
    status, headers = await read_head(reader)
    try:
        body = await asyncio.wait_for(read_body(reader, headers), 60)
    except (OSError, asyncio.IncompleteReadError):
        outcomes["cut off"] += 1
    else:
        whole = status == 200 and body.count(f'"{token}:'.encode()) == chunks
        ended = body.endswith(b"data: [DONE]\n\n")
        with_error = ended and b'"error"' in body
        outcomes["whole" if whole and ended else "ended with an error event" if with_error else "cut off"] += 1
    line.close()


async def streams_and_stop(running: Gateway, short: int, long: int, outcomes: Outcomes) -> None:
    streams = [asyncio.ensure_future(drained_stream(running.port, 15, outcomes)) for _ in range(short)]
    streams += [asyncio.ensure_future(drained_stream(running.port, 600, outcomes)) for _ in range(long)]
    await asyncio.sleep(0.7)
    running.signal(signal.SIGTERM)
    await asyncio.gather(*streams)


def under_load(scale: float) -> Iterator[Row]:
    count = scaled(20, scale, 2)
    for workers in (1, 2):
        general = f"drain_timeout: {DRAIN_SECONDS}"
        with upstream() as server, gateway(server, workers=workers, general=general) as running:
            outcomes = Outcomes()
            began = time.perf_counter()
            asyncio.run(streams_and_stop(running, count, count, outcomes))
            status, seconds = running.wait(), time.perf_counter() - began - 0.7
            left = server.closed()
            yield Row(
                f"SIGTERM under streams of 1.5 and 60 s, `drain_timeout: {DRAIN_SECONDS}`, {workers} "
                f"worker{'s' if workers > 1 else ''}",
                f"{count} and {count} streams",
                f"{outcomes.shown()}; {seconds:.1f} s, status {status}; {left} sockets left",
                held=outcomes == {"whole": count, "ended with an error event": count}
                and status == 0
                and not (left or running.tracebacks()),
            )


def at_a_start(scale: float) -> Iterator[Row]:
    """The moments are spread over the start, from the first handler to the ready workers."""
    count = scaled(24, scale, 2)
    ends, slowest = Outcomes(), 0.0
    with tempfile.TemporaryDirectory() as name:
        write_config(Path(name), UNUSED, "drain_timeout: 600")
        for number in range(count):
            running = start(Path(name), workers=1 + number % 3)
            until(lambda running=running: catches(running.pid, signal.SIGTERM))
            time.sleep(number / count * 0.8)
            end = stopped(running)
            ends[f"status {end[0]}" if not running.tracebacks() else "traceback"] += 1
            slowest = max(slowest, end[1])
    yield Row(
        "SIGTERM at a moment of the start, 1 to 3 workers, `drain_timeout: 600`",
        f"{count} starts",
        f"{ends.shown()}; the slowest end took {slowest:.1f} s",
        held=ends.only("status 0"),
    )


def stopped(running: Gateway) -> tuple[int | str, float]:
    """Stop a gateway; one that hangs is killed with its workers."""
    status, seconds = running.end()
    if status == "hang":
        for pid in [*children(running.pid), running.pid]:
            os.kill(pid, signal.SIGKILL)
        running.process.wait()
    return status, seconds


def catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal, or has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return True
    caught = next((line for line in lines if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def beside_a_replacement(scale: float) -> Iterator[Row]:
    """A worker is killed, and the stop comes as soon as its successor exists."""
    count = scaled(24, scale, 2)
    ends, slowest = Outcomes(), 0.0
    with upstream() as server:
        for _ in range(count):
            with gateway(server, workers=4, general="drain_timeout: 600") as running:
                workers = running.processes()
                os.kill(random.choice(workers), signal.SIGKILL)
                until(lambda: bool(set(children(running.pid)) - set(workers)))  # noqa: B023  awaited here
                status, seconds = stopped(running)
                ends[f"status {status}" if not running.tracebacks() else "traceback"] += 1
                slowest = max(slowest, seconds)
    yield Row(
        "SIGTERM while a killed worker is replaced, 4 workers, idle, `drain_timeout: 600`",
        f"{count} times",
        f"{ends.shown()}; the slowest end took {slowest:.1f} s",
        held=ends.only("status 0"),
    )


if __name__ == "__main__":
    program(under_load, at_a_start, beside_a_replacement)
