"""Measure the cost of the gateway: CPU time of its process beside nginx and a plain httpx program, start and memory.

Gateway and nginx take turns in front of the same upstream, and so does the plain program, which asks the upstream
directly; each round gives one ratio, and the median counts. Where nginx is missing, there are microseconds only. Of
the content, only the length is checked. benchmarks/README.md says what is compared.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import NamedTuple

from plain import Plain
from rows import Row, show
from servers import cost, cpu_seconds, gateway, nginx, request_of, resident_mb, upstream
from turns import clean_environment

ROUNDS = 7
STARTS = 5
FIRST_ANSWER, IDLE = "first answer of the gateway", "gateway, idle"


class Kind(NamedTuple):
    """What is sent: its name, the model, how often over each of how many connections, and the budget beside nginx.

    `calls` are those of the plain program in a round; 0: it is not measured.
    """

    name: str
    model: str
    stream: bool
    count: int
    at_once: int
    budget: float | None
    calls: int = 0


KINDS = (
    Kind("gateway request", "plain", False, 250, 8, 5.0, calls=500),
    Kind("gateway stream, 2 ms apart", "paced", True, 1, 16, 1.25),
    Kind("gateway stream, one by one", "apart", True, 10, 8, None),
    Kind("gateway stream, in one write", "plain", True, 25, 8, None, calls=50),
)
"""200 chunks each. A model sends them apart, so that is the one with the budget."""

Side = Callable[[], float]
"""Does a round, and returns CPU microseconds for each request."""


def sides(kind: Kind, servers: dict[str, tuple[int, int]], origin: str) -> dict[str, Side]:
    # nginx passes a path on as it is; the gateway finds the upstream's path by the model's name
    prefix = b"/v1/" if kind.model == "plain" else b"/%b/v1/" % kind.model.encode()
    sent = request_of(kind.model, stream=kind.stream)
    requests = {"gateway": sent, "nginx": sent.replace(b"/v1/", prefix, 1)}
    rounds: dict[str, Side] = {
        name: partial(cost, pid, port, requests[name], kind.count, kind.at_once)
        for name, (pid, port) in servers.items()
    }
    if kind.calls:
        plain = Plain(f"{origin}/v1")
        rounds["httpx"] = partial(cost_here, plain.stream if kind.stream else plain.call, kind.calls)
    return rounds


def cost_here(call: Callable[[], object], count: int) -> float:
    before = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - before) / count * 1e6


def measure(kind: Kind, servers: dict[str, tuple[int, int]], origin: str) -> Iterator[Row]:
    """Run the sides in turns, and yield the gateway's microseconds and its ratio to each other side."""
    todo = sides(kind, servers, origin)
    for run in todo.values():
        run()
    names, rounds = list(todo), []
    for turn in range(ROUNDS):
        order = names[turn % len(names) :] + names[: turn % len(names)]  # the first side changes
        rounds.append({name: todo[name]() for name in order})
    yield Row(kind.name, "", median(times["gateway"] for times in rounds), None, "us")
    for name in names[1:]:
        ratio = median(times["gateway"] / times[name] for times in rounds)
        budget = kind.budget if name == "nginx" else None
        yield Row(kind.name, name, ratio, budget, "x", median(times[name] for times in rounds))


def measure_starts(origin: str) -> Iterator[Row]:
    """Yield the seconds from the start of the process to its first answer, their CPU time, and its memory after it."""
    seconds, cpu, memory = [], [], []
    for _ in range(STARTS):
        with gateway(origin) as (pid, _, took):
            cpu.append(cpu_seconds(pid))
            seconds.append(took)
            memory.append(resident_mb(pid))
    yield Row(FIRST_ANSWER, "", min(seconds), 0.25, "s")
    yield Row(f"{FIRST_ANSWER}, CPU", "", median(cpu), None, "s")
    yield Row(IDLE, "", median(memory), 45.0, "MB")


@contextmanager
def running(origin: str) -> Iterator[dict[str, tuple[int, int]]]:
    """Run the gateway, and nginx where there is one; yield the process id and port of each."""
    with gateway(origin) as (pid, port, _):
        if not shutil.which("nginx"):
            print("nginx is not installed: no ratio to it", file=sys.stderr)
            yield {"gateway": (pid, port)}
            return
        with nginx(origin) as yardstick:
            yield {"gateway": (pid, port), "nginx": yardstick}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    options = parser.parse_args()
    clean_environment()
    rows = []

    def add(found: Iterator[Row]) -> None:
        for row in found:
            rows.append(row)
            show(row, as_json=options.json)

    with upstream() as origin:
        if options.only in FIRST_ANSWER or options.only in IDLE:
            add(measure_starts(origin))
        if kinds := [kind for kind in KINDS if options.only in kind.name]:
            with running(origin) as servers:
                for kind in kinds:
                    add(measure(kind, servers, origin))
    return int(options.check and not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
