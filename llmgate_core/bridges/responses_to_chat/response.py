"""Convert a complete chat completion to a Response.

Pure. Never invents what the upstream did not send, and never presents a completion without a choice as an empty one.

Source: OpenAI API reference, `CreateChatCompletionResponse` and `Response`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.chat_shapes import convert_choices
from llmgate_core.bridges.fields import listed, object_of, objects_of, other_fields, string_of
from llmgate_core.bridges.responses_to_chat.output import (
    Ids,
    annotation_of,
    call_item,
    call_parts,
    echo,
    logprobs_of,
    message_item,
    other_fields_of_call,
    outcome_of,
    reasoning_item,
    service_tier_of,
    text_of,
    text_part,
    usage_of,
    with_cut_item,
)
from llmgate_core.bridges.responses_to_chat.tools import ToolNames
from llmgate_core.bridges.responses_to_chat.values import SOURCE
from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.contract.upstream import Converted

__all__ = [
    "annotations_of",
    "finish_usage",
    "record_call",
    "record_finish_reason",
    "record_lost_fields",
    "record_lost_logprobs",
    "record_other_fields",
    "record_service_tier",
    "record_without_text",
    "response_object",
]

WITHOUT_ITEM = ("audio", "images")
NO_TEXT = "the response has no text to attach them to"
ANSWER_FIELDS = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "service_tier"),
        *("system_fingerprint", "obfuscation"),  # the version of the server, and padding: nothing that was asked for
    }
)
CHOICE_FIELDS = frozenset({"index", "message", "delta", "finish_reason", "logprobs"})
MESSAGE_FIELDS = frozenset(
    {
        *("role", "content", "refusal", "annotations", "tool_calls", "function_call", "reasoning_content"),
        *("reasoning", "reasoning_items", *WITHOUT_ITEM),
    }
)
LOGPROBS_FIELDS = frozenset({"content", "refusal"})
TEXT_PARTS = ("text", "output_text")
MAX_ENTRIES = 50
"""No more entries than these are made of fields that a server invents, in a stream with ever new ones."""


def response_object(call: Call, route: Route, answer: JsonObject) -> Converted:
    """Return the Response for `answer`, a canonical chat completion.

    Raises:
        APIResponseValidationError: the answer has no choice or does not have the documented shape.
    """
    return convert_choices(_convert, call, route, answer)


def _convert(call: Call, route: Route, answer: JsonObject, choices: list[Any]) -> Converted:
    ledger = Ledger(route, SOURCE)
    if len(choices) > 1:
        ledger.lost("n", "a response has a single answer: the first choice")
    choice = choices[0]
    record_finish_reason(choice.get("finish_reason"), ledger)
    record_other_fields(answer, choice, choice.get("message"), ledger)
    record_service_tier(answer.get("service_tier"), ledger)
    status, details = outcome_of(choice.get("finish_reason"))
    ids = Ids(answer.get("id"))
    response = echo(call, route)
    response["id"] = ids.response
    response["created_at"] = answer.get("created") or 0
    response["status"] = status
    response["incomplete_details"] = details
    response["model"] = string_of(answer.get("model")) or route.model
    response["output"] = with_cut_item(
        _output(choice, ids, ToolNames(call.body.get("tools")), route.provider, ledger), status
    )
    response["service_tier"] = service_tier_of(answer.get("service_tier"))
    finish_usage(response, usage_of(answer.get("usage")))
    return Converted(response, ledger.entries)


def finish_usage(response: JsonObject, usage: JsonObject | None) -> None:
    """Set the usage; a response without usage gets no such field, never zeros."""
    if usage is None:
        del response["usage"]
    else:
        response["usage"] = usage


def record_finish_reason(finish_reason: Any, ledger: Ledger) -> None:
    """Record a finish_reason that chat does not document and that is treated as `stop`."""
    if finish_reason not in (None, "stop", "length", "tool_calls", "function_call", "content_filter"):
        ledger.emulated("finish_reason", f"{finish_reason!r:.80} is not one of chat's; treated as 'stop'")


def record_lost_fields(message: Mapping[str, Any], ledger: Ledger) -> None:
    """Record the message fields for which a response has no item."""
    for name in WITHOUT_ITEM:
        if message.get(name):
            ledger.lost(f"message.{name}", "a bridged response has no item for it")
    content = message.get("content")
    if content is not None and not isinstance(content, str) and any(not _is_text(part) for part in _listed(content)):
        ledger.lost("message.content", "a bridged response has text parts only")


def record_other_fields(answer: Mapping[str, Any], choice: Mapping[str, Any], message: Any, ledger: Ledger) -> None:
    """Record the fields of an answer or a chunk that the server has added to those of chat."""
    for owner, fields, known in (
        ("answer", answer, ANSWER_FIELDS),
        ("choice", choice, CHOICE_FIELDS),
        ("message", object_of(message), MESSAGE_FIELDS),
        ("logprobs", object_of(choice.get("logprobs")), LOGPROBS_FIELDS),
    ):
        if fields.keys() <= known or len(ledger.entries) > MAX_ENTRIES:
            continue
        for name in other_fields(fields, known):
            ledger.dropped(f"{owner}.{name!s:.40}", "a response has no field for it")


def record_call(call: Mapping[str, Any], ledger: Ledger) -> None:
    """Record the fields inside a tool call, or a piece of one, that an item does not have."""
    for kind, known in (("function", ("name", "arguments")), ("custom", ("name", "input"))):
        inside = call.get(kind)
        if not isinstance(inside, Mapping) or len(ledger.entries) > MAX_ENTRIES:
            continue
        if left_out := other_fields(inside, known):
            ledger.dropped("message.tool_calls", f"an item of a call has no {listed(left_out)}")


def record_service_tier(tier: Any, ledger: Ledger) -> None:
    """Record a service tier that the Responses API does not have."""
    if tier is not None and service_tier_of(tier) is None:
        ledger.dropped("service_tier", f"the Responses API has no tier {tier!r:.80}")


def _is_text(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type", "text") in TEXT_PARTS and isinstance(part.get("text"), str)


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [content]


def record_lost_logprobs(logprobs: Any, ledger: Ledger) -> None:
    """Record log probabilities that a response cannot contain."""
    if isinstance(logprobs, Mapping) and logprobs.get("refusal"):
        ledger.lost("logprobs", "a response has no log probabilities of a refusal")


def record_without_text(annotations: Any, logprobs: Any, ledger: Ledger) -> None:
    """Record annotations and log probabilities of a response that has no text."""
    if annotations:
        ledger.lost("annotations", NO_TEXT)
    if logprobs:
        ledger.lost("logprobs", NO_TEXT)


def _output(choice: Mapping[str, Any], ids: Ids, names: ToolNames, provider: str, ledger: Ledger) -> list[JsonObject]:
    message = object_of(choice.get("message"))
    record_lost_fields(message, ledger)
    record_lost_logprobs(choice.get("logprobs"), ledger)
    reasoning, content, refusal = text_of(message)
    if not content:
        record_without_text(annotations_of(message), logprobs_of(choice.get("logprobs")), ledger)
    output = _Output(ids, Sealing(provider, ledger), reasoning, message.get("reasoning_items"))
    if content or refusal:
        parts = [_text_part(content, message, choice.get("logprobs"), ledger)] if content else []
        if refusal:
            parts.append({"type": "refusal", "refusal": refusal})
        output.add_message(parts)
    for call in _calls(message):
        record_call(call, ledger)
        output.add_call(call, names)
    return output.whole()


class _Output:
    """The items of one answer: its reasoning first, which also carries what the next call has for its upstream only."""

    def __init__(self, ids: Ids, sealing: Sealing, reasoning: str, reasoning_items: Any) -> None:
        self._items: list[JsonObject] = []
        self._ids = ids
        self._sealing = sealing
        self._reasoning = reasoning
        sealing.add_items(reasoning_items)

    @property
    def _has_reasoning(self) -> bool:
        return bool(self._reasoning) or self._sealing.is_waiting

    def _add_reasoning(self) -> None:
        if self._has_reasoning:
            index = len(self._items)
            sealed = self._sealing.seal(continues=index > 0)
            self._items.append(reasoning_item(self._ids.item("rs", index), self._reasoning, sealed))
            self._reasoning = ""

    def add_message(self, parts: list[JsonObject]) -> None:
        """Add the message."""
        self._add_reasoning()
        self._items.append(message_item(self._ids.item("msg", len(self._items)), parts))

    def add_call(self, call: Mapping[str, Any], names: ToolNames) -> None:
        """Add a tool call, behind the reasoning item with its signature if it has one."""
        name, arguments = call_parts(call)
        other = other_fields_of_call(call)
        index = len(self._items) + (self._has_reasoning or bool(other))
        if other:
            self._sealing.add_call(call.get("id") or self._ids.item("call", index), other)
        self._add_reasoning()
        item = call_item(
            names,
            self._ids,
            index,
            call_id=call.get("id"),
            name=name,
            arguments=arguments,
            is_custom=bool(object_of(call.get("custom"))),
            other=other,
        )
        self._items.append(item)

    def whole(self) -> list[JsonObject]:
        """Return all items."""
        self._add_reasoning()
        return self._items


def annotations_of(message: Mapping[str, Any]) -> list[Any]:
    """Return the annotations of a message or a delta."""
    annotations = message.get("annotations")
    return annotations if isinstance(annotations, list) else []


def _text_part(content: str, message: Mapping[str, Any], logprobs: Any, ledger: Ledger) -> JsonObject:
    annotations = []
    for annotation in annotations_of(message):
        flat = annotation_of(annotation)
        if flat is None:
            ledger.lost("annotations", "the Responses API does not have this type")
        else:
            annotations.append(flat)
    return text_part(content, annotations, logprobs_of(logprobs))


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tool calls, including a legacy function_call."""
    legacy = object_of(message.get("function_call"))
    return [*objects_of(message.get("tool_calls")), *([{"function": legacy}] if legacy else ())]
