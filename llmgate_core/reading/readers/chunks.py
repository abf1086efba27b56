"""Read a stream into typed chunks: those with choices (chat, text completion), and typed events (all others).

Pure. A reader holds the answer so far, for errors and for `whole`.

Source: OpenAI API reference, the stream sections of each endpoint; docs/reliability.md, rows R2 to R7 and R13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.json_codec import decode, decode_leniently
from llmgate_core.reading.accumulate.chunks import as_chunk, fold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.reading.readers.base import MAX_EVENT_VALUES, USAGE_WORD, EventStreamReader
from llmgate_core.reading.results import HALF_CHARACTERS
from llmgate_core.reading.upstream_errors import error_reported_by, lenient_decode, why_invalid
from llmgate_core.secrets import Secret
from llmgate_core.types.loose import validated

__all__ = ["ChoiceReader", "TypedEventReader", "chunk_reader"]

WHOLE_ANSWER = LedgerEntry(
    "stream", "emulated", "the upstream sent the whole answer as one event, read as a chunk", "OpenAI API reference"
)
FAILED = "response.failed"  # the one event that both belongs to the answer and is an error


def chunk_reader(
    family: Family,
    parser: StreamParser | None,
    response: UpstreamResponse,
    *,
    max_event_bytes: int,
    max_event_values: int = MAX_EVENT_VALUES,
    secrets: Sequence[Secret | None],
) -> EventStreamReader:
    """Return the reader of a started stream of typed chunks; `response` has its status and headers, no content."""
    kind = TypedEventReader if family.ends else ChoiceReader
    return kind(
        family,
        parser,
        response,
        max_event_bytes=max_event_bytes,
        max_event_values=max_event_values,
        secrets=secrets,
    )


class _ChunkReader(EventStreamReader):
    """What both kinds of reader of typed chunks share: validation, and the answer so far."""

    __slots__ = ("_chunk_type", "_pieces", "_validate", "_validate_json")

    def __init__(
        self,
        family: Family,
        parser: StreamParser | None,
        response: UpstreamResponse,
        *,
        max_event_bytes: int,
        max_event_values: int = MAX_EVENT_VALUES,
        secrets: Sequence[Secret | None],
    ) -> None:
        super().__init__(
            family,
            parser,
            response,
            max_event_bytes=max_event_bytes,
            max_event_values=max_event_values,
            secrets=secrets,
        )
        self._chunk_type = family.chunk_type()
        validator = self._chunk_type.__pydantic_validator__
        self._validate, self._validate_json = validator.validate_python, validator.validate_json
        self._pieces: list[Any] = []  # bytes or dicts as they came: far smaller than chunks

    def partial(self) -> Any:
        pieces = [self._decoded(piece) if isinstance(piece, bytes) else piece for piece in self._pieces]
        if not pieces:
            return None
        return fold_events(self._family.name, pieces) if self._family.ends else fold(self._family.name, pieces)

    def _decoded(self, data: bytes) -> Any:
        try:
            return decode(data)
        except ValueError:  # it has a NaN, which pydantic reads
            return self._validate_json(data).model_dump(exclude_unset=True)

    def _read_loosely(self, data: bytes, name: str, error: Exception) -> tuple[Any, Any]:
        """Return the chunk of an event in which some fields have other types than documented, and its parsed data.

        Raises:
            APIError: the error that the event reports, or that it cannot be read as a chunk at all.
        """
        text = data.decode("utf-8", "replace")
        try:
            parsed, has_replacements = decode_leniently(text)
        except ValueError:
            parsed, has_replacements = None, False
        if name == "error" or error_reported_by(parsed):
            self._record_rest(parsed)
            raise self._error_event(text)
        if not isinstance(parsed, dict):
            raise self._invalid(why_invalid(error), data)
        if has_replacements:
            self._note(HALF_CHARACTERS)
        try:
            return validated(self._chunk_type, parsed), parsed
        except (ValidationError, RecursionError) as still:
            raise self._invalid(why_invalid(still), data) from None

    def _record_rest(self, parsed: Any) -> None:
        """Record what an event that reports an error brings of the answer, without the error."""
        if isinstance(parsed, dict) and isinstance(parsed.get("choices"), list):
            choices = [
                {name: value for name, value in choice.items() if name != "error"}
                for choice in parsed["choices"]
                if isinstance(choice, dict)
            ]
            self._pieces.append({**parsed, "choices": choices, "error": None})

    def _validated_piece(self, piece: JsonObject) -> Any:
        try:
            return validated(self._chunk_type, piece)
        except (ValidationError, RecursionError) as error:
            raise self._invalid_piece(why_invalid(error)) from None


class ChoiceReader(_ChunkReader):
    """Reads chunks with choices, which a `finish_reason` or `[DONE]` ends."""

    __slots__ = ()

    def _chunk_of_event(self, data: bytes, name: str) -> Any:
        piece: Any = data
        try:
            chunk = self._validate_json(data)
        except (ValidationError, RecursionError) as error:
            chunk, piece = self._read_loosely(data, name, error)
        choices = chunk.choices
        if chunk.__pydantic_extra__ or not choices or choices[0].__pydantic_extra__ or len(choices) > 1:
            if name == "error" or error_reported_by(chunk):
                text = data.decode("utf-8", "replace")
                self._record_rest(lenient_decode(text))
                raise self._error_event(text)
            if not self._pieces and choices and _has_message_alone(choices[0]):
                self._note(WHOLE_ANSWER)
                return self._chunk_of_piece(as_chunk(lenient_decode(data.decode("utf-8", "replace"))))
        return self._record_chunk(chunk, piece)

    def _chunk_of_piece(self, piece: JsonObject) -> Any:
        try:
            chunk = self._validate(piece)
            choices = chunk.choices or []  # some servers send null
            is_plain = len(choices) == 1 and not chunk.__pydantic_extra__ and not choices[0].__pydantic_extra__
        except (ValidationError, RecursionError):
            chunk, is_plain = self._validated_piece(piece), False
        if not is_plain and (reported := error_reported_by(piece)):
            self._record_rest(piece)
            raise self._error_of(reported)
        return self._record_chunk(chunk, piece)

    def _record_chunk(self, chunk: Any, piece: Any) -> Any:
        self._pieces.append(piece)
        choices = chunk.choices
        if chunk.usage is not None or not choices or len(choices) > 1 or choices[0].finish_reason:
            self.end.see_chunk(chunk)  # the others, one per token, cannot end the stream
        elif tier := chunk.service_tier:
            self.end.tier = tier
        return chunk


def _has_message_alone(choice: Any) -> bool:
    return "message" in choice.__pydantic_extra__ and not choice.get("delta")


class TypedEventReader(_ChunkReader):
    """Reads typed events, of which one of the family's last types ends the stream."""

    __slots__ = ()

    def _chunk_of_event(self, data: bytes, name: str) -> Any:
        piece: Any = data
        try:
            chunk = self._validate_json(data)
        except (ValidationError, RecursionError) as error:
            chunk, piece = self._read_loosely(data, name, error)
        if chunk.type == "error" or (
            chunk.type is None and (name == "error" or (chunk.model_extra or {}).get("error"))
        ):
            raise self._error_event(data.decode("utf-8", "replace"))
        if data.find(USAGE_WORD) >= 0:
            self.end.see_usage(chunk)
        return self._record_chunk(chunk, piece)

    def _chunk_of_piece(self, piece: JsonObject) -> Any:
        chunk = self._validated_piece(piece)
        if piece.get("usage") or piece.get("response") or piece.get("message"):
            self.end.see_usage(chunk)
        return self._record_chunk(chunk, piece)

    def _record_chunk(self, chunk: Any, piece: Any) -> Any:
        self._pieces.append(piece)
        if self._see_event(chunk):
            self.answer = chunk.get("response")
            if chunk.type == FAILED:
                self._failure = self._error_of(self._reason(chunk))
        return chunk

    def _reason(self, chunk: Any) -> object:
        """Return the error object of a response that failed."""
        response = chunk.get("response")
        error: Any = None if response is None else response.get("error")
        if not error:
            return {"message": "the response failed"}
        return error.model_dump(exclude_unset=True) if hasattr(error, "model_dump") else error
