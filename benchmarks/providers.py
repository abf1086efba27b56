"""Measure what a call costs whose shape is converted, as a ratio to a chat call of OpenAI's shape in the same run.

CPU time, the upstream in a process of its own, in turns, as in `turns.py`. A ratio of 2 means twice the CPU time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple

from plain import KEY, MESSAGES
from rows import Row, show
from servers import upstream
from turns import ROUNDS, Program, calls_per_round, clean_environment, one_round

import llmgate_core

YARDSTICK = "openai"
MAX_TOKENS = 512
EVENTS = 200


class Side(NamedTuple):
    """What is called, and the most that a call and a stream may cost beside the yardstick's."""

    model: str
    base_path: str
    call_budget: float | None = None
    stream_budget: float | None = None
    family: str = "chat"


SIDES: Mapping[str, Side] = {
    YARDSTICK: Side("openai/gpt-4o", "/v1"),
    "anthropic": Side("anthropic/claude-sonnet-5-5", "/v1", 2.0, 2.0),
    "gemini": Side("gemini/gemini-3.8-flash", "/v1beta", 2.0, 2.5),
    "bedrock, Converse": Side("bedrock/converse/us.amazon.nova-pro-v1:0", "", 2.5, 2.5),
    "row without edits": Side("nebius/a-model", "/v1", 1.25, 1.25),
    "row with edits": Side("groq/a-model", "/v1", 1.6, 2.5),
    "messages, native": Side("anthropic/claude-sonnet-5-5", "/v1", 1.5, 1.5, "messages"),
    "messages over chat": Side("openai/gpt-4o", "/v1", 2.0, 3.0, "messages"),
}


class Caller:
    """One side's client."""

    def __init__(self, origin: str, side: Side) -> None:
        self.side = side
        self.client = llmgate_core.Client(api_key=KEY, api_base=origin + side.base_path)

    def call(self, n: int) -> None:
        for _ in range(n):
            self._ask(stream=False)

    def stream(self, n: int) -> None:
        for _ in range(n):
            events = sum(1 for _ in self._ask(stream=True))
            if events < EVENTS:
                raise SystemExit(f"{self.side.model}: a stream of {events} events")

    def _ask(self, *, stream: bool) -> Any:
        if self.side.family == "messages":
            return self.client.messages(self.side.model, MESSAGES, MAX_TOKENS, stream=stream)
        return self.client.completion(self.side.model, MESSAGES, stream=stream, max_tokens=MAX_TOKENS)


def in_turns(programs: Mapping[str, Program], seconds: float) -> dict[str, tuple[float, float]]:
    """Return each side's median ratio to the yardstick, and its median microseconds for a call."""
    n = calls_per_round(dict(programs), seconds)
    rounds = [one_round(dict(programs), n, turn) for turn in range(ROUNDS)]
    return {
        name: (median(it[name] / it[YARDSTICK] for it in rounds), median(it[name] for it in rounds) / n * 1e6)
        for name in programs
    }


def of_the_sdk(origin: str, seconds: float) -> Iterator[Row]:
    callers = {name: Caller(origin, side) for name, side in SIDES.items()}
    for what in ("call", "stream"):
        figures = in_turns({name: getattr(caller, what) for name, caller in callers.items()}, seconds)
        for name, (ratio, _) in figures.items():
            side = SIDES[name]
            budget = side.call_budget if what == "call" else side.stream_budget
            yield Row(f"{name}: {what}", "SDK", ratio, budget, "x", figures[YARDSTICK][1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each comparison (default: 8)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    arguments = parser.parse_args()
    clean_environment()
    rows = []
    with upstream() as origin:
        for row in of_the_sdk(origin, arguments.seconds):
            rows.append(row)
            show(row, as_json=False)
    return int(arguments.check and not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
