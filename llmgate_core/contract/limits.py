"""How long a call may take, phase by phase, and how large its answer may be.

Pure but for the monotonic clock, which `Deadline` reads when asked.

Source: rows R10 to R12 of docs/reliability.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Any

from llmgate_core.errors import APITimeoutError, ConfigError

__all__ = ["LONGEST_WAIT", "Deadline", "EventClock", "Limits", "Timeouts", "is_seconds"]

TIMER_SLACK_SECONDS = 0.002  # an event loop's timer may fire early by its resolution, a millisecond in uvloop
LONGEST_WAIT = 2_000_000
"""Seconds, 23 days. An operating system's waits count milliseconds in 31 bits; a longer limit cannot be kept."""

FOREVER = float("inf")
_MISSING: Any = object()


def is_seconds(value: object) -> bool:
    """Return whether a value can be a number of seconds; true and false cannot."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds; None: no separate limit (the total still applies). More than 23 days, or infinity, is None.

    Attributes:
        total: the whole call, retries and the whole stream included.
        connect: name look-up, TCP and TLS of one connection.
        pool: wait for a free connection.
        first_event: from the request sent to the head of the answer and its first event.
        idle: between two events or comments of a stream, two blocks of a body, or two that the upstream takes of an
            upload.
    """

    total: float | None = 600.0
    connect: float | None = 5.0
    pool: float | None = 10.0
    first_event: float | None = None
    idle: float | None = 300.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            seconds: Any = getattr(self, limit.name)
            if seconds is not None and not (is_seconds(seconds) and seconds > 0):
                raise ConfigError(f"Timeouts.{limit.name} must be seconds above zero or None, not {seconds!r:.80}")
            if seconds is not None and seconds > LONGEST_WAIT:
                object.__setattr__(self, limit.name, None)

    @classmethod
    def of(cls, value: Any) -> Timeouts:
        """Return the limits that a caller's `timeout=` means: seconds in total, or a complete object.

        An object with the attributes `connect`, `read`, `pool` (an `httpx.Timeout`) is read too.

        Raises:
            ConfigError: neither a number above zero nor an object of these.
        """
        if isinstance(value, Timeouts):
            return value
        if is_seconds(value) and value > 0:
            return cls(total=value, connect=min(5.0, value))
        connect, read = getattr(value, "connect", _MISSING), getattr(value, "read", _MISSING)
        if connect is not _MISSING and read is not _MISSING:
            return cls(connect=connect, first_event=read, idle=read, pool=getattr(value, "pool", None))
        raise ConfigError(f"timeout must be seconds above zero, a Timeouts or an httpx.Timeout, not {value!r:.80}")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes at which an answer is refused, in bytes where nothing else is said.

    Attributes:
        event: one server-sent event. body: a whole body, decoded. error_body: what is read of an
            error's body. head: status line and headers.
        event_values: arrays, objects and members of objects in one event, where eight other values count as one: what
            decoding takes depends on values rather than on bytes.
    """

    event: int = 16 * 1024 * 1024
    body: int = 64 * 1024 * 1024
    error_body: int = 64 * 1024
    head: int = 128 * 1024
    event_values: int = 250_000


class Deadline:
    """The clock of one call: says how long the next wait may be, and which limit ended it."""

    __slots__ = ("ends", "timeouts")

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.ends = None if timeouts.total is None else time.monotonic() + timeouts.total

    def remaining(self) -> float | None:
        """Return the seconds left of the whole call, never below zero; None: no limit."""
        return None if self.ends is None else max(0.0, self.ends - time.monotonic())

    def wait(self, phase_seconds: float | None) -> float | None:
        """Return how long to wait in a phase that has `phase_seconds` left; None: no limit."""
        if self.ends is None:
            return phase_seconds
        remaining = max(0.0, self.ends - time.monotonic())
        return remaining if phase_seconds is None else min(phase_seconds, remaining)

    def moment(self, phase_seconds: float | None) -> float | None:
        """Return when a wait that begins now ends, by `time.monotonic`, in a phase of `phase_seconds`; None: never."""
        if phase_seconds is None:
            return self.ends
        ends = time.monotonic() + phase_seconds
        return ends if self.ends is None else min(ends, self.ends)

    def error(self, phase: str) -> APITimeoutError:
        """Return the error of a wait in `phase` that ran out, `total` when the whole call did."""
        if self.ends is not None and (phase == "total" or time.monotonic() >= self.ends - TIMER_SLACK_SECONDS):
            return APITimeoutError(f"no answer within {self.timeouts.total:g} s in total", phase="total")
        limit = getattr(self.timeouts, phase)
        longer = "too long" if limit is None else f"longer than {limit:g} s"
        return APITimeoutError(f"{_WORDS[phase]} took {longer}", phase=phase)


class EventClock:
    """The waits of one stream: until its first event, then between events. A comment begins the same wait again."""

    __slots__ = ("_deadline", "_ends", "_idle", "_limit", "_phase", "_total_ends")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._phase = "first_event"
        self._total_ends = FOREVER if deadline.ends is None else deadline.ends
        self._idle = FOREVER if deadline.timeouts.idle is None else deadline.timeouts.idle
        self._limit = FOREVER if deadline.timeouts.first_event is None else deadline.timeouts.first_event
        self.saw_comment()

    def wait(self) -> float | None:
        """Return how long the next read may take."""
        return None if self._ends == FOREVER else max(0.0, self._ends - time.monotonic())

    def saw_comment(self) -> None:
        """Begin the present wait again: an upstream that sends comments is alive. The total goes on."""
        self._ends = min(time.monotonic() + self._limit, self._total_ends)

    def saw_event(self) -> None:
        """Start the wait for the next event."""
        self._phase, self._limit = "idle", self._idle
        self._ends = min(time.monotonic() + self._limit, self._total_ends)

    def error(self) -> APITimeoutError:
        """Return the error of the wait that ran out."""
        return self._deadline.error(self._phase)


_WORDS = {
    "pool": "waiting for a free connection",
    "connect": "connecting",
    "first_event": "waiting for the answer to begin",
    "idle": "waiting for the next piece of the answer",
}
