"""What every reader of a stream promises, and the one loop of those that read events.

Pure. One reader reads one stream.

Source: docs/reliability.md, rows R2 to R7 and R13.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Limits
from llmgate_core.contract.upstream import SSEEvent, StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, APIStatusError, LLMGateError, StreamTruncatedError
from llmgate_core.json_codec import decode_leniently, encode, has_more_values
from llmgate_core.reading.readers.end_of_stream import DONE, EndOfStream
from llmgate_core.reading.results import HALF_CHARACTERS
from llmgate_core.reading.sse import RawEvent, SSEDecoder, as_event
from llmgate_core.reading.upstream_errors import error_of_object, error_reported_by, lenient_decode, validation_error
from llmgate_core.secrets import Secret

__all__ = [
    "ERROR_WORD",
    "MAX_EVENT_VALUES",
    "USAGE_WORD",
    "EventStreamReader",
    "StreamReader",
    "failing",
    "is_document_start",
    "with_first",
]

ERROR_WORD, USAGE_WORD = b'"error"', b'"usage"'
"""In the JSON of every event that has an error or a usage: looking for it is cheaper than looking into each chunk."""
DONE_DATA = DONE.encode()
MAX_EVENT_VALUES = Limits().event_values


def is_document_start(first_block: bytes) -> bool:
    """Return whether an answer to a stream request is a plain document, whatever its content type says."""
    return first_block.lstrip()[:1] in (b"{", b"<", b"[")


def with_first(chunks: Iterator[Any]) -> Iterator[Any] | None:
    """Return the chunks with the first of them made, so that an error in it comes now; None: there are none."""
    for first in chunks:
        return chain((first,), chunks)
    return None


def failing(chunks: Iterable[Any], failure: LLMGateError) -> Iterator[Any]:
    """Yield the chunks, then raise the failure."""
    yield from chunks
    raise failure


class StreamReader(Protocol):
    """What reads one stream: bytes in, chunks out. It never waits and never closes anything.

    Attributes:
        end: what the stream has said about its end.
        count: chunks made so far. comments: comments of the event stream so far.
        rejects_documents: a plain document is not such a stream.
        answer: the whole answer, where the last event held one.
        usage: the last usage seen, a typed object or a dict.
        ledger: what reading it lost or changed.
    """

    end: EndOfStream
    count: int
    rejects_documents: bool

    @property
    def comments(self) -> int:
        """See above."""
        ...

    @property
    def answer(self) -> Any:
        """See above."""
        ...

    @property
    def usage(self) -> Any:
        """See above."""
        ...

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """See above."""
        ...

    def feed(self, block: bytes) -> Iterator[Any]:
        """Return the chunks that `block` completes; of several each is made when it is asked for.

        Raises:
            APIError: an error event, an event that is not a chunk, or one that is too large; after the chunks that
                came before it.
        """
        ...

    def close(self) -> Iterator[Any]:
        """Yield the last chunks when the body has ended without an end marker.

        Raises:
            StreamTruncatedError: nothing said that the answer was complete.
        """
        ...

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off, with the answer so far."""
        ...

    def failed(self, error: LLMGateError) -> Sequence[Any]:
        """Return the chunks by which the stream itself reports an error, where its parser has any."""
        ...

    def partial(self) -> Any:
        """Return the answer so far, shaped like the whole one; None before the first chunk."""
        ...


class EventStreamReader(ABC):
    """Reads one stream of server-sent events. A subclass says what an event becomes; see `StreamReader`.

    With a plugin's parser, events go to it, and its pieces become chunks; without one each event is a chunk.
    """

    __slots__ = (
        "_decoder",
        "_failure",
        "_family",
        "_max_event_values",
        "_notes",
        "_parser",
        "_response",
        "_secrets",
        "answer",
        "count",
        "end",
        "rejects_documents",
    )

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
        self._family = family
        self._parser = parser
        self._response = response
        self._secrets = secrets
        self._decoder = SSEDecoder(max_event_bytes)
        self._max_event_values = max_event_values
        self._failure: APIError | None = None  # what the chunk that was made last says, raised behind it
        self._notes: tuple[LedgerEntry, ...] = ()  # of reading, besides the parser's
        self.end = EndOfStream(family)
        self.answer: Any = None
        self.count = 0
        self.rejects_documents = True

    @abstractmethod
    def _chunk_of_event(self, data: bytes, name: str) -> Any:
        """Record an event that needs no parser, and return its chunk; the data may be any bytes."""

    @abstractmethod
    def _chunk_of_piece(self, piece: JsonObject) -> Any:
        """Record what a parser returned, and return its chunk."""

    @abstractmethod
    def partial(self) -> Any:
        """Return the answer so far."""

    @property
    def comments(self) -> int:
        """How many comments have come."""
        return self._decoder.comments

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What the plugin's parser and reading noted."""
        noted: Sequence[LedgerEntry] = getattr(self._parser, "ledger", ())
        return (*noted, *self._notes) if self._notes else noted

    @property
    def usage(self) -> Any:
        """The last usage that was seen, by the plugin's parser or by us."""
        usage = getattr(self._parser, "usage", None)
        return self.end.usage if usage is None else usage

    def feed(self, block: bytes) -> Iterator[Any]:
        """Return the chunks that `block` completes."""
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            failure = self._invalid(str(error))
            self._complete(failure)
            raise failure from None
        if len(events) == 1 and self._parser is None:
            return self._single_chunk(events)
        return self._chunks(events)

    def _single_chunk(self, events: list[RawEvent]) -> Iterator[Any]:
        """Return the chunk of a block with one event, as the blocks of a paced stream are. It is made now."""
        data, name = events[0]
        if data == DONE_DATA or len(data) > self._max_event_values:
            return self._chunks(events)
        try:
            chunk = self._chunk_of_event(data, name)
        except APIError as error:
            self._complete(error)
            raise
        self.count += 1
        if self._failure is None:
            return iter((chunk,))
        self._complete(self._failure)
        return failing((chunk,), self._failure)

    def _chunks(self, events: list[RawEvent]) -> Iterator[Any]:
        """Yield the chunks of the events of one block."""
        end, is_plain, longest = self.end, self._parser is None, self._max_event_values
        try:
            for data, name in events:
                if len(data) > longest:
                    self._check_values(data)
                if is_plain and data != DONE_DATA:  # one event, one chunk: it runs for every token
                    chunk = self._chunk_of_event(data, name)
                    self.count += 1
                    yield chunk
                else:
                    for chunk in self._chunks_of(as_event(data, name)):
                        self.count += 1
                        yield chunk
                if self._failure is not None:
                    raise self._failure
                if end.is_over:
                    return
        except APIError as error:
            self._complete(error)
            raise

    def _check_values(self, data: bytes) -> None:
        """Raise for an event that would take more memory and time than its bytes show."""
        if has_more_values(data, self._max_event_values):
            raise self._invalid(f"it holds more than {self._max_event_values} values (Limits.event_values)")

    def _chunks_of(self, event: SSEEvent) -> Iterator[Any]:
        """Yield the chunks of an event that goes to the parser, or of `[DONE]`: none."""
        parser = self._parser
        if parser is None:
            if (problem := self.end.see_done()) is not None:
                raise self.truncated(problem)
            return
        if event.event == "error":
            raise self._error_event(event.data)
        if "\\u" in event.data:
            event = self._without_half_characters(event)
        for piece in parser.feed(event):
            yield self._chunk_of_piece(piece)
            if self._failure is not None:
                return
        if event.data == DONE and not self.end.is_over:
            for piece in parser.close():
                yield self._chunk_of_piece(piece)
            self.end.is_over = True
        elif getattr(parser, "done", False):
            self.end.is_over = True

    def close(self) -> Iterator[Any]:
        """Yield the last chunks when the body has ended."""
        if self._parser is None:
            if (problem := self.end.see_close()) is not None:
                raise self.truncated(problem)
            return
        try:
            for piece in self._parser.close():
                chunk = self._chunk_of_piece(piece)
                self.count += 1
                yield chunk
                if self._failure is not None:
                    raise self._failure
        except APIError as error:
            self._complete(error)
            raise
        self.end.is_over = True

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off, with the answer so far."""
        error = StreamTruncatedError(f"{why}, after {self.count} chunks", phase="body")
        self._complete(error)
        return error

    def failed(self, error: LLMGateError) -> Sequence[Any]:
        """Return the chunks in which the plugin's parser reports the upstream's own error, and mark it as reported."""
        report = getattr(self._parser, "failed", None)
        if not self.count or report is None or not isinstance(error, APIStatusError):
            return ()
        pieces: Sequence[JsonObject] = report(error)
        error.is_reported = bool(pieces)
        return [self._chunk_of_piece(piece) for piece in pieces]

    def _see_event(self, event: Any) -> bool:
        try:
            return self.end.see_event(event)
        except ValueError as error:
            raise self._invalid(str(error)) from None

    def _without_half_characters(self, event: SSEEvent) -> SSEEvent:
        """Return an event whose JSON a parser can read: lone surrogates, which no decoder takes, are replaced."""
        try:
            value, has_replacements = decode_leniently(event.data)
        except ValueError:
            return event
        if not has_replacements:
            return event
        self._note(HALF_CHARACTERS)
        return SSEEvent(encode(value).decode(), event.event)

    def _note(self, entry: LedgerEntry) -> None:
        if entry not in self._notes:
            self._notes = (*self._notes, entry)

    def _error_event(self, data: str) -> APIError:
        """Return the error that an event reports."""
        parsed = lenient_decode(data)
        return self._error_of(error_reported_by(parsed) or (parsed if isinstance(parsed, Mapping) else data))

    def _error_of(self, error: object) -> APIError:
        return error_of_object(error, self._response.status, self._response.headers, self._secrets)

    def _invalid(self, why: str, data: bytes = b"") -> APIError:
        response = UpstreamResponse(self._response.status, self._response.raw_headers, data)
        return validation_error(response, f"an event of the stream is not a chunk: {why}", self._secrets)

    def _complete(self, error: APIError) -> None:
        """Give an error the answer so far and the request id, which a plugin's parser does not know."""
        error.partial = self.partial() if error.partial is None else error.partial
        error.request_id = error.request_id or self._response.headers.get("x-request-id")
