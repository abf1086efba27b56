"""Convert output items of POST /responses to the parts of a chat completion, for complete responses and streams.

Pure; does not modify items. What chat has no field for is kept unchanged in `provider_specific_fields`.

Source: OpenAI API reference, `OutputItem`, `ResponseUsage` and `ChatCompletionResponseMessage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import dropwhile
from math import isfinite
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.fields import list_of, listed, object_of, other_fields, string_of, text_of_value
from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import Ledger

__all__ = [
    "CALLS",
    "ITEM_ORDER",
    "ReasoningText",
    "chat_usage",
    "content_parts",
    "finish_reason",
    "identity",
    "key_in_order",
    "nested_citation",
    "other_fields_of_call",
    "output_items",
    "record_losses",
    "response_fields",
    "response_id",
    "side_fields",
    "tool_call",
    "wants_one_document",
]

CALLS: Mapping[str, str] = MappingProxyType({"function_call": "function", "custom_tool_call": "custom"})
"""Type of an output item -> type of the tool call that it becomes."""

ARGUMENTS: Mapping[str, str] = MappingProxyType({"function": "arguments", "custom": "input"})
SHOWN = frozenset({"message", "reasoning", *CALLS})
ITEM_ORDER = "item_order"
"""The field of `provider_specific_fields` with the order of an answer's items, where reasoning is not all in front."""
UNANSWERABLE = frozenset(
    {"computer_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_approval_request"}
)
MESSAGE_FIELDS = frozenset({"id", "type", "role", "status", "content"})
PART_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "output_text": frozenset({"type", "text", "annotations", "logprobs"}),
        "refusal": frozenset({"type", "refusal"}),
    }
)
CALL_FIELDS = frozenset({"id", "type", "status", "call_id", "name"})
"""Besides the arguments. The id names the item; the output of a call refers to its `call_id`."""
CONVERTED_OF_RESPONSE = frozenset(
    {
        *("id", "object", "created_at", "completed_at", "status", "model", "output", "output_text"),
        *("error", "incomplete_details", "usage", "service_tier"),
    }
)
ECHOED_OF_RESPONSE = frozenset(
    {
        *("background", "conversation", "instructions", "max_output_tokens", "max_tool_calls", "metadata"),
        *("parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options"),
        *("prompt_cache_retention", "reasoning", "safety_identifier", "store", "temperature", "text", "tool_choice"),
        *("tools", "top_logprobs", "top_p", "truncation", "user", "context_management"),
    }
)
"""Fields of a response that say what was asked for, or would have been by default."""
JSON_FORMATS = ("json_schema", "json_object")
USAGE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
        "input_tokens_details": "prompt_tokens_details",
        "output_tokens_details": "completion_tokens_details",
    }
)


def identity(response: Mapping[str, Any], model: str) -> JsonObject:
    """Return id, created and model of the chat completion; `created` is 0 if the upstream sent none."""
    response_id, created = response.get("id"), response.get("created_at")
    fields: JsonObject = {}
    if isinstance(response_id, str):
        fields["id"] = f"chatcmpl-{response_id.removeprefix('resp_')}"
    fields["created"] = int(created) if isinstance(created, (int, float)) and isfinite(created) else 0
    fields["model"] = string_of(response.get("model")) or model
    return fields


def finish_reason(response: Mapping[str, Any], *, has_calls: bool) -> str:
    """Return the finish reason."""
    if response.get("status") != "incomplete":
        return "tool_calls" if has_calls else "stop"
    details = response.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return "content_filter" if reason == "content_filter" else "length"


def chat_usage(usage: Any) -> JsonObject | None:
    """Return token counts under chat's names, unknown ones unchanged; None if the upstream sent none."""
    if not isinstance(usage, Mapping):
        return None
    counts: JsonObject = {USAGE_NAMES.get(name, name): value for name, value in usage.items() if value is not None}
    return counts or None


def output_items(output: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the output items that are objects with a type."""
    return (item for item in list_of(output) if isinstance(item, Mapping) and isinstance(item.get("type"), str))


def content_parts(item: Mapping[str, Any], name: str = "content") -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield index and part of an item's content, which some servers send as a string."""
    content = item.get(name)
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    for index, part in enumerate(list_of(content)):
        if isinstance(part, Mapping):
            yield index, part


def tool_call(item: Mapping[str, Any], *, with_arguments: bool = True) -> JsonObject:
    """Return a call item as a chat tool call; its id is the `call_id`, to which the output must refer.

    Fields that chat's calls do not have, such as the namespace of the tool, stay beside them: sent back, they are
    needed again.
    """
    kind = CALLS[item["type"]]
    field = ARGUMENTS[kind]
    arguments = text_of_value(item.get(field)) if with_arguments else ""
    return {
        **other_fields_of_call(item),
        "id": item.get("call_id"),
        "type": kind,
        kind: {"name": item.get("name"), field: arguments},
    }


def other_fields_of_call(item: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a call item for which chat's tool calls have none."""
    kind = CALLS[item["type"]]
    return other_fields(item, {*CALL_FIELDS, ARGUMENTS[kind], kind, "index"})


def nested_citation(annotation: Any, offset: int) -> JsonObject | None:
    """Return a URL citation in chat's nested form, its indexes shifted by `offset`; None for any other annotation."""
    if not isinstance(annotation, Mapping) or annotation.get("type") != "url_citation":
        return None
    citation = {name: value for name, value in annotation.items() if name != "type"}
    for name in ("start_index", "end_index"):
        if isinstance(citation.get(name), int):
            citation[name] += offset
    return {"type": "url_citation", "url_citation": citation}


class ReasoningText:
    """Joins the reasoning summaries of one response, with a blank line between parts."""

    def __init__(self) -> None:
        self._parts = 0

    def separator(self) -> str:
        """Start a summary part and return the separator before it."""
        self._parts += 1
        return "\n\n" if self._parts > 1 else ""

    def of_item(self, item: Mapping[str, Any]) -> str:
        """Return the raw reasoning of an item, or its summary if it has no raw reasoning."""
        raw = "".join(_texts(item, "content", "reasoning_text"))
        if raw:
            return raw
        return "".join([self.separator() + text for text in _texts(item, "summary", "summary_text")])


def wants_one_document(call: Call) -> bool:
    """Return whether each message of the response is a complete JSON document."""
    text = call.body.get("text")
    formats = (call.body.get("response_format"), text.get("format") if isinstance(text, Mapping) else None)
    return any(isinstance(form, Mapping) and form.get("type") in JSON_FORMATS for form in formats)


def response_id(response: Mapping[str, Any]) -> JsonObject:
    """Return the field with the upstream's response id, for `previous_response_id`."""
    identifier = response.get("id")
    return {"response_id": identifier} if isinstance(identifier, str) else {}


def side_fields(response: Mapping[str, Any], output: Sequence[Mapping[str, Any]], *, one_document: bool) -> JsonObject:
    """Return the message fields that chat does not document: reasoning to send back, images, and unconverted data.

    The response's id is on the message too, because callers keep the message.
    """
    reasoning: list[JsonObject] = []
    images: list[JsonObject] = []
    annotations: list[Any] = []
    raw: list[Any] = []
    messages = 0
    for item in output:
        kind = item.get("type")
        if kind == "reasoning":
            reasoning.append({name: value for name, value in item.items() if name != "status" and value is not None})
        elif kind == "message":
            messages += 1
            if (one_document and messages > 1) or _lost_of_message(item):
                raw.append(item)
            else:
                annotations += _other_annotations(item)
        elif kind not in SHOWN:
            raw.append(item)
            if kind == "image_generation_call" and isinstance(item.get("result"), str):
                images.append(_image(item))
    specific = {**response_id(response), "annotations": annotations, "output_items": raw, ITEM_ORDER: _order(output)}
    side: JsonObject = {
        "reasoning_items": reasoning,
        "images": images,
        "provider_specific_fields": {name: value for name, value in specific.items() if value},
    }
    return {name: value for name, value in side.items() if value}


def key_in_order(item: Mapping[str, Any]) -> str:
    """Return what names an item in `item_order`: the id of reasoning, a call's `call_id`, a message's type."""
    kind = item.get("type")
    return string_of(item.get("id") if kind == "reasoning" else item.get("call_id") if kind in CALLS else kind)


def _order(output: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the order of the items of an answer; empty where all reasoning comes first, as it will be sent back.

    A chat message does not say what comes between two calls, and the model must find its reasoning where it was.
    """
    shown = [item for item in output if item.get("type") in SHOWN]
    rest = list(dropwhile(lambda item: item["type"] == "reasoning", shown))
    is_usual = all(item["type"] != "reasoning" for item in rest)
    return [] if is_usual else list(dict.fromkeys(map(key_in_order, shown)))


def response_fields(response: Mapping[str, Any]) -> JsonObject:
    """Return the side fields of the whole completion: the upstream's id, and what chat documents no field for."""
    other = other_fields(response, CONVERTED_OF_RESPONSE | ECHOED_OF_RESPONSE)
    return {**response_id(response), **({"response": other} if other else {})}


def record_losses(
    response: Mapping[str, Any], output: Sequence[Mapping[str, Any]], ledger: Ledger, *, one_document: bool
) -> None:
    """Record the items that a chat call cannot answer or show, and what has another form there."""
    kinds = [item.get("type") for item in output]
    for kind in dict.fromkeys(kinds):
        if kind in UNANSWERABLE and f"{kind}_output" not in kinds:
            ledger.lost(f"output {kind}", "it needs an output that a chat call cannot send; call responses()")
    if one_document and kinds.count("message") > 1:
        ledger.bridged("response_format", "the content is the first of several documents, output_items has the others")
    beside = [name for item in output if item.get("type") == "message" for name in _lost_of_message(item)]
    if beside:
        names = listed(dict.fromkeys(beside))
        ledger.bridged("output message", f"a chat message has no {names}; output_items has each message as it came")
    if any(not isinstance(object_of(item).get("type"), str) for item in list_of(response.get("output"))):
        ledger.lost("output", "an item without a type is left out")
    reason = object_of(response.get("incomplete_details")).get("reason")
    if response.get("status") == "incomplete" and reason not in (None, "max_output_tokens", "content_filter"):
        ledger.emulated("finish_reason", f"chat has no {reason!r:.80}; shown as 'length'")


def _lost_of_message(item: Mapping[str, Any]) -> list[str]:
    """Return the names of what a chat message has no field for: fields, fields of parts, and kinds of parts."""
    names = list(other_fields(item, MESSAGE_FIELDS))
    for _, part in content_parts(item):
        kind = part.get("type", "output_text")
        known = PART_FIELDS.get(kind) if isinstance(kind, str) else None
        names += [f"part {kind!s:.40}"] if known is None else other_fields(part, known)
    return names


def _texts(item: Mapping[str, Any], name: str, kind: str) -> list[str]:
    return [
        text
        for _, part in content_parts(item, name)
        if part.get("type", kind) == kind and isinstance(text := part.get("text"), str)
    ]


def _other_annotations(item: Mapping[str, Any]) -> list[Any]:
    annotations = [each for _, part in content_parts(item) for each in list_of(part.get("annotations"))]
    return [each for each in annotations if nested_citation(each, 0) is None]


def _image(item: Mapping[str, Any]) -> JsonObject:
    form = item.get("output_format") or "png"
    return {"type": "image_url", "image_url": {"url": f"data:image/{form};base64,{item['result']}"}}
