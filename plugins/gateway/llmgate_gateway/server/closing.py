"""How a connection of the gateway closes: once its client has read what was sent, and in any case in time.

A connection that is closed while its client still sends is reset, and the client may lose the answer. So our side is
closed first, and what comes is dropped until the client closes its own, for a while and up to a size.

Source: RFC 9112, section 9.6; row R20 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from llmgate_gateway.config.schema.general import ServerTimeouts
from llmgate_gateway.server.connections import ConnectionClock

__all__ = ["Closing", "ClosingLimits"]

LINGER_SECONDS: Final = 2.0
"""After an answer, of silence of a client that has not sent everything: then it is not going to."""
PROGRESS_BYTES: Final = 4096
"""How much of the last bytes a client must take within `timeouts.write`."""


class ClosingLimits(Protocol):
    """How much a client may send after its answer, and how long it may take."""

    dropped_bytes: int
    client_timeouts: ServerTimeouts


class Closing:
    """The end of one connection.

    Attributes:
        has_begun: no further answer is sent.
    """

    __slots__ = (
        "_clock",
        "_dropped_bytes",
        "_limits",
        "_lingers_until",
        "_loop",
        "_transport",
        "_unsent_bytes",
        "has_begun",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        clock: ConnectionClock,
        loop: asyncio.AbstractEventLoop,
        limits: ClosingLimits,
    ) -> None:
        self.has_begun = False
        self._transport = transport
        self._clock = clock
        self._loop = loop
        self._limits = limits
        self._dropped_bytes = 0
        self._lingers_until = 0.0
        self._unsent_bytes = 0  # when the connection was closed, or at the last check since

    def linger(self) -> None:
        """Close our side, and drop what comes until the client closes its own."""
        self.has_begun = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        seconds = self._limits.client_timeouts.body
        self._lingers_until = self._loop.time() + seconds
        self.drop_body()
        self._clock.enter("linger", min(LINGER_SECONDS, seconds))

    def drop_body(self) -> None:
        """Count from here on what is dropped."""
        self._dropped_bytes = 0

    def count_dropped(self, size: int) -> None:
        """Count what a client sends after its answer: it may send as much as the largest body has."""
        if self._transport.is_closing():
            return
        self._dropped_bytes += size
        if self._dropped_bytes > self._limits.dropped_bytes:
            self.close()
        elif self._clock.phase == "linger":
            left = max(0.0, self._lingers_until - self._loop.time())
            self._clock.enter("linger", min(LINGER_SECONDS, left))

    def close(self) -> None:
        """Close the connection once everything is sent."""
        self.has_begun = True
        self._transport.close()
        if self._clock.phase is not None:
            self._await_last_bytes()

    def make_room(self) -> None:
        """Close at once, since a new connection needs the place."""
        self.has_begun = True
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def check_progress(self) -> None:
        """Drop what has not been sent of a connection that is closed, unless its client still takes it."""
        if self._unsent_bytes - self._transport.get_write_buffer_size() >= PROGRESS_BYTES:
            self._await_last_bytes()
        else:
            self._transport.abort()

    def _await_last_bytes(self) -> None:
        self._unsent_bytes = self._transport.get_write_buffer_size()
        self._clock.enter("closing", self._limits.client_timeouts.write)
