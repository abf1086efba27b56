"""A streamed body on its way out: one try reads it once, from its start.

Its first block is read before anything is sent, so that a file which is gone costs no connection
and no time lies between taking a connection and using it. Never gives out more or less than the
length that was announced: what follows on the connection would be taken for another request.

Source: rows R1, R11 and S11 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from llmgate_core.errors import APITimeoutError, BadRequestError
from llmgate_core.transports.failures import peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmgate_core.contract.transport import StreamedContent, TransportRequest

__all__ = ["AsyncUpload", "Upload", "not_taken"]


class _Upload:
    """What both kinds share.

    Attributes:
        left: bytes that were not given out yet.
    """

    def __init__(self, request: TransportRequest, content: StreamedContent) -> None:
        self._content = content
        self._deadline = request.deadline
        self._first = b""
        self._is_begun = False
        self.left = content.length

    def _given(self, block: bytes) -> bytes:
        """Count a block that goes out; an empty one is the end.

        Raises:
            BadRequestError: the length was a lie.
        """
        self.left -= len(block)
        if self.left < 0 or (self.left and not block):
            raise BadRequestError("the body of the request is not as long as it said", status_code=400)
        return block

    def _check_time(self) -> None:
        if self._deadline.remaining() == 0:
            raise self._deadline.error("total")


class Upload(_Upload):
    """An iterator over the blocks; to iterate anew begins anew."""

    def __init__(self, request: TransportRequest, content: StreamedContent) -> None:
        super().__init__(request, content)
        self._blocks: Iterator[bytes] = iter(())
        self.begin()

    def begin(self) -> None:
        """Read the first block, of this try or the next one."""
        self.close()
        self._blocks = iter(self._content.blocks())
        self.left, self._is_begun = self._content.length, False
        self._first = next(filter(None, self._blocks), b"")

    def __iter__(self) -> Upload:
        if self._is_begun:
            self.begin()
        self._is_begun = True
        return self

    def __next__(self) -> bytes:
        """Return the next block.

        Raises:
            BadRequestError: it cannot be read. APITimeoutError: the whole call took too long.
        """
        self._check_time()
        block, self._first = self._first, b""
        if block := self._given(block or next(filter(None, self._blocks), b"")):
            return block
        raise StopIteration

    def close(self) -> None:
        """Close what is being read. Idempotent."""
        _call(self._blocks, "close")


class AsyncUpload(_Upload):
    """The asynchronous twin; `await begin()` before the first block."""

    def __init__(self, request: TransportRequest, content: StreamedContent) -> None:
        super().__init__(request, content)
        self._blocks: AsyncIterator[bytes] | None = None

    async def begin(self) -> None:
        """Read the first block, of this try or the next one."""
        await self.aclose()
        self._restart()
        try:
            self._first = await self._read()
        except BaseException:
            await self.aclose()
            raise

    def _restart(self) -> None:
        self._blocks = self._content.ablocks().__aiter__()
        self.left, self._is_begun, self._first = self._content.length, False, b""

    def __aiter__(self) -> AsyncUpload:
        if self._is_begun:
            self._restart()
        self._is_begun = True
        return self

    async def __anext__(self) -> bytes:
        """As `Upload.__next__`; a file that is slow to read does not outlast the call."""
        self._check_time()
        block, self._first = self._first, b""
        if block := self._given(block or await self._read()):
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close what is being read. Idempotent."""
        if (closing := _call(self._blocks, "aclose")) is not None:
            with contextlib.suppress(RuntimeError):  # it still runs in a task that was cancelled, and ends with that
                await closing

    async def _read(self) -> bytes:
        reading = asyncio.ensure_future(self._next_block())
        try:
            await asyncio.wait([reading], timeout=self._deadline.remaining())
            if not reading.done():
                raise self._deadline.error("total")
            return reading.result()
        finally:
            reading.cancel()

    async def _next_block(self) -> bytes:
        if self._blocks is not None:
            async for block in self._blocks:
                if block:
                    return block
        return b""


def not_taken(request: TransportRequest) -> APITimeoutError:
    """Return the error of an upstream that takes nothing more of an upload."""
    error = request.deadline.error("idle")
    if error.phase == "idle":
        limit = request.deadline.timeouts.idle
        text = (
            f"{peer(request.origin)} took nothing of the upload for {'too long' if limit is None else f'{limit:g} s'}"
        )
        return APITimeoutError(text, phase="idle")
    return error


def _call(blocks: Any, name: str) -> Any:
    """Close an iterator that can be closed; the contract promises no more than an iterator."""
    close = getattr(blocks, name, None)
    return None if close is None else close()
