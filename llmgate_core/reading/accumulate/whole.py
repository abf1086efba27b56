"""The complete response that a stream adds up to, and the history of the stream that it needs.

Pure. A complete response is never made from a part of a stream: if it can no longer be had, that is an error.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

from pydantic import ValidationError

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import APIResponseValidationError, LLMGateError, StreamTruncatedError
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.types.loose import validated
from llmgate_core.types.record import CallRecord

__all__ = ["StreamHistory", "fold_chunks", "whole_answer"]


class StreamHistory:
    """The chunks that a stream has yielded, and how it stopped.

    Attributes:
        so_far: returns the response so far, if the stream's reader accumulates it; None if it does not.
        chunks: all chunks, if the reader does not accumulate them. Never bytes, so that no recording and no
            video stays in memory.
        dropped_bytes: True if the stream has yielded bytes.
        count: number of chunks that the stream has yielded.
        state: `open`, `finished`, `truncated`, `failed` or `closed`.
    """

    __slots__ = ("_keeps_chunks", "_stop", "chunks", "count", "dropped_bytes", "so_far", "state")

    def __init__(self, family: str, so_far: Callable[[], Any] | None) -> None:
        self.so_far = so_far
        self.chunks: list[Any] = []
        self.dropped_bytes = False
        self._keeps_chunks = so_far is None or family == "speech"
        self.count = 0
        self.state = "open"
        self._stop: LLMGateError | None = None

    def add(self, chunk: Any) -> None:
        """Record a chunk that the stream yields."""
        self.count += 1
        if isinstance(chunk, bytes):
            self.dropped_bytes = True
        elif self._keeps_chunks:
            self.chunks.append(chunk)

    def stop(self, by: BaseException) -> None:
        """Keep a copy of the first error that stopped the stream: the frames of the error itself hold the stream."""
        if self.state != "open":
            return
        if isinstance(by, LLMGateError):
            self.state = "truncated" if isinstance(by, StreamTruncatedError) else "failed"
            self._stop = copy(by)
        elif isinstance(by, (StopIteration, StopAsyncIteration)):
            self.state = "finished"
        else:
            self.state = "closed"
            self._stop = LLMGateError("the stream was closed before its end: call whole() before you close it")

    def require_complete(self) -> None:
        """Raise if a complete response can no longer be had.

        Raises:
            LLMGateError: the error that ended the stream, or else one that says what to do instead.
        """
        if self._stop is not None:
            raise copy(self._stop)
        if self.dropped_bytes:
            raise LLMGateError(
                "the stream has already yielded bytes, which are not kept: join what you read, or call whole() first"
            )


def fold_chunks(chunks: Iterable[Any]) -> Any:
    """Return the complete typed response that `chunks` of a chat or text completion add up to.

    Args:
        chunks: all chunks of one stream, as objects or dicts.

    Raises:
        LLMGateError: `chunks` is empty.
    """
    dicts = [_as_dict(chunk) for chunk in chunks]
    if not dicts:
        raise LLMGateError("there are no chunks to make a response from: keep them while you read the stream")
    is_text = any(chunk.get("object") == "text_completion" for chunk in dicts)
    family = "text_completion" if is_text else "chat"
    return validated(FAMILIES[family].result_type(), fold(family, dicts))


def _as_dict(chunk: Any) -> dict[str, Any]:
    return chunk if isinstance(chunk, dict) else chunk.model_dump(exclude_unset=True)


def whole_answer(family: str, rest: Sequence[Any], past: StreamHistory, record: CallRecord) -> Any:
    """Return the complete response of a stream that has ended; `rest` has the chunks read last."""
    chunks = past.chunks or rest
    if family == "speech" or any(isinstance(chunk, bytes) for chunk in chunks):
        answer = _whole_bytes(chunks)
    else:
        answer = _whole_document(family, _fold(family, chunks) if past.so_far is None else past.so_far(), record)
    answer.attach(record)
    return answer


def _fold(family: str, chunks: Sequence[Any]) -> Any:
    dicts = [_as_dict(chunk) for chunk in chunks]
    return (fold_events if FAMILIES[family].ends else fold)(family, dicts) if dicts else None


def _whole_bytes(chunks: Sequence[Any]) -> Any:
    from llmgate_core.types.binary import BinaryResponse  # few callers need it

    blocks = (chunk if isinstance(chunk, bytes) else b64decode(chunk.get("audio") or "") for chunk in chunks)
    return BinaryResponse(b"".join(blocks))


def _whole_document(family: str, folded: Any, record: CallRecord) -> Any:
    if folded is None:
        raise _invalid_stream("it contained no response", None, record)
    try:
        answer = validated(FAMILIES[family].result_type(is_parsed=record.output_type is not None), folded)
    except ValidationError as error:
        reason = f"it does not add up to a valid response: {error.error_count()} validation errors"
        raise _invalid_stream(reason, folded, record) from None
    if record.output_type is not None:
        answer.expect_output(record.output_type)
    return answer


def _invalid_stream(reason: str, partial: Any, record: CallRecord) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"the stream ended, but {reason}",
        request_id=record.request_id,
        provider=record.provider,
        attempts=record.attempts,
        partial=partial,
    )
