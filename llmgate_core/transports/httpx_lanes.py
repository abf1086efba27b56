"""Lanes: one connection each, in a transport of httpx's.

httpx's own pool compares all of its connections with each other several times for each request, which makes 64 calls
at a time five times as expensive. So each lane has room for one connection, and our own pool chooses the lane.

Source: rows R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from llmgate_core.transports.connection_reads import ConnectionReads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmgate_core.contract.transport import Origin
    from llmgate_core.transports.async_slots import AsyncSlots
    from llmgate_core.transports.sync_slots import Slots

__all__ = ["AsyncLane", "AsyncLaneStream", "Lane", "LaneStream"]


class _BaseLane:
    """What both kinds of lane know. httpx itself replaces a connection that was closed while it was idle."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.was_used = False
        self.reads = ConnectionReads()

    def is_reusable(self) -> bool:
        """Return True: httpx looks at the connection before it sends."""
        return True


class Lane(_BaseLane):
    """A blocking lane; `lanes` are those that are open."""

    def __init__(self, origin: Origin, transport: httpx.HTTPTransport, lanes: set[Lane]) -> None:
        super().__init__(origin)
        self.transport = transport
        self._lanes = lanes
        lanes.add(self)

    def discard(self) -> None:
        """Close the connection at once."""
        self._lanes.discard(self)
        self.transport.close()


class AsyncLane(_BaseLane):
    """An asynchronous lane; `lanes` are those that are open."""

    def __init__(self, origin: Origin, transport: httpx.AsyncHTTPTransport, lanes: set[AsyncLane]) -> None:
        super().__init__(origin)
        self.transport = transport
        self._lanes = lanes
        lanes.add(self)

    def discard(self) -> None:
        """Begin to close the connection."""
        closing = self.aclose()
        try:
            asyncio.ensure_future(closing).add_done_callback(_retrieve)
        except RuntimeError:  # the loop is closed
            closing.close()

    async def aclose(self) -> None:
        """Close the connection."""
        self._lanes.discard(self)
        await self.transport.aclose()


class _Owner(Protocol):
    slots: Slots[Lane]


class _AsyncOwner(Protocol):
    slots: AsyncSlots[AsyncLane]


class LaneStream(httpx.SyncByteStream):
    """The body of an answer, which returns its lane when it is closed.

    It refers to the owner, so that no transport is closed while one of its answers is being read.

    Attributes:
        reads: the reads of its connection.
    """

    def __init__(self, owner: _Owner, lane: Lane, response: httpx.Response) -> None:
        self.reads = lane.reads
        self._owner = owner
        self._lane: Lane | None = lane
        self._stream: Any = response.stream
        self._is_chunked = "transfer-encoding" in response.headers
        self._last_piece = b""
        self._is_whole = False

    @property
    def is_closed(self) -> bool:
        """Whether the lane was returned."""
        return self._lane is None

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._last_piece = piece
            yield piece
        self._is_whole = True
        self.close()

    def close(self) -> None:
        """Close the answer; its connection is kept if nothing came behind a whole body."""
        lane, self._lane = self._lane, None
        if lane is None:
            return
        slots = self._owner.slots
        try:
            self._stream.close()
        except BaseException:
            slots.drop(lane)
            raise
        is_clean = self._is_whole and lane.reads.end_with(self._last_piece, is_chunked=self._is_chunked)
        (slots.keep if is_clean else slots.drop)(lane)


class AsyncLaneStream(httpx.AsyncByteStream):
    """The asynchronous twin of `LaneStream`."""

    def __init__(self, owner: _AsyncOwner, lane: AsyncLane, response: httpx.Response) -> None:
        self.reads = lane.reads
        self._owner = owner
        self._lane: AsyncLane | None = lane
        self._stream: Any = response.stream
        self._is_chunked = "transfer-encoding" in response.headers
        self._last_piece = b""
        self._is_whole = False

    @property
    def is_closed(self) -> bool:
        """Whether the lane was returned."""
        return self._lane is None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._last_piece = piece
            yield piece
        self._is_whole = True
        await self.aclose()

    async def aclose(self) -> None:
        """Close the answer; its connection is kept if nothing came behind a whole body."""
        lane, self._lane = self._lane, None
        if lane is None:
            return
        slots = self._owner.slots
        try:
            await self._stream.aclose()
        except BaseException:
            slots.drop(lane)
            raise
        is_clean = self._is_whole and lane.reads.end_with(self._last_piece, is_chunked=self._is_chunked)
        (slots.keep if is_clean else slots.drop)(lane)


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Keep asyncio from reporting an error that no caller waits for any more."""
    with contextlib.suppress(BaseException):
        task.result()
