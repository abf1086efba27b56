"""One blocking connection of the HTTP/1.1 transport, and how to open it.

Source: rows R1, R10 to R13, R19 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
from time import monotonic
from typing import TYPE_CHECKING

from llmgate_core.transports.addresses import Address, open_socket, resolve
from llmgate_core.transports.failures import connect_failed, dns_failed, tls_failed, upload_stalled
from llmgate_core.transports.waits import (
    POLL_OUT,
    SocketWait,
    connect_until,
    handshake_until,
    is_late,
    moment_after,
    seconds_until,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.http1.response_reader import ResponseReader
    from llmgate_core.transports.sync_upload import Upload
    from llmgate_core.transports.waits import Moment

__all__ = ["Connection", "open_connection"]

RECEIVE_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024  # up to here head and body go out in one call

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """One connected socket that never blocks by itself.

    Attributes:
        was_used: it has carried an answer before.
        is_broken: its request did not go out whole, so it can carry no other.
    """

    __slots__ = ("_is_tls", "_socket", "_wait", "idle_since", "is_broken", "origin", "was_used")

    def __init__(self, sock: socket.socket, origin: Origin) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._wait = SocketWait(sock)
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self.origin = origin
        self.idle_since = 0.0
        self.was_used = False
        self.is_broken = False

    def is_reusable(self) -> bool:
        """Return whether an idle connection is open and nothing has come that no request asked for."""
        if not self._is_tls:
            return not self._wait.has_input()
        try:
            return self._receive_now() is None  # a session ticket is not an answer
        except OSError:
            return False

    def discard(self) -> None:
        """Close the connection at once."""
        self._socket.close()

    def read_into(self, reader: ResponseReader, ends: Moment) -> bool:
        """Feed the reader with what comes next, be it the end; False: nothing came before `ends`."""
        try:
            data = self._receive(ends)
        except OSError as error:
            reader.feed_break(error)
            return True
        if data is None:
            return False
        reader.feed(data) if data else reader.feed_end()
        return True

    def send(self, head: bytes, content: bytes, request: TransportRequest, reader: ResponseReader) -> None:
        """Send a request. If the upstream stops reading, an answer that it sent may still be there.

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
            self.is_broken = True
        if rest and not self.is_broken:
            self._send_slowly(rest, request, reader)

    def send_upload(self, head: bytes, upload: Upload, request: TransportRequest, reader: ResponseReader) -> None:
        """Send a request whose body is read while it goes out; an early answer ends it.

        Raises:
            APITimeoutError: the upstream reads nothing, or all takes too long. BadRequestError: a file changed.
        """
        for block in upload:
            if not head and self._wait.has_input():
                self._read_early(reader)
            if self.is_broken:
                return
            self._send_slowly(memoryview(head + block), request, reader)
            head = b""
        if head:
            self._send_slowly(memoryview(head), request, reader)

    def _receive(self, ends: Moment) -> bytes | None:
        """Return what came, `b""` at the end of the input, None if nothing came in time."""
        if self._is_tls and (data := self._receive_now()) is not None:
            return data  # decrypted bytes may wait where the socket does not show them
        while self._wait.until_input(ends):
            if (data := self._receive_now()) is not None:
                return data
        return None

    def _receive_now(self) -> bytes | None:
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except _NOT_NOW:
            return None

    def _send_slowly(self, data: memoryview, request: TransportRequest, reader: ResponseReader) -> None:
        """Send as fast as the upstream reads; an early answer ends it."""
        try:
            while data and not self.is_broken:
                try:
                    data = data[self._socket.send(data) :]
                except _NOT_NOW:
                    self._wait_to_send(request, reader)
        except OSError:
            self.is_broken = True

    def _wait_to_send(self, request: TransportRequest, reader: ResponseReader) -> None:
        deadline, is_upload = request.deadline, not isinstance(request.content, bytes)
        limit = deadline.timeouts.idle if is_upload else deadline.timeouts.first_event
        events = self._wait.until_output(moment_after(deadline.wait(limit)))
        if not events:
            raise upload_stalled(request) if is_upload else deadline.error("first_event")
        if events & ~POLL_OUT:
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
        self.is_broken = reader.head_complete or reader.error is not None


def open_connection(origin: Origin, ends: Moment, tls_context: Callable[[], ssl.SSLContext]) -> Connection:
    """Return a new connection; `tls_context` is called for https only.

    Raises:
        TimeoutError: not before `ends`. APIConnectionError: no address, refused, or no TLS.
    """
    sock = _open_socket(origin, ends)
    if origin.scheme != "https":
        return Connection(sock, origin)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        secured = _with_tls(sock, tls_context(), origin, ends)
        undo.pop_all()
    return Connection(secured, origin)


def _with_tls(sock: socket.socket, context: ssl.SSLContext, origin: Origin, ends: Moment) -> ssl.SSLSocket:
    try:
        return handshake_until(sock, context, origin.host, ends)
    except (OSError, ValueError) as error:
        if is_late(error):
            raise
        failure = error if isinstance(error, OSError) else OSError(errno.EINVAL, "not a host name")
        raise tls_failed(origin, failure) from error


def _open_socket(origin: Origin, ends: Moment) -> socket.socket:
    """Return a socket that is connected to one of the host's addresses, tried in their order."""
    try:
        addresses = resolve(origin, ends)
    except OSError as error:
        if is_late(error):
            raise
        raise dns_failed(origin, error) from error
    failure = OSError(errno.EADDRNOTAVAIL, "no address")
    for count, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            return _open_one(address, ends, count)
        except OSError as error:
            failure = error
    if is_late(failure):
        raise failure
    raise connect_failed(origin, failure) from failure


def _open_one(address: Address, ends: Moment, count: int) -> socket.socket:
    """Connect to one address, within a fair share of the time while `count` addresses are left to try."""
    left = seconds_until(ends)
    sock = open_socket(address)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        connect_until(sock, address[4], None if left is None else monotonic() + left / count)
        undo.pop_all()
    return sock
