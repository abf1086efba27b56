"""Call a function in a thread for all that wait for a credential: what waits, reads a file or needs the clock.

The thread is a daemon, since nothing can stop a function: it neither holds up the end of the program nor an event loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmgate_core.calls.credentials.flights import Flight
from llmgate_core.calls.steps import AwaitFlight, Steps

__all__ = ["Outcome", "outcome_steps"]


@dataclass(slots=True)
class Outcome:
    """What a function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


def outcome_steps(function: Callable[[], Any], seconds: float | None) -> Steps:
    """Return the `Outcome` of a function that is called in a thread of its own.

    Raises:
        TimeoutError: it has not ended after so many seconds; None: no limit.
    """
    flight: Flight[Outcome] = Flight(time.monotonic() + (seconds or 0.0))
    threading.Thread(target=_run, args=(function, flight), name="llmgate-credential", daemon=True).start()
    yield AwaitFlight(flight, seconds)
    return flight.outcome


def _run(function: Callable[[], Any], flight: Flight[Outcome]) -> None:
    outcome = Outcome()
    try:
        outcome.value = function()
    except BaseException as error:  # noqa: BLE001  # the call raises it
        outcome.error = error
    flight.end(outcome)
