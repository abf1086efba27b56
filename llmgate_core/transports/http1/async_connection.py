"""One asyncio connection of the fast transport.

It carries one answer at a time and hands itself back to its owner when that is complete, or
closes itself. What comes when no answer is awaited closes it at once.

Source: rows R1, R10, R13 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from llmgate_core.transports.addresses import make_poll
from llmgate_core.transports.failures import truncated
from llmgate_core.transports.upload import not_taken

if TYPE_CHECKING:
    import socket
    import weakref

    from llmgate_core.contract.limits import Deadline
    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.addresses import Poll
    from llmgate_core.transports.http1.response_reader import ResponseReader
    from llmgate_core.transports.upload import AsyncUpload

__all__ = ["Connection", "Owner"]

MAX_BUFFERED_BYTES = 64 * 1024
SMALL_BODY_BYTES = 64 * 1024  # up to here head and body go out in one call
RECEIVE_BYTES = 64 * 1024
DRAIN_SECONDS = 0.5
DRAIN_BYTES = 64 * 1024


class Owner(Protocol):
    """Who a connection belongs to."""

    def keep(self, connection: Connection) -> None:
        """Take it back: its answer is complete."""
        ...

    def release(self) -> None:
        """Count a connection in use as closed."""
        ...

    def forget_idle(self, connection: Connection) -> None:
        """Take an idle connection out of the pool: it was closed."""
        ...

    def forget(self, connection: Connection) -> None:
        """Forget a closed connection, whatever it was doing."""
        ...


class Connection(asyncio.Protocol):
    """A connected socket in the hands of one event loop.

    The owner is held weakly, as the loop holds the connection: a dropped transport is freed.
    """

    def __init__(
        self, owner: weakref.ref[Owner], origin: Origin, sock: socket.socket, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.used = False  # has carried an answer before
        self.is_sending = False  # a part of the request has not gone out yet
        self._owner = owner
        self._loop = loop
        self._socket = sock
        self._poll: Poll = make_poll(sock)
        self._wire: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._ends: float | None = None  # of the present wait
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._buffered_bytes = 0
        self._is_paused = False
        self._is_held = False  # the last block has not gone out yet
        self._uploads = False  # there are more blocks to come
        self._drains = False
        self._is_closed = False

    # For the transport and the response.

    def begin(self, reader: ResponseReader, head: bytes, content: bytes) -> None:
        """Send a request; what comes from now on goes to `reader`."""
        self._reader = reader
        self._buffered_bytes = 0
        if self._wire is None or self._is_closed:
            self._break(None)
        elif len(content) <= SMALL_BODY_BYTES:
            self._wire.write(head + content)
        else:
            self._wire.write(head)
            self._wire.write(content)

    async def begin_upload(
        self, reader: ResponseReader, head: bytes, upload: AsyncUpload, request: TransportRequest
    ) -> None:
        """Send a request block by block, each when the one before went out; an early answer ends it.

        Raises:
            APITimeoutError: the upstream reads nothing, or all takes too long. BadRequestError: a file changed.
        """
        self._reader = reader  # whatever is raised from here on, ends the connection
        self.begin(reader, head + await anext(aiter(upload), b""), b"")  # that block is here already: no wait
        self._uploads = upload.left > 0
        self.is_sending = self._uploads or self._is_held
        while not _has_answer(reader):
            if self._is_held:
                await self._wait_until_taken(request)
            elif not self._uploads:
                return
            else:
                self._send_block(reader, await anext(upload), is_last=not upload.left)

    def _send_block(self, reader: ResponseReader, block: bytes, *, is_last: bool) -> None:
        if self._wire is not None and self._reader is reader and not _has_answer(reader):
            self._wire.write(block)
            self._uploads = not is_last
            self.is_sending = self._uploads or self._is_held

    async def wait(self, ends: float | None) -> bool:
        """Wait until something came or went; False: not before `ends`."""
        if ends is not None:
            if monotonic() >= ends:  # the timer alone would lose against an upstream that floods us
                return False
            if self._timer is None or ends < self._timer_at:
                self._set_timer(ends)
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        self._ends = ends
        return await waiter  # a cancelled one stays: who cancels, drops the connection

    async def wait_until_sent(self, deadline: Deadline) -> None:
        """Wait until more of the request went out.

        Raises:
            APITimeoutError: the upstream reads nothing.
        """
        wait = deadline.wait(deadline.timeouts.first_event)
        before = self._unsent_bytes()
        if await self.wait(None if wait is None else monotonic() + wait):
            return
        if self._unsent_bytes() == before or deadline.remaining() == 0:
            raise deadline.error("first_event")

    async def _wait_until_taken(self, request: TransportRequest) -> None:
        deadline = request.deadline
        wait = deadline.wait(deadline.timeouts.idle)
        before = self._unsent_bytes()
        if await self.wait(None if wait is None else monotonic() + wait):
            return
        if self._unsent_bytes() == before or deadline.remaining() == 0:
            raise not_taken(request)

    def resume(self, reader: ResponseReader) -> None:
        """Go on reading: the reader's blocks were taken."""
        if self._reader is reader:
            self._buffered_bytes = 0
            self._resume_reading()

    def is_quiet(self) -> bool:
        """Whether an idle connection is open, and nothing came that nobody asked for."""
        return not (self._is_closed or self._poll.poll(0))

    def drain(self, reader: ResponseReader) -> None:
        """Read the rest of an answer in the background, if it is short and comes soon."""
        if self._reader is not reader:
            return
        self._drains = True
        self._buffered_bytes = 0
        self._ends = monotonic() + DRAIN_SECONDS
        self._set_timer(self._ends)
        self._resume_reading()

    def drop(self) -> None:
        """Close, and give back the slot of a connection in use."""
        if self._reader is not None:
            self.drop_if_reading(self._reader)

    def drop_if_reading(self, reader: ResponseReader) -> None:
        """Close, if it is still this answer that the connection carries."""
        if self._reader is reader:
            if reader.error is None:
                reader.fail(truncated(self.origin, "it was closed by its reader"))
            self._end_answer(reader)

    def drop_from_anywhere(self, reader: ResponseReader) -> None:
        """Do the same from any thread, even when the loop is closed."""
        if _running_loop() is self._loop:
            self.drop_if_reading(reader)
            return
        try:
            self._loop.call_soon_threadsafe(self.drop_if_reading, reader)
        except RuntimeError:  # the loop is closed
            self.bury()

    def discard(self) -> None:
        """Close at once; the owner's count is not touched."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None:
            self._wire.abort()
        if owner := self._owner():
            owner.forget(self)

    def bury(self) -> None:
        """Close after the loop was closed, when asyncio itself cannot any more."""
        self._is_closed = True
        self._socket.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the wire, which asyncio calls a transport."""
        wire = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._wire = wire
        wire.set_write_buffer_limits(high=1, low=0)  # so that we are told when all is sent
        if self._is_closed:
            wire.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the answer."""
        reader = self._reader
        if reader is None:  # nobody asked
            self._lose_idle()
            return
        reader.feed(data)
        if reader.complete or reader.error is not None:
            self._end_answer(reader)
        elif self._drains:
            self._drain_more(reader, len(data))
        elif reader.head_complete:  # a head has a limit of its own, and nobody takes a part of it
            self._buffered_bytes += len(data)
            if self._buffered_bytes > MAX_BUFFERED_BYTES:
                self._pause_reading()
        if self._waiter is not None and (reader.head_complete or reader.error is not None):
            self._wake(True)

    def eof_received(self) -> bool:
        """End the answer, and the connection with it."""
        if self._reader is None:
            self._lose_idle()
        else:
            self._reader.feed_end()
            self._end_answer(self._reader)
            self._wake(True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was going on."""
        if self._reader is None:
            self._lose_idle()
            return
        if self.is_sending and self.origin.scheme == "http":  # with TLS it is lost
            self._read_last(self._reader)
        self._break(exc)
        self._wake(True)

    def pause_writing(self) -> None:
        """Note that a part of the request waits."""
        self.is_sending = self._is_held = True

    def resume_writing(self) -> None:
        """Note that all that there was of it went out."""
        self._is_held = False
        self.is_sending = self._uploads
        self._wake(True)

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
        self._drains = False
        owner = self._owner()
        if owner is not None and reader.reusable and not self.is_sending:
            self._resume_reading()
            owner.keep(self)
            return
        self.discard()
        if owner is not None:
            owner.release()

    def _lose_idle(self) -> None:
        if owner := self._owner():
            owner.forget_idle(self)
        self.discard()

    def _drain_more(self, reader: ResponseReader, size: int) -> None:
        reader.take()
        self._buffered_bytes += size
        if self._buffered_bytes > DRAIN_BYTES:
            self.drop_if_reading(reader)

    def _pause_reading(self) -> None:
        if self._wire is not None and not self._is_paused:
            self._is_paused = True
            self._wire.pause_reading()

    def _resume_reading(self) -> None:
        if self._wire is not None and self._is_paused:
            self._is_paused = False
            self._wire.resume_reading()

    def _unsent_bytes(self) -> int:
        return 0 if self._wire is None else self._wire.get_write_buffer_size()

    def _wake(self, something_came: bool) -> None:
        # Let go of it now: when its task runs, the connection may be in other hands.
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(something_came)

    def _set_timer(self, ends: float) -> None:
        """Have one timer, at `ends` or before; one that rings too early is set again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = ends
        self._timer = self._loop.call_later(max(ends - monotonic(), 0), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._ends is None or (self._waiter is None and not self._drains):
            return  # nobody waits
        if monotonic() < self._ends:
            self._set_timer(self._ends)
        elif not self._drains:
            self._wake(False)
        elif self._reader is not None:
            self.drop_if_reading(self._reader)


def _has_answer(reader: ResponseReader) -> bool:
    """Whether no more of the request is wanted."""
    return reader.head_complete or reader.error is not None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
