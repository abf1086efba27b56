# Made from llmgate_core/reading/async_stream.py by tools/make_twins.py: edit that file, then run `make twins`.
"""The synchronous stream that callers iterate: chunks, and views of them as text or events.

A stream ends in exactly one of finished, truncated, failed or cancelled, and closes the upstream on every path. Its
generator is a free function, so a stream that is dropped is not part of a cycle and is closed at once.

A stream may be closed by any task or thread. A read of another one that is under way ends with an `LLMGateError`, since
the part would look like a whole answer if the loop just ended; a read that begins after `close()` ends the loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from os import PathLike
from types import TracebackType
from typing import Any, Generic, TypeVar

from llmgate_core.errors import LLMGateError
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.reading.accumulate.whole import StreamHistory, whole_answer
from llmgate_core.reading.streams import StreamBase, StreamEvent, StreamStop, events_of, write_block
from llmgate_core.types.record import CallRecord

__all__ = ["Stream"]

ChunkT = TypeVar("ChunkT")


class Stream(StreamBase, Generic[ChunkT]):
    """Chunks as they come. Iterate it, or use it as a context manager to close it early."""

    def __init__(
        self,
        chunks: Iterator[ChunkT],
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

    def __iter__(self) -> Stream[ChunkT]:
        return self

    def __next__(self) -> ChunkT:
        try:
            chunk = self._chunks.__next__()
        except BaseException as error:
            if isinstance(error, Exception) and (self._stop.is_set or getattr(self._chunks, "gi_running", False)):
                raise _stopped() from None
            self._past.stop(error)
            raise
        self._past.add(chunk)
        return chunk

    def text(self) -> Iterator[str]:
        """Yield the first choice's text, piece by piece."""
        for event in self.events():
            if event.kind == "text" and event.index == 0:
                yield event.text

    def events(self) -> Iterator[StreamEvent]:
        """Yield what the chunks say, one thing at a time."""
        for chunk in self:
            yield from events_of(chunk)

    def whole(self) -> Any:
        """Read the rest and return the whole answer, including what was read before; may be called again.

        Raises:
            LLMGateError: what ended the stream early; or it was closed, or bytes of it were read, before.
        """
        self._past.require_complete()
        rest = list(self)
        return whole_answer(self._family, rest, self._past, self._record)

    def stream_to_file(self, path: str | PathLike[str]) -> None:
        """Write the rest of a stream of bytes to a file, which exists only once it is complete."""
        with AtomicFile(path) as file:
            for block in self:
                write_block(file, block)

    def close(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent.

        Any task or thread may do so; one that is reading gets an `LLMGateError`.
        """
        chunks: Any = self._chunks
        if not hasattr(chunks, "close"):
            return
        try:
            chunks.close()
        except (RuntimeError, ValueError):
            if getattr(chunks, "gi_frame", None) is None:  # an error of its own, not that it is running
                raise
            self._chunks = _StoppedChunks(chunks)
            self._stop.set()
        self._past.stop(GeneratorExit())

    def __enter__(self) -> Stream[ChunkT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _stopped() -> LLMGateError:
    return LLMGateError("the stream was closed or used by another task or thread while it was being read")


class _StoppedChunks:
    """What is left of a stream that was stopped while it was being read."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks

    def __iter__(self) -> _StoppedChunks:
        return self

    def __next__(self) -> Any:
        self.close()
        raise _stopped()

    def close(self) -> None:
        with contextlib.suppress(RuntimeError, ValueError):  # it is still being read, and ends with that
            self._chunks.close()
