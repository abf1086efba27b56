"""The streams that callers iterate: chunks, and views of them as text or events.

A stream ends in exactly one of finished, truncated, failed or cancelled, and closes the upstream
on every path. Its generator is a free function: a stream that is dropped has no cycle to wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from llmgate_core.contracts import Headers, LedgerEntry
from llmgate_core.families import FAMILIES
from llmgate_core.folding import fold
from llmgate_core.types.base import CallRecord

__all__ = ["AsyncStream", "Stream", "StreamEvent", "events_of", "fold_chunks"]

ChunkT = TypeVar("ChunkT")


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing that a chunk says.

    Attributes:
        kind: what it is. index: of the choice it belongs to; 0 for usage.
        text: the new text of `text`, `reasoning` and `refusal`, the arguments' new piece of
            `tool_call`, the reason of `finish`.
        value: the tool call's delta or the usage object; None for texts.
    """

    kind: Literal["text", "reasoning", "refusal", "tool_call", "finish", "usage"]
    index: int = 0
    text: str = ""
    value: Any = None


def events_of(chunk: Any) -> Iterator[StreamEvent]:
    """Yield what one chunk says, of a chat or a text completion."""
    for choice in chunk.choices or ():
        delta = getattr(choice, "delta", None) or choice
        if text := getattr(delta, "content", None) or getattr(delta, "text", None):
            yield StreamEvent("text", choice.index, text)
        if text := getattr(delta, "reasoning_content", None):
            yield StreamEvent("reasoning", choice.index, text)
        if text := getattr(delta, "refusal", None):
            yield StreamEvent("refusal", choice.index, text)
        for call in getattr(delta, "tool_calls", None) or ():
            arguments = call.function.arguments if call.function else None
            yield StreamEvent("tool_call", choice.index, arguments or "", call)
        if choice.finish_reason is not None:
            yield StreamEvent("finish", choice.index, choice.finish_reason)
    if chunk.usage is not None:
        yield StreamEvent("usage", value=chunk.usage)


def fold_chunks(chunks: Iterable[Any]) -> Any:
    """Return the whole typed answer that `chunks` (objects or dicts) of one stream add up to."""
    dicts = [chunk if isinstance(chunk, dict) else chunk.model_dump(exclude_unset=True) for chunk in chunks]
    is_text = any(chunk.get("object") == "text_completion" for chunk in dicts)
    family = "text_completion" if is_text else "chat"
    return FAMILIES[family].result_type().model_validate(fold(family, dicts))


class _Facts:
    """What both kinds of stream know of their call, before the first chunk."""

    _record: CallRecord

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced or emulated in this call."""
        return self._record.ledger

    @property
    def _response_headers(self) -> Headers | None:
        """The upstream's headers; None unless the setting `return_response_headers` is on."""
        return self._record.headers

    @property
    def _request_id(self) -> str | None:
        return self._record.request_id


class Stream(_Facts, Generic[ChunkT]):
    """Chunks as they come. Iterate it, or use it as a context manager to close it early."""

    def __init__(self, chunks: Iterator[ChunkT], family: str, record: CallRecord) -> None:
        self._chunks = chunks
        self._family = family
        self._record = record

    def __iter__(self) -> Stream[ChunkT]:
        return self

    def __next__(self) -> ChunkT:
        return next(self._chunks)

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
        """Read the rest and return the whole answer of what was read by this call."""
        answer = fold_chunks(self)
        answer.attach(self._record)
        return answer

    def close(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Stream[ChunkT]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_chunks"):
            self.close()


class AsyncStream(_Facts, Generic[ChunkT]):
    """The asynchronous twin of `Stream`."""

    def __init__(self, chunks: AsyncIterator[ChunkT], family: str, record: CallRecord) -> None:
        self._chunks = chunks
        self._family = family
        self._record = record
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __anext__(self) -> ChunkT:
        return await self._chunks.__anext__()

    async def text(self) -> AsyncIterator[str]:
        """Yield the first choice's text, piece by piece."""
        async for event in self.events():
            if event.kind == "text" and event.index == 0:
                yield event.text

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Yield what the chunks say, one thing at a time."""
        async for chunk in self:
            for event in events_of(chunk):
                yield event

    async def whole(self) -> Any:
        """Read the rest and return the whole answer of what was read by this call."""
        answer = fold_chunks([chunk async for chunk in self])
        answer.attach(self._record)
        return answer

    async def aclose(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()

    async def __aenter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
