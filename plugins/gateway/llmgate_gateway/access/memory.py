"""The stores of a gateway that is one process: dictionaries, gone when it ends."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from llmgate_gateway.access.stores import Reservation

__all__ = ["MemoryBlobs", "MemoryCounters"]

MAX_COUNTERS: Final = 100_000
MAX_BLOB_BYTES: Final = 64 * 1024 * 1024


class MemoryCounters:
    """Counters of this process. Of each, one window is kept: a settlement that comes after its end has no effect.

    Args:
        clock: returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def reserve(self, name: str, amount: float, *, limit: float, window_seconds: float) -> Reservation | None:
        """Add an amount, or return None if that would exceed `limit`."""
        window = int(self._clock() // window_seconds)
        known, used = self._counters.get(name, (window, 0.0))
        total = amount + (used if known == window else 0.0)
        if total > limit:
            return None
        self._counters[name] = (window, total)
        self._counters.move_to_end(name)
        if len(self._counters) > MAX_COUNTERS:  # the one that was used least recently
            self._counters.popitem(last=False)
        return Reservation(name, window, amount)

    async def settle(self, reservation: Reservation, amount: float) -> None:
        """Put what was used in the place of what was reserved."""
        window, used = self._counters.get(reservation.name, (-1, 0.0))
        if window == reservation.window:
            self._counters[reservation.name] = (window, max(0.0, used - reservation.amount + amount))

    async def aclose(self) -> None:
        """Nothing to close."""


class MemoryBlobs:
    """Blobs of this process. When they grow beyond their limit, the least recently used go first.

    Args:
        max_bytes: of all content together; a larger single blob is not kept.
        clock: returns monotonic seconds.
    """

    def __init__(self, max_bytes: int = MAX_BLOB_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._blobs: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    async def get(self, name: str) -> bytes | None:
        """Return the content, or None if it is not there, or has expired."""
        expires, content = self._blobs.get(name, (0.0, b""))
        if name not in self._blobs:
            return None
        if expires <= self._clock():
            self._remove(name)
            return None
        self._blobs.move_to_end(name)
        return content

    async def put(self, name: str, content: bytes, *, seconds: float) -> None:
        """Keep content under a name for at most `seconds`."""
        self._remove(name)
        if len(content) > self._max_bytes:
            return
        self._blobs[name] = (self._clock() + seconds, content)
        self._bytes += len(content)
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._blobs)))

    async def delete(self, name: str) -> None:
        """Remove the content."""
        self._remove(name)

    async def aclose(self) -> None:
        """Nothing to close."""

    def _remove(self, name: str) -> None:
        _, content = self._blobs.pop(name, (0.0, b""))
        self._bytes -= len(content)
