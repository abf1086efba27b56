"""What every reader of a stream promises, and the one loop of those that read events.

Pure. One reader reads one stream.

Source: docs/reliability.md, rows R2 to R7 and R13.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.limits import Limits
from llmgate_core.contract.upstream import StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, APIStatusError, LLMGateError, StreamTruncatedError
from llmgate_core.json_codec import has_more_values
from llmgate_core.reading.framing.sse import RawEvent, SSEDecoder
from llmgate_core.reading.readers.end_of_stream import DONE, EndOfStream
from llmgate_core.reading.readers.parsed import ParsedStream
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
        count: chunks made so far.
        signs_of_life: comments, and events that a parser took, so far: the upstream is alive though it sends no chunk.
        rejects_documents: a plain document is not such a stream.
        answer: the whole answer, where the last event held one.
        usage: the last usage seen, a typed object or a dict.
        ledger: what reading it lost or changed.
    """

    end: EndOfStream
    count: int
    rejects_documents: bool

    @property
    def signs_of_life(self) -> int:
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
    """Reads one stream of events. A subclass says what an event becomes; see `StreamReader`.

    With a plugin's parser, events go to it, and its pieces become chunks; without one each server-sent event is a
    chunk.
    """

    __slots__ = (
        "_decoder",
        "_failure",
        "_family",
        "_max_event_values",
        "_notes",
        "_parsed",
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
        self._notes: tuple[LedgerEntry, ...] = ()  # of reading
        self.end = EndOfStream(family)
        self.answer: Any = None
        self.count = 0
        self.rejects_documents = True
        self._parsed = None if parser is None else self._parsed_by(parser, max_event_bytes)

    def _parsed_by(self, parser: StreamParser, max_event_bytes: int) -> ParsedStream:
        parsed = ParsedStream(
            parser,
            self.end,
            server_sent=self._decoder,
            max_event_bytes=max_event_bytes,
            max_event_values=self._max_event_values,
            error_of=self._error_of,
            invalid=self._invalid,
        )
        self.rejects_documents = parsed.rejects_documents
        return parsed

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
    def signs_of_life(self) -> int:
        """How many comments and events of a parser have come."""
        return self._decoder.comments if self._parsed is None else self._decoder.comments + self._parsed.events

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What the plugin's parser and reading noted."""
        noted: Sequence[LedgerEntry] = () if self._parsed is None else self._parsed.ledger
        return (*noted, *self._notes) if self._notes else noted

    @property
    def usage(self) -> Any:
        """The last usage that was seen, by the plugin's parser or by us."""
        usage = None if self._parsed is None else self._parsed.usage
        return self.end.usage if usage is None else usage

    def feed(self, block: bytes) -> Iterator[Any]:
        """Return the chunks that `block` completes."""
        if self._parsed is not None:
            return self._parsed_chunks(self._parsed.feed, block)
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            failure = self._invalid(str(error))
            self._complete(failure)
            raise failure from None
        return self._single_chunk(events) if len(events) == 1 else self._chunks(events)

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
        end, longest = self.end, self._max_event_values
        try:
            for data, name in events:
                if len(data) > longest:
                    self._check_values(data)
                if data == DONE_DATA:
                    if (problem := end.see_done()) is not None:
                        raise self.truncated(problem)
                    return
                chunk = self._chunk_of_event(data, name)
                self.count += 1
                yield chunk
                if self._failure is not None:
                    raise self._failure
                if end.is_over:
                    return
        except APIError as error:
            self._complete(error)
            raise

    def _parsed_chunks(self, read: Callable[..., Iterator[JsonObject]], *blocks: bytes) -> Iterator[Any]:
        """Yield the chunks of what the parser makes."""
        try:
            for piece in read(*blocks):
                chunk = self._chunk_of_piece(piece)
                self.count += 1
                yield chunk
                if self._failure is not None:
                    raise self._failure
        except APIError as error:
            self._complete(error)
            raise

    def _check_values(self, data: bytes) -> None:
        """Raise for an event that would take more memory and time than its bytes show."""
        if has_more_values(data, self._max_event_values):
            raise self._invalid(f"it holds more than {self._max_event_values} values (Limits.event_values)")

    def close(self) -> Iterator[Any]:
        """Yield the last chunks when the body has ended."""
        if self._parsed is not None:
            yield from self._parsed_chunks(self._parsed.close)
        elif (problem := self.end.see_close()) is not None:
            raise self.truncated(problem)

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

    def _invalid_piece(self, why: str) -> LLMGateError:
        """Return the error for a converted chunk that is not canonical: the plugin's fault where it made the chunk."""
        of_plugin = getattr(self._parser, "invalid_chunk", None)
        blamed: LLMGateError | None = None if of_plugin is None else of_plugin(why)
        return blamed or self._invalid(why)

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
