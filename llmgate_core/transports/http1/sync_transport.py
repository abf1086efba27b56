"""The blocking half of the fast transport: our own HTTP/1.1 over sockets.

One request at a time goes out on a connection. It knows no redirects, cookies, proxies or
environment, and never raises anything but the errors of `transport_contract.Transport`.

Source: section "Sending" and rows R1, R4, R10 to R13, R19, R26 and S11 of docs/architecture.md.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError
from llmgate_core.transports.addresses import POLL_IN, POLL_OUT, Address, make_poll, open_socket, resolve
from llmgate_core.transports.content_decoding import decoder_for
from llmgate_core.transports.deferred_close import close_elsewhere
from llmgate_core.transports.failures import connect_failed, dns_failed, tls_failed, truncated
from llmgate_core.transports.http1.pool import ConnectionPool
from llmgate_core.transports.http1.response_reader import ResponseReader, build_head
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.upload import Upload, not_taken

if TYPE_CHECKING:
    import socket

    from llmgate_core.contract.limits import Deadline
    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.content_decoding import ContentDecoder

__all__ = ["FastResponse", "FastTransport"]

RECEIVE_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024  # up to here head and body go out in one call
FINISH_SECONDS = 0.05
MAX_WAIT_SECONDS = 1_000_000.0  # what `poll` takes

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class FastTransport:
    """Sends requests over kept connections; many threads may share one.

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
        self._lock = threading.Lock()
        self._tls_lock = threading.Lock()
        self._tls_context: ssl.SSLContext | None = None
        self._pool: ConnectionPool[_Connection] = ConnectionPool(max_connections, max_idle_seconds)
        self._closed = False

    def send(self, request: TransportRequest) -> FastResponse:
        """Send `request`; see `transport_contract.Transport.send`."""
        head = build_head(request)
        upload = None if isinstance(request.content, bytes) else Upload(request, request.content)
        try:
            connection = self._idle_connection(request)
            if connection is not None:
                try:
                    return self._exchange(connection, request, head, upload)
                except _StaleConnectionError:
                    pass  # closed by the upstream just as we sent: its slot is ours for one fresh connection
            return self._exchange(self._connect(request), request, head, upload)
        finally:
            if upload is not None:
                upload.close()

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their answer is done."""
        with self._lock:
            self._closed = True
            self._pool.discard_idle()

    def _exchange(
        self, connection: _Connection, request: TransportRequest, head: bytes, upload: Upload | None
    ) -> FastResponse:
        """Send, and wait for the head; the connection ends up with the response, the pool or closed."""
        reader = ResponseReader(request.origin, request.limits.head)
        try:
            if upload is not None:
                connection.send_upload(head, upload, request, reader)
            elif isinstance(request.content, bytes):
                connection.send(head, request.content, request, reader)
            _receive_head(connection, reader, request.deadline)
            response = FastResponse(self, connection, reader)
        except APIConnectionError as error:
            connection.discard()
            if connection.used and not reader.received and error.code in ("reset", "closed"):
                raise _StaleConnectionError from error
            self.release()
            raise
        except BaseException:
            connection.discard()
            self.release()
            raise
        return response

    def _idle_connection(self, request: TransportRequest) -> _Connection | None:
        """Return a connection that is quiet; None: there is none, and one may be opened."""
        pool, origin = self._pool, request.origin
        while True:
            waiter: Future[_Connection | None] | None = None
            with self._lock:
                connection = pool.take(origin, monotonic())
                if connection is None and not pool.reserve():
                    waiter = Future()
                    pool.wait(origin, waiter)
            if waiter is not None:
                connection = self._wait_for_slot(waiter, request)
            if connection is None or connection.is_quiet():
                return connection
            connection.discard()
            self.release()

    def _wait_for_slot(self, waiter: Future[_Connection | None], request: TransportRequest) -> _Connection | None:
        deadline = request.deadline
        try:
            return waiter.result(deadline.wait(deadline.timeouts.pool))
        except BaseException as error:
            with self._lock:
                self._pool.stop_waiting(request.origin, waiter)
            if waiter.done():  # it came just now
                self._give_back(waiter.result())
            if isinstance(error, FutureTimeoutError):
                raise deadline.error("pool") from None
            raise

    def _give_back(self, connection: _Connection | None) -> None:
        if connection is None:
            self.release()
        else:
            self.keep(connection)

    def _connect(self, request: TransportRequest) -> _Connection:
        """Open a connection; its slot is reserved, and given back where this fails."""
        deadline = request.deadline
        ends = _ends(deadline.wait(deadline.timeouts.connect))
        try:
            sock = _open(request.origin, ends)
            if request.origin.scheme == "https":
                sock = self._start_tls(sock, request.origin, ends)
            return _Connection(sock, request.origin)
        except TimeoutError as error:
            self.release()
            raise deadline.error("connect") from error
        except BaseException:
            self.release()
            raise

    def _start_tls(self, sock: socket.socket, origin: Origin, ends: float | None) -> ssl.SSLSocket:
        try:
            sock.settimeout(_left(ends))
            return self._context().wrap_socket(sock, server_hostname=origin.host)
        except TimeoutError:
            sock.close()
            raise
        except (OSError, ValueError) as error:
            sock.close()
            failure = error if isinstance(error, OSError) else OSError(errno.EINVAL, "not a host name")
            raise tls_failed(origin, failure) from error
        except BaseException:
            sock.close()
            raise

    def _context(self) -> ssl.SSLContext:
        with self._tls_lock:
            if self._tls_context is None:
                self._tls_context = make_tls_context(verify=self._verify, ca_file=self._ca_file)
            return self._tls_context

    def keep(self, connection: _Connection) -> None:
        """Take back a connection whose answer is complete."""
        connection.used = True
        with self._lock:
            if not self._closed:
                self._pool.give(connection, monotonic())
                return
        connection.discard()
        self.release()

    def release(self) -> None:
        """Count a connection as closed."""
        with self._lock:
            self._pool.release()

    def release_dropped(self) -> None:
        """Do the same without waiting: the collector may be at work in a thread that holds the lock."""
        if self._lock.acquire(blocking=False):
            try:
                if not self._pool.is_awaited:
                    self._pool.release()
                    return
            finally:
                self._lock.release()
        close_elsewhere(self.release, wait_seconds=0)


class FastResponse:
    """A started answer; see `transport_contract.TransportResponse`. Belongs to one thread at a time."""

    __slots__ = ("_connection", "_decoder", "_reader", "_transport", "raw_headers", "status")

    def __init__(self, transport: FastTransport, connection: _Connection, reader: ResponseReader) -> None:
        self._connection: _Connection | None = None  # stays so where the next line raises
        self._decoder = decoder_for(reader.raw_headers)
        self.status = reader.status
        self.raw_headers = reader.raw_headers
        self._reader = reader
        self._transport = transport
        self._connection = connection
        if reader.complete:
            self._settle()

    def read_block(self, wait_seconds: float | None) -> bytes:
        """Return the next bytes of the body; see `transport_contract.TransportResponse.read_block`."""
        ends = None if wait_seconds is None else monotonic() + wait_seconds
        reader, decoder = self._reader, self._decoder
        while True:
            if decoder is not None and (piece := decoder.take()):
                return piece
            if block := reader.take():
                if decoder is None:
                    return block
                decoder.put(block)
            elif self._connection is None:
                return _end_of_body(reader, decoder)
            elif not self._receive(self._connection, ends):
                raise TimeoutError

    def finish(self) -> None:
        """After an end marker: wait 50 ms at most for the proper end, so that the connection can be kept."""
        ends = monotonic() + FINISH_SECONDS
        while self._connection is not None and self._receive(self._connection, ends):
            self._reader.take()
        self.close()

    def close(self) -> None:
        """Drop the connection, unless the answer is complete and gave it back already. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._reader.fail(truncated(connection.origin, "it was closed by its reader"))
            connection.discard()
            self._transport.release_dropped()

    def _receive(self, connection: _Connection, ends: float | None) -> bool:
        """Read once; False: nothing came in time."""
        reader = self._reader
        if not _receive_once(connection, reader, ends):
            return False
        if reader.complete or reader.error is not None:
            self._settle()
        return True

    def _settle(self) -> None:
        """Part with the connection: back to the pool, or closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._reader.reusable and not connection.spoilt:
            self._transport.keep(connection)
        else:
            connection.discard()
            self._transport.release()

    def __del__(self) -> None:
        if getattr(self, "_connection", None) is not None:
            self.close()


class _Connection:
    """One connected socket that never blocks: waiting is done by `poll`, for as long as we say."""

    __slots__ = ("_is_tls", "_poll", "_socket", "idle_since", "origin", "spoilt", "used")

    def __init__(self, sock: socket.socket, origin: Origin) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._poll = make_poll(sock)
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self.origin = origin
        self.idle_since = 0.0
        self.used = False  # has carried an answer before
        self.spoilt = False  # its request did not go out whole: never to be used again

    def receive(self, ends: float | None) -> bytes | None:
        """Return what came, `b""` at the end of the input, None when nothing came in time.

        Raises:
            OSError: the connection broke.
        """
        if self._is_tls and (data := self._receive_now()) is not None:
            return data  # decrypted bytes may wait where `poll` does not see them
        while True:
            wait = -0.001 if ends is None else min(ends - monotonic(), MAX_WAIT_SECONDS)
            if (ends is not None and wait <= 0) or not self._poll.poll(wait * 1000):
                return None
            data = self._receive_now()
            if data is not None:
                return data

    def send(self, head: bytes, content: bytes, request: TransportRequest, reader: ResponseReader) -> None:
        """Send a request. Where the upstream stops reading, an answer that it sent may still be there.

        Raises:
            APITimeoutError: the upstream reads nothing.
        """
        data = head + content if len(content) <= SMALL_BODY_BYTES else head
        rest = memoryview(content)[len(data) - len(head) :]
        try:
            sent = self._socket.send(data)
            if sent < len(data):
                self._send_slowly(memoryview(data)[sent:], request, reader)
        except _NOT_NOW:
            self._send_slowly(memoryview(data), request, reader)
        except OSError:
            self.spoilt = True
        if rest and not self.spoilt:
            self._send_slowly(rest, request, reader)

    def send_upload(self, head: bytes, upload: Upload, request: TransportRequest, reader: ResponseReader) -> None:
        """Send a request whose body is read as it goes out; an early answer ends it.

        Raises:
            APITimeoutError: the upstream reads nothing, or all takes too long. BadRequestError: a file changed.
        """
        for block in upload:
            if not head and self._poll.poll(0):
                self._read_early(reader)
            if self.spoilt:
                return
            self._send_slowly(memoryview(head + block), request, reader)
            head = b""
        if head:
            self._send_slowly(memoryview(head), request, reader)

    def is_quiet(self) -> bool:
        """Whether an idle connection is open, and nothing came that nobody asked for."""
        if not self._is_tls:
            return not self._poll.poll(0)
        try:
            return self._receive_now() is None  # a session ticket is no answer
        except OSError:
            return False

    def discard(self) -> None:
        """Close the connection at once."""
        self._socket.close()

    def _receive_now(self) -> bytes | None:
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except _NOT_NOW:
            return None

    def _send_slowly(self, data: memoryview, request: TransportRequest, reader: ResponseReader) -> None:
        """Send as fast as the upstream reads; an early answer ends it."""
        sock = self._socket
        self._poll.modify(sock.fileno(), POLL_IN | POLL_OUT)
        try:
            while data and not self.spoilt:
                try:
                    data = data[sock.send(data) :]
                except _NOT_NOW:
                    self._wait_to_send(request, reader)
        except OSError:
            self.spoilt = True
        finally:
            self._poll.modify(sock.fileno(), POLL_IN)

    def _wait_to_send(self, request: TransportRequest, reader: ResponseReader) -> None:
        deadline, streams = request.deadline, not isinstance(request.content, bytes)
        wait = deadline.wait(deadline.timeouts.idle if streams else deadline.timeouts.first_event)
        events = self._poll.poll(-1 if wait is None else min(wait, MAX_WAIT_SECONDS) * 1000)
        if not events:
            raise not_taken(request) if streams else deadline.error("first_event")
        if events[0][1] & ~POLL_OUT:
            self._read_early(reader)

    def _read_early(self, reader: ResponseReader) -> None:
        """Read what comes while the request still goes out; an answer means that no more of it is wanted."""
        try:
            data = self._receive_now()
        except OSError as error:
            reader.feed_break(error)
            data = None
        if data is not None:
            reader.feed(data) if data else reader.feed_end()
        self.spoilt = reader.head_complete or reader.error is not None


class _StaleConnectionError(Exception):
    """A kept connection was closed before a byte of an answer came."""


def _receive_head(connection: _Connection, reader: ResponseReader, deadline: Deadline) -> None:
    ends = _ends(deadline.wait(deadline.timeouts.first_event))
    while not reader.head_complete and reader.error is None:
        if not _receive_once(connection, reader, ends):
            raise deadline.error("first_event")
    if reader.error is not None and not reader.head_complete:
        raise reader.error


def _receive_once(connection: _Connection, reader: ResponseReader, ends: float | None) -> bool:
    """Read what there is, or that there is no more; False: nothing came in time."""
    try:
        data = connection.receive(ends)
    except OSError as error:
        reader.feed_break(error)
        return True
    if data:
        reader.feed(data)
    elif data is None:
        return False
    else:
        reader.feed_end()
    return True


def _end_of_body(reader: ResponseReader, decoder: ContentDecoder | None) -> bytes:
    if reader.error is not None:
        raise reader.error
    if decoder is not None:
        decoder.finish()
    return b""


def _ends(wait_seconds: float | None) -> float | None:
    return None if wait_seconds is None else monotonic() + wait_seconds


def _left(ends: float | None) -> float | None:
    """Return the seconds until `ends`.

    Raises:
        TimeoutError: there are none.
    """
    if ends is None:
        return None
    left = ends - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _open(origin: Origin, ends: float | None) -> socket.socket:
    """Return a socket that is connected to one of the host's addresses, tried in their order."""
    try:
        addresses = resolve(origin, _left(ends))
    except TimeoutError:
        raise
    except OSError as error:
        raise dns_failed(origin, error) from error
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for more, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        try:
            return _open_one(address, ends, more)
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError) and failure.errno is None:
        raise failure
    raise connect_failed(origin, failure) from failure


def _open_one(address: Address, ends: float | None, more: int) -> socket.socket:
    """Connect to one address, within a fair share of the time while there are `more` to try."""
    left = _left(ends)
    sock = open_socket(address)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        sock.settimeout(None if left is None else left / (more + 1))
        sock.connect(address[4])
        undo.pop_all()
    return sock
