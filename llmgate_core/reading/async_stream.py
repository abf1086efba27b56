"""The asynchronous stream that callers iterate: chunks, and views of them as text or events.

A stream ends in exactly one of finished, truncated, failed or cancelled, and closes the upstream on every path. Its
generator is a free function, so a stream that is dropped is not part of a cycle and is closed at once.

A stream may be closed by any task or thread. A read of another one that is under way ends with an `LLMGateError`, since
the part would look like a whole answer if the loop just ended; a read that begins after `close()` ends the loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from os import PathLike
from types import TracebackType
from typing import Any, Generic, TypeVar

from llmgate_core.errors import LLMGateError
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.reading.accumulate.whole import StreamHistory, whole_answer
from llmgate_core.reading.streams import AsyncStreamBase, StreamEvent, StreamStop, awrite_block, events_of
from llmgate_core.types.record import CallRecord

__all__ = ["AsyncStream"]

ChunkT = TypeVar("ChunkT")


class AsyncStream(AsyncStreamBase, Generic[ChunkT]):
    """Chunks as they come. Iterate it, or use it as a context manager to close it early."""

    def __init__(
        self,
        chunks: AsyncIterator[ChunkT],
        family: str,
        model: str,
        record: CallRecord,
        so_far: Callable[[], Any] | None = None,
        stop: StreamStop | None = None,
    ) -> None:
        self._past = StreamHistory(family, so_far)
        self._chunks = chunks
        self._family = family
        self._model = model
        self._record = record
        self._stop = stop or StreamStop()

    def __aiter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __anext__(self) -> ChunkT:
        try:
            chunk = await self._chunks.__anext__()
        except BaseException as error:
            if isinstance(error, Exception) and (self._stop.is_set or getattr(self._chunks, "ag_running", False)):
                raise _stopped() from None
            self._past.stop(error)
            raise
        self._past.add(chunk)
        return chunk

    async def text(self) -> AsyncIterator[str]:
        """Yield the first choice's text, piece by piece."""
        async for event in self.events():
            if event.kind == "text" and event.index == 0:
                yield event.text

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Yield what the chunks say, one thing at a time."""
        async for chunk in self:
            for event in events_of(chunk):  # sync: yield from events_of(chunk)
                yield event  # async only

    async def whole(self) -> Any:
        """Read the rest and return the whole answer, including what was read before; may be called again.

        Raises:
            LLMGateError: what ended the stream early; or it was closed, or bytes of it were read, before.
        """
        self._past.require_complete()
        rest = [chunk async for chunk in self]  # sync: rest = list(self)
        return whole_answer(self._family, rest, self._past, self._record)

    async def stream_to_file(self, path: str | PathLike[str]) -> None:
        """Write the rest of a stream of bytes to a file, which exists only once it is complete."""
        with AtomicFile(path) as file:
            async for block in self:
                await awrite_block(file, block)

    async def aclose(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent.

        Any task or thread may do so; one that is reading gets an `LLMGateError`.
        """
        chunks: Any = self._chunks
        if not hasattr(chunks, "aclose"):
            return
        try:
            await chunks.aclose()
        except (RuntimeError, ValueError):
            if getattr(chunks, "ag_frame", None) is None:  # an error of its own, not that it is running
                raise
            self._chunks = _StoppedChunks(chunks)
            self._stop.set()
        self._past.stop(GeneratorExit())

    async def __aenter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _stopped() -> LLMGateError:
    return LLMGateError("the stream was closed or used by another task or thread while it was being read")


class _StoppedChunks:
    """What is left of a stream that was stopped while it was being read."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks

    def __aiter__(self) -> _StoppedChunks:
        return self

    async def __anext__(self) -> Any:
        await self.aclose()
        raise _stopped()

    async def aclose(self) -> None:
        with contextlib.suppress(RuntimeError, ValueError):  # it is still being read, and ends with that
            await self._chunks.aclose()
