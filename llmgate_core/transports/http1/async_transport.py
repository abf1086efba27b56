"""The asynchronous half of the HTTP/1.1 transport, for asyncio's own event loops and uvloop.

One request at a time goes out on a connection. It has no redirects, cookies or proxies, and raises nothing but the
errors of `contract.transport.AsyncTransport`.

Source: docs/reliability.md, "Sending", and rows R1, R4, R10 to R13, R19, R26 and S11 there.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import weakref
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.contract.transport import StaleConnectionError
from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.addresses import literal_addresses, open_socket
from llmgate_core.transports.async_slots import AsyncSlots
from llmgate_core.transports.async_upload import AsyncUpload
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.failures import connect_failed, dns_failed, tls_failed
from llmgate_core.transports.http1.async_connection import AsyncConnection
from llmgate_core.transports.http1.parsers import parser_kind
from llmgate_core.transports.http1.request_head import build_head
from llmgate_core.transports.http1.response_reader import ResponseReader
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.waits import await_until, is_late, moment_after

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Sequence

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.addresses import Address
    from llmgate_core.transports.waits import Moment

__all__ = ["AsyncHTTP1Response", "AsyncHTTP1Transport"]


class AsyncHTTP1Transport:
    """Sends requests over kept connections, in the event loop that its first request comes from."""

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options = options or TransportOptions()
        self._parser = parser_kind(options.parser)
        self._tls_context: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard: AsyncGenerator[None, None] | None = None
        self.slots: AsyncSlots[AsyncConnection] = AsyncSlots(options)
        self._connections: set[AsyncConnection] = set()

    async def asend(self, request: TransportRequest) -> AsyncHTTP1Response:
        """Send `request`; see `contract.transport.AsyncTransport.asend`."""
        head = build_head(request)
        if self._loop is not asyncio.get_running_loop():
            await self._bind()
        upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
        try:
            if upload is not None:
                await upload.start()
            connection = await self.slots.take(request) or await self._new_connection(request)
            return await self._exchange(connection, request, head, upload)
        finally:
            if upload is not None:
                await upload.aclose()

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self.slots.close()
        for connection in list(self._connections):
            connection.abort_any()
        if self._guard is not None:
            await self._guard.aclose()

    async def _bind(self) -> None:
        if self._loop is not None:
            raise RuntimeError("an AsyncHTTP1Transport serves one event loop only")
        self._loop = asyncio.get_running_loop()
        # A loop closes its asynchronous generators before it ends: the one public way to notice its end.
        self._guard = _close_with_loop(self._connections)
        await self._guard.__anext__()

    async def _exchange(
        self, connection: AsyncConnection, request: TransportRequest, head: bytes, upload: AsyncUpload | None
    ) -> AsyncHTTP1Response:
        """Send, and wait for the head; the connection ends up with the response, in the pool, or closed."""
        reader = ResponseReader(request.origin, request.limits.head, self._parser, request.method)
        try:
            if upload is not None:
                await connection.send_upload(reader, head, upload, request)
            elif isinstance(request.content, bytes):
                connection.send(reader, head, request.content)
            await _receive_head(connection, reader, request)
            return AsyncHTTP1Response(self, connection, reader)
        except APIConnectionError as error:
            connection.abort(reader)
            if connection.was_used and not reader.received and error.code in ("reset", "closed"):
                raise StaleConnectionError from error
            raise
        except BaseException:
            connection.abort(reader)
            raise

    async def _new_connection(self, request: TransportRequest) -> AsyncConnection:
        """Open a connection; its slot is reserved, and released if this fails."""
        deadline = request.deadline
        ends = moment_after(deadline.wait(deadline.timeouts.connect))
        try:
            connection = await self._open(request.origin, ends)
        except BaseException as error:
            self.slots.release()
            if is_late(error):
                raise deadline.error("connect") from error
            raise
        self._connections.add(connection)
        return connection

    async def _open(self, origin: Origin, ends: Moment) -> AsyncConnection:
        loop = asyncio.get_running_loop()
        sock = await _open_socket(origin, await _resolve(origin, ends), ends)
        connection = AsyncConnection(weakref.ref(self), origin, sock, loop)
        try:
            context = self._context() if origin.scheme == "https" else None
            creating = loop.create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=origin.host if context else None
            )
            await await_until(creating, ends)
        except BaseException as error:
            connection.discard()
            if not isinstance(error, OSError) or is_late(error):
                raise
            sock.close()
            raise (tls_failed if origin.scheme == "https" else connect_failed)(origin, error) from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls_context is None:
            self._tls_context = make_tls_context(self._options)
        return self._tls_context

    def forget(self, connection: AsyncConnection) -> None:
        """Forget a closed connection, whatever it was doing."""
        self._connections.discard(connection)

    def __del__(self) -> None:
        loop = getattr(self, "_loop", None)
        if loop is not None and loop.is_closed():
            for connection in list(self._connections):
                connection.close_socket()


class AsyncHTTP1Response:
    """A started answer; see `contract.transport.AsyncTransportResponse`. Belongs to one task at a time."""

    __slots__ = ("_connection", "_decoder", "_has_yielded", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: AsyncHTTP1Transport, connection: AsyncConnection, reader: ResponseReader) -> None:
        self._connection: AsyncConnection | None = None  # stays so if the next line raises
        self._decoder = decoder_for(reader.raw_headers)
        self.status = reader.status
        self.raw_headers: Sequence[tuple[bytes, bytes]] = reader.raw_headers
        self._reader = reader
        self._transport = transport  # a reference for as long as an answer is being read
        self._connection = connection
        self._has_yielded = True

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `contract.transport.TransportResponse.read_block`.

        If its task is cancelled, the connection is closed.
        """
        reader, decoder = self._reader, self._decoder
        ends: Moment = None  # of the first wait; most reads need none
        while True:
            if decoder is not None and (piece := await self._decoded()):
                return piece
            if block := reader.take():
                if self._connection is not None:
                    self._connection.resume(reader)
                if decoder is None:
                    return block
                decoder.put(block)
            elif reader.error is not None:
                raise reader.error
            elif reader.complete or self._connection is None:
                if decoder is not None:
                    decoder.finish()
                return b""
            else:
                ends = ends or moment_after(wait_seconds)
                if not await self._wait(self._connection, ends):
                    raise TimeoutError

    async def afinish(self) -> None:
        """After an end marker: let go of the connection, which is kept if the proper end comes soon.

        Returns at once; the rest is read in the background, for at most 0.5 s and 64 KiB.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drain(self._reader)

    async def aclose(self) -> None:
        """Close the connection, unless the answer is complete and returned it already. Idempotent."""
        if self._connection is not None and not self._is_settled():
            self.abort()
            await asyncio.sleep(0)  # the socket itself is closed one turn of the loop later

    def abort(self) -> None:
        """Close the connection without waiting; from any thread, and by the garbage collector."""
        connection, self._connection = self._connection, None
        if connection is not None and not self._is_settled():
            connection.abort_from_any_thread(self._reader)

    def _is_settled(self) -> bool:
        return self._reader.complete or self._reader.error is not None

    async def _wait(self, connection: AsyncConnection, ends: Moment) -> bool:
        connection.resume(self._reader)  # what came may hold no byte of the body
        try:
            return await connection.wait(ends)
        except BaseException:
            self.abort()
            raise

    async def _decoded(self) -> bytes:
        """Return a piece; other tasks get their turn between the many pieces of one block."""
        if not self._has_yielded:
            await asyncio.sleep(0)
        piece = self._decoder.take() if self._decoder is not None else b""
        self._has_yielded = not piece
        return piece

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.abort()


async def _close_with_loop(connections: set[AsyncConnection]) -> AsyncGenerator[None, None]:
    """Do nothing until the loop ends or the transport is dropped; then close what is open."""
    try:
        yield
    finally:
        for connection in list(connections):
            connection.abort_any()
            connection.discard()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


async def _receive_head(connection: AsyncConnection, reader: ResponseReader, request: TransportRequest) -> None:
    deadline = request.deadline
    while connection.is_sending and not reader.head_complete and reader.error is None:
        await connection.wait_until_sent(request)
    ends = moment_after(deadline.wait(deadline.timeouts.first_event))
    while not reader.head_complete and reader.error is None:
        if not await connection.wait(ends):
            raise deadline.error("first_event")
    if reader.error is not None and not reader.head_complete:
        raise reader.error


async def _resolve(origin: Origin, ends: Moment) -> list[Address]:
    if addresses := literal_addresses(origin):
        return addresses
    looking_up = asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    try:
        return list(await await_until(looking_up, ends))
    except OSError as error:
        if is_late(error):
            raise
        raise dns_failed(origin, error) from error
    except UnicodeError as error:
        raise dns_failed(origin, OSError(0, "not a host name")) from error


async def _open_socket(origin: Origin, addresses: list[Address], ends: Moment) -> socket.socket:
    """Return a socket that is connected to one of the addresses, tried in their order."""
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for count, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # A fair share of the time; the last one may take all that is left.
        share = ends if ends is None or count == 1 else monotonic() + (ends - monotonic()) / count
        try:
            return await _open_one(address, share)
        except OSError as error:
            if is_late(error) and count == 1:
                raise
            failure = OSError(errno.ETIMEDOUT, "no answer") if is_late(error) else error
    raise connect_failed(origin, failure) from failure


async def _open_one(address: Address, ends: Moment) -> socket.socket:
    sock = open_socket(address)
    try:
        sock.setblocking(False)
        await await_until(asyncio.get_running_loop().sock_connect(sock, address[4]), ends)
    except BaseException:
        sock.close()
        raise
    return sock
