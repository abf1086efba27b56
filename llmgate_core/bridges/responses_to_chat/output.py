"""The parts of a Response: ids, items, usage and the echo of the request, made from a chat completion.

Pure, except for a random id if the upstream sent none. Complete responses and streams share these parts, so that
both produce the same object.

Source: OpenAI API reference, `Response`, `OutputItem` and `ResponseUsage`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from llmgate_core.bridges.fields import count_of, object_of, objects_of, other_fields, string_of, text_of_value
from llmgate_core.bridges.responses_to_chat.tools import ToolNames
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.json_codec import decode

__all__ = [
    "Ids",
    "annotation_of",
    "call_item",
    "call_parts",
    "echo",
    "logprobs_of",
    "message_item",
    "other_fields_of_call",
    "outcome_of",
    "place_of_item",
    "reasoning_item",
    "service_tier_of",
    "text_of",
    "text_part",
    "usage_of",
    "with_cut_item",
]

ID_SUFFIX = re.compile(r"[A-Za-z0-9_-]{1,64}")
SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})
ECHOED_IF_GIVEN = (
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "top_logprobs",
)
USAGE_FIELDS = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
NOTHING: Mapping[str, Any] = MappingProxyType({})
CALL_FIELDS = frozenset({"index", "id", "type", "function", "custom"})
FLAT_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


class Ids:
    """The ids of one response, derived from the chat completion's id, so that the same completion has the same ids."""

    __slots__ = ("_suffix",)

    def __init__(self, chat_id: Any) -> None:
        suffix = str(chat_id or "").removeprefix("chatcmpl-")
        if not suffix:
            suffix = uuid4().hex
        elif not ID_SUFFIX.fullmatch(suffix):
            suffix = sha256(suffix.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._suffix = suffix

    @property
    def response(self) -> str:
        """The id of the response itself."""
        return f"resp_{self._suffix}"

    @property
    def message(self) -> str:
        """The id of the whole answer as a message of the Messages API."""
        return f"msg_{self._suffix}"

    def item(self, prefix: str, index: int) -> str:
        """Return the id of the item at `index` of the output."""
        return f"{prefix}_{self._suffix}_{index}"


def place_of_item(item_id: Any) -> tuple[str, int]:
    """Return the answer that an item is from and its index there, as `Ids` made the id; ("", 0) for any other id."""
    answer, _, index = string_of(item_id).partition("_")[2].rpartition("_")
    return (answer, int(index)) if answer and index.isascii() and index.isdigit() and len(index) < 9 else ("", 0)


def echo(call: Call, route: Route) -> JsonObject:
    """Return a response without output: the fields that echo the request, with every required field.

    Null means a setting that the caller left to the upstream, whose choice is unknown.
    """
    body = call.body
    choice = body.get("tool_choice")
    response: JsonObject = {
        "id": "",
        "object": "response",
        "created_at": 0,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": None,
        "metadata": body.get("metadata") or {},
        "model": route.model,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {"effort": object_of(body.get("reasoning")).get("effort"), "summary": None},
        "service_tier": None,
        "store": False,
        "temperature": body.get("temperature"),
        "text": {"format": {"type": "text"}, **_given(object_of(body.get("text")))},
        "tool_choice": "auto" if choice is None else _flat(choice),
        "tools": [_echoed_tool(tool) for tool in body.get("tools") or ()],
        "top_p": body.get("top_p"),
        "truncation": "disabled",
        "usage": None,
    }
    response.update((name, body[name]) for name in ECHOED_IF_GIVEN if body.get(name) is not None)
    return response


def _given(fields: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def _flat(tool: Any) -> Any:
    """Return a tool or a tool choice in flat form, converted from chat's nested form."""
    if not isinstance(tool, Mapping) or not isinstance(tool.get(str(tool.get("type"))), Mapping):
        return tool
    return {"type": tool["type"], **tool[tool["type"]]}


def _echoed_tool(tool: Mapping[str, Any]) -> JsonObject:
    flat = dict(_flat(tool))
    if flat.get("type") == "function":
        flat.setdefault("parameters", None)
        flat["strict"] = bool(flat.get("strict"))  # chat's default applies
    elif flat.get("type") == "namespace":
        flat["tools"] = [_flat(inner) for inner in flat.get("tools") or ()]
    return flat


def outcome_of(finish_reason: Any) -> tuple[str, JsonObject | None]:
    """Return status and incomplete_details for chat's finish_reason."""
    if finish_reason is None:
        return "incomplete", None
    if finish_reason == "length":
        return "incomplete", {"reason": "max_output_tokens"}
    if finish_reason == "content_filter":
        return "incomplete", {"reason": "content_filter"}
    return "completed", None


def service_tier_of(tier: Any) -> str | None:
    """Return the tier if the Responses API documents it; upstreams have further names."""
    return tier if isinstance(tier, str) and tier in SERVICE_TIERS else None


def usage_of(usage: Any) -> JsonObject | None:
    """Return chat's usage under the names of the Responses API; unknown details are zero, unknown fields are kept."""
    if not isinstance(usage, Mapping) or not usage:  # never zeros for counts that did not come
        return None
    input_tokens, output_tokens = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    return {
        **other_fields(usage, USAGE_FIELDS),
        "input_tokens": input_tokens,
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            **_given(object_of(usage.get("prompt_tokens_details"))),
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0, **_given(object_of(usage.get("completion_tokens_details")))},
        "total_tokens": count_of(usage.get("total_tokens")) or input_tokens + output_tokens,
    }


def text_of(message: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return reasoning, content and refusal of a chat message or delta; servers have two names for reasoning."""
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    content, refusal = message.get("content"), message.get("refusal")
    return (
        reasoning if isinstance(reasoning, str) else "",
        content if isinstance(content, str) else _join_parts(content),
        refusal if isinstance(refusal, str) else "",
    )


def _join_parts(parts: Any) -> str:
    """Return content as a string: some servers send a list of parts."""
    return "".join(string_of(part.get("text")) for part in objects_of(parts))


def reasoning_item(id: str, text: str, sealed: str | None = None) -> JsonObject:
    """Return a finished reasoning item; `sealed` is its encrypted content, without which it may only have text."""
    item: JsonObject = {"id": id, "type": "reasoning", "summary": []}
    if text:
        item["summary"] = [{"type": "summary_text", "text": text}]
    return item if sealed is None else {**item, "encrypted_content": sealed}


def message_item(id: str, parts: list[JsonObject], status: str = "completed") -> JsonObject:
    """Return a message item."""
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": parts}


def text_part(text: str, annotations: list[JsonObject], logprobs: list[JsonObject]) -> JsonObject:
    """Return a text part; both lists are required."""
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs}


def annotation_of(annotation: Any) -> JsonObject | None:
    """Return a chat annotation in flat form; None for a type that the Responses API does not have."""
    if not isinstance(annotation, Mapping) or string_of(annotation.get("type")) not in FLAT_ANNOTATIONS:
        return None
    flat = dict(_flat(annotation))
    if flat["type"] == "url_citation":
        flat = {"start_index": 0, "end_index": 0, "title": "", "url": "", **_given(flat)}
    return flat


def logprobs_of(logprobs: Any) -> list[JsonObject]:
    """Return the tokens of a choice's logprobs, with every field that the Responses API requires."""
    return [
        {**_token(token), "top_logprobs": [_token(other) for other in objects_of(token.get("top_logprobs"))]}
        for token in objects_of(object_of(logprobs).get("content"))
    ]


def _token(token: Mapping[str, Any]) -> JsonObject:
    fields = {"token": token.get("token") or "", "logprob": token.get("logprob"), "bytes": token.get("bytes") or []}
    return {**other_fields(token, fields.keys() | {"top_logprobs"}), **fields}


def call_parts(call: Mapping[str, Any]) -> tuple[str, str]:
    """Return name and arguments (or the input of a custom call) of a chat tool call or of a piece of one."""
    inside = object_of(call.get("custom")) or object_of(call.get("function"))
    return string_of(inside.get("name")), text_of_value(inside.get("arguments") or inside.get("input"))


def other_fields_of_call(call: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a chat tool call for which an item has none of its own; they stay on the item."""
    return {} if call.keys() <= CALL_FIELDS else other_fields(call, CALL_FIELDS)


def call_item(
    names: ToolNames,
    ids: Ids,
    index: int,
    *,
    call_id: Any,
    name: str,
    arguments: str,
    is_custom: bool = False,
    other: Mapping[str, Any] = NOTHING,
) -> JsonObject:
    """Return the finished item of a tool call, under the caller's name for the tool.

    `is_custom`: it is a custom call on chat too; otherwise a function call that was sent in place of a custom tool is
    converted back. `other` are fields for which an item has none; they stay on it.
    """
    tool = names.tool_of(name)
    item: JsonObject = {}
    if is_custom or tool.is_custom:
        item["id"] = ids.item("ctc", index)
        item["type"] = "custom_tool_call"
        fields = {"input": arguments if is_custom else _input_of(arguments)}
    else:
        item["id"] = ids.item("fc", index)
        item["type"] = "function_call"
        item["status"] = "completed"
        fields = {"arguments": arguments}
    item["call_id"] = call_id or ids.item("call", index)
    item["name"] = tool.name
    if tool.namespace is not None:
        item["namespace"] = tool.namespace
    return {**other, **item, **fields}


def _input_of(arguments: str) -> str:
    """Return the string that is a custom tool's input; the model may have sent it without the JSON object."""
    try:
        parsed = decode(arguments)
    except ValueError:
        return arguments
    value = parsed.get("input") if isinstance(parsed, dict) else None
    return value if isinstance(value, str) else arguments


def with_cut_item(output: list[JsonObject], status: str) -> list[JsonObject]:
    """Mark the last item as incomplete if the response is: it is the truncated one."""
    if status == "incomplete" and output and "status" in output[-1]:
        output[-1]["status"] = "incomplete"
    return output
