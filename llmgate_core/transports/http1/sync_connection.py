"""One blocking connection of the HTTP/1.1 transport, and how to open it.

Source: rows R1, R10 to R13, R19 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import socket
import ssl
from typing import TYPE_CHECKING

from llmgate_core.transports.failures import tls_failed, upload_stalled
from llmgate_core.transports.http1.sync_connect import open_socket
from llmgate_core.transports.waits import POLL_OUT, SocketWait, handshake_until, is_late, moment_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.http1.response_reader import ResponseReader
    from llmgate_core.transports.sync_slots import Slots
    from llmgate_core.transports.sync_upload import Upload
    from llmgate_core.transports.waits import Moment

__all__ = ["Connection", "open_connection"]

RECEIVE_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024  # up to here head and body go out in one call
DRAIN_SECONDS = 0.05

_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def open_connection(
    slots: Slots[Connection], origin: Origin, ends: Moment, context: ssl.SSLContext | None
) -> Connection:
    """Return a new connection.

    Raises:
        TimeoutError: not before `ends`. APIConnectionError: no address, refused, or no TLS.
    """
    sock = open_socket(origin, ends)
    if context is None:
        return Connection(slots, origin, sock)
    try:
        return Connection(slots, origin, handshake_until(sock, context, origin.host, ends))
    except BaseException as error:
        sock.close()
        if not isinstance(error, (OSError, ValueError)) or is_late(error):
            raise
        failure = error if isinstance(error, OSError) else OSError(errno.EINVAL, "not a host name")
        raise tls_failed(origin, failure) from error


class Connection:
    """One connected socket that never blocks by itself.

    Attributes:
        was_used: it has carried an answer before.
    """

    def __init__(self, slots: Slots[Connection], origin: Origin, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.origin = origin
        self.idle_since = 0.0
        self.was_used = False
        self._slots = slots
        self._socket = sock
        self._wait = SocketWait(sock)
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._reader: ResponseReader | None = None
        self._in_use = _thread.allocate_lock()  # released by the thread that ends the answer, only one can
        self._is_reading = False
        self._is_broken = False  # a request did not go out whole, so no other can

    def is_reusable(self) -> bool:
        """Return whether an idle connection is open and nothing has come that no request asked for."""
        if not self._is_tls:
            return not self._wait.has_input()
        try:
            return self._receive_now() is None  # a session ticket is not an answer
        except OSError:
            return False

    def discard(self) -> None:
        """Close at once; the owner's count is not touched."""
        self._socket.close()

    def receive(self, reader: ResponseReader, ends: Moment) -> bool:
        """Feed the reader with what comes next, be it the end; False: nothing came before `ends`."""
        self._is_reading = True  # before the look at the reader, which another thread stops before its look at this
        has_come = True
        try:
            if reader.error is None:
                data = self._receive(ends)
                if data is None:
                    has_come = False
                elif data:
                    reader.feed(data)
                else:
                    reader.feed_end()
        except OSError as error:
            reader.feed_break(error)
        finally:
            self._is_reading = False
        if reader.complete or reader.error is not None:
            self._end_answer(reader, self._slots.release)
        return has_come

    def drain(self, reader: ResponseReader) -> None:
        """Read the rest of an answer, if it is short and comes at once."""
        ends = moment_after(DRAIN_SECONDS)
        while self._reader is reader and self.receive(reader, ends):
            reader.take()
        self.abort(reader)

    def abort(self, reader: ResponseReader) -> None:
        """Close, if the connection still carries this answer, and release its slot."""
        if self._reader is reader:
            reader.stop()
            self._end_answer(reader, self._slots.release_unlocked)  # the collector may call this

    def abort_from_any_thread(self, reader: ResponseReader) -> None:
        """Do the same; a thread that reads the answer is woken, and closes it."""
        if not self._is_reading:
            self.abort(reader)
        elif self._reader is reader:
            with contextlib.suppress(OSError):  # closed already
                # Not `close`: another connection could get the number of the socket that the thread waits for.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def send(self, reader: ResponseReader, head: bytes, content: bytes, request: TransportRequest) -> None:
        """Send a request. If the upstream stops reading, an answer that it sent may still be there.

        Raises:
            APITimeoutError: the upstream reads nothing.
        """
        self._begin_answer(reader)
        is_small = len(content) <= SMALL_BODY_BYTES
        data = head + content if is_small else head
        try:
            sent = self._socket.send(data)
            if sent < len(data):
                self._send_slowly(memoryview(data)[sent:], request, reader)
        except _NOT_NOW:
            self._send_slowly(memoryview(data), request, reader)
        except OSError:
            self._is_broken = True
        if not is_small:
            self._send_slowly(memoryview(content), request, reader)

    def send_upload(self, reader: ResponseReader, head: bytes, upload: Upload, request: TransportRequest) -> None:
        """Send a request whose body is read while it goes out; an early answer ends it.

        Raises:
            APITimeoutError: the upstream reads nothing, or all takes too long. BadRequestError: a file changed.
        """
        self._begin_answer(reader)
        for block in upload:
            if not head and self._wait.has_input():
                self._read_early(reader)
            if self._is_broken:
                return
            self._send_slowly(memoryview(head + block), request, reader)
            head = b""
        if head:
            self._send_slowly(memoryview(head), request, reader)

    def _begin_answer(self, reader: ResponseReader) -> None:
        self._reader = reader
        self._in_use.acquire()

    def _end_answer(self, reader: ResponseReader, release: Callable[[], None]) -> None:
        """Part with `reader`; the pool takes the connection back, or it closes."""
        if self._reader is not reader:
            return
        try:
            self._in_use.release()
        except RuntimeError:  # another thread does this
            return
        self._reader = None
        if reader.reusable and not self._is_broken:
            self._slots.keep(self)
        else:
            self.discard()
            release()

    def _receive(self, ends: Moment) -> bytes | None:
        """Return what came, `b""` at the end of the input, None if nothing came in time."""
        if self._is_tls and (data := self._receive_now()) is not None:
            return data  # decrypted bytes may wait where the socket does not show them
        while self._wait.until_input(ends):
            try:
                return self._socket.recv(RECEIVE_BYTES)
            except _NOT_NOW:  # a false alarm, or a part of a TLS record
                pass
        return None

    def _receive_now(self) -> bytes | None:
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except _NOT_NOW:
            return None

    def _send_slowly(self, data: memoryview, request: TransportRequest, reader: ResponseReader) -> None:
        """Send as fast as the upstream reads; an early answer ends it."""
        try:
            while data and not self._is_broken:
                try:
                    data = data[self._socket.send(data) :]
                except _NOT_NOW:
                    self._wait_to_send(request, reader)
        except OSError:
            self._is_broken = True

    def _wait_to_send(self, request: TransportRequest, reader: ResponseReader) -> None:
        deadline, is_upload = request.deadline, not isinstance(request.content, bytes)
        limit = deadline.timeouts.idle if is_upload else deadline.timeouts.first_event
        events = self._wait.until_output(deadline.moment(limit))
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
        self._is_broken = reader.head_complete or reader.error is not None
        if reader.complete or reader.error is not None:
            self._end_answer(reader, self._slots.release)
