"""Convert output items of POST /responses to the parts of a chat completion, for complete responses and streams.

Pure; does not modify items. What chat has no field for is kept unchanged in `provider_specific_fields`.

Source: OpenAI API reference, `OutputItem`, `ResponseUsage` and `ChatCompletionResponseMessage`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import Ledger

__all__ = [
    "CALLS",
    "ReasoningText",
    "chat_usage",
    "content_parts",
    "finish_reason",
    "identity",
    "list_of",
    "nested_citation",
    "output_items",
    "record_losses",
    "response_id",
    "side_fields",
    "tool_call",
    "wants_one_document",
]

CALLS: Mapping[str, str] = MappingProxyType({"function_call": "function", "custom_tool_call": "custom"})
"""Type of an output item -> type of the tool call that it becomes."""

ARGUMENTS: Mapping[str, str] = MappingProxyType({"function": "arguments", "custom": "input"})
SHOWN = frozenset({"message", "reasoning", *CALLS})
UNANSWERABLE = frozenset(
    {"computer_call", "local_shell_call", "shell_call", "apply_patch_call", "mcp_approval_request"}
)
REASONING_FIELDS = ("id", "summary", "content", "encrypted_content")
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
    fields["model"] = response.get("model") or model
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


def list_of(value: Any) -> list[Any]:
    """Return `value` if it is a list, or else an empty list."""
    return value if isinstance(value, list) else []


def output_items(output: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the output items that are objects with a type."""
    return (item for item in list_of(output) if isinstance(item, Mapping) and isinstance(item.get("type"), str))


def content_parts(item: Mapping[str, Any], name: str = "content") -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield index and part of an item's content."""
    for index, part in enumerate(list_of(item.get(name))):
        if isinstance(part, Mapping):
            yield index, part


def tool_call(item: Mapping[str, Any], *, with_arguments: bool = True) -> JsonObject:
    """Return a call item as a chat tool call; its id is the `call_id`, to which the output must refer."""
    kind = CALLS[item["type"]]
    field = ARGUMENTS[kind]
    arguments = item.get(field) if with_arguments else ""
    return {
        "id": item.get("call_id"),
        "type": kind,
        kind: {"name": item.get("name"), field: arguments if isinstance(arguments, str) else ""},
    }


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


def side_fields(response: Mapping[str, Any], output: Iterable[Mapping[str, Any]], *, one_document: bool) -> JsonObject:
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
            fields = {name: item[name] for name in REASONING_FIELDS if item.get(name) is not None}
            reasoning.append({"type": "reasoning", **fields})
        elif kind == "message" and one_document and (messages := messages + 1) > 1:
            raw.append(item)
        elif kind == "message":
            annotations += _other_annotations(item)
        elif kind not in SHOWN:
            raw.append(item)
            if kind == "image_generation_call" and isinstance(item.get("result"), str):
                images.append(_image(item))
    specific = {**response_id(response), "annotations": annotations, "output_items": raw}
    side: JsonObject = {
        "reasoning_items": reasoning,
        "images": images,
        "provider_specific_fields": {name: value for name, value in specific.items() if value},
    }
    return {name: value for name, value in side.items() if value}


def record_losses(output: Sequence[Mapping[str, Any]], ledger: Ledger, *, one_document: bool) -> None:
    """Record the items that a chat call cannot answer or show."""
    kinds = [item.get("type") for item in output]
    for kind in dict.fromkeys(kinds):
        if kind in UNANSWERABLE and f"{kind}_output" not in kinds:
            ledger.lost(f"output {kind}", "it needs an output that a chat call cannot send; call responses()")
    if one_document and kinds.count("message") > 1:
        ledger.bridged("response_format", "the content is the first of several documents, output_items has the others")


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
