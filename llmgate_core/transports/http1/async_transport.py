"""The asynchronous half of the HTTP/1.1 transport.

One request at a time goes out on a connection. It has no redirects, cookies or proxies, and raises nothing but the
errors of `contract.transport.AsyncTransport`.

Source: docs/reliability.md, "Sending", and rows R1, R4, R10 to R13, R19, R26 and S11 there.
"""

from __future__ import annotations

import asyncio  # async only
import weakref  # async only
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.async_slots import AsyncSlots
from llmgate_core.transports.async_upload import AsyncUpload
from llmgate_core.transports.content_decoding import ContentDecoder, decoder_of
from llmgate_core.transports.http1.async_connection import AsyncConnection, Owner, open_connection
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.request_head import build_head, shared_part_cache
from llmgate_core.transports.http1.response_reader import ResponseReader
from llmgate_core.transports.loop_guard import LoopGuard  # async only
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.tls import TLSContext
from llmgate_core.transports.waits import is_late, moment_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.waits import Moment

__all__ = ["AsyncDecodedResponse", "AsyncHTTP1Response", "AsyncHTTP1Transport"]


class AsyncHTTP1Transport:
    """Sends requests over kept connections."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        options = options or TransportOptions()
        self._parser = parser_kind(options.parser)
        self._tls = TLSContext(options)
        self._shared_part = shared_part_cache()
        self.slots: AsyncSlots[AsyncConnection] = AsyncSlots(options)
        self.connections: set[AsyncConnection] = set()  # async only
        self._guard = LoopGuard(self.connections)  # async only

    async def asend(self, request: TransportRequest) -> AsyncHTTP1Response:
        """Send `request`; see `contract.transport.AsyncTransport.asend`."""
        head, content = build_head(request, self._shared_part), request.content
        if not self._guard.is_bound_to(asyncio.get_running_loop()):  # async only
            await self._guard.bind()  # async only
        if not isinstance(content, bytes):
            return await self._upload(request, head, AsyncUpload(request, content))
        connection = await self.slots.take(request) or await self._new_connection(request)
        return await self._exchange(connection, request, head, content)

    async def aclose(self) -> None:
        """Close every connection."""
        self.slots.close()
        await self._guard.aclose()  # async only

    def load_certificates(self) -> None:  # async only
        """Load the certificates to trust now, not with the first connection."""  # async only
        self._tls.get()  # async only

    # sync: def __del__(self) -> None:
    # sync:     if hasattr(self, "slots"):
    # sync:         self.slots.close_unlocked()

    async def _new_connection(self, request: TransportRequest) -> AsyncConnection:
        """Open a connection; its slot is reserved, and released if this fails."""
        deadline = request.deadline
        # sync: owner = self.slots
        # the loop refers to the connection, and must not keep the transport  # async only
        owner: weakref.ref[Owner] = weakref.ref(self)  # async only
        try:
            context = self._tls.get() if request.origin.scheme == "https" else None  # takes time when it is made
            ends = deadline.moment(deadline.timeouts.connect)
            connection = await open_connection(owner, request.origin, ends, context)
        except BaseException as error:
            self.slots.release()
            if is_late(error):
                raise deadline.error("connect") from error
            raise
        self.connections.add(connection)  # async only
        return connection

    async def _upload(self, request: TransportRequest, head: bytes, upload: AsyncUpload) -> AsyncHTTP1Response:
        try:
            await upload.start()
            connection = await self.slots.take(request) or await self._new_connection(request)
            return await self._exchange(connection, request, head, upload)
        finally:
            await upload.aclose()

    async def _exchange(
        self, connection: AsyncConnection, request: TransportRequest, head: bytes, content: bytes | AsyncUpload
    ) -> AsyncHTTP1Response:
        """Send, and wait for the head; the connection ends up with the response, in the pool, or closed."""
        reader = ResponseReader(request.origin, request.limits.head, self._parser, request.method)
        deadline = request.deadline
        try:
            if isinstance(content, bytes):
                connection.send(reader, head, content, request)
            else:
                await connection.send_upload(reader, head, content, request)
            while connection.is_sending and not reader.head_complete and reader.error is None:  # async only
                await connection.wait_until_sent(request)  # async only
            ends = deadline.moment(deadline.timeouts.first_event)
            while not reader.head_complete:
                if reader.error is not None:
                    raise reader.error
                if not await connection.receive(reader, ends):
                    raise deadline.error("first_event")
            decoder = decoder_of(reader.content_encoding) if reader.content_encoding else None
        except APIConnectionError as error:
            connection.abort(reader)
            if connection.was_used and not reader.received and error.code in ("reset", "closed"):
                raise StaleConnectionError from error
            raise
        except BaseException:
            connection.abort(reader)
            raise
        if decoder is not None:
            return AsyncDecodedResponse(self, connection, reader, decoder)
        return AsyncHTTP1Response(self, connection, reader)


class AsyncHTTP1Response:
    """A started answer; see `contract.transport.AsyncTransportResponse`."""

    __slots__ = ("_connection", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: AsyncHTTP1Transport, connection: AsyncConnection, reader: ResponseReader) -> None:
        self.status = reader.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = reader.raw_headers
        self._reader = reader
        self._transport = transport  # a reference for as long as an answer is being read
        self._connection: AsyncConnection | None = None if reader.complete else connection

    def take_whole(self) -> bytes | None:
        """Return the whole body if it came together with the head; None: it is read block by block."""
        if not self._reader.complete:
            return None
        self._connection = None  # the answer is complete, so the connection has been returned already
        return self._reader.take()

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`.

        If the wait is cancelled or interrupted, the connection is closed.
        """
        reader, connection = self._reader, self._connection
        ends: Moment = None  # of the first wait; some reads need none
        while not (block := reader.take()):
            if reader.error is not None:
                raise reader.error
            if reader.complete or connection is None:
                self._connection = None
                return b""
            ends = ends or moment_after(wait_seconds)
            try:
                has_come = await connection.receive(reader, ends)
            except BaseException:
                self.abort()
                raise
            if not has_come:
                raise TimeoutError
        if connection is not None and connection.is_paused:  # async only
            connection.resume(reader)  # async only
        return block

    async def afinish(self) -> None:
        """After an end marker: let go of the connection, which is kept if the proper end comes soon."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drain(self._reader)

    async def aclose(self) -> None:
        """Close the connection, unless the answer is complete and returned it already. Idempotent."""
        if self._connection is not None:
            self.abort()
            # the socket itself is closed one turn of the loop later  # async only
            await asyncio.sleep(0)  # async only

    def abort(self) -> None:
        """Close the connection without waiting; from any thread, and by the garbage collector."""
        connection, reader = self._connection, self._reader
        if connection is not None and not reader.complete and reader.error is None:
            reader.stop()  # first, so that nothing takes this for the proper end
            connection.abort_from_any_thread(reader)
        self._connection = None

    def __del__(self) -> None:
        if self._connection is not None:
            self.abort()


class AsyncDecodedResponse(AsyncHTTP1Response):
    """A started answer with a content encoding, which reading it undoes."""

    __slots__ = ("_decoder",)

    def __init__(
        self,
        transport: AsyncHTTP1Transport,
        connection: AsyncConnection,
        reader: ResponseReader,
        decoder: ContentDecoder,
    ) -> None:
        super().__init__(transport, connection, reader)
        self._decoder = decoder

    def take_whole(self) -> None:
        """Return None: decoding takes time, and is done block by block."""

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body, decoded."""
        decoder, ends = self._decoder, moment_after(wait_seconds)
        await asyncio.sleep(0)  # other tasks get their turn between the many pieces of one block  # async only
        while not (piece := decoder.take()):
            block = await super().aread_block(None if ends is None else max(ends - monotonic(), 0))
            if not block:
                decoder.finish()
                return b""
            decoder.put(block)
        return piece
