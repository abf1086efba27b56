"""The asyncio twin of `httpx_network.py`: how httpcore connects, reads and writes in an event loop.

Only moves bytes. A wait that ends is a future and a timer, never a cancellation, so that the one
who cancels a task is always somebody else; and every connection can be closed without waiting,
even when its loop is gone.

Source: rows R1, R11, R12, R19, R26 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import warnings
from typing import TYPE_CHECKING, Any

import httpcore

from llmgate_core.contract.transport import Origin
from llmgate_core.transports.addresses import Address, literal_addresses, make_poll, open_socket
from llmgate_core.transports.failures import connect_failed, dns_failed
from llmgate_core.transports.httpx_exchange import (
    TrackedConnection,
    Trust,
    WireExchange,
    has_final_head,
    seconds_until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Iterable

__all__ = ["AsyncConnection", "AsyncNetwork"]

GATHERED_BYTES = 64 * 1024  # a request up to this size goes out in one call
MAX_BUFFERED_BYTES = 256 * 1024
RECEIVE_BYTES = 64 * 1024
TIMER_SLACK_SECONDS = 0.001  # so that a limit has passed for certain when its timer fires


class AsyncNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections; httpcore passes a `WireExchange` as `timeout`."""

    def __init__(self) -> None:
        self.trust = Trust()
        self._open: set[AsyncConnection] = set()
        self._guard: AsyncGenerator[None, None] | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Any = None,
        local_address: str | None = None,  # noqa: ARG002  # never asked for
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002  # never asked for
    ) -> AsyncConnection:
        """Return a connection to the first address that takes one.

        Raises:
            APIConnectionError: no address, or none that answers. httpcore.ConnectTimeout: not in time.
        """
        exchange: WireExchange = timeout
        if self._guard is None:
            # a loop closes its async generators before it ends: the one public way to be told of it
            self._guard = _close_with_loop(self._open)
            await self._guard.__anext__()
        ends = exchange.start_connecting()
        opening = asyncio.get_running_loop().create_task(self._connect(Origin("", host, port), ends, exchange))
        try:
            await asyncio.wait([opening], timeout=_with_slack(seconds_until(ends)))
            if not opening.done():
                raise httpcore.ConnectTimeout
        except BaseException:
            opening.cancel()
            opening.add_done_callback(_abort_result)
            raise
        return opening.result()

    async def _connect(self, origin: Origin, ends: float | None, exchange: WireExchange) -> AsyncConnection:
        loop = asyncio.get_running_loop()
        sock = await _open_socket(origin, await _resolve(origin), ends)
        connection = AsyncConnection(sock, loop, self.trust, exchange, self._open)
        try:
            await loop.create_connection(lambda: connection, sock=sock)
        except BaseException:
            sock.close()
            raise
        return connection

    def drop_all(self) -> None:
        """Close every connection, from any thread, also when the loop is closed."""
        for connection in list(self._open):
            connection.drop_from_anywhere()

    async def aclose(self) -> None:
        """Close every connection."""
        if self._guard is not None:
            await self._guard.aclose()


class AsyncConnection(asyncio.Protocol, httpcore.AsyncNetworkStream, TrackedConnection):
    """A connected socket in the hands of one event loop."""

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        trust: Trust,
        exchange: WireExchange,
        registry: set[AsyncConnection],
    ) -> None:
        TrackedConnection.__init__(self, trust)
        self._socket = sock
        self._loop = loop
        self._poll = make_poll(sock)
        self._registry = registry  # of the connections that are open
        self._first = exchange  # of what a SOCKS proxy is told, where httpcore passes no timeout
        self._wire: asyncio.Transport | None = None
        self._blocks: list[bytes] = []
        self._buffered_bytes = 0
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._is_read_paused = False
        self._is_write_paused = False
        self._has_ended = False
        self._failure: OSError | None = None
        self._waiter: asyncio.Future[bool] | None = None
        registry.add(self)

    # What httpcore calls.

    async def read(self, max_bytes: int, timeout: Any = None) -> bytes:  # noqa: ARG002  # h11 takes any number
        """Send what waits, and return what comes.

        Raises:
            httpcore.ReadTimeout: nothing until `timeout.ends`. httpcore.ReadError: the connection broke.
        """
        exchange: WireExchange = timeout or self._first
        if self._unsent:
            await self._flush(exchange)
        exchange.check_head()
        while not self._blocks:
            if self._failure is not None:
                raise httpcore.ReadError from self._failure
            if self._has_ended:
                return self._note(exchange, b"")
            if not await self._wait(exchange.ends):
                raise httpcore.ReadTimeout
        blocks, self._blocks, self._buffered_bytes = self._blocks, [], 0
        if self._is_read_paused and self._wire is not None:
            self._is_read_paused = False
            self._wire.resume_reading()
        return self._note(exchange, blocks[0] if len(blocks) == 1 else b"".join(blocks))

    async def write(self, buffer: bytes, timeout: Any = None) -> None:
        """Gather a request; small ones go out when their answer is read.

        Raises:
            httpcore.WriteTimeout: the upstream reads nothing. httpcore.WriteError: no more of an upload is
            wanted; httpcore then reads the answer.
        """
        exchange: WireExchange = timeout or self._first
        if exchange.connection is not self and self._blocks:  # nobody asked for these
            self._blocks.clear()
            self._has_ended = True
        self._begin(exchange)
        self._unsent.append(buffer)
        self._unsent_bytes += len(buffer)
        if self._unsent_bytes > GATHERED_BYTES:
            await self._flush(exchange)
            if self._spoilt and exchange.is_upload():
                raise httpcore.WriteError

    async def aclose(self) -> None:
        """Close at once."""
        self.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Any = None
    ) -> AsyncConnection:
        """Go on with TLS.

        Raises:
            OSError: the handshake failed; nothing else here raises a bare one. httpcore.ConnectTimeout: not in time.
        """
        exchange: WireExchange = timeout
        exchange.connection = None  # what a proxy answered before is another answer
        secured = await self._within(exchange.connect_ends, self._handshake(ssl_context, server_hostname))
        if not isinstance(secured, asyncio.Transport):
            self.abort()
            raise OSError(errno.ECONNRESET, "closed during the handshake")
        self._wire = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        """Answer what httpcore asks: above all whether an idle connection is still good."""
        if info == "is_readable":
            gone = self._has_ended or self._is_unfit() or self._blocks or self._socket.fileno() < 0
            return bool(gone) or bool(self._poll.poll(0))
        if info == "ssl_object":
            return None if self._wire is None else self._wire.get_extra_info("ssl_object")
        return self._socket if info == "socket" else None

    # For the transport and the response.

    def abort(self) -> None:
        """Close at once; in the loop's own thread."""
        self._registry.discard(self)
        self._has_ended = True
        if self._wire is not None:
            self._wire.abort()
        self._wake(True)

    def drop_from_anywhere(self) -> None:
        """Close from any thread, also when the loop is closed."""
        try:
            if asyncio._get_running_loop() is self._loop:
                self.abort()
            else:
                self._loop.call_soon_threadsafe(self.abort)
        except RuntimeError:  # the loop is closed
            self._bury()

    def _bury(self) -> None:
        """Close after the loop was closed, when asyncio itself cannot any more.

        Only of a loop that was closed without `shutdown_asyncgens`; asyncio may still warn of its own part.
        """
        self._registry.discard(self)
        self._has_ended = True
        self._socket.close()
        with warnings.catch_warnings():  # asyncio warns of what its loop left open
            warnings.simplefilter("ignore", ResourceWarning)
            self._wire = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the wire, which asyncio calls a transport."""
        if isinstance(transport, asyncio.Transport):
            self._wire = transport

    def data_received(self, data: bytes) -> None:
        """Keep the data until it is asked for."""
        self._blocks.append(data)
        self._buffered_bytes += len(data)
        if self._buffered_bytes > MAX_BUFFERED_BYTES and not self._is_read_paused and self._wire is not None:
            self._is_read_paused = True
            self._wire.pause_reading()
        self._wake(True)

    def eof_received(self) -> bool:
        """Note the end."""
        self._has_ended = True
        self._wake(True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and why."""
        self._registry.discard(self)
        self._has_ended = True
        wire, self._wire = self._wire, None  # to abort asyncio's own after this may fail; that of TLS asks for it
        if wire is not None and wire.get_extra_info("ssl_object") is not None:
            wire.abort()
        elif isinstance(exc, OSError):
            self._read_last()
        if isinstance(exc, OSError):
            self._failure = exc
        self._wake(True)

    def pause_writing(self) -> None:
        """Note that the upstream reads slowly."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Note that it caught up."""
        self._is_write_paused = False
        self._wake(True)

    # Within.

    async def _flush(self, exchange: WireExchange) -> None:
        data, self._unsent, self._unsent_bytes = b"".join(self._unsent), [], 0
        if self._wire is None or self._has_ended:
            self._spoilt = True  # the upstream reads no more, but its answer may be here already
            return
        if exchange.is_upload():
            if data:  # httpcore also writes nothing, as the end of a body
                await self._upload(self._wire, data, exchange)
            exchange.start_waiting()
            return
        self._wire.write(data)
        exchange.start_waiting()
        while self._is_write_paused and not self._has_ended:
            if self._blocks:  # an early answer, which is read instead
                self._spoilt = True
                return
            if not await self._wait(exchange.ends):
                raise httpcore.WriteTimeout

    async def _upload(self, wire: asyncio.Transport, data: bytes, exchange: WireExchange) -> None:
        """Send a part of an upload, and wait until it is about to run out; an early answer ends it."""
        if not self._is_refused():
            wire.write(data)
        while self._is_write_paused and not self._is_refused():
            before = wire.get_write_buffer_size()
            exchange.start_sending()
            if not await self._wait(exchange.ends) and wire.get_write_buffer_size() == before:
                raise httpcore.WriteTimeout

    def _is_refused(self) -> bool:
        """Return whether no more of an upload is wanted; its answer may be here."""
        if self._has_ended or (self._blocks and has_final_head(b"".join(self._blocks))):
            self._spoilt = True
        return self._spoilt

    def _read_last(self) -> None:
        """Read the answer that came just before our request broke the connection; asyncio would drop it."""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(RECEIVE_BYTES):
                self._blocks.append(data)

    async def _wait(self, ends: float | None) -> bool:
        """Wait until something happens; False: not before `ends`. Who is cancelled here, loses the connection."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        timer = None
        if ends is not None:
            timer = self._loop.call_later((seconds_until(ends) or 0) + TIMER_SLACK_SECONDS, self._wake, False)
        try:
            return await waiter
        except BaseException:
            self.abort()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _wake(self, something_happened: bool) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(something_happened)

    async def _handshake(self, context: ssl.SSLContext, host: str | None) -> asyncio.BaseTransport | None:
        if self._wire is None or self._has_ended:
            raise OSError(errno.ECONNRESET, "closed before the handshake")
        return await self._loop.start_tls(self._wire, self, context, server_hostname=host)

    async def _within(self, ends: float | None, steps: Coroutine[Any, Any, Any]) -> Any:
        task = self._loop.create_task(steps)
        try:
            await asyncio.wait([task], timeout=_with_slack(seconds_until(ends)))
            if not task.done():
                raise httpcore.ConnectTimeout
            return task.result()
        except BaseException:
            task.cancel()
            self.abort()
            raise


async def _close_with_loop(connections: set[AsyncConnection]) -> AsyncGenerator[None, None]:
    """Wait until the loop ends or the transport is closed; then close what is open."""
    try:
        yield
    finally:
        for connection in list(connections):
            connection.abort()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


async def _resolve(origin: Origin) -> list[Address]:
    if found := literal_addresses(origin):
        return found
    try:
        loop = asyncio.get_running_loop()
        return list(await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM))
    except OSError as error:
        raise dns_failed(origin, error) from error
    except UnicodeError:
        failure = dns_failed(origin, OSError(0, "not a host name"))
    raise failure


async def _open_socket(origin: Origin, addresses: list[Address], ends: float | None) -> socket.socket:
    failure: OSError = OSError(errno.EADDRNOTAVAIL, "no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        wait = seconds_until(ends)
        sock = open_socket(address)
        sock.setblocking(False)
        try:
            connecting = asyncio.get_running_loop().sock_connect(sock, address[4])
            await asyncio.wait_for(connecting, None if wait is None else wait / left)  # a fair share for each
        except asyncio.TimeoutError:  # before Python 3.11 not the builtin one
            sock.close()
            failure = OSError(errno.ETIMEDOUT, "no answer")
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    if failure.errno == errno.ETIMEDOUT:
        raise httpcore.ConnectTimeout from None
    refused = connect_failed(origin, failure)
    refused.__context__ = failure  # httpcore takes causes off, but no contexts
    raise refused


def _abort_result(opening: asyncio.Task[AsyncConnection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().abort()


def _with_slack(wait_seconds: float | None) -> float | None:
    return None if wait_seconds is None else wait_seconds + TIMER_SLACK_SECONDS
