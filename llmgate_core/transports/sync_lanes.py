# Made from llmgate_core/transports/async_lanes.py by tools/make_twins.py: edit that file, then run `make twins`.
"""The transport over httpx, and its lanes: one connection each, in a transport of httpx's.

httpx's own pool compares all of its connections with each other several times for each request, which makes 64 calls
at a time five times as expensive. So each lane has room for one connection, and our own pool chooses the lane. httpx
itself replaces a connection that was closed while it was idle.

Source: rows R26 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import httpx

from llmgate_core.transports.httpx_requests import RequestBuilder, lane_options
from llmgate_core.transports.read_limits import ConnectionReads
from llmgate_core.transports.sync_slots import Slots
from llmgate_core.transports.user_client.sync_transport import ClientTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.options import TransportOptions
    from llmgate_core.transports.user_client.requests import ConnectionTrace

__all__ = ["HTTPXTransport"]


class HTTPXTransport(ClientTransport):
    """`contract.transport.Transport` over lanes."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(RequestBuilder(options).build)
        self._lane_options = lane_options(options)
        self._process = os.getpid()
        self._lanes: set[Lane] = set()
        self.slots: Slots[Lane] = Slots(options)

    def _send(self, outgoing: httpx.Request, request: TransportRequest, trace: ConnectionTrace) -> httpx.Response:
        lane = self.slots.take(request) or self._new_lane(request.origin)
        deadline = request.deadline
        trace.on_stream = lane.reads.watch
        trace.on_head = lambda: lane.reads.limit(deadline.wait(deadline.timeouts.first_event))
        try:
            response = lane.transport.handle_request(outgoing)
            response.stream = LaneStream(self, lane, response)
        except BaseException:
            self.slots.drop(lane)
            raise
        return response

    def _new_lane(self, origin: Origin) -> Lane:
        return Lane(origin, httpx.HTTPTransport(**self._lane_options), self._lanes)

    def limit_of(self, response: httpx.Response, waits: dict[str, float | None]) -> ConnectionReads:
        """Return what ends the reads of an answer."""
        waits["read"] = None  # every wait is cut off by us
        return cast("LaneStream", response.stream).reads

    def close(self) -> None:
        """Close every connection, those in use too."""
        self.slots.close()
        self._close_lanes()

    def _close_lanes(self) -> None:
        for lane in list(self._lanes):
            lane.discard()

    def __del__(self) -> None:
        # A fork's child leaves the parent's connections alone: a lock may be held there for ever.
        if getattr(self, "_process", None) == os.getpid():
            self._close_lanes()


class Lane:
    """One connection; `lanes` are those that are open."""

    def __init__(self, origin: Origin, transport: httpx.HTTPTransport, lanes: set[Lane]) -> None:
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
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._lanes.discard(self)
        self.transport.close()


class LaneStream(httpx.SyncByteStream):
    """The body of an answer, which returns its lane when it is closed.

    It refers to the owner, so that no transport is closed while one of its answers is being read.

    Attributes:
        reads: the reads of its connection.
    """

    def __init__(self, owner: HTTPXTransport, lane: Lane, response: httpx.Response) -> None:
        self.reads = lane.reads
        self._owner = owner
        self._lane: Lane | None = lane
        self._stream = cast("httpx.SyncByteStream", response.stream)
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
