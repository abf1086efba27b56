"""Convert the events of a stream's output items to the choices of chat chunks.

Pure; the begin and end of a stream are handled in `stream.py`. The content of an item is emitted once: from its
deltas, or else from the first event that contains it in full.

Source: OpenAI API reference, `ResponseStreamEvent` and `ChatCompletionStreamResponseDelta`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmgate_core.bridges.chat_to_responses.output import (
    ARGUMENTS,
    CALLS,
    ReasoningText,
    content_parts,
    nested_citation,
    other_fields_of_call,
    output_items,
    tool_call,
)
from llmgate_core.bridges.fields import list_of, text_of_value
from llmgate_core.contract.call import JsonObject

__all__ = ["NOTHING", "Deltas"]

NOTHING: Sequence[JsonObject] = ()
TEXT, REFUSAL, CITATION = "content", "refusal", "annotations"


class _Item:
    """What has been emitted of one output item so far.

    Attributes:
        muted: another document in a response that must be a single one; it is left out of the content.
        call: index of the tool call; None if the item is not a call.
        has_arguments: True once a part of the call's arguments has been emitted.
        has_raw: True once raw reasoning has been emitted, of which the summary would be a repetition.
        starts: content index -> length of all text before that part.
        summaries: indexes of the summary parts that have started.
        emitted: (content index, field) of everything that has been emitted, at least in part.
        fields: names of the fields of a call that have been emitted beside its arguments.
    """

    __slots__ = ("call", "emitted", "fields", "has_arguments", "has_raw", "kind", "muted", "starts", "summaries")

    def __init__(self, kind: str, *, muted: bool, call: int | None) -> None:
        self.kind = kind
        self.muted = muted
        self.call = call
        self.has_arguments = False
        self.has_raw = False
        self.starts: dict[int, int] = {}
        self.summaries: set[int] = set()
        self.emitted: set[tuple[int, str]] = set()
        self.fields: frozenset[str] = frozenset()


class Deltas:
    """State of the items of one stream. Every method that takes an event returns its choices.

    Attributes:
        calls: number of tool calls so far.
    """

    def __init__(self, *, one_document: bool) -> None:
        self.calls = 0
        self._one_document = one_document
        self._items: dict[int | str, _Item] = {}
        self._by_id: dict[str, _Item] = {}
        self._call_ids: set[str] = set()
        self._whole: dict[int | str, Mapping[str, Any]] = {}
        self._messages = 0
        self._length = 0
        self._reasoning = ReasoningText()

    def seen_items(self) -> list[Mapping[str, Any]]:
        """Return the complete items received so far, for a last event that does not repeat them."""
        return list(self._whole.values())

    def rest_of(self, output: Iterable[Mapping[str, Any]]) -> list[JsonObject]:
        """Return the choices for those parts of the complete output that no earlier event contained.

        Some servers number streamed items differently from the output: an item that matches neither by id nor by
        position, but whose kind was streamed, has already been emitted.
        """
        kinds = {item.kind for item in self._items.values()} - CALLS.keys()
        call_ids = frozenset(self._call_ids)
        choices: list[JsonObject] = []
        for position, output_item in enumerate(output):
            item = self._by_id.get(_id(output_item)) or self._items.get(position)
            if item is not None and item.kind == output_item["type"]:
                choices += self._rest(item, output_item)
            elif output_item["type"] not in kinds and _id(output_item, "call_id") not in call_ids:
                choices += self._all(self._add(f"end {position}", output_item), output_item)
        return choices

    # --- items ---

    def item_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the id and name of a call; other items have nothing to emit yet."""
        for item_data in output_items([data.get("item")]):
            item = self._add(_key(data, item_data), item_data)
            if item.call is not None:
                call = tool_call(item_data, with_arguments=False)
                item.fields = frozenset(call)
                return [_choice({"tool_calls": [{**call, "index": item.call}]})]
        return NOTHING

    def item_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the parts of an item that no earlier event contained."""
        for item_data in output_items([data.get("item")]):
            key = _key(data, item_data)
            self._whole[key] = item_data
            item = self._items.get(key)
            return self._rest(item, item_data) if item is not None else self._all(self._add(key, item_data), item_data)
        return NOTHING

    def _add(self, key: int | str, item_data: Mapping[str, Any]) -> _Item:
        kind = item_data["type"]
        is_call = kind in CALLS
        item = _Item(
            kind,
            muted=kind == "message" and self._one_document and self._messages > 0,
            call=self.calls if is_call else None,
        )
        self.calls += is_call
        self._messages += kind == "message"
        if call_id := _id(item_data, "call_id"):
            self._call_ids.add(call_id)
        self._items[key] = item
        self._by_id[_id(item_data) or f"at {key}"] = item
        return item

    def _at(self, data: Mapping[str, Any], kind: str) -> _Item:
        """Return the item of an event, and create it if no event has announced it."""
        key = _key(data, {})
        item = self._items.get(key)
        return item if item is not None else self._add(key, {"type": kind, "id": data.get("item_id")})

    def _all(self, item: _Item, item_data: Mapping[str, Any]) -> list[JsonObject]:
        if item.call is None:
            return self._rest(item, item_data)
        item.has_arguments = True
        call = tool_call(item_data)
        item.fields = frozenset(call)
        return [_choice({"tool_calls": [{**call, "index": item.call}]})]

    def _rest(self, item: _Item, item_data: Mapping[str, Any]) -> list[JsonObject]:
        if item_data["type"] != item.kind:
            return []
        if item.kind == "message":
            return [
                choice for index, part in content_parts(item_data) for choice in self._rest_of_part(item, index, part)
            ]
        if item.kind == "reasoning" and not item.has_raw and not item.summaries:
            item.has_raw = True  # the item is complete, so nothing more may be emitted
            text = self._reasoning.of_item(item_data)
            return [_choice({"reasoning_content": text})] if text else []
        return self._rest_of_call(item, item_data) if item.call is not None else []

    def _rest_of_call(self, item: _Item, item_data: Mapping[str, Any]) -> list[JsonObject]:
        choices: list[JsonObject] = []
        other = other_fields_of_call(item_data)
        if late := {name: value for name, value in other.items() if name not in item.fields}:
            item.fields = item.fields.union(late)
            choices.append(_choice({"tool_calls": [{**late, "index": item.call}]}))
        if not item.has_arguments:
            kind = CALLS[item.kind]
            choices += _arguments(item, kind, text_of_value(item_data.get(ARGUMENTS[kind])))
        return choices

    def _rest_of_part(self, item: _Item, index: int, part: Mapping[str, Any]) -> list[JsonObject]:
        choices: list[JsonObject] = []
        if (index, TEXT) not in item.emitted:
            choices += self._text(item, index, part.get("text"), part.get("logprobs"))
        if (index, CITATION) not in item.emitted:
            for annotation in list_of(part.get("annotations")):
                choices += self._annotation(item, index, annotation)
        if (index, REFUSAL) not in item.emitted:
            choices += _refusal(item, index, part.get("refusal"))
        return choices

    # --- messages ---

    def text_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of text."""
        return self._text(self._at(data, "message"), _index(data), data.get("delta"), data.get("logprobs"))

    def text_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the text of a part that had no delta."""
        item, index = self._at(data, "message"), _index(data)
        is_emitted = (index, TEXT) in item.emitted
        return NOTHING if is_emitted else self._text(item, index, data.get("text"), data.get("logprobs"))

    def refusal_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of a refusal."""
        return _refusal(self._at(data, "message"), _index(data), data.get("delta"))

    def refusal_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the refusal of a part that had no delta."""
        item, index = self._at(data, "message"), _index(data)
        return NOTHING if (index, REFUSAL) in item.emitted else _refusal(item, index, data.get("refusal"))

    def annotation_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a citation; other annotations are in the last chunk."""
        return self._annotation(self._at(data, "message"), _index(data), data.get("annotation"))

    def _text(self, item: _Item, index: int, text: Any, logprobs: Any) -> Sequence[JsonObject]:
        if item.muted or not isinstance(text, str) or not text:
            return NOTHING
        if index not in item.starts:
            item.starts[index] = self._length
            item.emitted.add((index, TEXT))
        self._length += len(text)
        choice = _choice({"content": text})
        if logprobs:
            choice["logprobs"] = {"content": list_of(logprobs), "refusal": None}
        return (choice,)

    def _annotation(self, item: _Item, index: int, annotation: Any) -> Sequence[JsonObject]:
        item.emitted.add((index, CITATION))
        citation = nested_citation(annotation, item.starts.get(index, self._length))
        return NOTHING if citation is None or item.muted else [_choice({"annotations": [citation]})]

    # --- reasoning ---

    def summary_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Start a summary part."""
        separator = self._start_summary(self._at(data, "reasoning"), data)
        return [_choice({"reasoning_content": separator})] if separator else NOTHING

    def summary_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of a summary, unless raw reasoning has been emitted."""
        item, text = self._at(data, "reasoning"), data.get("delta")
        if item.has_raw or not isinstance(text, str) or not text:
            return NOTHING
        return [_choice({"reasoning_content": self._start_summary(item, data) + text})]

    def reasoning_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of raw reasoning."""
        item, text = self._at(data, "reasoning"), data.get("delta")
        if not isinstance(text, str) or not text:
            return NOTHING
        item.has_raw = True
        return [_choice({"reasoning_content": text})]

    def _start_summary(self, item: _Item, data: Mapping[str, Any]) -> str:
        index = _index(data, "summary_index")
        if item.has_raw or index in item.summaries:
            return ""
        item.summaries.add(index)
        return self._reasoning.separator()

    # --- calls ---

    def function_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of a function's arguments; a call without an announcement is emitted in full at its end."""
        return _arguments(self._items.get(_key(data, {})), "function", data.get("delta"))

    def function_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the arguments of a call that had no delta."""
        item = self._items.get(_key(data, {}))
        return _arguments(item, "function", data.get("arguments")) if item and not item.has_arguments else NOTHING

    def custom_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit a piece of a custom tool's input."""
        return _arguments(self._items.get(_key(data, {})), "custom", data.get("delta"))

    def custom_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Emit the input of a custom call that had no delta."""
        item = self._items.get(_key(data, {}))
        return _arguments(item, "custom", data.get("input")) if item and not item.has_arguments else NOTHING


def _choice(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": None}


def _refusal(item: _Item, index: int, text: Any) -> Sequence[JsonObject]:
    if item.muted or not isinstance(text, str) or not text:
        return NOTHING
    item.emitted.add((index, REFUSAL))
    return (_choice({"refusal": text}),)


def _arguments(item: _Item | None, kind: str, text: Any) -> Sequence[JsonObject]:
    if item is None or item.call is None or not isinstance(text, str) or not text:
        return NOTHING
    item.has_arguments = True
    return (_choice({"tool_calls": [{"index": item.call, kind: {ARGUMENTS[kind]: text}}]}),)


def _key(data: Mapping[str, Any], item_data: Mapping[str, Any]) -> int | str:
    """Return the key of an event's item: its index in the output, or else its id."""
    index = data.get("output_index")
    return index if isinstance(index, int) else _id(data, "item_id") or _id(item_data)


def _id(item_data: Mapping[str, Any], name: str = "id") -> str:
    value = item_data.get(name)
    return value if isinstance(value, str) else ""


def _index(data: Mapping[str, Any], name: str = "content_index") -> int:
    index = data.get(name)
    return index if isinstance(index, int) else 0
