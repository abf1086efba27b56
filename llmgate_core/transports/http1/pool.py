"""Which connections are idle, how many are open, who waits for one.

Pure bookkeeping: no I/O, no clock, no lock; the sync transport holds a lock around it.

Source: rows R26 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin

__all__ = ["ConnectionPool", "Pooled", "Waiter"]


class Pooled(Protocol):
    """A connection as the pool sees it; `idle_since` is the pool's own note."""

    origin: Origin
    idle_since: float

    def discard(self) -> None:
        """Close the connection at once."""
        ...


C = TypeVar("C", bound=Pooled)
T_contra = TypeVar("T_contra", contravariant=True)


class Waiter(Protocol[T_contra]):
    """A future, of either kind."""

    def set_result(self, result: T_contra, /) -> None:
        """Wake who waits."""
        ...


class ConnectionPool(Generic[C]):
    """At most `max_connections`, each either in use or idle; the last one used goes out first.

    Who waits gets, in the order of coming, a connection or (None) the right to open one.
    """

    def __init__(self, max_connections: int, max_idle_seconds: float) -> None:
        self._max_connections = max_connections
        self._max_idle_seconds = max_idle_seconds
        self._open = 0
        self._idle: dict[Origin, list[C]] = {}
        self._waiting: deque[tuple[Origin, Waiter[C | None]]] = deque()
        self._next_sweep = 0.0

    def take(self, origin: Origin, now: float) -> C | None:
        """Return the idle connection that was used last, None where there is none."""
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
        """Count one more as open, at the cost of the longest idle one; False: all are in use."""
        if self._open >= self._max_connections and not self._discard_oldest():
            return False
        self._open += 1
        return True

    def wait(self, origin: Origin, waiter: Waiter[C | None]) -> None:
        """Put `waiter` at the end of the queue."""
        self._waiting.append((origin, waiter))

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a connection."""
        return bool(self._waiting)

    def stop_waiting(self, origin: Origin, waiter: Waiter[C | None]) -> None:
        """Take `waiter` out of the queue, if it is still in it; else it has its result."""
        with contextlib.suppress(ValueError):  # to look first would leave room for the collector to give it one
            self._waiting.remove((origin, waiter))

    def give(self, connection: C, now: float) -> None:
        """Take a connection that is ready for another request."""
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
        """Count one less as open: a connection in use was closed, or never came to be."""
        waiting = self._waiting.popleft() if self._waiting else None
        if waiting is None:
            self._open -= 1
        else:
            waiting[1].set_result(None)

    def remove(self, connection: C) -> bool:
        """Forget an idle connection that is closed already; False: it is not idle."""
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
        """Close what has been idle for too long; the oldest lie at the bottom."""
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
