"""What is read from one connection of httpx: when a read must end, and which block came last.

httpx takes one limit for all reads of a head, so a head that arrives byte by byte would never end; here each read gets
what is left. And its parser keeps bytes that came in one block with the end of an answer, and would take them for the
next one; so the connection is not used again unless the block that ended the answer also ends with it.

Source: RFC 9112 section 7.1; rows R12 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from llmgate_core.transports.waits import Moment, moment_after, seconds_until

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConnectionReads"]

LAST_CHUNK = b"0\r\n\r\n"
HEAD_END = b"\r\n\r\n"
ANSWER_START = b"HTTP/1"


class ConnectionReads:
    """The reads of one connection. Serves a blocking response as its `ReadTimer` does."""

    is_active = True
    expired = False

    def __init__(self) -> None:
        self._ends: Moment = None
        self._last = b""  # the last block, and before it what a cut may have separated

    def arm(self, wait_seconds: float | None) -> None:
        """Begin to wait for a block or a head; all reads that it takes end in time together."""
        self._ends = moment_after(wait_seconds)

    def disarm(self) -> bool:
        """Return False: a read that takes too long raises."""
        return False

    def stop(self) -> None:
        """Do nothing: no timer runs."""

    def watch(self, stream: Any) -> None:
        """See what a blocking stream of httpx's engine reads; one that cannot be watched is used once."""
        read = stream.read

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
