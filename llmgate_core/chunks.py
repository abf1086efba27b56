"""Read a stream: bytes in, typed chunks out, up to its end marker.

Pure. One reader reads one stream and holds the answer so far for errors. Three kinds: chunks with
choices (chat, text completion), typed events (all others), and plain bytes.

Source: OpenAPI 2.3.0, the stream sections of each endpoint; rows R2 to R7 and R13 of the reliability catalogue.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import ValidationError

from llmgate_core.contracts import JsonObject, LedgerEntry, StreamParser, UpstreamResponse
from llmgate_core.errors import APIError, LLMGateError, StreamTruncatedError
from llmgate_core.event_folding import fold_events
from llmgate_core.families import Family
from llmgate_core.folding import fold
from llmgate_core.json_codec import decode
from llmgate_core.receive import error_of_object, try_decode, validation_error, why_invalid
from llmgate_core.secrets import Secret
from llmgate_core.sse import SSEDecoder, SSEEvent

__all__ = ["ByteReader", "ChoiceReader", "EventReader", "StreamReader", "looks_like_no_stream", "reader_for"]

DONE = "[DONE]"
FAILED = "response.failed"  # the one event that both belongs to the answer and is an error


def looks_like_no_stream(first_block: bytes) -> bool:
    """Return whether an answer to a stream request is a plain document, whatever its content type says."""
    return first_block.lstrip()[:1] in (b"{", b"<", b"[")


class StreamReader(Protocol):
    """What reads one stream.

    Attributes:
        done: the end marker came; nothing after it is read.
        usage: the last usage seen, a typed object or a dict. tier: the service tier beside it.
        answer: the whole answer, where the last event held one.
        count: chunks made so far.
        failure: what is wrong with the event after the chunks handed out last; raised before more is read.
        is_events: the body is server-sent events, so that a plain document is no such stream.
        ledger: what reading it lost or changed.
    """

    done: bool
    tier: str | None
    answer: Any
    count: int
    failure: LLMGateError | None
    is_events: bool

    @property
    def usage(self) -> Any:
        """See above."""
        ...

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """Entries made while reading."""
        ...

    def feed(self, block: bytes) -> list[Any]:
        """Return the chunks that `block` completes.

        Raises:
            APIError: an error event, an event that is no chunk, or one that is too large.
        """
        ...

    def end(self) -> list[Any]:
        """Return the last chunks when the body has ended without an end marker.

        Raises:
            StreamTruncatedError: nothing said that the answer was complete.
        """
        ...

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off, with the answer so far."""
        ...

    def partial(self) -> Any:
        """Return the answer so far, shaped like the whole one; None before the first chunk."""
        ...


def reader_for(
    family: Family,
    parser: StreamParser | None,
    response: UpstreamResponse,
    *,
    is_binary: bool,
    max_event_bytes: int,
    secrets: Sequence[Secret | None],
) -> StreamReader:
    """Return the reader of a started stream; `response` has its status and headers, no content."""
    if is_binary:
        return ByteReader(response)
    kind: type[EventReader | ChoiceReader] = EventReader if family.ends else ChoiceReader
    return kind(family, parser, response, max_event_bytes=max_event_bytes, secrets=secrets)


class _SSEReader(ABC):
    """What both kinds of reader of server-sent events share."""

    __slots__ = (
        "_chunk_type",
        "_decoder",
        "_family",
        "_finished",
        "_parser",
        "_pieces",
        "_response",
        "_secrets",
        "_usage",
        "answer",
        "count",
        "done",
        "failure",
        "is_events",
        "tier",
    )

    def __init__(
        self,
        family: Family,
        parser: StreamParser | None,
        response: UpstreamResponse,
        *,
        max_event_bytes: int,
        secrets: Sequence[Secret | None],
    ) -> None:
        self._family = family
        self._chunk_type = family.chunk_type()
        self._parser = parser
        self._response = response
        self._secrets = secrets
        self._decoder = SSEDecoder(max_event_bytes)
        self._pieces: list[Any] = []  # texts or dicts as they came: far smaller than chunks
        self._finished = False
        self._usage: Any = None
        self.tier: str | None = None
        self.answer: Any = None
        self.done = False
        self.failure: LLMGateError | None = None
        self.count = 0
        self.is_events = True

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What the plugin's parser noted."""
        return getattr(self._parser, "ledger", ())

    @property
    def usage(self) -> Any:
        """The last usage that was seen, by us or by the plugin's parser."""
        noted = getattr(self._parser, "usage", None)
        return self._usage if noted is None else noted

    def feed(self, block: bytes) -> list[Any]:
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            raise self._with_partial(self._invalid(str(error))) from None
        chunks: list[Any] = []
        for event in events:
            try:
                self._take(event, chunks)
            except LLMGateError as error:
                if isinstance(error, APIError):
                    self._fill(error)
                if not chunks:
                    raise
                self.failure = error  # what came before it is the caller's first
                break
            if self.done:
                break
        self.count += len(chunks)
        return chunks

    def _take(self, event: SSEEvent, chunks: list[Any]) -> None:
        if self._parser is not None:
            self._feed_parser(self._parser, event, chunks)
        elif event.data == DONE:
            if not self._may_be_done():
                raise self.truncated("the stream ended with [DONE] before its last event")
            self.done = True
        else:
            self._read(event, chunks)

    def _may_be_done(self) -> bool:
        return True

    @abstractmethod
    def _read(self, event: SSEEvent, chunks: list[Any]) -> None:
        """Add the chunk of an event that needs no parser."""

    @abstractmethod
    def _note(self, chunk: Any, piece: Any, chunks: list[Any]) -> None:
        """Add a chunk, and remember what it says of the stream's end and usage."""

    def end(self) -> list[Any]:
        if self._parser is not None:
            chunks: list[Any] = []
            try:
                for piece in self._parser.close():
                    self._accept(piece, chunks)
            except APIError as error:
                self._fill(error)
                raise
            self.done = True
            return chunks
        if not self._finished:
            raise self.truncated(self._missing_end())
        self.done = True
        return []

    @abstractmethod
    def _missing_end(self) -> str:
        """Say what a stream without its end lacks."""

    def truncated(self, why: str) -> APIError:
        return self._with_partial(
            StreamTruncatedError(
                f"{why}, after {self.count} chunks",
                phase="body",
                request_id=self._response.headers.get("x-request-id"),
            )
        )

    def partial(self) -> Any:
        pieces = [decode(piece) if isinstance(piece, str) else piece for piece in self._pieces]
        if not pieces:
            return None
        return fold_events(self._family.name, pieces) if self._family.ends else fold(self._family.name, pieces)

    def _feed_parser(self, parser: StreamParser, event: SSEEvent, chunks: list[Any]) -> None:
        if event.event == "error":
            raise self._error_event(event.data)
        for piece in parser.feed(event):
            self._accept(piece, chunks)
        if event.data == DONE and not self.done:
            for piece in parser.close():
                self._accept(piece, chunks)
            self.done = True
        elif getattr(parser, "done", False):
            self.done = True

    def _accept(self, piece: JsonObject, chunks: list[Any]) -> None:
        try:
            chunk = self._chunk_type.model_validate(piece)
        except ValidationError as error:
            raise self._with_partial(self._invalid(why_invalid(error))) from None
        self._note(chunk, piece, chunks)

    def _validated(self, event: SSEEvent) -> Any:
        """Return the chunk of an event.

        Raises:
            APIError: it is an error, or no chunk at all.
        """
        try:
            return self._chunk_type.model_validate_json(event.data)
        except (ValidationError, RecursionError) as error:
            parsed = try_decode(event.data)
            if event.event == "error" or (isinstance(parsed, Mapping) and parsed.get("error")):
                raise self._error_event(event.data) from None
            raise self._with_partial(self._invalid(why_invalid(error), event.data)) from None

    def _error_event(self, data: str) -> APIError:
        parsed = try_decode(data)
        found = parsed.get("error") or parsed if isinstance(parsed, Mapping) else data
        return self._with_partial(error_of_object(found, self._response.status, self._response.headers, self._secrets))

    def _invalid(self, why: str, data: str = "") -> APIError:
        shown = UpstreamResponse(self._response.status, self._response.raw_headers, data.encode("utf-8", "replace"))
        return validation_error(shown, f"an event of the stream is no chunk: {why}", self._secrets)

    def _with_partial(self, error: APIError) -> APIError:
        error.partial = self.partial()
        return error

    def _fill(self, error: APIError) -> None:
        """Give an error of the plugin's parser, which knows no headers, what it lacks."""
        error.partial = self.partial() if error.partial is None else error.partial
        error.request_id = error.request_id or self._response.headers.get("x-request-id")


class ChoiceReader(_SSEReader):
    """Reads chunks with choices, which a `finish_reason` or `[DONE]` ends."""

    __slots__ = ()

    def _read(self, event: SSEEvent, chunks: list[Any]) -> None:
        chunk = self._validated(event)
        if not chunk.choices and (event.event == "error" or (chunk.model_extra or {}).get("error")):
            raise self._error_event(event.data)
        self._note(chunk, event.data, chunks)

    def _note(self, chunk: Any, piece: Any, chunks: list[Any]) -> None:
        self._pieces.append(piece)
        if chunk.usage is not None:
            self._usage, self.tier = chunk.usage, chunk.get("service_tier")
        if not self._finished:
            for choice in chunk.choices or ():
                if choice.finish_reason is not None:
                    self._finished = True
        chunks.append(chunk)

    def _missing_end(self) -> str:
        return "the stream ended without a finish_reason and without [DONE]"


class EventReader(_SSEReader):
    """Reads typed events, of which one of the family's last types ends the stream."""

    __slots__ = ()

    def _read(self, event: SSEEvent, chunks: list[Any]) -> None:
        chunk = self._validated(event)
        if chunk.type is None and event.event == "error":
            raise self._error_event(event.data)
        if chunk.type == "error" or (chunk.type is None and (chunk.model_extra or {}).get("error")):
            raise self._error_event(event.data)
        self._note(chunk, event.data, chunks)

    def _note(self, chunk: Any, piece: Any, chunks: list[Any]) -> None:
        self._pieces.append(piece)
        chunks.append(chunk)
        if chunk.type in self._family.ends:
            self._finished = True
            self.done = self._family.stops_at_end
            self._usage, self.tier = _usage_of(chunk)
            self.answer = chunk.get("response")
            if chunk.type == FAILED:
                raise self._failed(chunk)

    def _failed(self, chunk: Any) -> APIError:
        """The event is handed out whole; the error follows it."""
        self.done = False
        response = chunk.get("response")
        found = (response.get("error") if response is not None else None) or {"message": "the response failed"}
        found = found.model_dump() if hasattr(found, "model_dump") else found
        return self._with_partial(error_of_object(found, self._response.status, self._response.headers, self._secrets))

    def _may_be_done(self) -> bool:
        return self._finished

    def _missing_end(self) -> str:
        return "the stream ended without its last event"


class ByteReader:
    """Hands a body out as it comes, such as audio or video."""

    __slots__ = ("_response", "answer", "count", "done", "failure", "is_events", "tier", "usage")

    def __init__(self, response: UpstreamResponse) -> None:
        self._response = response
        self.done = False
        self.usage: Any = None
        self.tier: str | None = None
        self.answer: Any = None
        self.count = 0
        self.failure: LLMGateError | None = None
        self.is_events = False

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """Nothing is converted here."""
        return ()

    def feed(self, block: bytes) -> list[bytes]:
        """Return the block."""
        self.count += 1
        return [block]

    def end(self) -> list[bytes]:
        """The body has ended as its framing says."""
        self.done = True
        return []

    def truncated(self, why: str) -> APIError:
        """Return the error of a body that broke off."""
        return StreamTruncatedError(
            f"{why}, after {self.count} blocks", phase="body", request_id=self._response.headers.get("x-request-id")
        )

    def partial(self) -> None:
        """The caller has had every block."""


def _usage_of(event: Any) -> tuple[Any, str | None]:
    response = event.get("response")
    if response is None:
        return event.get("usage"), None
    return response.get("usage"), response.get("service_tier")
