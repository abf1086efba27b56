"""Unfold a whole Response into the events of a stream: every item and part is added, sent as one delta, and done.

Pure. A client that reads deltas, as the OpenAI SDK's stream does, sees the same as one that reads the last event.

Source: OpenAI API reference, `ResponseStreamEvent`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import JsonObject

__all__ = ["events_of_response"]

NOTHING: Mapping[str, Any] = MappingProxyType({})
EMPTY: Mapping[str, Any] = MappingProxyType(
    {
        "annotations": [],
        "arguments": "",
        "content": [],
        "input": "",
        "logprobs": [],
        "refusal": "",
        "summary": [],
        "text": "",
    }
)
"""What an item or part that has just been added has in the place of what follows."""

TEXT_OF_CALL: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "custom_tool_call": ("input", "custom_tool_call_input"),
        "function_call": ("arguments", "function_call_arguments"),
        "mcp_call": ("arguments", "mcp_call_arguments"),
    }
)
"""Type of a call -> its field of text, and what the events of that text are called."""
TEXT_OF_PART: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "output_text": ("text", "output_text"),
        "refusal": ("refusal", "refusal"),
        "reasoning_text": ("text", "reasoning_text"),
        "summary_text": ("text", "reasoning_summary_text"),
    }
)
"""Type of a part -> its field of text, and what the events of that text are called."""


def events_of_response(answer: Mapping[str, Any]) -> list[JsonObject]:
    """Return the events of a Response; the last one says its status, such as `response.completed`."""
    end = answer.get("status") or "completed"
    started = {**answer, "status": "in_progress", "output": [], "usage": None}
    output = answer.get("output")
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.in_progress", "response": started},
        *(event for index, item in enumerate(_objects(output)) for event in _of_item(item, index)),
        {"type": f"response.{end}", "response": dict(answer)},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _of_item(item: Mapping[str, Any], index: int) -> Iterator[JsonObject]:
    begun = {name: EMPTY.get(name, value) for name, value in item.items()}
    if "status" in item:
        begun["status"] = "in_progress"
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    at = {"item_id": item.get("id"), "output_index": index}
    for number, part in enumerate(_objects(item.get("summary"))):
        yield from _of_part(part, {**at, "summary_index": number}, "reasoning_summary_part")
    for number, part in enumerate(_objects(item.get("content"))):
        yield from _of_part(part, {**at, "content_index": number}, "content_part")
    field, kind = TEXT_OF_CALL.get(str(item.get("type")), ("", ""))
    if isinstance(item.get(field), str):
        named = {"name": item.get("name")} if item["type"] == "function_call" else {}
        yield from _of_text(item[field], at, kind, field, named)
    yield {"type": "response.output_item.done", "output_index": index, "item": dict(item)}


def _of_part(part: Mapping[str, Any], at: JsonObject, kind: str) -> Iterator[JsonObject]:
    """Yield the events of a part of a message, or of reasoning."""
    field, text_kind = TEXT_OF_PART.get(str(part.get("type")), ("text", ""))
    begun = {name: EMPTY.get(name, value) for name, value in part.items()}
    yield {"type": f"response.{kind}.added", **at, "part": begun}
    if text_kind and isinstance(part.get(field), str):
        logprobs = {"logprobs": part.get("logprobs") or []} if text_kind == "output_text" else {}
        yield from _of_text(part[field], {**at, **logprobs}, text_kind, field)
    for number, annotation in enumerate(_objects(part.get("annotations"))):
        added = {"annotation_index": number, "annotation": dict(annotation)}
        yield {"type": "response.output_text.annotation.added", **at, **added}
    yield {"type": f"response.{kind}.done", **at, "part": dict(part)}


def _of_text(
    text: str, at: JsonObject, kind: str, field: str, at_the_end: Mapping[str, Any] = NOTHING
) -> Iterator[JsonObject]:
    if text:
        yield {"type": f"response.{kind}.delta", **at, "delta": text}
    yield {"type": f"response.{kind}.done", **at, **at_the_end, field: text}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
