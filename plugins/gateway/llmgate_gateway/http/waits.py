"""The requests in flight: end those whose clients are too slow, and break the silence of event streams.

Source: rows R1 and R20 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from time import monotonic

from llmgate_gateway.http.request import ClientRequest, StopReason

__all__ = ["ClientLimits", "Waits"]


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long a client may take.

    Attributes:
        body_seconds: for the next piece of its body. write_seconds: until it reads more of the response.
        body_rate: bytes a second that it sends at least, over a body that takes longer than `body_seconds` in all.
    """

    body_seconds: float
    write_seconds: float
    body_rate: int

    def is_late(self, request: ClientRequest, now: float) -> bool:
        """Return whether a client whose body is awaited is too slow."""
        waited = now - request.waiting_since
        if waited >= self.body_seconds:
            return True
        in_all = now - request.body_since
        return in_all >= self.body_seconds and request.read_bytes < self.body_rate * in_all


class Waits:
    """The requests in flight. Ends those whose clients take too long to send or to read, and breaks silences.

    One timer for all requests of an event loop, and none while there are no requests.
    """

    def __init__(self) -> None:
        self._requests: dict[ClientRequest, ClientLimits] = {}
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}
        self._ended: asyncio.Event | None = None

    def add(self, request: ClientRequest, limits: ClientLimits) -> None:
        """Watch a request until `remove`."""
        self._requests[request] = limits
        if request.loop not in self._timers:
            for loop in [loop for loop in self._timers if loop.is_closed()]:
                del self._timers[loop]
            self._arm(request.loop, min(limits.body_seconds, limits.write_seconds))

    def remove(self, request: ClientRequest) -> None:
        """Stop watching a request that has ended."""
        del self._requests[request]
        if self._ended is not None and not self._requests:
            self._ended.set()

    def __len__(self) -> int:
        return len(self._requests)

    def stop_all(self, reason: StopReason) -> None:
        """End every request in flight."""
        for request in tuple(self._requests):
            request.stop(reason)

    async def all_ended(self, seconds: float) -> bool:
        """Wait up to `seconds` until no request is in flight; return whether none is."""
        if self._requests:
            self._ended = asyncio.Event()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
            self._ended = None
        return not self._requests

    def _arm(self, loop: asyncio.AbstractEventLoop, shortest: float) -> None:
        self._timers[loop] = loop.call_later(min(1.0, max(0.02, shortest / 10)), self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        del self._timers[loop]
        now, shortest = monotonic(), 0.0
        for request, limits in tuple(self._requests.items()):
            if request.loop is not loop:
                continue
            comment = request.comment_seconds
            if request.waiting_for == "body":
                if limits.is_late(request, now):
                    request.stop("slow body")
            elif request.waiting_for == "reader":
                if now - request.waiting_since >= limits.write_seconds:
                    request.stop("slow reader")
            elif comment is not None and now - request.waiting_since >= comment:
                request.send_comment()
            least = min(limits.body_seconds, limits.write_seconds, comment or limits.body_seconds)
            shortest = min(shortest or least, least)
        if shortest:
            self._arm(loop, shortest)
