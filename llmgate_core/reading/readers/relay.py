"""Read a stream for a server that passes it on: the chunks are well-formed events, as bytes, with exactly one end.

Pure. What comes is checked all the same: a relay never calls a broken answer a good one.

Source: docs/decisions/relay-of-bytes.md; docs/reliability.md, rows R3 to R7 and R13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import LLMGateError
from llmgate_core.json_codec import decode, encode, has_more_values
from llmgate_core.reading.ends import MAX_PARSED_BYTES, finish_reason, is_object, last_usage, type_of_event
from llmgate_core.reading.framing.sse import MESSAGE
from llmgate_core.reading.readers.base import ERROR_WORD, USAGE_WORD, EventStreamReader, failing
from llmgate_core.reading.upstream_errors import error_reported_by, lenient_decode

__all__ = ["DONE_EVENT", "EventRelay", "event_bytes"]

DONE_EVENT = b"data: [DONE]\n\n"
LARGE_BYTES = 64 * 1024
TEXT_START = b'content":"'
"""Where the text of a chunk begins, be it `content` or `reasoning_content`, in JSON without spaces."""
MAX_PARSED_VALUES = 64 * 1024
"""Parsing more would hold up a server's other calls for more than some 10 ms; `reading.ends` has the same of bytes."""


class EventRelay(EventStreamReader):
    """Passes one stream on. A chunk is all events that one block completes, joined; or a comment between two events.

    Comments before the first event are not passed on, since a stream begins with it.
    """

    __slots__ = ("_frame", "_largest")

    def __init__(self, family: Family, *arguments: Any, **options: Any) -> None:
        super().__init__(family, *arguments, **options)
        self._frame: tuple[bytes, bytes] | None = None  # the last event without its text
        self._largest = min(LARGE_BYTES, options["max_event_bytes"])

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Return the events that `block` completes as one chunk; an error is raised behind it."""
        if not self._decoder.is_within and self._is_like_last(block):
            self.count += 1
            return iter((block,))  # one event as it came: most blocks of a paced stream
        return self._joined(super().feed, block)

    def close(self) -> Iterator[bytes]:
        """Return the last events as one chunk."""
        return self._joined(super().close)

    def partial(self) -> None:
        """Return None: every event has gone out, and none is kept."""

    def _joined(self, read: Callable[..., Iterator[bytes]], *blocks: bytes) -> Iterator[bytes]:
        """Return one chunk; while a slow client takes it, nothing else is held."""
        comments = self._decoder.comments
        pieces: list[bytes] = []
        failure: LLMGateError | None = None
        try:
            pieces.extend(read(*blocks))  # up to an error
        except LLMGateError as error:
            failure = error
        if self.end.is_over and not self._family.ends:
            pieces.append(DONE_EVENT)
        elif len(pieces) == 1 and failure is None:
            return iter(pieces)
        elif not pieces and self.count and self._decoder.comments != comments:
            pieces.append(b":%b\n\n" % self._decoder.comment)
        chunks = (b"".join(pieces),) if pieces else ()
        return iter(chunks) if failure is None else failing(chunks, failure)

    def _chunk_of_event(self, data: bytes, name: str) -> bytes:
        if self._frame is not None and name == MESSAGE and self._is_like_last(event := b"data: %b\n\n" % data):
            return event
        self._frame = None
        if name == "error":
            raise self._error_event(data.decode("utf-8", "replace"))
        if len(data) > LARGE_BYTES and self._is_large(data):
            return self._chunk_by_ends(data.decode("utf-8", "replace").encode(), name)
        try:
            chunk = decode(data)
        except ValueError:
            text = data.decode("utf-8", "replace")
            chunk, data = lenient_decode(text), text.encode()
        if not isinstance(chunk, dict):
            raise self._invalid("it is not a JSON object")
        if data.find(ERROR_WORD) >= 0 and (chunk.get("type") == "error" or error_reported_by(chunk)):
            raise self._error_event(data.decode())
        if self._family.ends and data.find(USAGE_WORD) >= 0:
            self.end.see_usage(chunk)
        return self._record_chunk(chunk, data)

    def _check_values(self, data: bytes) -> None:
        """Refuse nothing: what needs no parser is passed on without being parsed."""

    def _is_large(self, data: bytes) -> bool:
        return len(data) > MAX_PARSED_BYTES or has_more_values(data, MAX_PARSED_VALUES)

    def _chunk_by_ends(self, data: bytes, name: str) -> bytes:
        """Return the chunk of an event that would take too long to parse."""
        if not is_object(data):
            raise self._invalid("it is not a JSON object")
        if data[:64].replace(b" ", b"").startswith(b'{"error":{'):
            raise self._error_of({"message": "the upstream sent an error that is too large to be read"})
        usage = last_usage(data)
        if self._family.ends:
            kind = type_of_event(data) if name == MESSAGE else name
            return self._record_chunk({"type": kind, "response": {"usage": usage}}, data)
        return self._record_chunk({"usage": usage, "choices": [{"finish_reason": finish_reason(data)}]}, data)

    def _chunk_of_piece(self, piece: JsonObject) -> bytes:
        try:
            data = encode(piece)
        except ValueError:
            raise self._invalid("it cannot be encoded as JSON") from None
        if self._family.ends and (piece.get("usage") or piece.get("response") or piece.get("message")):
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
        if data.find(b"\n") >= 0:
            return b"data: %b\n\n" % data.replace(b"\n", b"\ndata: ")
        if self._parser is None and len(data) <= LARGE_BYTES and chunk.get("usage") is None:
            self._frame = _around_text(b"data: %b\n\n" % data)
        return b"data: %b\n\n" % data

    def _is_like_last(self, event: bytes) -> bool:
        """Return whether an event is the last one but for its text, in which nothing is escaped or has to be.

        One string in the place of another leaves JSON what it is, so it is as well-formed as the last one, and says
        nothing else. Most events of a stream are of this kind, and this takes a fifth of the time of decoding and
        checking them. Line ends are not printable, so it is a single event.
        """
        if self._frame is None:
            return False
        before, after = self._frame
        size, start, end = len(event), len(before), len(event) - len(after)
        if not (start <= end and size <= self._largest and event.startswith(before) and event.endswith(after)):
            return False
        try:
            text = event[start:end].decode()
        except UnicodeDecodeError:
            return False
        return '"' not in text and "\\" not in text and text.isprintable()


def _around_text(event: bytes) -> tuple[bytes, bytes] | None:
    """Return what comes before and after the text in an event; None where there is no text, or one with escapes."""
    before, start, rest = event.partition(TEXT_START)
    text, _, after = rest.partition(b'"')
    return (before + start, b'"' + after) if start and text.find(b"\\") < 0 else None


def event_bytes(family: Family, kind: object, data: bytes) -> bytes:
    """Return one event as it goes over the wire; typed events have their type as name."""
    if data.find(b"\n") >= 0:
        data = data.replace(b"\n", b"\ndata: ")
    if family.ends and isinstance(kind, str) and kind.isprintable():
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
