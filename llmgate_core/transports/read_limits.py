"""When a read over an HTTP client must end, and what came last.

httpx takes one limit for all reads of a head, so a head that arrives byte by byte would never end; and one for all
reads of a body. `ConnectionReads` gives each read what is left, where we see the connection; `ReadTimer` shuts down the
socket of a caller's client that reads for too long.

httpx's parser keeps bytes that came in one block with the end of an answer, and would take them for the next one; so a
connection is not used again unless the block that ended the answer also ends with it.

Source: RFC 9112 section 7.1; rows R12 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from llmgate_core.transports.waits import Moment, moment_after, seconds_until

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConnectionReads", "ReadLimit", "ReadTimer"]

LAST_CHUNK = b"0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
ANSWER_START = b"HTTP/1"
NEARLY = 0.9  # a wait that is at least this part of the client's own limit is left to the client


class ConnectionReads:
    """The reads of one connection that we see.

    Attributes:
        is_active: there is a connection; an answer from memory needs no limit.
        expired: a read took too long, and its connection is shut down.
    """

    is_active = True
    expired = False

    def __init__(self) -> None:
        self._stream: Any = None
        self._is_reading = False
        self._ends: Moment = None
        self._last = b""  # the last block, and before it what a cut may have separated

    def limit(self, wait_seconds: float | None) -> None:
        """Begin to wait for a block or a head; all reads that it takes end in time together."""
        self._ends = moment_after(wait_seconds)

    def arm(self, wait_seconds: float | None) -> None:
        """Begin a read of the body."""
        self._is_reading = True
        self.limit(wait_seconds)

    def disarm(self) -> bool:
        """End a read; return False: one that takes too long raises."""
        self._is_reading = False
        return False

    def interrupt(self) -> bool:
        """End the read of another thread, whose connection is shut down; False: none is under way."""
        return self._is_reading and _shut_down(_socket_of(self._stream))

    def stop(self) -> None:
        """Do nothing: no timer runs."""

    def watch(self, stream: Any) -> None:
        """See what a blocking stream of httpx's engine reads; one that cannot be watched is used once."""
        self._stream, read = stream, stream.read

        def watched(max_bytes: int, timeout: float | None = None) -> bytes:
            return self._note(read(max_bytes, self._shorter(timeout)))

        _replace_read(stream, watched)

    def awatch(self, stream: Any) -> None:
        """Do the same for an asynchronous stream."""
        read = stream.read

        async def watched(max_bytes: int, timeout: float | None = None) -> bytes:
            return self._note(await read(max_bytes, self._shorter(timeout)))

        _replace_read(stream, watched)

    def end_with(self, piece: bytes, *, is_chunked: bool) -> bool:
        """Return whether nothing came behind the answer, whose body ended with `piece`.

        False as well where that is not certain: the body has trailers, or speaks of HTTP/1 near its end.
        """
        end = LAST_CHUNK if is_chunked else piece or HEAD_END
        return self._last.endswith(end) and self._last.find(ANSWER_START, 1) < 0

    def _shorter(self, timeout: float | None) -> float | None:
        left = seconds_until(self._ends)
        return timeout if left is None or (timeout is not None and timeout < left) else left

    def _note(self, block: bytes) -> bytes:
        self._last = block if len(block) >= len(LAST_CHUNK) else self._last[-len(LAST_CHUNK) :] + block
        return block


def _replace_read(stream: Any, read: Callable[..., object]) -> None:
    with contextlib.suppress(AttributeError):
        stream.read = read


class ReadTimer:
    """The time limit of the reads of a caller's blocking client; has the same attributes.

    httpx takes one limit for a whole body, at its start; ours changes from block to block. The first is left to httpx,
    and so is each that is nearly as long. There is one timer at a time, which is set again if it fires too early, so
    most blocks set none.
    """

    def __init__(self, response: Any, waits: dict[str, float | None]) -> None:
        self._socket = _socket_of(getattr(response, "extensions", {}).get("network_stream"))
        self._is_reading = False
        self._waits = waits  # which httpx reads when the first block is read
        self._limit: float | None = None  # how long httpx waits for a block
        self._lock = threading.RLock()  # the collector may stop it in the thread that holds the lock
        self._ends: float | None = None  # None: no read is under way, or it has no limit
        self._timer: threading.Timer | None = None
        self._rings_at = 0.0
        self.expired = False

    @property
    def is_active(self) -> bool:
        """Whether there is a socket; an answer from memory needs no limit."""
        return self._socket is not None

    def arm(self, wait_seconds: float | None) -> None:
        """Begin a read."""
        self._is_reading = True
        if self._limit is None:
            self._limit = self._waits["read"] = wait_seconds
            return
        if self._socket is None or wait_seconds is None or wait_seconds >= self._limit * NEARLY:
            return
        with self._lock:
            self._ends = ends = monotonic() + wait_seconds
            if self._timer is None or ends < self._rings_at:
                self._set_timer(wait_seconds)

    def disarm(self) -> bool:
        """End a read; return whether it took too long."""
        self._is_reading = False
        with self._lock:
            self._ends = None
            return self.expired

    def interrupt(self) -> bool:
        """End the read of another thread."""
        return self._is_reading and _shut_down(self._socket)

    def stop(self) -> None:
        """End for good."""
        with self._lock:
            self._ends = None
            if self._timer is not None:
                self._timer.cancel()

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = monotonic() + seconds
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
            if self._ends is None or self._socket is None:
                return
            left = self._ends - monotonic()
            if left > 0:
                self._set_timer(left)
                return
            self.expired = True
            _shut_down(self._socket)


ReadLimit = ConnectionReads | ReadTimer


def _socket_of(stream: Any) -> socket.socket | None:
    """Return the socket of a stream of httpx's engine, or None."""
    sock = None if stream is None else stream.get_extra_info("socket")
    return sock if isinstance(sock, socket.socket) else None


def _shut_down(sock: socket.socket | None) -> bool:
    """Wake the thread that reads a socket; False: there is no socket."""
    if sock is None:
        return False
    with contextlib.suppress(OSError):  # closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # below TLS, which the other thread uses
    return True
