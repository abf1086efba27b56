"""Measure parts of a call on their own: the cost of one use, and that work grows no faster than its input.

CPU time of this process, the best of several rounds. Growth compares an input with one eight times as large: linear
work takes about 8 times as long, quadratic work 64 times.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable
from typing import Any

from llmgate_gateway.telemetry.access_log import AccessLog
from llmgate_gateway.telemetry.log_writer import LineWriter
from llmgate_gateway.telemetry.metrics import Metrics
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.json_codec import decode
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.reading.framing.sse import SSEDecoder

ROUNDS = 7
USES = 2_000
TIMES_AS_LARGE = 8
MAX_GROWTH = 3 * TIMES_AS_LARGE
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
RECORD = RequestRecord(
    "req_1",
    0.0,
    method="POST",
    path="/v1/chat/completions",
    family="chat",
    operation="create",
    requested_model="m",
    deployment="m",
    model="m",
    provider="openai",
    plugin="p",
    status=200,
    outcome="finished",
    first_byte_seconds=0.2,
    total_seconds=0.5,
    usage=USAGE,
    cost=0.1,
    upstream_request_id="req_up",
    upstream_status=200,
)


def best_seconds(action: Callable[[], Any]) -> float:
    """Return the least CPU time that `action` took in several rounds."""
    best = math.inf
    for _ in range(ROUNDS):
        started = time.process_time()
        action()
        best = min(best, time.process_time() - started)
    return best


def microseconds(action: Callable[[], Any]) -> float:
    """Return the cost of one use of `action`."""

    def uses() -> None:
        for _ in range(USES):
            action()

    return best_seconds(uses) / USES * 1e6


def fold(count: int) -> None:
    delta = {"type": "response.output_text.delta", "item_id": "msg_1", "delta": "word "}
    item = {"type": "response.output_item.added", "item": {"type": "reasoning"}}
    fold_events("responses", [event for _ in range(count) for event in (delta, item)])


def read_line_without_end(count: int) -> None:
    decoder, block = SSEDecoder(1 << 30), b"data: " + b"x" * 4_000
    for _ in range(count):
        decoder.feed(block)


def read_names(count: int) -> None:
    body = b"{" + b",".join(b'"%d":1' % number for number in range(count)) + b"}"
    with contextlib.suppress(ValueError):  # too many names
        decode(body)


def costs() -> dict[str, tuple[Callable[[], Any], float]]:
    """Return name -> action and its budget in microseconds."""
    row = Catalogue.shipped().lookup("openai", "gpt-4o")
    log, metrics = AccessLog(LineWriter(-1)), Metrics()
    return {
        "a line of the access log": (lambda: log.line(RECORD), 5.0),
        "counting a request": (lambda: metrics.observe(RECORD), 6.0),
        "the cost of a chat answer": (lambda: row.prices.cost_of(USAGE, tier="default"), 10.0),
    }


GROWTH: dict[str, tuple[Callable[[int], None], int]] = {
    "folding the events of a Responses stream": (fold, 2_000),
    "an event stream's line without an end": (read_line_without_end, 500),
    "a JSON body of many names": (read_names, 5_000),
}
"""Name -> action of a size, and the smaller size."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    arguments = parser.parse_args()
    missed = 0
    for name, (action, budget) in costs().items():
        cost = microseconds(action)
        missed += cost > budget
        print(f"{name:44}{cost:9.2f} us{budget:9.2f} us")
    for name, (grow, size) in GROWTH.items():
        growth = best_seconds(lambda: grow(size * TIMES_AS_LARGE)) / best_seconds(lambda: grow(size))  # noqa: B023  # called at once
        missed += growth > MAX_GROWTH
        print(f"{name:44}{growth:9.2f} x {MAX_GROWTH:9.2f} x")
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
