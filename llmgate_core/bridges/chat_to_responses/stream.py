"""Convert the event stream of POST /responses to chat chunks, with one parser per stream.

Pure. A stream ends with response.completed or response.incomplete; any other end is an error. Data for which
chat documents no delta is in the last chunk.

Source: OpenAI API reference, `ResponseStreamEvent` and `CreateChatCompletionStreamResponse`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_to_responses.deltas import NOTHING, Deltas
from llmgate_core.bridges.chat_to_responses.failures import (
    error_of_event,
    error_of_response,
    has_failed,
    invalid_event,
    truncated,
    unfinished,
)
from llmgate_core.bridges.chat_to_responses.output import (
    chat_usage,
    finish_reason,
    identity,
    output_items,
    record_losses,
    response_fields,
    side_fields,
    wants_one_document,
)
from llmgate_core.bridges.chat_to_responses.values import SOURCE
from llmgate_core.bridges.fields import string_of
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.endpoints.given import asks_for_usage
from llmgate_core.json_codec import decode

__all__ = ["ChatStream"]

DONE = "[DONE]"
USAGE_WORD = '"usage"'
MAX_LEFT_OUT = 20  # types of events that are named: the server chooses them
REPEATED_BY_ITEMS = (
    *("response.in_progress", "response.queued", "response.content_part.", "keepalive"),
    *("response.reasoning_summary_part.done", "response.reasoning_summary_text.done", "response.reasoning_text.done"),
    *("response.web_search_call.", "response.file_search_call.", "response.code_interpreter_call"),
    *("response.image_generation_call.in_progress", "response.image_generation_call.generating"),
    *("response.image_generation_call.completed", "response.mcp_", "response.shell_call_"),
)
"""Starts of the types of events that only say how an item comes about, which is emitted itself."""
UNNAMED = "chatcmpl-unnamed"
UNNAMED_EVENT = "message"  # the type of an SSE event that names none


class ChatStream:
    """Converts the events of one stream to chat chunks.

    Attributes:
        ledger: what could not be converted, known once the stream has ended.
        usage: token counts under chat's names once they have arrived, whether or not the caller asked for them.
        done: True once the response has ended and all chunks have been returned.
    """

    def __init__(self, call: Call, route: Route) -> None:
        self.ledger: list[LedgerEntry] = []
        self.usage: JsonObject | None = None
        self.done = False
        self._route = route
        self._wants_usage = asks_for_usage(call.body)
        self._one_document = wants_one_document(call)
        self._deltas = Deltas(one_document=self._one_document)
        self._left_out: dict[str, None] = {}  # types of events that chat has no chunk for, in order
        self._base: JsonObject | None = None  # fields that every chunk repeats, set by the first event

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks for `event`.

        Raises:
            APIError: an error event or a failed response; the class depends on its code.
            StreamTruncatedError: `[DONE]` arrived before the response had ended.
            APIResponseValidationError: the event is not a JSON object.
        """
        if self.done:
            return NOTHING
        if event.data == DONE:
            return self.close()
        data = self._decode(event.data)
        kind = string_of(data.get("type")) or event.event
        if kind == UNNAMED_EVENT and data.get("type") not in (None, "", kind):
            raise invalid_event("an event is not an object with a type", self._route)
        if USAGE_WORD in event.data:  # some servers send it before the last event only
            self._see_usage(data)
        if (take := _OF_ITEMS.get(kind)) is not None:
            choices = take(self._deltas, data)
            return self._chunks(choices, data) if choices else NOTHING
        if (take_stream := _OF_THE_STREAM.get(kind)) is not None:
            return take_stream(self, data)
        if kind == UNNAMED_EVENT and data.get("error"):  # an error frame that is not an event of /responses
            raise error_of_event(data, self._route)
        if not kind.startswith(REPEATED_BY_ITEMS) and len(self._left_out) < MAX_LEFT_OUT:
            self._left_out[kind] = None
        return NOTHING

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: the event that ends the response has already produced the last chunk.

        Raises:
            StreamTruncatedError: that event never arrived.
        """
        if not self.done:
            raise truncated(self._route)
        return NOTHING

    def _decode(self, text: str) -> JsonObject:
        try:
            data = decode(text)
        except ValueError as error:
            raise invalid_event(f"an event is not JSON: {error}", self._route) from None
        if not isinstance(data, dict):
            raise invalid_event("an event is not an object", self._route)
        return data

    def _chunks(self, choices: Sequence[JsonObject], data: Mapping[str, Any]) -> list[JsonObject]:
        chunks = [] if self._base is not None else self._first_chunk(data.get("response"))
        base = self._base or {}
        if "obfuscation" in data:
            base = {**base, "obfuscation": data["obfuscation"]}
        chunks += [{**base, "choices": [choice]} for choice in choices]
        return chunks

    def _first_chunk(self, response: Any) -> list[JsonObject]:
        """Set the fields that every chunk repeats, and return the first chunk."""
        fields = response if isinstance(response, Mapping) else {}
        self._base = {"id": UNNAMED, "object": "chat.completion.chunk", **identity(fields, self._route.model)}
        delta = {"role": "assistant", "content": ""}
        return [{**self._base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}]

    def _begin(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        return self._first_chunk(data.get("response")) if self._base is None else NOTHING

    def _end(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        response = self._response(data)
        if has_failed(response):
            raise error_of_response(response, self._route)
        self.done = True
        output = list(output_items(response.get("output"))) or self._deltas.seen_items()
        chunks = self._chunks(self._deltas.rest_of(output), data)
        chunks.append(self._last(response, output))
        if self._wants_usage and self.usage is not None:
            chunks.append({**(self._base or {}), "choices": [], "usage": self.usage})
        self._note(response, output)
        return chunks

    def _last(self, response: Mapping[str, Any], output: Sequence[Mapping[str, Any]]) -> JsonObject:
        """Return the chunk with the finish reason and the data for which there is no delta."""
        choice = {
            "index": 0,
            "delta": side_fields(response, output, one_document=self._one_document),
            "finish_reason": finish_reason(response, has_calls=self._deltas.calls > 0),
        }
        chunk: JsonObject = {**(self._base or {}), "choices": [choice]}
        if response.get("service_tier") is not None:
            chunk["service_tier"] = response["service_tier"]
        if fields := response_fields(response):
            chunk["provider_specific_fields"] = fields
        return chunk

    def _fail(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        raise error_of_response({**self._response(data), "status": "failed"}, self._route)

    def _cancelled(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        raise unfinished({**self._response(data), "status": "cancelled"}, self._route, partial=None)

    def _error(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        raise error_of_event(data, self._route)

    def _response(self, data: Mapping[str, Any]) -> JsonObject:
        """Return the response of an event that ends the stream, with the status of the event's type."""
        snapshot = data.get("response")
        response = dict(snapshot) if isinstance(snapshot, Mapping) else {}
        if data.get("type") == "response.incomplete":
            response["status"] = "incomplete"
        self.usage = chat_usage(response.get("usage")) or self.usage
        return response

    def _see_usage(self, data: Mapping[str, Any]) -> None:
        response = data.get("response")
        usage = data.get("usage") or (response.get("usage") if isinstance(response, Mapping) else None)
        self.usage = chat_usage(usage) or self.usage

    def _note(self, response: Mapping[str, Any], output: Sequence[Mapping[str, Any]]) -> None:
        ledger = Ledger(self._route, SOURCE)
        for kind in self._left_out:
            ledger.lost("stream", f"chat has no event {kind!r:.80}")
        record_losses(response, output, ledger, one_document=self._one_document)
        self.ledger += ledger.entries


_OF_ITEMS: Mapping[str, Callable[[Deltas, Mapping[str, Any]], Sequence[JsonObject]]] = MappingProxyType(
    {
        "response.output_item.added": Deltas.item_added,
        "response.output_item.done": Deltas.item_done,
        "response.output_text.delta": Deltas.text_delta,
        "response.output_text.done": Deltas.text_done,
        "response.output_text.annotation.added": Deltas.annotation_added,
        "response.refusal.delta": Deltas.refusal_delta,
        "response.refusal.done": Deltas.refusal_done,
        "response.reasoning_summary_part.added": Deltas.summary_added,
        "response.reasoning_summary_text.delta": Deltas.summary_delta,
        "response.reasoning_text.delta": Deltas.reasoning_delta,
        "response.function_call_arguments.delta": Deltas.function_delta,
        "response.function_call_arguments.done": Deltas.function_done,
        "response.custom_tool_call_input.delta": Deltas.custom_delta,
        "response.custom_tool_call_input.done": Deltas.custom_done,
    }
)

_OF_THE_STREAM: Mapping[str, Callable[[ChatStream, Mapping[str, Any]], Sequence[JsonObject]]] = MappingProxyType(
    {
        "response.created": ChatStream._begin,
        "response.completed": ChatStream._end,
        "response.incomplete": ChatStream._end,
        "response.failed": ChatStream._fail,
        "response.cancelled": ChatStream._cancelled,
        "error": ChatStream._error,
    }
)
