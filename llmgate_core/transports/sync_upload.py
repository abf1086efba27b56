# Made from llmgate_core/transports/async_upload.py by tools/make_twins.py: edit that file, then run `make twins`.
"""A streamed body on its way out: one attempt reads it once, from its start.

Its first block is read before anything is sent, so that a missing file costs no connection and no time passes between
taking a connection and using it. It never yields more or less than the announced length: whatever follows on the
connection would be taken for another request.

Source: rows R1, R11 and S11 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from llmgate_core.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmgate_core.contract.transport import StreamedContent, TransportRequest

__all__ = ["Upload"]


class Upload:
    """Iterates over the blocks; call `start` first.

    Attributes:
        left: bytes that were not yielded yet.
    """

    def __init__(self, request: TransportRequest, content: StreamedContent) -> None:
        self._content = content
        self._deadline = request.deadline
        self._blocks: Iterator[bytes] | None = None
        self._first = b""
        self._is_started = False
        self.left = content.length

    def start(self) -> None:
        """Read the first block of this attempt.

        Raises:
            BadRequestError: it cannot be read.
        """
        self.close()
        self._restart()
        try:
            self._first = self._read()
        except BaseException:
            self.close()
            raise

    def _restart(self) -> None:
        self._blocks = self._content.blocks().__iter__()
        self.left, self._is_started, self._first = self._content.length, False, b""

    def __iter__(self) -> Upload:
        if self._is_started:  # an HTTP client reads it again
            self._restart()
        self._is_started = True
        return self

    def __next__(self) -> bytes:
        """Return the next block.

        Raises:
            BadRequestError: it cannot be read, or the body has another length. APITimeoutError: the whole call took
                too long.
        """
        if self._deadline.remaining() == 0:
            raise self._deadline.error("total")
        block, self._first = self._first, b""
        block = block or self._read()
        self.left -= len(block)
        if self.left < 0 or (self.left and not block):
            raise BadRequestError("the body of the request does not have its announced length", status_code=400)
        if block:
            return block
        raise StopIteration

    def close(self) -> None:
        """Close what is being read. Idempotent."""
        close = getattr(self._blocks, "close", None)  # the contract promises no more than an iterator
        if close is None:
            return
        with contextlib.suppress(RuntimeError, TimeoutError):  # it still runs in a cancelled task, and ends with that
            closing = close()
            _ = closing

    def _read(self) -> bytes:
        reading = self._next_block()
        try:
            return reading
        except TimeoutError:
            raise self._deadline.error("total") from None

    def _next_block(self) -> bytes:
        if self._blocks is not None:
            for block in self._blocks:
                if block:
                    return block
        return b""
