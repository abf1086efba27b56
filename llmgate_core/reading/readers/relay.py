"""Read a stream for a server that passes it on: the chunks are well-formed events, as bytes, with exactly one end.

Pure. What comes is checked all the same: a relay never calls a broken answer a good one.

Source: docs/decisions/relay-of-bytes.md; docs/reliability.md, rows R3 to R7 and R13.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import LLMGateError
from llmgate_core.json_codec import encode, has_more_values
from llmgate_core.reading.ends import MAX_PARSED_BYTES, finish_reason, is_object, last_usage, type_of_event
from llmgate_core.reading.readers.base import ERROR_WORD, USAGE_WORD, EventStreamReader
from llmgate_core.reading.upstream_errors import error_reported_by, lenient_decode

__all__ = ["DONE_EVENT", "EventRelay", "event_bytes"]

DONE_EVENT = b"data: [DONE]\n\n"
LARGE_CHARACTERS = 64 * 1024
MAX_PARSED_VALUES = 64 * 1024
"""Parsing more would hold up a server's other calls for more than some 10 ms; `reading.ends` has the same of bytes."""


class EventRelay(EventStreamReader):
    """Passes one stream on. A chunk is all events that one block completes, joined; or a comment between two events.

    Comments before the first event are not passed on, since a stream begins with it.
    """

    __slots__ = ()

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the events that `block` completes as one chunk; an error is raised behind it."""
        return self._joined(super().feed(block), self.comments)

    def close(self) -> Iterator[bytes]:
        """Yield the last events as one chunk."""
        return self._joined(super().close(), self.comments)

    def partial(self) -> None:
        """Return None: every event has gone out, and none is kept."""

    def _joined(self, events: Iterator[bytes], comments: int) -> Iterator[bytes]:
        pieces: list[bytes] = []
        failure: LLMGateError | None = None
        try:
            pieces.extend(events)  # up to an error
        except LLMGateError as error:
            failure = error
        if self.end.is_over and not self._family.ends:
            pieces.append(DONE_EVENT)
        if not pieces and self.count and self.comments != comments:
            pieces.append(b":%b\n\n" % self._decoder.comment)
        chunk = b"".join(pieces)
        del events, pieces  # while a slow client takes the chunk, nothing else is held
        if chunk:
            yield chunk
        if failure is not None:
            raise failure

    def _chunk_of_event(self, event: SSEEvent) -> bytes:
        if event.event == "error":
            raise self._error_event(event)
        if len(event.data) > LARGE_CHARACTERS and self._is_large(data := event.data.encode("utf-8", "replace")):
            return self._chunk_by_ends(event, data)
        chunk = lenient_decode(event.data)
        if not isinstance(chunk, dict):
            raise self._invalid("it is not a JSON object")
        if ERROR_WORD in event.data and (chunk.get("type") == "error" or error_reported_by(chunk)):
            raise self._error_event(event)
        if self._family.ends and USAGE_WORD in event.data:
            self.end.see_usage(chunk)
        return self._record_chunk(chunk, event.data.encode())

    def _check_values(self, event: SSEEvent) -> None:
        """Refuse nothing that needs no parser: it is passed on without being parsed."""
        if self._parser is not None:
            super()._check_values(event)

    def _is_large(self, data: bytes) -> bool:
        return len(data) > MAX_PARSED_BYTES or has_more_values(data, MAX_PARSED_VALUES)

    def _chunk_by_ends(self, event: SSEEvent, data: bytes) -> bytes:
        """Return the chunk of an event that would take too long to parse."""
        if not is_object(data):
            raise self._invalid("it is not a JSON object")
        if data[:64].replace(b" ", b"").startswith(b'{"error":{'):
            raise self._error_of({"message": "the upstream sent an error that is too large to be read"})
        usage = last_usage(data)
        if self._family.ends:
            kind = type_of_event(data) if event.event == "message" else event.event
            return self._record_chunk({"type": kind, "response": {"usage": usage}}, data)
        return self._record_chunk({"usage": usage, "choices": [{"finish_reason": finish_reason(data)}]}, data)

    def _chunk_of_piece(self, piece: JsonObject) -> bytes:
        try:
            data = encode(piece)
        except ValueError:
            raise self._invalid("it cannot be encoded as JSON") from None
        if self._family.ends and (piece.get("usage") or piece.get("response")):
            self.end.see_usage(piece)
        return self._record_chunk(piece, data)

    def _record_chunk(self, chunk: Mapping[str, Any], data: bytes) -> bytes:
        if self._family.ends:
            self._see_event(chunk)
            return event_bytes(self._family, chunk.get("type"), data)
        choices = chunk.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise self._invalid("its choices are not a list")
        self.end.see_chunk(chunk)
        return b"data: %b\n\n" % (data.replace(b"\n", b"\ndata: ") if b"\n" in data else data)


def event_bytes(family: Family, kind: object, data: bytes) -> bytes:
    """Return one event as it goes over the wire; typed events have their type as name."""
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    if family.ends and isinstance(kind, str) and kind.isprintable():
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
