"""The one clock of a connection, and the connections of a worker: how many, from where, and in which phase.

A connection is always in one phase, and every phase but `request` ends at a fixed time, so that no client can hold a
connection by sending nothing, or by sending what changes nothing. A request has timers of its own, for its body, its
response and its upstream.

Source: rows R20 and R24 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, Protocol

from llmgate_gateway.config.schema.general import Limits

__all__ = ["PHASES", "Connection", "ConnectionClock", "OpenConnections", "Phase", "default_max_connections"]

Phase = Literal["head", "request", "idle", "body", "linger", "closing"]
PHASES: Final[Mapping[Phase, str]] = MappingProxyType(
    {
        "head": "the head of a request is awaited, or the rest of it",
        "request": "a request is being read or answered: its own timers end it",
        "idle": "answered, and kept for the next request",
        "body": "answered, and the rest of a small body is awaited",
        "linger": "answered, and what the client still sends is dropped until it has read the answer",
        "closing": "closed, and the last bytes have not been sent",
    }
)
"""Phase of a connection -> what it means."""
MAY_BE_CLOSED: Final = frozenset({"head", "idle", "body", "linger"})
"""Phases in which a connection is closed to make room for a new one."""
DEFAULT_MAX_CONNECTIONS: Final = 10_000
FEWEST_CONNECTIONS: Final = 16
CLOCK_STEP_SECONDS: Final = 0.002  # timers may fire this much early


class Connection(Protocol):
    """What can be closed to make room."""

    client: tuple[str, int] | None

    def make_room(self) -> None:
        """Close at once."""
        ...


class ConnectionClock:
    """Says when the present phase of a connection has lasted too long.

    Entering a phase costs no timer of the event loop as long as one is set that is not too late: that one is set again
    for the phase that it finds.

    Args:
        loop: that runs the connection.
        on_end: called with the phase that has lasted too long.
        on_change: called with the old and the new phase; None: before the first, or after the last.

    Attributes:
        phase: the present one; None before the first and after `stop`.
        ends: the loop's time at which it has lasted too long.
    """

    __slots__ = ("_fires", "_loop", "_on_change", "_on_end", "_timer", "ends", "phase")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[Phase], None],
        on_change: Callable[[Phase | None, Phase | None], None],
    ) -> None:
        self.phase: Phase | None = None
        self.ends = float("inf")
        self._loop = loop
        self._on_end = on_end
        self._on_change = on_change
        self._timer: asyncio.TimerHandle | None = None
        self._fires = float("inf")

    def enter(self, phase: Phase, seconds: float) -> None:
        """Begin a phase that may last this long; infinite for a request."""
        if phase is not self.phase:
            self._on_change(self.phase, phase)
            self.phase = phase
        self.ends = ends = self._loop.time() + seconds
        if ends < self._fires:
            self._set_timer(ends)

    def stop(self) -> None:
        """End: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fires = self.ends = float("inf")
        if self.phase is not None:
            self._on_change(self.phase, None)
            self.phase = None

    def _set_timer(self, ends: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = ends
        self._timer = self._loop.call_later(max(0.0, ends - self._loop.time()), self._check)

    def _check(self) -> None:
        self._timer, self._fires = None, float("inf")
        if self.phase is None or self.ends == float("inf"):
            return
        if self.ends > self._loop.time() + CLOCK_STEP_SECONDS:
            self._set_timer(self.ends)
        else:
            self._on_end(self.phase)


class OpenConnections:
    """The connections of one worker.

    At the limit, the connection that has waited longest for its client makes room for a new one; where all are busy the
    new one is refused.

    Args:
        limits: of the config.
        count: called with a phase and 1 or -1 when a connection enters or leaves it.

    Attributes:
        max_connections: how many may be open. max_per_address: from one address; None: as many.
    """

    def __init__(self, limits: Limits, count: Callable[[Phase, int], None] | None = None) -> None:
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # the one that has waited longest comes first
        self._by_address: Counter[str] = Counter()
        self._count = count
        self.max_connections, self.max_per_address = 0, limits.max_connections_per_address
        self.apply(limits)

    def apply(self, limits: Limits) -> None:
        """Use the limits of a new config for connections that open from now on."""
        self.max_connections = limits.max_connections or default_max_connections()
        self.max_per_address = limits.max_connections_per_address

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> str | None:
        """Count a new connection until it is removed, and return why it may not stay; None: it may."""
        address = _address(connection)
        self._open.add(connection)
        self._by_address[address] += 1
        if self.max_per_address is not None and address and self._by_address[address] > self.max_per_address:
            return "many connections of an address"
        while len(self._open) > self.max_connections:
            longest = next(iter(self._waiting), None)
            if longest is None:
                return "many connections"
            self.remove(longest)
            longest.make_room()
        return None

    def remove(self, connection: Connection) -> None:
        """Stop counting a connection. Idempotent."""
        self._waiting.pop(connection, None)
        if connection not in self._open:
            return
        self._open.discard(connection)
        address = _address(connection)
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def change(self, connection: Connection, old: Phase | None, new: Phase | None) -> None:
        """Record that a connection has gone from one phase to another; None: it was not open, or no longer is."""
        self._waiting.pop(connection, None)
        if new in MAY_BE_CLOSED and connection in self._open:
            self._waiting[connection] = None
        if self._count is not None:
            if old is not None:
                self._count(old, -1)
            if new is not None:
                self._count(new, 1)


def _address(connection: Connection) -> str:
    """Return the address of a client; empty for a unix socket, which has none."""
    return connection.client[0] if connection.client else ""


def default_max_connections() -> int:
    """Return 10,000, or half of the files that this process may open: the other half is for upstreams and uploads."""
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return DEFAULT_MAX_CONNECTIONS
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return DEFAULT_MAX_CONNECTIONS
    return max(FEWEST_CONNECTIONS, min(DEFAULT_MAX_CONNECTIONS, files // 2))
