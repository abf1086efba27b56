"""The asyncio half of the fast transport: our own HTTP/1.1 over asyncio's sockets.

One request at a time goes out on a connection. It knows no redirects, cookies, proxies or
environment, and never raises anything but the errors of `transport_contract.AsyncTransport`.

Source: section "Sending" and rows R1, R4, R10 to R13, R19, R26 and S11 of docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import weakref
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.addresses import literal_addresses, open_socket
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.failures import connect_failed, dns_failed, tls_failed
from llmgate_core.transports.http1.async_connection import Connection
from llmgate_core.transports.http1.pool import ConnectionPool
from llmgate_core.transports.http1.response_reader import ResponseReader, build_head
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.upload import AsyncUpload

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.addresses import Address

__all__ = ["AsyncFastResponse", "AsyncFastTransport"]

TIMER_SLACK_SECONDS = 0.001  # so that a limit has passed for certain when its timer fires


class AsyncFastTransport:
    """Sends requests over kept connections, in the event loop that its first request comes from.

    `max_connections` counts those in use and the idle ones, of all origins together.
    `ca_file` names the certificates to trust instead of the default ones.
    """

    def __init__(
        self,
        *,
        verify: bool = True,
        ca_file: str | None = None,
        max_connections: int = 1000,
        max_idle_seconds: float = 60.0,
    ) -> None:
        self._verify = verify
        self._ca_file = ca_file
        self._tls_context: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._guard: AsyncGenerator[None, None] | None = None
        self._pool: ConnectionPool[Connection] = ConnectionPool(max_connections, max_idle_seconds)
        self._connections: set[Connection] = set()
        self._closed = False

    async def asend(self, request: TransportRequest) -> AsyncFastResponse:
        """Send `request`; see `transport_contract.AsyncTransport.asend`."""
        head = build_head(request)
        if self._loop is not asyncio.get_running_loop():
            await self._bind()
        upload = None if isinstance(request.content, bytes) else AsyncUpload(request, request.content)
        try:
            if upload is not None:
                await upload.begin()
            connection = await self._idle_connection(request)
            if connection is None:
                connection = await self._connect(request)
            try:
                return await self._exchange(connection, request, head, upload)
            except _StaleConnectionError:
                await self._reserve(request)  # closed by the upstream just as we sent: once more, on a fresh one
            if upload is not None:
                await upload.begin()
            return await self._exchange(await self._connect(request), request, head, upload)
        finally:
            if upload is not None:
                await upload.aclose()

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self._closed = True
        for connection in list(self._connections):
            connection.drop()
        self._pool.discard_idle()
        if self._guard is not None:
            await self._guard.aclose()

    async def _bind(self) -> None:
        if self._loop is not None:
            raise RuntimeError("an AsyncFastTransport serves one event loop only")
        self._loop = asyncio.get_running_loop()
        # The loop closes its async generators before it ends: the one public way to be told of it.
        self._guard = _close_with_loop(self._connections)
        await self._guard.__anext__()

    async def _exchange(
        self, connection: Connection, request: TransportRequest, head: bytes, upload: AsyncUpload | None
    ) -> AsyncFastResponse:
        """Send, and wait for the head; the connection ends up with the response, the pool or closed."""
        reader = ResponseReader(request.origin, request.limits.head)
        deadline = request.deadline
        try:
            if upload is not None:
                await connection.begin_upload(reader, head, upload, request)
            elif isinstance(request.content, bytes):
                connection.begin(reader, head, request.content)
            while connection.is_sending and not reader.head_complete and reader.error is None:
                await connection.wait_until_sent(deadline)
            wait = deadline.wait(deadline.timeouts.first_event)
            ends = None if wait is None else monotonic() + wait
            while not reader.head_complete and reader.error is None:
                if not await connection.wait(ends):
                    raise deadline.error("first_event")
            if reader.error is not None and not reader.head_complete:
                raise reader.error
            return AsyncFastResponse(self, connection, reader)
        except APIConnectionError as error:
            connection.drop_if_reading(reader)
            if connection.used and not reader.received and error.code in ("reset", "closed"):
                raise _StaleConnectionError from error
            raise
        except BaseException:
            connection.drop_if_reading(reader)
            raise

    async def _idle_connection(self, request: TransportRequest) -> Connection | None:
        """Return a connection that is quiet; None: there is none, and one may be opened."""
        while True:
            connection = self._pool.take(request.origin, monotonic())
            if connection is None:
                if self._pool.reserve():
                    return None
                connection = await self._wait_for_slot(request)
            if connection is None or connection.is_quiet():
                return connection
            connection.discard()
            self.release()

    async def _reserve(self, request: TransportRequest) -> None:
        """Reserve the slot of a new connection, at the cost of a kept one if need be."""
        if not self._pool.reserve():
            connection = await self._wait_for_slot(request)
            if connection is not None:
                connection.discard()

    async def _wait_for_slot(self, request: TransportRequest) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        deadline = request.deadline
        self._pool.wait(request.origin, waiter)
        try:
            await asyncio.wait([waiter], timeout=_with_slack(deadline.wait(deadline.timeouts.pool)))
        except BaseException:
            self._stop_waiting(request.origin, waiter)
            raise
        if waiter.done():
            return waiter.result()
        self._stop_waiting(request.origin, waiter)
        raise deadline.error("pool")

    def _stop_waiting(self, origin: Origin, waiter: asyncio.Future[Connection | None]) -> None:
        self._pool.stop_waiting(origin, waiter)
        if not waiter.done():
            waiter.cancel()
        elif (connection := waiter.result()) is None:  # it came just now
            self.release()
        else:
            self.keep(connection)

    async def _connect(self, request: TransportRequest) -> Connection:
        """Open a connection; its slot is reserved, and given back where this fails."""
        deadline = request.deadline
        wait = deadline.wait(deadline.timeouts.connect)
        opening = asyncio.get_running_loop().create_task(self._open(request.origin, wait))
        try:
            await asyncio.wait([opening], timeout=_with_slack(wait))
            if not opening.done():
                raise deadline.error("connect")
            connection = opening.result()
        except BaseException:
            opening.cancel()
            opening.add_done_callback(_discard_result)
            self.release()
            raise
        self._connections.add(connection)
        return connection

    async def _open(self, origin: Origin, wait_seconds: float | None) -> Connection:
        loop = asyncio.get_running_loop()
        ends = None if wait_seconds is None else monotonic() + wait_seconds
        sock = await _open_socket(origin, await _resolve(origin), ends)
        context = self._context() if origin.scheme == "https" else None
        connection = Connection(weakref.ref(self), origin, sock, loop)
        try:
            await loop.create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=origin.host if context else None
            )
        except OSError as error:
            sock.close()
            raise (tls_failed if context else connect_failed)(origin, error) from error
        except BaseException:
            connection.discard()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls_context is None:
            self._tls_context = make_tls_context(verify=self._verify, ca_file=self._ca_file)
        return self._tls_context

    # What a connection tells of itself.

    def keep(self, connection: Connection) -> None:
        """Take back a connection whose answer is complete."""
        connection.used = True
        if self._closed:
            connection.discard()
            self.release()
        else:
            self._pool.give(connection, monotonic())

    def release(self) -> None:
        """Count a connection as closed."""
        self._pool.release()

    def forget_idle(self, connection: Connection) -> None:
        """Take an idle connection out of the pool: it was closed."""
        self._pool.remove(connection)

    def forget(self, connection: Connection) -> None:
        """Forget a closed connection, whatever it was doing."""
        self._connections.discard(connection)

    def __del__(self) -> None:
        loop = getattr(self, "_loop", None)
        if loop is not None and loop.is_closed():
            for connection in list(self._connections):
                connection.bury()


class AsyncFastResponse:
    """A started answer; see `transport_contract.AsyncTransportResponse`. Belongs to one task at a time."""

    __slots__ = ("_connection", "_decoder", "_has_yielded", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: AsyncFastTransport, connection: Connection, reader: ResponseReader) -> None:
        self._connection: Connection | None = None  # stays so where the next line raises
        self._decoder = decoder_for(reader.raw_headers)
        self.status = reader.status
        self.raw_headers = reader.raw_headers
        self._reader = reader
        self._transport = transport  # holds it for as long as an answer is being read
        self._connection = connection
        self._has_yielded = True

    async def aread_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`.

        When its task is cancelled, the connection is dropped.
        """
        reader, decoder = self._reader, self._decoder
        ends = None if wait_seconds is None else monotonic() + wait_seconds
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
            elif not await self._wait(self._connection, ends):
                raise TimeoutError

    async def afinish(self) -> None:
        """After an end marker: leave the connection to itself, to be kept if the proper end comes soon.

        Returns at once; the rest is read in the background for 0.5 s and 64 KiB at most.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drain(self._reader)

    async def aclose(self) -> None:
        """Drop the connection, unless the answer is complete and gave it back already. Idempotent."""
        if self._connection is not None and not self._is_settled():
            self.abort()
            await asyncio.sleep(0)  # the socket itself is closed one turn of the loop later

    def abort(self) -> None:
        """Drop the connection without waiting; from any thread, and by the garbage collector."""
        connection, self._connection = self._connection, None
        if connection is not None and not self._is_settled():
            connection.drop_from_anywhere(self._reader)

    def _is_settled(self) -> bool:
        return self._reader.complete or self._reader.error is not None

    async def _wait(self, connection: Connection, ends: float | None) -> bool:
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


async def _close_with_loop(connections: set[Connection]) -> AsyncGenerator[None, None]:
    """Wait until the loop ends or the transport is dropped; then close what is open."""
    try:
        yield
    finally:
        for connection in list(connections):
            connection.drop()
            connection.discard()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


async def _resolve(origin: Origin) -> list[Address]:
    if found := literal_addresses(origin):
        return found
    loop = asyncio.get_running_loop()
    try:
        return list(await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise dns_failed(origin, error) from error
    except UnicodeError as error:
        raise dns_failed(origin, OSError(0, "not a host name")) from error


async def _open_socket(origin: Origin, addresses: list[Address], ends: float | None) -> socket.socket:
    """Return a socket that is connected to one of the addresses, tried in their order."""
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for more, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        # A fair share of the time; the last one may wait until the caller's own limit ends it.
        wait = None if ends is None or not more else (ends - monotonic()) / (more + 1)
        try:
            return await _open_one(address, wait)
        except asyncio.TimeoutError:  # before Python 3.11 not the builtin one
            failure = OSError(errno.ETIMEDOUT, "no answer")
        except OSError as error:
            failure = error
    raise connect_failed(origin, failure) from failure


async def _open_one(address: Address, wait_seconds: float | None) -> socket.socket:
    sock = open_socket(address)
    try:
        sock.setblocking(False)
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, address[4]), wait_seconds)
    except BaseException:
        sock.close()
        raise
    return sock


def _discard_result(opening: asyncio.Task[Connection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().discard()


def _with_slack(wait_seconds: float | None) -> float | None:
    return None if wait_seconds is None else wait_seconds + TIMER_SLACK_SECONDS


class _StaleConnectionError(Exception):
    """A kept connection was closed before a byte of an answer came."""
