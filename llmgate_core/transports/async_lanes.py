"""The transport over httpx, and its lanes: one connection each, in a transport of httpx's.

httpx's own pool compares all of its connections with each other several times for each request, which makes 64 calls
at a time five times as expensive. So each lane has room for one connection, and our own pool chooses the lane. httpx
itself replaces a connection that was closed while it was idle.

Source: rows R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

# sync: import os
from typing import TYPE_CHECKING, cast

import httpx

from llmgate_core.transports.async_slots import AsyncSlots
from llmgate_core.transports.httpx_requests import RequestBuilder, lane_options
from llmgate_core.transports.loop_guard import LoopGuard, start_closing  # async only
from llmgate_core.transports.read_limits import ConnectionReads
from llmgate_core.transports.user_client.async_transport import AsyncClientTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.options import TransportOptions
    from llmgate_core.transports.user_client.requests import ConnectionTrace

__all__ = ["AsyncHTTPXTransport"]


class AsyncHTTPXTransport(AsyncClientTransport):
    """`contract.transport.AsyncTransport` over lanes."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(RequestBuilder(options).build)
        self._lane_options = lane_options(options)
        # sync: self._process = os.getpid()
        self._lanes: set[AsyncLane] = set()
        self._guard = LoopGuard(self._lanes)  # async only
        self.slots: AsyncSlots[AsyncLane] = AsyncSlots(options)

    async def _send(self, outgoing: httpx.Request, request: TransportRequest, trace: ConnectionTrace) -> httpx.Response:
        await self._guard.bind()  # async only
        lane = await self.slots.take(request) or self._new_lane(request.origin)
        deadline = request.deadline
        trace.on_stream = lane.reads.awatch
        trace.on_head = lambda: lane.reads.limit(deadline.wait(deadline.timeouts.first_event))
        try:
            response = await lane.transport.handle_async_request(outgoing)
            response.stream = AsyncLaneStream(self, lane, response)
        except BaseException:
            self.slots.drop(lane)
            raise
        return response

    def _new_lane(self, origin: Origin) -> AsyncLane:
        return AsyncLane(origin, httpx.AsyncHTTPTransport(**self._lane_options), self._lanes)

    def limit_of(self, response: httpx.Response, waits: dict[str, float | None]) -> ConnectionReads:
        """Return what ends the reads of an answer."""
        waits["read"] = None  # every wait is cut off by us
        return cast("AsyncLaneStream", response.stream).reads

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self.slots.close()
        await self._guard.aclose()  # sync: self._close_lanes()

    # sync: def _close_lanes(self) -> None:
    # sync:     for lane in list(self._lanes):
    # sync:         lane.discard()

    # sync: def __del__(self) -> None:
    # sync:     # A fork's child leaves the parent's connections alone: a lock may be held there for ever.
    # sync:     if getattr(self, "_process", None) == os.getpid():
    # sync:         self._close_lanes()


class AsyncLane:
    """One connection; `lanes` are those that are open."""

    def __init__(self, origin: Origin, transport: httpx.AsyncHTTPTransport, lanes: set[AsyncLane]) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.was_used = False
        self.reads = ConnectionReads()
        self.transport = transport
        self._lanes = lanes
        lanes.add(self)

    def is_reusable(self) -> bool:
        """Return True: httpx looks at the connection before it sends."""
        return True

    def discard(self) -> None:
        """Close the connection, or begin to."""
        start_closing(self.aclose())  # sync: self.close()

    def close_socket(self) -> None:  # async only
        """Do nothing: httpx's connection cannot be closed without its loop."""  # async only

    async def aclose(self) -> None:
        """Close the connection."""
        self._lanes.discard(self)
        await self.transport.aclose()


class AsyncLaneStream(httpx.AsyncByteStream):
    """The body of an answer, which returns its lane when it is closed.

    It refers to the owner, so that no transport is closed while one of its answers is being read.

    Attributes:
        reads: the reads of its connection.
    """

    def __init__(self, owner: AsyncHTTPXTransport, lane: AsyncLane, response: httpx.Response) -> None:
        self.reads = lane.reads
        self._owner = owner
        self._lane: AsyncLane | None = lane
        self._stream = cast("httpx.AsyncByteStream", response.stream)
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
