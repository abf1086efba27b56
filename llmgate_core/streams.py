"""The streams that callers iterate: chunks, and views of them as text or events.

A stream ends in exactly one of finished, truncated, failed or cancelled, and closes the upstream
on every path. Its generator is a free function: a stream that is dropped has no cycle to wait for.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from llmgate_core.atomic_file import AtomicFile
from llmgate_core.contracts import Headers, LedgerEntry
from llmgate_core.cost import Cost
from llmgate_core.errors import APIResponseValidationError, LLMGateError
from llmgate_core.event_folding import fold_events
from llmgate_core.families import FAMILIES
from llmgate_core.folding import fold
from llmgate_core.types.base import CallRecord, Recorded

__all__ = ["AsyncStream", "Stream", "StreamEvent", "events_of", "fold_chunks"]

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


def fold_chunks(chunks: Iterable[Any]) -> Any:
    """Return the whole typed answer that `chunks` (objects or dicts) of one chat or text completion add up to.

    Raises:
        LLMGateError: there are none, which is no answer.
    """
    dicts = [_as_dict(chunk) for chunk in chunks]
    if not dicts:
        raise LLMGateError("no chunks were given to make a whole answer of: keep them while you read the stream")
    is_text = any(chunk.get("object") == "text_completion" for chunk in dicts)
    family = "text_completion" if is_text else "chat"
    return FAMILIES[family].result_type().model_validate(fold(family, dicts))


def _as_dict(chunk: Any) -> dict[str, Any]:
    return chunk if isinstance(chunk, dict) else chunk.model_dump(exclude_unset=True)


def _whole(family: str, rest: Sequence[Any], past: _Past, record: CallRecord) -> Any:
    """Return the whole answer of a stream that has ended; `rest` is what was read last."""
    chunks = past.chunks or rest
    if family == "speech" or any(isinstance(chunk, bytes) for chunk in chunks):
        answer = _whole_bytes(chunks)
    else:
        answer = _whole_document(family, _folded(family, chunks) if past.so_far is None else past.so_far(), record)
    answer.attach(record)
    return answer


def _folded(family: str, chunks: Sequence[Any]) -> Any:
    dicts = [_as_dict(chunk) for chunk in chunks]
    return (fold_events if FAMILIES[family].ends else fold)(family, dicts) if dicts else None


def _whole_bytes(chunks: Sequence[Any]) -> Any:
    from llmgate_core.types.binary import BinaryResponse  # bytes are rarely asked for as a whole

    blocks = (chunk if isinstance(chunk, bytes) else b64decode(chunk.get("audio") or "") for chunk in chunks)
    return BinaryResponse(b"".join(blocks))


def _whole_document(family: str, folded: Any, record: CallRecord) -> Any:
    if folded is None:
        raise _no_answer("nothing in it makes an answer", None, record)
    try:
        answer = _result_type(family, record).model_validate(folded)
    except ValidationError as error:
        raise _no_answer(f"what it adds up to is no answer: {error.error_count()} errors", folded, record) from None
    if record.output_type is not None:
        answer.expect_output(record.output_type)
    return answer


def _no_answer(why: str, partial: Any, record: CallRecord) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"the stream ended, but {why}",
        request_id=record.request_id,
        provider=record.provider,
        attempts=record.attempts,
        partial=partial,
    )


def _result_type(family: str, record: CallRecord) -> Any:
    """Return the class of a whole answer, the same as without a stream."""
    if family == "chat" and record.output_type is not None:
        from llmgate_core.types.chat import ParsedChatCompletion  # types load with their family

        return ParsedChatCompletion
    return FAMILIES[family].result_type()


def _block(chunk: Any) -> bytes:
    if not isinstance(chunk, bytes):
        raise TypeError(f"only a stream of bytes goes to a file, this one has {type(chunk).__name__}")
    return chunk


class _Past:
    """What a stream has handed out and how it stopped, so that its whole answer is never made of a part.

    Attributes:
        so_far: returns the answer so far, which the stream's reader keeps; None: nobody does.
        chunks: all of them where nobody else keeps them, but no bytes: a recording or a film shall not stay in memory.
        has_lost: bytes were handed out.
    """

    __slots__ = ("_is_over", "_keeps", "_stop", "chunks", "has_lost", "so_far")

    def __init__(self, family: str, so_far: Callable[[], Any] | None) -> None:
        self.so_far = so_far
        self.chunks: list[Any] = []
        self.has_lost = False
        self._keeps = so_far is None or family == "speech"
        self._is_over = False
        self._stop: LLMGateError | None = None

    def add(self, chunk: Any) -> None:
        """Note a chunk that is handed out."""
        if isinstance(chunk, bytes):
            self.has_lost = True
        elif self._keeps:
            self.chunks.append(chunk)

    def stop(self, by: BaseException) -> None:
        """Remember what stopped the stream first, as a copy: the frames of the error hold the stream."""
        if self._is_over:
            return
        self._is_over = True
        if isinstance(by, LLMGateError):
            self._stop = copy(by)
        elif not isinstance(by, (StopIteration, StopAsyncIteration)):
            self._stop = LLMGateError("the stream was stopped before its end: call whole() before you close it")

    def must_be_whole(self) -> None:
        """Raise where a whole answer can no longer be had.

        Raises:
            LLMGateError: the one that ended the stream; else what the caller has to do instead.
        """
        if self._stop is not None:
            raise copy(self._stop)
        if self.has_lost:
            raise LLMGateError(
                "bytes of this stream were handed out and are not kept: join what you read, or call whole() first"
            )


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
        self._past = _Past(family, so_far)
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
        self._past.must_be_whole()
        rest = list(self)
        return _whole(self._family, rest, self._past, self._record)

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
        self._past = _Past(family, so_far)
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
        self._past.must_be_whole()
        rest = [chunk async for chunk in self]
        return _whole(self._family, rest, self._past, self._record)

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
