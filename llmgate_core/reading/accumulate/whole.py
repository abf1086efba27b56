"""The whole answer that a stream adds up to, and what has to be remembered of a stream to make it.

Pure. A whole answer is never made of a part: where one can no longer be had, that is an error.
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
from llmgate_core.types.record import CallRecord

__all__ = ["StreamHistory", "fold_chunks", "whole_answer"]


class StreamHistory:
    """What a stream has handed out and how it stopped, so that its whole answer is never made of a part.

    Attributes:
        so_far: returns the answer so far, which the stream's reader keeps; None: nobody does.
        chunks: all of them where nobody else keeps them, but no bytes: a recording or a film shall not stay in memory.
        dropped_bytes: bytes were handed out.
        count: how many chunks were handed out.
        state: `open`, `finished`, `truncated`, `failed` or `closed`.
    """

    __slots__ = ("_keeps", "_stop", "chunks", "count", "dropped_bytes", "so_far", "state")

    def __init__(self, family: str, so_far: Callable[[], Any] | None) -> None:
        self.so_far = so_far
        self.chunks: list[Any] = []
        self.dropped_bytes = False
        self._keeps = so_far is None or family == "speech"
        self.count = 0
        self.state = "open"
        self._stop: LLMGateError | None = None

    def add(self, chunk: Any) -> None:
        """Note a chunk that is handed out."""
        self.count += 1
        if isinstance(chunk, bytes):
            self.dropped_bytes = True
        elif self._keeps:
            self.chunks.append(chunk)

    def stop(self, by: BaseException) -> None:
        """Remember what stopped the stream first, as a copy: the frames of the error hold the stream."""
        if self.state != "open":
            return
        if isinstance(by, LLMGateError):
            self.state = "truncated" if isinstance(by, StreamTruncatedError) else "failed"
            self._stop = copy(by)
        elif isinstance(by, (StopIteration, StopAsyncIteration)):
            self.state = "finished"
        else:
            self.state = "closed"
            self._stop = LLMGateError("the stream was stopped before its end: call whole() before you close it")

    def require_complete(self) -> None:
        """Raise where a whole answer can no longer be had.

        Raises:
            LLMGateError: the one that ended the stream; else what the caller has to do instead.
        """
        if self._stop is not None:
            raise copy(self._stop)
        if self.dropped_bytes:
            raise LLMGateError(
                "bytes of this stream were handed out and are not kept: join what you read, or call whole() first"
            )


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


def whole_answer(family: str, rest: Sequence[Any], past: StreamHistory, record: CallRecord) -> Any:
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
        answer = FAMILIES[family].result_type(is_parsed=record.output_type is not None).model_validate(folded)
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
