"""Canonical answers as values that can be compared: what a caller sees, without ids and times. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmgate_core.testing.conformance.message_wires import FINISH_REASONS
from llmgate_core.testing.conformance.samples import Reply

__all__ = ["differences", "expected", "seen"]

Seen = dict[str, Any]


def expected(family: str, reply: Reply, *, stream: bool = False) -> Seen:
    """Return what a caller must see of a reply."""
    if family in ("chat", "responses", "text_completion", "messages"):
        values: Seen = {
            "text": reply.text,
            "finish_reason": reply.finish_reason,
            "input tokens": reply.input_tokens,
            "output tokens": reply.output_tokens,
        }
        if reply.cached_tokens:
            values["cached tokens"] = reply.cached_tokens
        if family != "text_completion":
            values["tool calls"] = [(call.id, call.name, json.loads(call.arguments)) for call in reply.tool_calls]
        if family in ("chat", "messages"):
            values["reasoning"] = reply.reasoning
        return values
    if family == "speech":
        return {"bytes": reply.content}
    if family == "image" and stream:
        return {"usage": reply.data["usage"], "pictures": [picture["b64_json"] for picture in reply.data["data"]]}
    return _of_data(family, reply.data)


def seen(family: str, answer: Any, *, stream: bool = False) -> Seen:
    """Return the same of a canonical answer; an answer of another shape has gaps, and so differs."""
    if isinstance(answer, bytes):
        return {"bytes": answer}
    if not isinstance(answer, Mapping):
        return {"answer": answer}
    if family == "chat":
        return _of_chat(answer)
    if family == "text_completion":
        choice = _first(answer.get("choices"))
        return {"text": choice.get("text") or "", "finish_reason": choice.get("finish_reason"), **_of_usage(answer)}
    if family == "responses":
        return _of_response(answer)
    if family == "messages":
        return _of_message(answer)
    if family == "image" and stream:
        pictures = answer.get("data") or [answer]
        return {"usage": answer.get("usage"), "pictures": [_mapping(picture).get("b64_json") for picture in pictures]}
    return _of_data(family, answer)


def differences(wanted: Seen, found: Seen) -> Iterator[str]:
    """Yield a sentence about each value that is not what it should be."""
    for name, value in wanted.items():
        if found.get(name) != value:
            yield f"{name} should be {value!r:.120}, not {found.get(name)!r:.120}"


def _of_chat(answer: Mapping[str, Any]) -> Seen:
    choice = _first(answer.get("choices"))
    message = _mapping(choice.get("message"))
    return {
        "text": message.get("content") or "",
        "finish_reason": choice.get("finish_reason"),
        "reasoning": message.get("reasoning_content") or "",
        "tool calls": [
            _of_call(call, _mapping(_mapping(call).get("function"))) for call in _list(message, "tool_calls")
        ],
        **_of_usage(answer),
    }


def _of_call(call: Any, function: Mapping[str, Any], id_name: str = "id") -> tuple[Any, Any, Any]:
    try:
        arguments = json.loads(function.get("arguments") or "")
    except (ValueError, TypeError):
        arguments = function.get("arguments")
    return _mapping(call).get(id_name), function.get("name"), arguments


def _of_usage(answer: Mapping[str, Any]) -> Seen:
    usage = _mapping(answer.get("usage"))
    details = _mapping(usage.get("prompt_tokens_details") or usage.get("input_tokens_details"))
    return {
        "input tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "cached tokens": details.get("cached_tokens"),
    }


def _of_response(answer: Mapping[str, Any]) -> Seen:
    items = [_mapping(item) for item in _list(answer, "output")]
    calls = [item for item in items if item.get("type") == "function_call"]
    texts = [
        str(_mapping(part).get("text", ""))
        for item in items
        if item.get("type") == "message"
        for part in _list(item, "content")
    ]
    is_cut = answer.get("status") == "incomplete"
    return {
        "text": "".join(texts),
        "finish_reason": "length" if is_cut else "tool_calls" if calls else "stop",
        "tool calls": [_of_call(item, item, "call_id") for item in calls],
        **_of_usage(answer),
    }


def _of_message(answer: Mapping[str, Any]) -> Seen:
    blocks = [_mapping(block) for block in _list(answer, "content")]
    usage = _mapping(answer.get("usage"))
    cached = usage.get("cache_read_input_tokens")
    counts = [usage.get("input_tokens"), cached or 0, usage.get("cache_creation_input_tokens") or 0]
    reason = answer.get("stop_reason")
    return {
        "text": "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text"),
        "finish_reason": FINISH_REASONS.get(str(reason), reason),
        "reasoning": "".join(str(block.get("thinking", "")) for block in blocks if block.get("type") == "thinking"),
        "tool calls": [
            (block.get("id"), block.get("name"), block.get("input"))
            for block in blocks
            if block.get("type") == "tool_use"
        ],
        "input tokens": sum(counts) if all(isinstance(count, int) for count in counts) else None,
        "output tokens": usage.get("output_tokens"),
        "cached tokens": cached,
    }


def _of_data(family: str, answer: Mapping[str, Any]) -> Seen:
    names = {
        "embedding": ("data", "usage"),
        "transcription": ("text", "usage"),
        "translation": ("text",),
        "image": ("data", "usage"),
        "video": ("id", "status", "progress", "created_at"),
        "moderation": ("results",),
        "rerank": ("results",),
    }[family]
    return {name: answer.get(name) for name in names if name in answer}


def _first(values: Any) -> Mapping[str, Any]:
    return _mapping(values[0]) if isinstance(values, Sequence) and len(values) else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(owner: Mapping[str, Any], name: str) -> Sequence[Any]:
    values = owner.get(name)
    return values if isinstance(values, list) else ()
