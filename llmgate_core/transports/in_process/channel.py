"""Blocks on their way from a running function to the reader of its answer. Each of the two is a thread or a task.

No locks: one side writes, one side reads, and each looks again after it has said that it waits, so that neither can
miss the other. So the garbage collector may stop a channel wherever it runs.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from llmgate_core.errors import StreamTruncatedError

__all__ = ["Channel", "StoppedError"]

ROOM = 4  # blocks that a function may be ahead of the reader


class StoppedError(Exception):
    """Raised in the function's thread or task: the reader has stopped."""


class Channel:
    """The way of one answer.

    Attributes:
        opened: done once the function has begun to answer: with the content type, or None if `take` says why not.
    """

    __slots__ = ("_blocks", "_error", "_has_ended", "_is_stopped", "_reader", "_writer", "opened")

    def __init__(self) -> None:
        self.opened: Future[bytes | None] = Future()
        self._is_stopped = False
        self._blocks: deque[bytes] = deque()
        self._has_ended = False
        self._error: BaseException | None = None
        self._reader: Future[None] | None = None
        self._writer: Future[None] | None = None

    def has_stopped(self) -> bool:
        """Return whether the reader wants no more."""
        return self._is_stopped

    # the function's side

    def open(self, content_type: bytes | None) -> None:
        """Say what comes; None: nothing. Only the first call counts."""
        with suppress(InvalidStateError):  # said already
            self.opened.set_result(content_type)

    def put(self, block: bytes) -> Future[None] | None:
        """Hand over a block. Returns what to wait for before the next one; None: there is room.

        Raises:
            StoppedError: the reader wants no more.
        """
        if self.has_stopped():
            raise StoppedError
        if block:  # an empty one would be the end
            self._blocks.append(block)
            _wake(self._reader)
        if len(self._blocks) < ROOM:
            return None
        waiting: Future[None] = Future()
        self._writer = waiting
        if len(self._blocks) < ROOM or self.has_stopped():  # meanwhile
            _wake(waiting)
        return waiting

    def end(self, error: BaseException | None = None) -> None:
        """Say that the answer is complete, or what went wrong. Only the first call counts."""
        if self._has_ended:
            return
        self._error = error
        self._has_ended = True
        self.open(None)
        _wake(self._reader)

    # the reader's side

    def take(self) -> bytes | Future[None]:
        """Return the blocks that are here, `b""` after the last, or what to wait for.

        Raises:
            StreamTruncatedError: the reader has stopped it. BaseException: the function's error.
        """
        if self.has_stopped():
            raise StreamTruncatedError("the answer was closed by its reader", code="closed", phase="body")
        has_ended = self._has_ended  # before the blocks: the last ones may come meanwhile
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        if blocks:
            _wake(self._writer)
            return b"".join(blocks)
        if has_ended:
            if self._error is not None:
                raise self._error
            return b""
        waiting: Future[None] = Future()
        self._reader = waiting
        if self._blocks or self._has_ended or self.has_stopped():  # meanwhile
            _wake(waiting)
        return waiting

    def stop(self) -> None:
        """Want no more. Idempotent; any thread may call it."""
        self._is_stopped = True
        self.open(None)
        _wake(self._writer)
        _wake(self._reader)


def _wake(waiting: Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        with suppress(InvalidStateError):  # both sides may wake it
            waiting.set_result(None)
