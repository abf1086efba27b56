"""The streams that callers iterate: chunks, and views of them as text or events.

A stream ends in exactly one of finished, truncated, failed or cancelled, and closes the upstream
on every path. Its generator is a free function: a stream that is dropped has no cycle to wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Literal, TypeVar

from llmgate_core.catalogue.prices import Cost
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Headers
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.reading.accumulate.whole import StreamHistory, whole_answer
from llmgate_core.types.record import CallRecord, Recorded

__all__ = ["AsyncStream", "Stream", "StreamEvent", "events_of"]

ChunkT = TypeVar("ChunkT")


StreamEventKind = Literal["text", "reasoning", "refusal", "tool_call", "finish", "usage"]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing that a chunk says.

    Attributes:
        kind: what it is. index: of the choice it belongs to; 0 for usage.
        text: the new text of `text`, `reasoning` and `refusal`, the arguments' new piece of
            `tool_call`, the reason of `finish`.
        value: the tool call's delta or the usage object; None for texts.
    """

    kind: StreamEventKind
    index: int = 0
    text: str = ""
    value: Any = None


KIND_OF_DELTA: Mapping[str, StreamEventKind] = MappingProxyType(
    {
        "response.output_text.delta": "text",
        "response.refusal.delta": "refusal",
        "response.reasoning_text.delta": "reasoning",
        "response.reasoning_summary_text.delta": "reasoning",
        "response.function_call_arguments.delta": "tool_call",
        "response.custom_tool_call_input.delta": "tool_call",
        "transcript.text.delta": "text",
    }
)
"""Type of a typed event that brings a piece of something -> what it brings."""


def events_of(chunk: Any) -> Iterator[StreamEvent]:
    """Yield what one chunk or typed event says."""
    if (choices := getattr(chunk, "choices", None)) is None:
        yield from _events_of_event(chunk)
        return
    for choice in choices:
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


def _events_of_event(event: Any) -> Iterator[StreamEvent]:
    kind = KIND_OF_DELTA.get(getattr(event, "type", None) or "")
    if kind is not None:
        index = event.get("output_index") if kind == "tool_call" else 0
        yield StreamEvent(kind, index or 0, event.get("delta") or "", event if kind == "tool_call" else None)
    response = getattr(event, "response", None)
    usage = getattr(event, "usage", None) or (response is not None and getattr(response, "usage", None))
    if usage:
        yield StreamEvent("usage", value=usage)


def _block(chunk: Any) -> bytes:
    if not isinstance(chunk, bytes):
        raise TypeError(f"only a stream of bytes goes to a file, this one has {type(chunk).__name__}")
    return chunk


class _Facts:
    """What both kinds of stream know of their call, before the first chunk."""

    _record: CallRecord

    @property
    def record(self) -> CallRecord:
        """What is known of the call: for programs that serve llmgate to others."""
        return self._record

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced, emulated or bridged; whole once the stream has ended."""
        return self._record.ledger

    @property
    def cost(self) -> Cost | None:
        """US dollars, once the stream has ended with a usage; None where price or usage is not known."""
        record = self._record
        if isinstance(record.answer, Recorded):
            return record.answer.cost
        return record.cost_of(record.usage, record.tier)

    @property
    def _response_headers(self) -> Headers | None:
        """The upstream's headers; None unless the setting `return_response_headers` is on."""
        return self._record.headers

    @property
    def _request_id(self) -> str | None:
        return self._record.request_id


class Stream(_Facts, Generic[ChunkT]):
    """Chunks as they come. Iterate it, or use it as a context manager to close it early."""

    def __init__(
        self,
        chunks: Iterator[ChunkT],
        family: str,
        record: CallRecord,
        so_far: Callable[[], Any] | None = None,
    ) -> None:
        self._past = StreamHistory(family, so_far)
        self._chunks = chunks
        self._family = family
        self._record = record

    def __iter__(self) -> Stream[ChunkT]:
        return self

    def __next__(self) -> ChunkT:
        try:
            chunk = next(self._chunks)
        except BaseException as error:
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
        """Read the rest and return the whole answer, what was read before included; again and again.

        Raises:
            LLMGateError: what ended the stream early; or it was closed, or bytes of it were read, before.
        """
        self._past.require_complete()
        rest = list(self)
        return whole_answer(self._family, rest, self._past, self._record)

    def stream_to_file(self, path: str | PathLike[str]) -> None:
        """Write the rest of a stream of bytes to a file, which is there only once it is whole."""
        with AtomicFile(path) as file:
            for block in self:
                file.write(_block(block))

    def close(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            self._past.stop(GeneratorExit())
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

    def __init__(
        self,
        chunks: AsyncIterator[ChunkT],
        family: str,
        record: CallRecord,
        so_far: Callable[[], Any] | None = None,
    ) -> None:
        self._past = StreamHistory(family, so_far)
        self._chunks = chunks
        self._family = family
        self._record = record

    def __aiter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __anext__(self) -> ChunkT:
        try:
            chunk = await self._chunks.__anext__()
        except BaseException as error:
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
            for event in events_of(chunk):
                yield event

    async def whole(self) -> Any:
        """Read the rest and return the whole answer, what was read before included; again and again.

        Raises:
            LLMGateError: what ended the stream early; or it was closed, or bytes of it were read, before.
        """
        self._past.require_complete()
        rest = [chunk async for chunk in self]
        return whole_answer(self._family, rest, self._past, self._record)

    async def stream_to_file(self, path: str | PathLike[str]) -> None:
        """Write the rest of a stream of bytes to a file, which is there only once it is whole."""
        with AtomicFile(path) as file:
            async for block in self:
                await asyncio.to_thread(file.write, _block(block))

    async def aclose(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            self._past.stop(GeneratorExit())
            await close()

    async def __aenter__(self) -> AsyncStream[ChunkT]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
