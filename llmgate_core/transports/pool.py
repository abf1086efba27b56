"""Which connections are idle, how many are open, and which calls wait for one.

Pure bookkeeping: no I/O, no clock, no lock; the slots hold one around it.

Source: rows R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin

__all__ = ["ConnectionPool", "Pooled", "Waiter"]


class Pooled(Protocol):
    """A connection as the pool sees it; the pool sets `idle_since`, and its owner `was_used`."""

    origin: Origin
    idle_since: float
    was_used: bool

    def is_reusable(self) -> bool:
        """Return whether an idle connection is open and nothing has come that no request asked for."""
        ...

    def discard(self) -> None:
        """Close the connection at once."""
        ...


C = TypeVar("C", bound=Pooled)
T_contra = TypeVar("T_contra", contravariant=True)


class Waiter(Protocol[T_contra]):
    """A future of asyncio, or one that threads wait for."""

    def set_result(self, result: T_contra, /) -> None:
        """Wake the waiting call."""
        ...


class ConnectionPool(Generic[C]):
    """At most `max_connections`, each either in use or idle; the one that was used last is taken first.

    Waiters are served first in, first out: with a connection, or with None, permission to open one.
    """

    def __init__(self, max_connections: int, max_idle_seconds: float) -> None:
        self._max_connections = max_connections
        self._max_idle_seconds = max_idle_seconds
        self._open = 0
        self._idle: dict[Origin, list[C]] = {}
        self._waiting: deque[tuple[Origin, Waiter[C | None]]] = deque()
        self._next_sweep = 0.0

    def take(self, origin: Origin, now: float) -> C | None:
        """Return the idle connection that was used last, or None."""
        stack = self._idle.get(origin)
        if not stack:
            return None
        connection = stack.pop()
        if now - connection.idle_since <= self._max_idle_seconds:
            return connection
        stack.append(connection)
        self._sweep(now)
        return None

    def reserve(self) -> bool:
        """Count one more as open and close the one that was idle longest, if need be; False: all are in use."""
        if self._open >= self._max_connections and not self._discard_oldest():
            return False
        self._open += 1
        return True

    def wait(self, origin: Origin, waiter: Waiter[C | None]) -> None:
        """Put `waiter` at the end of the queue."""
        self._waiting.append((origin, waiter))

    def stop_waiting(self, origin: Origin, waiter: Waiter[C | None]) -> None:
        """Remove `waiter` from the queue if it is still there; else it has its result."""
        with contextlib.suppress(ValueError):  # between a check and the removal the collector could serve it
            self._waiting.remove((origin, waiter))

    def give(self, connection: C, now: float) -> None:
        """Take back a connection that is ready for another request."""
        waiting = self._waiting.popleft() if self._waiting else None
        if waiting is None:
            connection.idle_since = now
            self._idle.setdefault(connection.origin, []).append(connection)
            if now >= self._next_sweep:
                self._sweep(now)
        elif waiting[0] == connection.origin:
            waiting[1].set_result(connection)
        else:
            connection.discard()
            waiting[1].set_result(None)

    def release(self) -> None:
        """Count one less as open: a connection in use was closed, or could not be opened."""
        waiting = self._waiting.popleft() if self._waiting else None
        if waiting is None:
            self._open -= 1
        else:
            waiting[1].set_result(None)

    def remove(self, connection: C) -> bool:
        """Remove an idle connection that is closed already; False: it is not idle."""
        stack = self._idle.get(connection.origin, [])
        if connection not in stack:
            return False
        stack.remove(connection)
        self._open -= 1
        return True

    def discard_idle(self) -> None:
        """Close every idle connection."""
        while self._discard_oldest():
            pass

    def _sweep(self, now: float) -> None:
        """Close what has been idle for too long; the oldest are at the bottom."""
        self._next_sweep = now + self._max_idle_seconds
        for origin, stack in list(self._idle.items()):
            while stack and now - stack[0].idle_since > self._max_idle_seconds:
                self._open -= 1
                stack.pop(0).discard()
            if not stack:
                del self._idle[origin]

    def _discard_oldest(self) -> bool:
        oldest = min((stack[0] for stack in self._idle.values() if stack), key=_idle_since, default=None)
        if oldest is None:
            return False
        self._idle[oldest.origin].remove(oldest)
        self._open -= 1
        oldest.discard()
        return True


def _idle_since(connection: Pooled) -> float:
    return connection.idle_since
