"""Convert a complete response of POST /responses to a chat completion.

Pure. A response that failed, was cancelled or is not finished raises an error with the response so far.

Source: OpenAI API reference, `Response` and `CreateChatCompletionResponse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.bridges.chat_to_responses.failures import (
    error_of_response,
    has_failed,
    invalid_event,
    is_unfinished,
    unfinished,
)
from llmgate_core.bridges.chat_to_responses.output import (
    CALLS,
    ReasoningText,
    chat_usage,
    content_parts,
    finish_reason,
    identity,
    nested_citation,
    output_items,
    record_losses,
    response_fields,
    side_fields,
    tool_call,
    wants_one_document,
)
from llmgate_core.bridges.chat_to_responses.values import SOURCE
from llmgate_core.bridges.fields import list_of
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.contract.upstream import Converted, UpstreamResponse
from llmgate_core.errors import BODY_EXCERPT_BYTES, APIError

__all__ = ["chat_completion"]


def chat_completion(call: Call, route: Route, response: UpstreamResponse) -> Converted:
    """Return a response as a chat completion.

    Raises:
        APIError: the response failed, was cancelled, or is not finished; `partial` holds the response so far.
        APIResponseValidationError: the body is not a response.
    """
    try:
        return _convert(call, route, response.json())
    except APIError as error:
        error.request_id = error.request_id or response.headers.get("x-request-id")
        error.body = error.body or response.content[:BODY_EXCERPT_BYTES].decode("utf-8", "replace")
        raise


def _convert(call: Call, route: Route, data: Any) -> Converted:
    if not isinstance(data, Mapping):
        raise invalid_event(f"it is {type(data).__name__}, not an object", route)
    if has_failed(data):
        raise error_of_response(data, route, partial=_partial(call, route, data))
    if is_unfinished(data):
        raise unfinished(data, route, partial=_partial(call, route, data))
    if not isinstance(data.get("output"), list):
        raise invalid_event("it has no output", route)
    items = list(output_items(data["output"]))
    ledger = Ledger(route, SOURCE)
    record_losses(data, items, ledger, one_document=wants_one_document(call))
    return Converted(_completion(call, route, data, items), ledger.entries)


def _partial(call: Call, route: Route, data: Mapping[str, Any]) -> JsonObject | None:
    """Return the response so far, without a finish_reason; None if nothing has arrived."""
    items = list(output_items(data.get("output")))
    if not items:
        return None
    completion = _completion(call, route, data, items)
    completion["choices"][0]["finish_reason"] = None
    return completion


def _completion(call: Call, route: Route, data: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> JsonObject:
    answer = _Message(one_document=wants_one_document(call))
    for item in items:
        answer.add(item)
    reason = finish_reason(data, has_calls=bool(answer.tool_calls))
    message = {**answer.finished(), **side_fields(data, items, one_document=answer.one_document)}
    completion: JsonObject = {
        **identity(data, route.model),
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": reason,
                "logprobs": {"content": answer.logprobs, "refusal": None} if answer.logprobs else None,
            }
        ],
    }
    usage = chat_usage(data.get("usage"))
    if usage is not None:
        completion["usage"] = usage
    if data.get("service_tier") is not None:
        completion["service_tier"] = data["service_tier"]
    if fields := response_fields(data):
        completion["provider_specific_fields"] = fields
    return completion


class _Message:
    """The chat message being put together from output items."""

    def __init__(self, *, one_document: bool) -> None:
        self.one_document = one_document
        self.tool_calls: list[JsonObject] = []
        self.logprobs: list[Any] = []
        self._messages = 0
        self._texts: list[str] = []
        self._length = 0
        self._refusals: list[str] = []
        self._annotations: list[JsonObject] = []
        self._reasoning: list[str] = []
        self._summaries = ReasoningText()

    def add(self, item: Mapping[str, Any]) -> None:
        """Take from an item what chat has a field for."""
        kind = item.get("type")
        if kind == "message":
            self._messages += 1
            if self._messages == 1 or not self.one_document:
                self._add_message(item)
        elif kind == "reasoning":
            self._reasoning.append(self._summaries.of_item(item))
        elif kind in CALLS:
            self.tool_calls.append(tool_call(item))

    def _add_message(self, item: Mapping[str, Any]) -> None:
        for _, part in content_parts(item):
            text, refusal = part.get("text"), part.get("refusal")
            if isinstance(refusal, str):
                self._refusals.append(refusal)
            if not isinstance(text, str):
                continue
            citations = [nested_citation(each, self._length) for each in list_of(part.get("annotations"))]
            self._annotations += [citation for citation in citations if citation is not None]
            self.logprobs += list_of(part.get("logprobs"))
            self._texts.append(text)
            self._length += len(text)

    def finished(self) -> JsonObject:
        """Return the message. Its content is null only if there is a refusal or a tool call."""
        refusal = "".join(self._refusals)
        content = "".join(self._texts)
        message: JsonObject = {
            "role": "assistant",
            "content": content if content or not (refusal or self.tool_calls) else None,
            "refusal": refusal or None,
        }
        if reasoning := "".join(self._reasoning):
            message["reasoning_content"] = reasoning
        if self._annotations:
            message["annotations"] = self._annotations
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message
