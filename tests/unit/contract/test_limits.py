"""What a number of seconds may be, and which limit the clock of a call names."""

from __future__ import annotations

import math
import time
from typing import Any

import httpx
import pytest

from llmgate_core.contract.limits import LONGEST_WAIT, Deadline, Timeouts
from llmgate_core.errors import ConfigError

ENDLESS: list[Any] = [math.inf, 1e11, 10**400, LONGEST_WAIT + 1]


@pytest.mark.parametrize("seconds", ENDLESS, ids=["inf", "float", "huge", "just over"])
def test_more_than_an_operating_system_can_wait_is_no_limit(seconds: Any) -> None:
    assert Timeouts.of(seconds) == Timeouts(total=None)
    assert Timeouts(total=3, idle=seconds) == Timeouts(total=3, idle=None)


def test_an_endless_httpx_timeout_is_endless() -> None:
    assert Timeouts.of(httpx.Timeout(math.inf)).idle is None


@pytest.mark.parametrize("seconds", [0, -1, math.nan, -math.inf, True, "5", [5], -(10**400)])
def test_anything_else_is_refused(seconds: Any) -> None:
    with pytest.raises(ConfigError):
        Timeouts.of(seconds)
    with pytest.raises(ConfigError):
        Timeouts(idle=seconds)


def test_a_usual_timeout_is_kept() -> None:
    assert Timeouts.of(2) == Timeouts(total=2, connect=2)


def test_a_timer_that_fires_within_its_resolution_of_the_end_was_that_of_the_whole_call() -> None:
    deadline = Deadline(Timeouts(total=60, first_event=60))
    deadline.ends = time.monotonic() + 0.001
    assert deadline.error("first_event").phase == "total"


def test_a_phase_that_runs_out_long_before_the_end_is_named() -> None:
    assert Deadline(Timeouts(total=60, first_event=1)).error("first_event").phase == "first_event"
    assert Deadline(Timeouts(total=None, first_event=1)).error("first_event").phase == "first_event"
