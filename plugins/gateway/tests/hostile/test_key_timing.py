"""How long a wrong key takes says nothing of the right one: row S3."""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from typing import Any

import pytest
from llmgate_gateway.auth import KeyRing
from llmgate_gateway.config import load_config_dict

MASTER = "sk-0123456789abcdef0123456789abcdef"
KEYS = [{"name": f"k{number}", "key": f"sk-{number:032d}"} for number in range(5)]
RIGHT = f"Bearer {MASTER}".encode()
FIRST_WRONG = RIGHT.replace(b"sk-", b"xk-")
LAST_WRONG = RIGHT[:-1] + b"x"
SECOND = f"Bearer {KEYS[1]['key']}".encode()


def ring() -> KeyRing:
    model = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-x"}}
    return KeyRing(load_config_dict({"model_list": [model], "general_settings": {"master_key": MASTER, "keys": KEYS}}))


def work_of(keys: KeyRing, presented: bytes) -> list[str]:
    """Return every function that is called while a key is looked at, ours and C's."""
    called: list[str] = []

    def note(frame: Any, kind: str, argument: Any) -> None:
        if kind in ("call", "c_call"):
            called.append(getattr(argument, "__qualname__", frame.f_code.co_qualname) if kind == "c_call" else frame.f_code.co_name)

    sys.setprofile(note)
    try:
        keys.client_of([presented])
    finally:
        sys.setprofile(None)
    return called


def test_every_key_costs_the_same_work_whatever_it_is() -> None:
    keys = ring()
    whole = work_of(keys, RIGHT)
    assert whole.count("compare_digest") == 6
    for presented in (FIRST_WRONG, LAST_WRONG, SECOND, RIGHT[:-5], b"Bearer x"):
        assert work_of(keys, presented) == whole


@pytest.mark.slow
def test_times_of_right_and_wrong_keys_do_not_differ() -> None:
    keys = ring()
    kinds = {"right": [RIGHT], "first": [FIRST_WRONG], "last": [LAST_WRONG]}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    order = [name for name in kinds for _ in range(20_000)]
    random.Random(7).shuffle(order)
    for name in order:
        began = time.perf_counter_ns()
        keys.client_of(kinds[name])
        times[name].append(time.perf_counter_ns() - began)
    kept = {name: sorted(found)[:19_000] for name, found in times.items()}  # without the scheduler's pauses
    assert abs(welch(kept["first"], kept["last"])) < 4.5


def welch(one: list[float], other: list[float]) -> float:
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread)
