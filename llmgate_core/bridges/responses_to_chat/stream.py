"""Convert the chunks of a chat stream to the events of a Responses stream.

Pure. Never completes a stream that the upstream did not end, and never sends a chat-shaped error.

Source: OpenAI API reference, `ResponseStreamEvent`; BerriAI/litellm#40243.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_shapes import SHAPE_ERRORS, misshapen, no_choice
from llmgate_core.bridges.fields import object_of, objects_of, string_of
from llmgate_core.bridges.responses_to_chat.output import (
    Ids,
    annotation_of,
    echo,
    logprobs_of,
    other_fields_of_call,
    outcome_of,
    service_tier_of,
    text_of,
    usage_of,
)
from llmgate_core.bridges.responses_to_chat.response import (
    annotations_of,
    finish_usage,
    record_call,
    record_finish_reason,
    record_lost_fields,
    record_lost_logprobs,
    record_other_fields,
    record_service_tier,
    record_without_text,
)
from llmgate_core.bridges.responses_to_chat.stream_items import CallItem, Events, MessageItem, ReasoningItem
from llmgate_core.bridges.responses_to_chat.tools import ToolNames
from llmgate_core.bridges.responses_to_chat.values import SOURCE
from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.errors import (
    APIError,
    BadRequestError,
    ContentPolicyViolationError,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate_core.reading.accumulate.tool_calls import CallKey, CallPlaces

__all__ = ["ResponsesStream"]

NO_CHOICE: Mapping[str, Any] = MappingProxyType({})
ERROR_CODES = frozenset(
    {
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "data_residency_mismatch",
        "bio_policy",
        "vector_store_timeout",
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_content_policy_violation",
        "invalid_image_mode",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
    }
)
"""The only codes that a failed response may have. Source: OpenAI API reference, `ResponseErrorCode`."""

CODE_OF_CLASS: Mapping[type[APIError], str] = MappingProxyType(
    {
        RateLimitError: "rate_limit_exceeded",
        ContentPolicyViolationError: "invalid_prompt",
        BadRequestError: "invalid_prompt",
    }
)


class ResponsesStream:
    """The events of one stream: `feed_chunk` each chunk, then `close`, or `failed` with what broke it."""

    def __init__(self, call: Call, route: Route) -> None:
        self._call = call
        self._route = route
        self._ledger = Ledger(route, SOURCE)
        self._names = ToolNames(call.body.get("tools"))
        self._sealing = Sealing(route.provider, self._ledger)
        self._events = Events()
        self._head: JsonObject | None = None  # the response without output, once the stream has begun
        self._ids = Ids("none")
        self._output: dict[int, JsonObject] = {}  # finished items by index
        self._next_index = 0
        self._open: ReasoningItem | MessageItem | None = None
        self._open_index = 0
        self._places = CallPlaces()
        self._calls: dict[CallKey, tuple[int, CallItem]] = {}  # chat's call -> index in the output, item
        self._annotations: list[JsonObject] = []  # received before their text
        self._logprobs: list[JsonObject] = []
        self._finish_reason: Any = None
        self._usage: JsonObject | None = None
        self._tier: Any = None
        self._model = ""
        self._ended = False

    @property
    def ledger(self) -> list[LedgerEntry]:
        """The ledger entries so far."""
        return list(self._ledger.entries)

    def feed_chunk(self, chunk: Mapping[str, Any]) -> list[JsonObject]:
        """Return the events for a chunk: none, one or several.

        Raises:
            APIResponseValidationError: the chunk is not shaped as chat promises.
        """
        try:
            self._feed(chunk)
        except SHAPE_ERRORS as error:
            raise misshapen(self._route, error) from error
        return self._events.drain()

    def _feed(self, chunk: Mapping[str, Any]) -> None:
        if chunk.get("usage") is not None:
            self._usage = usage_of(chunk["usage"]) or self._usage
        self._tier = chunk.get("service_tier") or self._tier
        self._model = string_of(chunk.get("model")) or self._model
        choices = objects_of(chunk.get("choices"))
        record_other_fields(chunk, NO_CHOICE, None, self._ledger)
        if self._head is None and (choices or chunk.get("id")):
            self._begin(chunk)
        for choice in choices:
            if isinstance(choice.get("index"), int) and choice["index"] > 0:
                self._ledger.lost("n", "a response has a single answer: the first choice")
            else:
                self._feed_choice(choice)

    def close(self, done: bool = False) -> list[JsonObject]:
        """Return the last events of the stream; `done` is True if the upstream sent its end marker.

        Raises:
            StreamTruncatedError: neither a finish_reason nor the end marker came; `partial` is the response so far.
            APIResponseValidationError: the stream ended properly, but had no choice.
        """
        if self._ended:
            return []
        if self._finish_reason is None and not done:
            raise StreamTruncatedError(
                "the chat stream ended without a finish_reason or an end marker",
                code="closed",
                provider=self._route.provider,
                model=self._route.model,
                partial=None if self._head is None else self._response("incomplete", self._so_far()),
            )
        if self._head is None:
            raise no_choice(self._route)
        self._ended = True
        record_finish_reason(self._finish_reason, self._ledger)
        record_service_tier(self._tier, self._ledger)
        status, details = outcome_of(self._finish_reason)
        self._close_all(status)
        record_without_text(self._annotations, self._logprobs, self._ledger)
        response = self._response(status, [self._output[index] for index in sorted(self._output)])
        response["incomplete_details"] = details
        self._events.add(f"response.{status}", response=response)
        return self._events.drain()

    def failed(self, error: APIError) -> list[JsonObject]:
        """Return the events that report a broken stream to a client of the Responses API."""
        if self._ended:
            return []
        if self._head is None:
            self._begin({})
        self._ended = True
        response = self._response("failed", self._so_far())
        response["error"] = {"code": _code_of(error), "message": error.message}
        self._events.add("response.failed", response=response)
        return self._events.drain()

    def _begin(self, chunk: Mapping[str, Any]) -> None:
        self._ids = Ids(chunk.get("id"))
        self._head = echo(self._call, self._route)
        self._head["id"] = self._ids.response
        self._head["created_at"] = chunk.get("created") or 0
        self._head["model"] = self._model or self._route.model
        self._events.add("response.created", response={**self._head, "output": []})
        self._events.add("response.in_progress", response={**self._head, "output": []})

    def _response(self, status: str, output: list[JsonObject]) -> JsonObject:
        response = {**(self._head or {}), "status": status, "output": output}
        response["model"] = self._model or self._route.model
        response["service_tier"] = service_tier_of(self._tier)
        finish_usage(response, self._usage)
        return response

    def _feed_choice(self, choice: Mapping[str, Any]) -> None:
        delta = object_of(choice.get("delta"))
        record_other_fields(NO_CHOICE, choice, delta, self._ledger)
        reasoning, content, refusal = text_of(delta)
        if reasoning:
            self._reasoning().add(reasoning)
        if delta.get("reasoning_items"):
            self._add_reasoning_items(delta["reasoning_items"])
        record_lost_logprobs(choice.get("logprobs"), self._ledger)
        logprobs = logprobs_of(choice["logprobs"]) if choice.get("logprobs") else []
        if content:
            self._message().add_text(content, self._with_held_logprobs(logprobs))
        elif logprobs:
            self._hold_logprobs(logprobs)
        if (annotations := annotations_of(delta)) or (content and self._annotations):
            self._annotate(annotations)
        if refusal:
            self._message().add_refusal(refusal)
        for piece in objects_of(delta.get("tool_calls")):
            self._add_call(piece)
        if legacy := object_of(delta.get("function_call")):
            self._add_call({"index": 0, "function": legacy})
        record_lost_fields(delta, self._ledger)
        self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def _reasoning(self) -> ReasoningItem:
        if not isinstance(self._open, ReasoningItem):
            self._close_open()
            index = self._take_index()
            self._open = ReasoningItem(self._events, self._ids.item("rs", index), index)
            self._open_index = index
        return self._open

    def _add_reasoning_items(self, items: Any) -> None:
        """Keep them for the open reasoning item or a new one. While a message is open they wait for its end."""
        self._sealing.add_items(items)
        if self._sealing.is_waiting and not isinstance(self._open, MessageItem):
            self._reasoning()

    def _message(self) -> MessageItem:
        if not isinstance(self._open, MessageItem):
            self._close_open()
            index = self._take_index()
            self._open = MessageItem(self._events, self._ids.item("msg", index), index)
            self._open_index = index
        return self._open

    def _with_held_logprobs(self, logprobs: list[JsonObject]) -> list[JsonObject]:
        if self._logprobs:
            logprobs, self._logprobs = [*self._logprobs, *logprobs], []
        return logprobs

    def _hold_logprobs(self, logprobs: list[JsonObject]) -> None:
        if not (isinstance(self._open, MessageItem) and self._open.add_logprobs(logprobs)):
            self._logprobs += logprobs

    def _annotate(self, annotations: Any) -> None:
        for annotation in annotations:
            flat = annotation_of(annotation)
            if flat is None:
                self._ledger.lost("annotations", "the Responses API does not have this type")
            else:
                self._annotations.append(flat)
        message = self._open if isinstance(self._open, MessageItem) else None
        while message is not None and self._annotations and message.add_annotation(self._annotations[0]):
            del self._annotations[0]

    def _add_call(self, piece: Mapping[str, Any]) -> None:
        record_call(piece, self._ledger)
        key, other = self._places.key_of(piece), other_fields_of_call(piece)
        if key not in self._calls:
            if other:
                reasoning_index = self._reasoning_index()
                self._sealing.add_call(piece.get("id") or self._ids.item("call", reasoning_index + 1), other)
            self._close_open()
            index = self._take_index()
            self._calls[key] = (index, CallItem(self._events, self._ids, self._names, index))
        elif other and (call_id := self._calls[key][1].call_id):
            self._sealing.add_call(call_id, other)
        self._calls[key][1].add(piece)

    def _reasoning_index(self) -> int:
        """Open a reasoning item, where none is open, and return its index."""
        self._reasoning()
        return self._open_index

    def _take_index(self) -> int:
        self._next_index += 1
        return self._next_index - 1

    def _close_open(self) -> None:
        if self._open is not None:
            self._close(self._open_index, self._open, "completed")
            self._open = None

    def _close_all(self, status: str) -> None:
        """Close open items in output order; only the last one can be truncated.

        What has come too late for any reasoning item gets one of its own, behind them.
        """
        last = self._next_index - 1
        open_items: dict[int, Any] = dict(self._calls.values())
        if self._open is not None:
            open_items[self._open_index] = self._open
            self._open = None
        for index in sorted(open_items):
            self._close(index, open_items[index], status if index == last else "completed")
        if self._sealing.is_waiting:
            self._reasoning()
            self._close_open()

    def _close(self, index: int, item: ReasoningItem | MessageItem | CallItem, status: str) -> None:
        if isinstance(item, ReasoningItem):
            self._output[index] = item.close(self._sealing.seal(continues=index > 0))
        else:
            self._output[index] = item.close(status)

    def _so_far(self) -> list[JsonObject]:
        open_items: dict[int, Any] = dict(self._calls.values())
        if self._open is not None:
            open_items[self._open_index] = self._open
        output = {**self._output, **{index: item.snapshot() for index, item in open_items.items()}}
        return [output[index] for index in sorted(output)]


def _code_of(error: APIError) -> str:
    """Return the Responses API's code for an error; the error's own code if the API documents it."""
    if error.code in ERROR_CODES:
        return str(error.code)
    return next((code for kind, code in CODE_OF_CLASS.items() if isinstance(error, kind)), "server_error")
