"""The state of one item in another server's Responses stream, and the events that are still missing for it.

Pure. Only `repair.py` uses it.

Source: OpenAI API reference, `OutputItem` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.responses_to_chat.output import Ids
from llmgate_core.contract.call import JsonObject

__all__ = ["MissingEvent", "OpenItem", "complete_item", "complete_part"]

MissingEvent = tuple[str, JsonObject]
"""Type and fields of an event that the server omitted."""

PREFIX_OF_KIND: Mapping[str, str] = MappingProxyType(
    {"message": "msg", "reasoning": "rs", "function_call": "fc", "custom_tool_call": "ctc"}
)
TEXT, REFUSAL, PART = "response.output_text", "response.refusal", "response.content_part"
REASONING, SUMMARY, SUMMARY_PART = (
    "response.reasoning_text",
    "response.reasoning_summary_text",
    "response.reasoning_summary_part",
)
ARGUMENTS, INPUT = "response.function_call_arguments", "response.custom_tool_call_input"
VALUE_OF_START: Mapping[str, str] = MappingProxyType(
    {TEXT: "text", REFUSAL: "refusal", REASONING: "text", SUMMARY: "text", ARGUMENTS: "arguments", INPUT: "input"}
)
"""Start of an event's type -> the field of its `done` with the complete string."""
INDEX_OF_START: Mapping[str, str] = MappingProxyType(
    {
        TEXT: "content_index",
        REFUSAL: "content_index",
        PART: "content_index",
        REASONING: "content_index",
        SUMMARY: "summary_index",
        SUMMARY_PART: "summary_index",
    }
)
PART_OF_START: Mapping[str, str] = MappingProxyType({TEXT: PART, REFUSAL: PART, SUMMARY: SUMMARY_PART})
"""Start of an event's type -> that of the part around it, which is added before it and done after it."""


def complete_part(part: JsonObject) -> None:
    """Add the fields that a part must have."""
    kind = part.setdefault("type", "output_text")
    if kind == "output_text":
        part.setdefault("text", "")
        part.setdefault("annotations", [])
        part.setdefault("logprobs", [])


def complete_item(item: JsonObject, ids: Ids, index: int, *, status: str) -> None:
    """Add the fields that an item must have; `status` is for an item without one."""
    kind = item.setdefault("type", "message")
    prefix = PREFIX_OF_KIND.get(kind)
    if prefix is None:
        return
    if not item.get("id"):
        item["id"] = ids.item(prefix, index)
    if kind == "message":
        item.setdefault("role", "assistant")
        item.setdefault("status", status if status in ("in_progress", "incomplete") else "completed")
        for part in item.setdefault("content", []) or ():
            if isinstance(part, dict):
                complete_part(part)
    elif kind == "reasoning":
        item.setdefault("summary", [])
    else:
        item.setdefault("call_id", item["id"])
        item.setdefault("name", "")
        item.setdefault("arguments" if kind == "function_call" else "input", "")


class OpenItem:
    """One item, from the event that adds it to the event that ends it.

    Attributes:
        id, call_id, kind, name, index: the identity of the item.
        finished: the item in `response.output_item.done`; None: not done yet.
    """

    def __init__(self, item: Mapping[str, Any], index: int) -> None:
        self.id: str = str(item.get("id") or "")
        self.call_id: str = str(item.get("call_id") or "")
        self.kind: str = str(item.get("type"))
        self.name: str = str(item.get("name") or "")
        self.index = index
        self.finished: JsonObject | None = None
        self._first = dict(item)
        self._pieces: dict[tuple[str, int], list[str]] = {}  # start and part -> deltas, until done
        self._parts: dict[tuple[str, int], JsonObject] = {}  # start and index of parts that are not done
        self._counts: dict[str, int] = {}  # parts added so far, by start
        self._done: dict[tuple[str, int], str] = {}  # complete strings

    def before(self, start: str, step: str, data: JsonObject) -> Iterator[MissingEvent]:
        """Fill in the index of an event's part, and yield the events that should have come before it."""
        name = INDEX_OF_START.get(start) or ("content_index" if step == "added" else None)
        part_start = start if start in (PART, SUMMARY_PART) else PART_OF_START.get(start)
        if name is None:
            return
        if start == "response.output_text.annotation":
            part_start = None
        count = self._counts.get(part_start or start, 0)
        is_new = part_start == start and step == "added"
        if name not in data:
            data[name] = count if is_new else max(count - 1, 0)
        if start == "response.output_text.annotation":
            data.setdefault("annotation_index", self._counts.get(start, 0))
        elif part_start is not None and not is_new and data[name] >= count:
            part = self._empty_part(start, data)
            self._record_part(part_start, data[name], part)
            yield f"{part_start}.added", {**self._at(), name: data[name], "part": dict(part)}
        if start in (PART, SUMMARY_PART) and step == "done":
            yield from self._missing_text(start, data[name], data.get("part"))

    def record(self, start: str, step: str, data: Mapping[str, Any]) -> None:
        """Update the state from an event."""
        index = data.get(INDEX_OF_START.get(start, ""), 0)
        if start in (PART, SUMMARY_PART):
            if step == "added":
                self._record_part(start, index, data.get("part") or {})
            else:
                self._parts.pop((start, index), None)
        elif start == "response.output_text.annotation":
            self._counts[start] = self._counts.get(start, 0) + 1
        elif step == "delta":
            self._pieces.setdefault((start, index), []).append(data.get("delta") or "")
        elif step == "done":
            self._pieces.pop((start, index), None)
            self._done[start, index] = str(data.get(VALUE_OF_START[start]) or "")

    def missing(self, item: Mapping[str, Any]) -> Iterator[MissingEvent]:
        """Yield the events that must come before the item is done; `item` is its final state."""
        if self.kind in ("function_call", "custom_tool_call"):
            yield from self._missing_call(item)
            return
        for (start, index), pieces in list(self._pieces.items()):
            yield self._text_done(start, index, "".join(pieces))
        for (start, index), part in list(self._parts.items()):
            yield from self._missing_text(start, index, None)
            whole = self._complete_part(start, index, part, item)
            del self._parts[start, index]
            yield f"{start}.done", {**self._at(), INDEX_OF_START[start]: index, "part": whole}

    def so_far(self) -> JsonObject:
        """Return the item as assembled from its events so far."""
        item = {**self._first}
        if "status" in item:
            item["status"] = "completed"
        for (start, _), text in self._strings().items():
            if start in (ARGUMENTS, INPUT):
                item[VALUE_OF_START[start]] = text
            elif start in (TEXT, REFUSAL):
                part: JsonObject = {"type": start.removeprefix("response."), VALUE_OF_START[start]: text}
                complete_part(part)
                item["content"] = [*(item.get("content") or ()), part]
            elif start == SUMMARY:
                item["summary"] = [*(item.get("summary") or ()), {"type": "summary_text", "text": text}]
            else:
                item["content"] = [*(item.get("content") or ()), {"type": "reasoning_text", "text": text}]
        return item

    def _strings(self) -> dict[tuple[str, int], str]:
        return {**self._done, **{key: "".join(pieces) for key, pieces in self._pieces.items()}}

    def _missing_call(self, item: Mapping[str, Any]) -> Iterator[MissingEvent]:
        start = ARGUMENTS if self.kind == "function_call" else INPUT
        if (start, 0) in self._done:
            return
        field = VALUE_OF_START[start]
        text = str(item.get(field) or "".join(self._pieces.get((start, 0), ())))
        self._done[start, 0] = text
        name = {"name": item.get("name") or ""} if start == ARGUMENTS else {}
        yield f"{start}.done", {**self._at(), **name, field: text}

    def _missing_text(self, part_start: str, index: int, part: Any) -> Iterator[MissingEvent]:
        """Yield the `done` of a string whose part is done."""
        for start in (TEXT, REFUSAL) if part_start == PART else (SUMMARY,):
            pieces = self._pieces.pop((start, index), None)
            if pieces is not None:
                whole = part.get(VALUE_OF_START[start]) if isinstance(part, Mapping) else None
                yield self._text_done(start, index, whole if isinstance(whole, str) else "".join(pieces))

    def _text_done(self, start: str, index: int, text: str) -> MissingEvent:
        self._pieces.pop((start, index), None)
        self._done[start, index] = text
        extra: JsonObject = {"logprobs": []} if start == TEXT else {}
        return f"{start}.done", {**self._at(), INDEX_OF_START[start]: index, VALUE_OF_START[start]: text, **extra}

    def _complete_part(self, start: str, index: int, part: JsonObject, item: Mapping[str, Any]) -> JsonObject:
        parts = item.get("content" if start == PART else "summary")
        if isinstance(parts, list) and index < len(parts) and isinstance(parts[index], dict):
            return dict(parts[index])
        kind = SUMMARY if start == SUMMARY_PART else REFUSAL if part.get("type") == "refusal" else TEXT
        return {**part, VALUE_OF_START[kind]: self._done.get((kind, index), "")}

    def _empty_part(self, start: str, data: Mapping[str, Any]) -> JsonObject:
        if start in (SUMMARY, SUMMARY_PART):
            return {"type": "summary_text", "text": ""}
        if start == REFUSAL or (data.get("part") or {}).get("type") == "refusal":
            return {"type": "refusal", "refusal": ""}
        return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}

    def _record_part(self, start: str, index: int, part: JsonObject) -> None:
        self._parts[start, index] = dict(part)
        self._counts[start] = max(self._counts.get(start, 0), index + 1)

    def _at(self) -> JsonObject:
        return {"item_id": self.id, "output_index": self.index}
