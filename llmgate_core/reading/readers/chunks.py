"""Read a stream: bytes in, typed chunks out, up to its end marker.

Pure. A reader holds the answer so far, for errors and for `whole`. Two kinds: chunks with choices (chat,
text completion), and typed events (all others).

Source: OpenAPI 2.3.0, the stream sections of each endpoint; rows R2 to R7 and R13 of the reliability catalogue.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.upstream import SSEEvent, StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, LLMGateError, StreamTruncatedError
from llmgate_core.json_codec import decode
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.reading.readers.base import ByteReader, EventStreamReader, StreamReader, error_chunks
from llmgate_core.reading.upstream_errors import error_of_object, try_decode, validation_error, why_invalid
from llmgate_core.secrets import Secret

__all__ = ["ChoiceReader", "EventReader", "reader_for"]

DONE = "[DONE]"
FAILED = "response.failed"  # the one event that both belongs to the answer and is an error


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


class _ChunkReader(EventStreamReader, ABC):
    """What both kinds of reader of typed chunks share."""

    __slots__ = ("_chunk_type", "_pieces")

    def __init__(
        self,
        family: Family,
        parser: StreamParser | None,
        response: UpstreamResponse,
        *,
        max_event_bytes: int,
        secrets: Sequence[Secret | None],
    ) -> None:
        super().__init__(family, parser, response, max_event_bytes=max_event_bytes, secrets=secrets)
        self._chunk_type = family.chunk_type()
        self._pieces: list[Any] = []  # texts or dicts as they came: far smaller than chunks

    def feed(self, block: bytes) -> Iterator[Any]:
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            raise self._with_partial(self._invalid(str(error))) from None
        try:
            for chunk in self._chunks_of(events):
                self.count += 1
                yield chunk
        except APIError as error:
            self._fill(error)
            raise

    def _chunks_of(self, events: Sequence[SSEEvent]) -> Iterator[Any]:
        for event in events:
            yield from self._take(event)
            if self.done:
                return

    def _take(self, event: SSEEvent) -> Iterator[Any]:
        if self._parser is not None:
            yield from self._feed_parser(self._parser, event)
        elif event.data != DONE:
            yield from self._read(event)
        elif self._may_be_done():
            self.done = True
        else:
            raise self.truncated("the stream ended with [DONE] before its last event")

    def _may_be_done(self) -> bool:
        return True

    @abstractmethod
    def _read(self, event: SSEEvent) -> Iterator[Any]:
        """Yield the chunk of an event that needs no parser."""

    @abstractmethod
    def _noted(self, chunk: Any, piece: Any) -> Iterator[Any]:
        """Yield a chunk, having remembered what it says of the stream's end and usage."""

    def end(self) -> Iterator[Any]:
        if self._parser is None and not self._finished:
            raise self.truncated(self._missing_end())
        if self._parser is not None:
            try:
                yield from self._accepted(self._parser.close())
            except APIError as error:
                self._fill(error)
                raise
        self.done = True

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

    def failed(self, error: LLMGateError) -> Sequence[Any]:
        pieces = error_chunks(self._parser, error) if self.count else ()
        return [self._chunk_type.model_validate(piece) for piece in pieces]

    def partial(self) -> Any:
        pieces = [decode(piece) if isinstance(piece, str) else piece for piece in self._pieces]
        if not pieces:
            return None
        return fold_events(self._family.name, pieces) if self._family.ends else fold(self._family.name, pieces)

    def _feed_parser(self, parser: StreamParser, event: SSEEvent) -> Iterator[Any]:
        if event.event == "error":
            raise self._error_event(event.data)
        yield from self._accepted(parser.feed(event))
        if event.data == DONE and not self.done:
            yield from self._accepted(parser.close())
            self.done = True
        elif getattr(parser, "done", False):
            self.done = True

    def _accepted(self, pieces: Sequence[JsonObject]) -> Iterator[Any]:
        for piece in pieces:
            try:
                chunk = self._chunk_type.model_validate(piece)
            except ValidationError as error:
                raise self._with_partial(self._invalid(why_invalid(error))) from None
            yield from self._noted(chunk, piece)

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


class ChoiceReader(_ChunkReader):
    """Reads chunks with choices, which a `finish_reason` or `[DONE]` ends."""

    __slots__ = ()

    def _chunks_of(self, events: Sequence[SSEEvent]) -> Iterator[Any]:
        """Take the events of a stream that needs no parser in one loop: it runs for every token."""
        if self._parser is not None:
            yield from super()._chunks_of(events)
            return
        validate, pieces = self._chunk_type.__pydantic_validator__.validate_json, self._pieces
        for event in events:
            data = event.data
            try:
                chunk = validate(data)
            except (ValidationError, RecursionError):
                chunk = None
            if chunk is None or not chunk.choices or event.event == "error":
                yield from self._take(event)  # the end, a usage, or something odd
                if self.done:
                    return
                continue
            pieces.append(data)
            if chunk.usage is not None or chunk.choices[0].finish_reason is not None or len(chunk.choices) > 1:
                self._remember(chunk)
            yield chunk

    def _read(self, event: SSEEvent) -> Iterator[Any]:
        chunk = self._validated(event)
        if not chunk.choices and (event.event == "error" or (chunk.model_extra or {}).get("error")):
            raise self._error_event(event.data)
        yield from self._noted(chunk, event.data)

    def _noted(self, chunk: Any, piece: Any) -> Iterator[Any]:
        self._pieces.append(piece)
        self._remember(chunk)
        yield chunk

    def _remember(self, chunk: Any) -> None:
        if chunk.usage is not None:
            self._usage, self.tier = chunk.usage, chunk.get("service_tier")
        if not self._finished:
            for choice in chunk.choices or ():
                if choice.finish_reason is not None:
                    self._finished = True

    def _missing_end(self) -> str:
        return "the stream ended without a finish_reason and without [DONE]"


class EventReader(_ChunkReader):
    """Reads typed events, of which one of the family's last types ends the stream."""

    __slots__ = ()

    def _read(self, event: SSEEvent) -> Iterator[Any]:
        chunk = self._validated(event)
        if chunk.type is None and event.event == "error":
            raise self._error_event(event.data)
        if chunk.type == "error" or (chunk.type is None and (chunk.model_extra or {}).get("error")):
            raise self._error_event(event.data)
        yield from self._noted(chunk, event.data)

    def _noted(self, chunk: Any, piece: Any) -> Iterator[Any]:
        self._pieces.append(piece)
        is_end = chunk.type in self._family.ends
        if is_end:
            self._usage, self.tier = _usage_of(chunk)
            self.answer = chunk.get("response")
            self._finished = True
            self.done = self._family.stops_at_end and chunk.type != FAILED
        yield chunk
        if is_end and chunk.type == FAILED:
            raise self._failed(chunk)

    def _failed(self, chunk: Any) -> APIError:
        """The event was handed out whole; the error follows it."""
        response = chunk.get("response")
        said: Any = None if response is None else response.get("error")
        dump = getattr(said, "model_dump", None)
        found = (said or {"message": "the response failed"}) if dump is None else dump(exclude_unset=True)
        return self._with_partial(error_of_object(found, self._response.status, self._response.headers, self._secrets))

    def _may_be_done(self) -> bool:
        return self._finished

    def _missing_end(self) -> str:
        return "the stream ended without its last event"


def _usage_of(event: Any) -> tuple[Any, str | None]:
    response = event.get("response")
    if response is None:
        return event.get("usage"), None
    return response.get("usage"), response.get("service_tier")
