"""The clock of one call names the limit that ended it."""

from __future__ import annotations

import time

from llmgate_core.contract.limits import Deadline, Timeouts


def test_a_timer_that_fires_within_its_resolution_of_the_end_was_that_of_the_whole_call() -> None:
    deadline = Deadline(Timeouts(total=60, first_event=60))
    deadline.ends = time.monotonic() + 0.001
    assert deadline.error("first_event").phase == "total"


def test_a_phase_that_runs_out_long_before_the_end_is_named() -> None:
    assert Deadline(Timeouts(total=60, first_event=1)).error("first_event").phase == "first_event"
    assert Deadline(Timeouts(total=None, first_event=1)).error("first_event").phase == "first_event"
