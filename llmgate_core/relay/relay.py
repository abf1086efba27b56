"""Pass a call on without building typed results: bytes in, bytes out, for servers that embed us.

Where nothing about a call has to change, the caller's own bytes go upstream with another model name
and the upstream's bytes come back. Everything else takes the way over dicts. What comes back is
checked all the same: a relay never calls a broken answer a good one.

Source: docs/architecture.md, "The relay"; rows R3 to R9 and R13 of the reliability catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NoReturn

from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Headers, SSEEvent, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import APIError, LLMGateError, StreamTruncatedError
from llmgate_core.json_codec import decode, encode
from llmgate_core.reading.readers.base import ByteReader, EventStreamReader, StreamReader, error_chunks
from llmgate_core.reading.upstream_errors import error_of_object, is_document, validation_error
from llmgate_core.types.record import CallRecord

__all__ = ["EventRelay", "Relayed", "RelayedCall", "error_object", "error_tail"]

DONE = "[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"
PARSED_BYTES = 1024 * 1024  # a larger answer is judged by its ends: parsing it would hold up every other call
REQUIRED = MappingProxyType(
    {
        "chat": "choices",
        "text_completion": "choices",
        "responses": "output",
        "embedding": "data",
        "moderation": "results",
    }
)
"""Family -> the list without which a whole answer is none."""
USAGE_KEY = b'"usage"'
USAGE_BYTES = 8192


@dataclass(slots=True)
class Relayed:
    """A whole answer, as bytes.

    Attributes:
        headers: the upstream's, all of them; which to pass on is the server's to say.
        record: ledger, request id, provider, price, and the answer's usage as it came.
    """

    status: int
    headers: Headers
    content: bytes
    content_type: str
    record: CallRecord

    def _get_record(self) -> CallRecord:
        return self.record


@dataclass(slots=True)
class RelayedCall(PreparedCall):
    """A prepared call whose answer stays bytes. What it was made from came from someone else: no path is opened."""

    takes_paths: ClassVar[bool] = False

    def result_of(self, response: UpstreamResponse, attempts: int) -> Relayed:
        """Return a checked whole answer.

        Raises:
            APIError: an error inside the 2xx, or no answer of this family.
        """
        operation = self.family.operations[self.asked.operation]
        kind = response.headers.get("content-type") or "application/json"
        if self.is_binary or (operation.text_when and self._asks(*operation.text_when)):
            return self._relayed(response, self._whole_bytes(response, kind), kind, attempts, ())
        canonical, ledger = self.canonical(response)
        if isinstance(canonical, UpstreamResponse):
            content, answer = canonical.content, self._checked(canonical)
        else:
            self._raise_error(canonical, response)
            content, answer = self._written(canonical, response), canonical
        relayed = self._relayed(response, content, "application/json", attempts, ledger)
        if answer is None:
            relayed.record.end(usage=_last_usage(content), tier=None, late=ledger)
        else:
            relayed.record.end(usage=answer.get("usage"), tier=answer.get("service_tier"), late=ledger)
        return relayed

    def exchanged(self, answer: Any, response: UpstreamResponse | None, attempts: int) -> Relayed:
        """Return what an exchange ended with, as bytes."""
        if not isinstance(answer, dict):
            raise self.target.plugin.error("exchange", f"hook exchange ended with {type(answer).__name__}, not a dict")
        last = response or UpstreamResponse(200, (), b"")
        relayed = self._relayed(last, self._written(answer, last), "application/json", attempts, ())
        relayed.record.end(usage=answer.get("usage"), tier=answer.get("service_tier"), late=())
        return relayed

    def reader(self, response: UpstreamResponse) -> StreamReader:
        """Return a reader whose chunks are bytes ready to be sent on."""
        if self.is_binary:
            return ByteReader(response)
        return EventRelay(self.family, self.parser(), response, max_event_bytes=self.limits.event, secrets=self.secrets)

    def burst(self, result: Relayed) -> list[bytes]:
        """Return a whole answer as the events of a fake stream."""
        pieces = self.pieces(decode(result.content))
        events = [_event(self.family, piece.get("type"), encode(piece)) for piece in pieces]
        return [b"".join(events) + (b"" if self.family.ends else DONE_EVENT)]

    def record(self, response: UpstreamResponse, attempts: int, late: Sequence[LedgerEntry] = ()) -> CallRecord:
        """Return the record, with the headers whatever the settings say."""
        record = PreparedCall.record(self, response, attempts, late)
        record.headers = response.headers
        return record

    def _asks(self, name: str, values: frozenset[str]) -> bool:
        return self.asked.body.get(name) in values

    def _relayed(
        self,
        response: UpstreamResponse,
        content: bytes,
        kind: str,
        attempts: int,
        ledger: Sequence[LedgerEntry],
    ) -> Relayed:
        record = self.record(response, attempts, ledger)
        return Relayed(response.status, response.headers, content, kind, record)

    def _whole_bytes(self, response: UpstreamResponse, kind: str) -> bytes:
        if is_document(kind):
            self._raise_error(_parsed(response.content), response)
            raise validation_error(response, "a document came where text or bytes were asked for", self.secrets)
        if not response.content:
            raise validation_error(response, "the answer is empty", self.secrets)
        return response.content

    def _checked(self, response: UpstreamResponse) -> Mapping[str, Any] | None:
        """Return the parsed answer, None for one that is too large to be parsed here."""
        content = response.content
        if len(content) > PARSED_BYTES:
            if content[:1] != b"{" or content.rstrip()[-1:] != b"}":
                raise validation_error(response, "the answer is no JSON object", self.secrets)
            return None
        answer = _parsed(content)
        if not isinstance(answer, dict):
            raise validation_error(response, "the answer is no JSON object", self.secrets)
        self._raise_error(answer, response)
        required = REQUIRED.get(self.asked.family) if self.asked.operation == "create" else None
        if required and not isinstance(answer.get(required), list) and not answer.get("error"):
            raise validation_error(response, f"the answer has no {required}", self.secrets)
        return answer

    def _written(self, answer: Mapping[str, Any], response: UpstreamResponse) -> bytes:
        """Return an answer as JSON; numbers that JSON does not have are the upstream's fault."""
        try:
            return encode(answer)
        except ValueError:
            raise validation_error(response, "the answer has no JSON form", self.secrets) from None

    def _raise_error(self, answer: Any, response: UpstreamResponse) -> None:
        if isinstance(answer, Mapping) and answer.get("error") and not answer.get("id"):
            raise error_of_object(answer["error"], response.status, response.headers, self.secrets)


class EventRelay(EventStreamReader):
    """Reads one stream and gives it out as well-formed events with exactly one end.

    A `StreamReader` whose chunks are bytes: all events that one block completes, joined.
    """

    __slots__ = ()

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Yield the events that `block` completes, as one piece of bytes.

        Raises:
            APIError: an error event, or one that is no JSON object or too large; after what came before it.
        """
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            raise validation_error(self._response, str(error), self._secrets) from None
        out: list[bytes] = []
        failure: LLMGateError | None = None
        try:
            for event in events:
                self._take(event, out)
                if self.done:
                    break
        except LLMGateError as error:
            failure = error
        piece = b"".join(out)
        del events, out  # nothing but the piece is held while a slow reader takes it
        if piece:
            yield piece
        if failure is not None:
            raise failure

    def end(self) -> Iterator[bytes]:
        """Yield the last events when the body has ended without an end marker.

        Raises:
            StreamTruncatedError: nothing said that the answer was complete.
        """
        out: list[bytes] = []
        if self._parser is not None:
            for piece in self._parser.close():
                self._emit(piece, out)
        elif not self._finished:
            raise self.truncated("the stream ended without its end marker")
        self._close(out)
        if out:
            yield b"".join(out)

    def truncated(self, why: str) -> APIError:
        """Return the error of a stream that broke off."""
        return StreamTruncatedError(
            f"{why}, after {self.count} events", phase="body", request_id=self._response.headers.get("x-request-id")
        )

    def failed(self, error: LLMGateError) -> Sequence[bytes]:
        """Return the events by which the stream itself tells of an error, where its parser has any."""
        out: list[bytes] = []
        for piece in error_chunks(self._parser, error) if self.count else ():
            self._emit(piece, out)
        return out

    def partial(self) -> None:
        """Every event went out already; nothing is kept."""

    def _take(self, event: SSEEvent, out: list[bytes]) -> None:
        if event.event == "error":
            self._raise_error_event(event)
        if self._parser is not None:
            for piece in self._parser.feed(event):
                self._emit(piece, out)
            if event.data == DONE and not self.done:
                for piece in self._parser.close():
                    self._emit(piece, out)
                self._close(out)
            elif getattr(self._parser, "done", False) and not self.done:
                self._close(out)
        elif event.data == DONE:
            if self._family.ends and not self._finished:
                raise self.truncated("the stream ended with [DONE] before its last event")
            self._close(out)
        else:
            chunk = _parsed(event.data)
            if not isinstance(chunk, dict):
                raise validation_error(self._response, "an event of the stream is no JSON object", self._secrets)
            if chunk.get("type") == "error" or ("error" in chunk and chunk["error"] and not chunk.get("choices")):
                self._raise_error_event(event)
            self._pass(chunk, event.data.encode(), out)

    def _emit(self, piece: Mapping[str, Any], out: list[bytes]) -> None:
        try:
            data = encode(piece)
        except ValueError:
            raise validation_error(self._response, "an event has no JSON form", self._secrets) from None
        self._pass(piece, data, out)

    def _pass(self, chunk: Mapping[str, Any], data: bytes, out: list[bytes]) -> None:
        self.count += 1
        if self._family.ends:
            kind = chunk.get("type")
            out.append(_event(self._family, kind, data))
            if kind in self._family.ends:
                self._finished = True
                said = chunk.get("response") or chunk
                if not isinstance(said, Mapping):
                    raise validation_error(self._response, "the last event holds no response", self._secrets)
                self._usage, self.tier = said.get("usage"), said.get("service_tier")
                if self._family.stops_at_end:
                    self._close(out)
            return
        choices = chunk.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise validation_error(self._response, "an event's choices are no list", self._secrets)
        if b"\n" in data:
            data = data.replace(b"\n", b"\ndata: ")
        out.append(b"data: " + data + b"\n\n")
        if chunk.get("usage") is not None:
            self._usage, self.tier = chunk["usage"], chunk.get("service_tier")
        if not self._finished:
            for choice in choices or ():
                if isinstance(choice, dict) and choice.get("finish_reason") is not None:
                    self._finished = True

    def _close(self, out: list[bytes]) -> None:
        self.done = True
        if not self._family.ends:
            out.append(DONE_EVENT)

    def _raise_error_event(self, event: SSEEvent) -> NoReturn:
        parsed = _parsed(event.data)
        found = parsed.get("error") or parsed if isinstance(parsed, Mapping) else event.data
        raise error_of_object(found, self._response.status, self._response.headers, self._secrets)


def error_object(error: LLMGateError) -> dict[str, Any]:
    """Return the `error` of an OpenAI-shaped body: the upstream's own words where it sent any."""
    return {
        "message": getattr(error, "message", None) or str(error),
        "type": getattr(error, "type", None) or _type_of(getattr(error, "status_code", None)),
        "param": getattr(error, "param", None),
        "code": getattr(error, "code", None),
    }


def error_tail(family: Family, error: LLMGateError, *, after: int = 0) -> bytes:
    """Return how a stream says that it failed after so many events, its end marker included.

    Source: OpenAPI 2.3.0: an error object in a chat stream, the flat `ResponseErrorEvent` in a Responses stream.
    """
    found = error_object(error)
    if "response.failed" in family.ends:
        words = {**found, "type": "error", "sequence_number": after}
        return _event(family, "error", encode(words))
    tail = b"data: " + encode({"error": found}) + b"\n\n"
    return tail if family.ends else tail + DONE_EVENT


def _last_usage(content: bytes) -> Any:
    """Return the usage that stands last in an answer too large to be parsed; None where none can be read."""
    at = content.rfind(USAGE_KEY)
    if at < 0:
        return None
    text = content[at + len(USAGE_KEY) : at + USAGE_BYTES].decode("utf-8", "replace").lstrip(" \r\n\t:")
    try:
        usage, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return usage if isinstance(usage, dict) else None


def _type_of(status: int | None) -> str:
    return "invalid_request_error" if status is not None and status < 500 else "server_error"


def _event(family: Family, kind: object, data: bytes) -> bytes:
    if b"\n" in data:
        data = data.replace(b"\n", b"\ndata: ")
    if family.ends and isinstance(kind, str) and kind.isprintable():
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"


def _parsed(content: bytes | str) -> Any:
    """Return the JSON, lone surrogates in escapes included; None where it is none."""
    try:
        return decode(content)
    except ValueError:
        pass
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
