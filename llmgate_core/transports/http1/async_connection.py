"""One connection of the HTTP/1.1 transport in an event loop, asyncio's own or uvloop.

It carries one answer at a time. When that is complete, it returns itself to its transport or closes. Bytes that no
request asked for close it at once.

Source: rows R1, R10, R13 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from llmgate_core.transports.failures import connect_failed, tls_failed, upload_stalled
from llmgate_core.transports.http1.async_connect import open_socket
from llmgate_core.transports.waits import AsyncWait, SocketWait, await_until, is_late

if TYPE_CHECKING:
    import socket
    import ssl
    import weakref
    from collections.abc import Awaitable, Callable

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.errors import APITimeoutError
    from llmgate_core.transports.async_slots import AsyncSlots
    from llmgate_core.transports.async_upload import AsyncUpload
    from llmgate_core.transports.http1.response_reader import ResponseReader
    from llmgate_core.transports.waits import Moment

__all__ = ["AsyncConnection", "Owner", "open_connection"]

MAX_BUFFERED_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024  # up to here head and body go out in one call
RECEIVE_BYTES = 64 * 1024
DRAIN_SECONDS = 0.5
MAX_DRAINED_BYTES = 64 * 1024


class Owner(Protocol):
    """The transport that a connection belongs to."""

    slots: AsyncSlots[AsyncConnection]
    connections: set[AsyncConnection]


async def open_connection(
    owner: weakref.ref[Owner], origin: Origin, ends: Moment, context: ssl.SSLContext | None
) -> AsyncConnection:
    """Return a new connection.

    Raises:
        TimeoutError: not before `ends`. APIConnectionError: no address, refused, or no TLS.
    """
    loop = asyncio.get_running_loop()
    sock = await open_socket(origin, ends)
    connection = AsyncConnection(owner, origin, sock, loop)
    try:
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


class AsyncConnection(asyncio.Protocol):
    """A connected socket of one event loop.

    The owner is referenced weakly, since the loop references the connection: a dropped transport is freed.

    Attributes:
        was_used: it has carried an answer before.
        is_sending: a part of the request has not gone out yet.
        is_paused: nothing more is read before `resume`.
    """

    def __init__(
        self, owner: weakref.ref[Owner], origin: Origin, sock: socket.socket, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.was_used = False
        self.is_sending = False
        self.is_paused = False
        self._owner = owner
        self._loop = loop
        self._socket = sock
        self._socket_wait = SocketWait(sock)
        self._wait = AsyncWait(loop)
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._drain_timer: asyncio.TimerHandle | None = None
        self._buffered_bytes = 0
        self._is_blocked = False  # the last block has not gone out yet
        self._has_more_blocks = False  # of an upload
        self._is_closed = False

    # For the transport and the response.

    def send(self, reader: ResponseReader, head: bytes, content: bytes, request: TransportRequest) -> None:  # noqa: ARG002  # as its twin
        """Send a request; what comes from now on goes to `reader`."""
        self._reader = reader
        self._buffered_bytes = 0
        if self._transport is None or self._is_closed:
            self._break(None)
        elif len(content) <= SMALL_BODY_BYTES:
            self._transport.write(head + content)
        else:
            self._transport.write(head)
            self._transport.write(content)

    async def send_upload(
        self, reader: ResponseReader, head: bytes, upload: AsyncUpload, request: TransportRequest
    ) -> None:
        """Send a request block by block, each when the one before has gone out; an early answer ends it.

        Raises:
            APITimeoutError: the upstream reads nothing, or all takes too long. BadRequestError: a file changed.
        """
        self._reader = reader  # whatever is raised from here on closes the connection
        self.send(reader, head + await anext(aiter(upload), b""), b"", request)  # that block was read before: no wait
        self._has_more_blocks = upload.left > 0
        self.is_sending = self._has_more_blocks or self._is_blocked
        while not _has_answer(reader):
            if self._is_blocked:
                await self._wait_until_sent(request, request.deadline.timeouts.idle, upload_stalled)
            elif not self._has_more_blocks:
                return
            else:
                self._send_block(reader, await anext(upload), is_last=not upload.left)

    def _send_block(self, reader: ResponseReader, block: bytes, *, is_last: bool) -> None:
        if self._transport is not None and self._reader is reader and not _has_answer(reader):
            self._transport.write(block)
            self._has_more_blocks = not is_last
            self.is_sending = self._has_more_blocks or self._is_blocked

    def receive(self, reader: ResponseReader, ends: Moment) -> Awaitable[bool]:
        """Wait until something came or went; False: not before `ends`. The reader's blocks were taken."""
        self._buffered_bytes = 0
        if self.is_paused:  # what came may hold no byte of the body
            self.resume(reader)
        return self._wait.until(ends)

    async def wait_until_sent(self, request: TransportRequest) -> None:
        """Wait until more of the request has gone out.

        Raises:
            APITimeoutError: the upstream reads nothing.
        """
        await self._wait_until_sent(request, request.deadline.timeouts.first_event, _not_answered)

    async def _wait_until_sent(
        self, request: TransportRequest, limit: float | None, error: Callable[[TransportRequest], APITimeoutError]
    ) -> None:
        before = self._unsent_bytes()
        if await self._wait.until(request.deadline.moment(limit)):
            return
        if self._unsent_bytes() == before or request.deadline.remaining() == 0:
            raise error(request)

    def resume(self, reader: ResponseReader) -> None:
        """Go on reading: the reader's blocks were taken."""
        if self._reader is reader:
            self._buffered_bytes = 0
            if self.is_paused:
                self._resume_reading()

    def is_reusable(self) -> bool:
        """Return whether an idle connection is open and nothing has come that no request asked for."""
        return not (self._is_closed or self._socket_wait.has_input())

    def drain(self, reader: ResponseReader) -> None:
        """Read the rest of an answer in the background, if it is short and comes soon."""
        if self._reader is not reader:
            return
        self._buffered_bytes = 0
        self._drain_timer = self._loop.call_later(DRAIN_SECONDS, self.abort, reader)
        self._resume_reading()

    async def aclose(self) -> None:
        """Close, whatever answer the connection carries."""
        if self._reader is not None:
            self.abort(self._reader)
        self.discard()

    def abort(self, reader: ResponseReader) -> None:
        """Close, if the connection still carries this answer, and release its slot; a task that reads it goes on."""
        if self._reader is reader:
            reader.stop()
            self._end_answer(reader)
            self._wait.wake()

    def abort_from_any_thread(self, reader: ResponseReader) -> None:
        """Do the same from any thread, even if the loop is closed."""
        if _running_loop() is self._loop:
            self.abort(reader)
            return
        try:
            self._loop.call_soon_threadsafe(self.abort, reader)
        except RuntimeError:  # the loop is closed
            self.close_socket()

    def discard(self) -> None:
        """Close at once; the owner's count is not touched."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wait.stop()
        if self._transport is not None:
            self._transport.abort()
        if owner := self._owner():
            owner.connections.discard(self)

    def close_socket(self) -> None:
        """Close after the loop was closed, when its transport cannot any more."""
        self._is_closed = True
        self._socket.close()
        transport: Any = self._transport
        with contextlib.suppress(AttributeError):  # uvloop's has no such attribute
            # asyncio's transport would warn that it is still open, and has no public way to learn that it is not
            transport._sock = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the loop's transport; uvloop's does not inherit from asyncio.Transport."""
        self._transport = sending = cast("asyncio.Transport", transport)
        sending.set_write_buffer_limits(high=1, low=0)  # so that `resume_writing` means that all has gone out
        if self._is_closed:
            sending.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the answer."""
        reader = self._reader
        if reader is None:  # no request asked for it
            self._lose_idle()
            return
        reader.feed(data)
        if reader.complete or reader.error is not None:
            self._end_answer(reader)
        elif not reader.head_complete:  # a head has its own limit, and is not taken in parts
            return
        elif self._drain_timer is not None:
            self._drain_more(reader, len(data))
        else:
            self._buffered_bytes += len(data)
            if self._buffered_bytes > MAX_BUFFERED_BYTES:
                self._pause_reading()
        self._wait.wake()

    def eof_received(self) -> bool:
        """End the answer, and the connection with it."""
        if self._reader is None:
            self._lose_idle()
        else:
            self._reader.feed_end()
            self._end_answer(self._reader)
            self._wait.wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever was going on."""
        if self._reader is None:
            self._lose_idle()
            return
        if self.is_sending and self.origin.scheme == "http":  # with TLS it is lost
            self._read_last(self._reader)
        self._break(exc)
        self._wait.wake()

    def pause_writing(self) -> None:
        """Note that a part of the request has not gone out."""
        self.is_sending = self._is_blocked = True

    def resume_writing(self) -> None:
        """Note that everything written so far has gone out."""
        self._is_blocked = False
        self.is_sending = self._has_more_blocks
        self._wait.wake()

    # Within.

    def _read_last(self, reader: ResponseReader) -> None:
        """Read the answer that came just before our request broke the connection; asyncio would drop it."""
        with contextlib.suppress(OSError):
            while data := self._socket.recv(RECEIVE_BYTES):
                reader.feed(data)

    def _break(self, error: Exception | None) -> None:
        if self._reader is not None:
            self._reader.feed_break(error if isinstance(error, OSError) else None)
            self._end_answer(self._reader)

    def _end_answer(self, reader: ResponseReader) -> None:
        """Part with `reader`; the owner takes the connection back, or it closes."""
        self._reader = None
        if self._drain_timer is not None:
            self._drain_timer.cancel()
            self._drain_timer = None
        owner = self._owner()
        if owner is not None and reader.reusable and not self.is_sending:
            if self.is_paused:
                self._resume_reading()
            owner.slots.keep(self)
            return
        self.discard()
        if owner is not None:
            owner.slots.release()

    def _lose_idle(self) -> None:
        if owner := self._owner():
            owner.slots.remove_idle(self)
        self.discard()

    def _drain_more(self, reader: ResponseReader, size: int) -> None:
        reader.take()
        self._buffered_bytes += size
        if self._buffered_bytes > MAX_DRAINED_BYTES:
            self.abort(reader)

    def _pause_reading(self) -> None:
        if self._transport is not None and not self.is_paused:
            self.is_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._transport is not None and self.is_paused:
            self.is_paused = False
            self._transport.resume_reading()

    def _unsent_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()


def _not_answered(request: TransportRequest) -> APITimeoutError:
    return request.deadline.error("first_event")


def _has_answer(reader: ResponseReader) -> bool:
    """Return whether no more of the request is wanted."""
    return reader.head_complete or reader.error is not None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
