"""Pass a call on without building typed results: bytes in, bytes out, for servers that embed us.

Where nothing about a call has to change, the caller's own bytes go upstream with another model name
and the upstream's bytes come back. Anything else is parsed and encoded again. What comes back is
checked all the same: a relay never calls a broken answer a good one.

Source: docs/decisions/relay-of-bytes.md; docs/reliability.md, rows R3 to R9 and R13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from llmgate_core.calls.results import ResultReader
from llmgate_core.calls.route_headers import JSON
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Headers, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import LLMGateError, code_of
from llmgate_core.json_codec import BOM, decode, encode
from llmgate_core.reading.ends import MAX_PARSED_BYTES, is_object, last_usage
from llmgate_core.reading.readers.base import StreamReader
from llmgate_core.reading.readers.relay import DONE_EVENT, EventRelay, event_bytes
from llmgate_core.reading.upstream_errors import (
    error_instead_of_answer,
    error_of_object,
    is_document,
    lenient_decode,
    validation_error,
)
from llmgate_core.relay.message_errors import message_error
from llmgate_core.types.record import CallRecord

__all__ = ["RelayReader", "Relayed", "error_object", "error_tail"]

REQUIRED = MappingProxyType(
    {
        "chat": "choices",
        "text_completion": "choices",
        "responses": "output",
        "embedding": "data",
        "moderation": "results",
        "messages": "content",
        "rerank": "results",
    }
)
"""Family -> the list that a complete response must contain."""


@dataclass(slots=True)
class Relayed:
    """A whole answer, as bytes.

    Attributes:
        raw_headers: the upstream's, all of them, as they came; the server decides which to pass on.
        record: ledger, request id, provider, price, and the answer's unchanged usage.
    """

    status: int
    raw_headers: Sequence[tuple[bytes, bytes]]
    content: bytes
    content_type: str
    record: CallRecord

    @property
    def headers(self) -> Headers:
        """The upstream's headers by name, made each time that this is read: a server needs few of them."""
        return Headers(self.raw_headers)

    def _get_record(self) -> CallRecord:
        return self.record


class RelayReader(ResultReader):
    """Keeps the answer as bytes."""

    def result(self, response: UpstreamResponse, attempts: int) -> Relayed:
        """Return the checked bytes."""
        call = self._call
        if call.is_binary or call.operation.sends_text(call.original_call.body):
            return self.bytes_result(response, attempts)
        if response.content.startswith(BOM):
            response.content = response.content[len(BOM) :]
        canonical, losses = self._canonical(response)
        if isinstance(canonical, UpstreamResponse):
            content, answer = canonical.content, self._checked_answer(canonical)
        else:
            self._raise_error(canonical, response)
            content, answer = self._encode(canonical, response), canonical
        if call.rewriting is not None:
            rewritten, entries = self._rewritten(canonical)
            losses += entries
            content = self._encode(rewritten, response) if isinstance(rewritten, dict) else content
        record = super().record(response, attempts, losses)
        if answer is None:
            record.usage = last_usage(content)
        else:
            record.usage, record.tier = answer.get("usage"), answer.get("service_tier")
        return Relayed(response.status, response.raw_headers, content, JSON, record)

    def bytes_result(self, response: UpstreamResponse, attempts: int) -> Relayed:
        """Return the answer as it came, or as extensions rewrite its text, if it is one of text or bytes."""
        kind = response.headers.get("content-type") or JSON
        content, entries = self._rewritten_text(self._checked_bytes(response, kind))
        record = super().record(response, attempts, entries)
        return Relayed(response.status, response.raw_headers, content, kind, record)

    def canonical_result(
        self, answer: JsonObject, response: UpstreamResponse, attempts: int, losses: Sequence[LedgerEntry] = ()
    ) -> Relayed:
        """Return the answer, as bytes."""
        canonical, bridged = self._carried(answer, response)
        record = super().record(response, attempts, (*losses, *bridged))
        record.usage, record.tier = canonical.get("usage"), canonical.get("service_tier")
        content, kind = self._encode(canonical, response), JSON
        if self._call.operation.sends_text(self._call.original_call.body) and isinstance(canonical.get("text"), str):
            content, kind = canonical["text"].encode(), "text/plain; charset=utf-8"
        return Relayed(response.status, response.raw_headers, content, kind, record)

    @property
    def _event_reader(self) -> Callable[..., StreamReader]:
        return EventRelay  # its chunks are bytes ready to be sent on

    def burst(self, result: Relayed) -> list[bytes]:
        """Return the events of a fake stream."""
        call, family = self._call, self._call.family
        sends_text = call.operation.sends_text(call.original_call.body)
        pieces = self._pieces(
            {"text": result.content.decode("utf-8", "replace")} if sends_text else decode(result.content)
        )
        events = [event_bytes(family, piece.get("type"), encode(piece)) for piece in pieces]
        return [b"".join(events) + (b"" if family.ends else DONE_EVENT)]

    def record(self, response: UpstreamResponse, attempts: int, losses: Sequence[LedgerEntry] = ()) -> CallRecord:
        """Return the record of a stream, with the headers whatever the settings say."""
        record = super().record(response, attempts, losses)
        record.headers = response.headers
        return record

    def _rewritten_text(self, content: bytes) -> tuple[bytes, tuple[LedgerEntry, ...]]:
        """Return an answer of plain text as the extensions rewrite it, for which it is `{"text": …}`."""
        rewriting = self._call.rewriting
        if rewriting is None or not rewriting.reads_answers or self._call.operation.is_binary:
            return content, ()
        answer = {"text": content.decode("utf-8", "replace")}
        answer, entries = rewriting.answer(answer)
        return (str(answer.get("text", "")).encode() if entries else content), entries

    def _checked_bytes(self, response: UpstreamResponse, kind: str) -> bytes:
        """Return an answer of text or bytes.

        Raises:
            APIError: it is an error, another document, or empty.
        """
        if is_document(kind):
            self._raise_error(lenient_decode(response.content), response)
            raise self._invalid(response, "the answer is a document such as JSON or HTML, not text or bytes")
        if not response.content:
            raise self._invalid(response, "the answer is empty")
        return response.content

    def _checked_answer(self, response: UpstreamResponse) -> Mapping[str, Any] | None:
        """Return the parsed answer, None for one that is too large to be parsed here.

        Raises:
            APIError: it is an error, or not an answer of this family.
        """
        content, call = response.content, self._call
        if len(content) > MAX_PARSED_BYTES:
            if not is_object(content):
                raise self._invalid(response, "the answer is not a JSON object")
            return None
        answer = lenient_decode(content)
        if not isinstance(answer, dict):
            raise self._invalid(response, "the answer is not a JSON object")
        self._raise_error(answer, response)
        required = REQUIRED.get(call.family.name) if call.original_call.operation == "create" else None
        if required and not isinstance(answer.get(required), list) and not answer.get("error"):
            raise self._invalid(response, f"the answer has no {required}")
        return answer

    def _encode(self, answer: Mapping[str, Any], response: UpstreamResponse) -> bytes:
        """Return an answer as JSON; numbers that JSON does not have are the upstream's fault."""
        try:
            return encode(answer)
        except ValueError:
            raise self._invalid(response, "the answer cannot be encoded as JSON") from None

    def _raise_error(self, answer: Any, response: UpstreamResponse) -> None:
        if reported := error_instead_of_answer(answer):
            raise error_of_object(reported, response.status, response.headers, self._call.secrets)

    def _invalid(self, response: UpstreamResponse, why: str) -> LLMGateError:
        return validation_error(response, why, self._call.secrets)


def error_object(error: LLMGateError) -> dict[str, Any]:
    """Return the `error` of an OpenAI-shaped body: the upstream's own words where it sent any."""
    return {
        "message": getattr(error, "message", None) or str(error),
        "type": getattr(error, "type", None) or _type_of(getattr(error, "status_code", None)),
        "param": getattr(error, "param", None),
        "code": code_of(error),
    }


def error_tail(family: Family, error: LLMGateError, *, after: int = 0) -> bytes:
    """Return how a stream says that it failed after so many events, its end marker included.

    Source: OpenAI API reference: an error object in a chat stream, the flat `ResponseErrorEvent` in a Responses stream;
    Anthropic API reference: the event `error` of a message's stream.
    """
    if "message_stop" in family.ends:
        return event_bytes(family, "error", encode(message_error(error)))
    fields = error_object(error)
    if "response.failed" in family.ends:
        return event_bytes(family, "error", encode({**fields, "type": "error", "sequence_number": after}))
    tail = b"data: " + encode({"error": fields}) + b"\n\n"
    return tail if family.ends else tail + DONE_EVENT


def _type_of(status: int | None) -> str:
    return "invalid_request_error" if status is not None and status < 500 else "server_error"
