"""The events of one stream's output items -> the choices of chat chunks.

Pure; knows nothing of how a stream begins or ends. What an item says is handed out once: from its deltas, else
whole from the first event that has it whole.

Source: OpenAPI 2.3.0, `ResponseStreamEvent` and `ChatCompletionStreamResponseDelta`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmgate_core.bridges.chat_to_responses.output import (
    ARGUMENTS,
    CALLS,
    ReasoningText,
    content_parts,
    listed,
    nested_citation,
    output_items,
    tool_call,
)
from llmgate_core.contract.call import JsonObject

__all__ = ["NOTHING", "Deltas"]

NOTHING: Sequence[JsonObject] = ()
TEXT, REFUSAL, CITATION = "content", "refusal", "annotations"


class _Item:
    """What was handed out of one output item so far.

    Attributes:
        muted: a further document of an answer that must be one; it stays out of the content.
        call: index of the tool call; None: the item is none.
        has_arguments: the call's arguments were handed out, or begun.
        has_raw: raw reasoning came, so that its summary would say the same again.
        starts: content index -> length of the whole text before that part.
        summaries: indexes of the summary parts begun.
        given: (content index, field) of what was handed out, or begun.
    """

    __slots__ = ("call", "given", "has_arguments", "has_raw", "kind", "muted", "starts", "summaries")

    def __init__(self, kind: str, *, muted: bool, call: int | None) -> None:
        self.kind = kind
        self.muted = muted
        self.call = call
        self.has_arguments = False
        self.has_raw = False
        self.starts: dict[int, int] = {}
        self.summaries: set[int] = set()
        self.given: set[tuple[int, str]] = set()


class Deltas:
    """State of the items of one stream. Every method that takes an event returns the choices it makes.

    Attributes:
        calls: how many tool calls there were.
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
        """Return the whole items that came, for an end that does not repeat them."""
        return list(self._whole.values())

    def rest_of(self, output: Iterable[Mapping[str, Any]]) -> list[JsonObject]:
        """Return the choices of what the whole output has and no event before gave.

        Some servers count their items in another way than the output does: what is neither under its id nor its
        place, but was streamed, came elsewhere and does not come again.
        """
        kinds = {item.kind for item in self._items.values()} - CALLS.keys()
        call_ids = frozenset(self._call_ids)
        choices: list[JsonObject] = []
        for position, found in enumerate(output):
            item = self._by_id.get(_id(found)) or self._items.get(position)
            if item is not None and item.kind == found["type"]:
                choices += self._rest(item, found)
            elif found["type"] not in kinds and _id(found, "call_id") not in call_ids:
                choices += self._all(self._add(f"end {position}", found), found)
        return choices

    # --- items ---

    def item_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Announce an item; of a call that is its id and name."""
        for found in output_items([data.get("item")]):
            item = self._add(_key(data, found), found)
            if item.call is not None:
                return [_choice({"tool_calls": [{"index": item.call, **tool_call(found, with_arguments=False)}]})]
        return NOTHING

    def item_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out what no event before this one gave of an item."""
        for found in output_items([data.get("item")]):
            key = _key(data, found)
            self._whole[key] = found
            item = self._items.get(key)
            return self._rest(item, found) if item is not None else self._all(self._add(key, found), found)
        return NOTHING

    def _add(self, key: int | str, found: Mapping[str, Any]) -> _Item:
        kind = found["type"]
        is_call = kind in CALLS
        item = _Item(
            kind,
            muted=kind == "message" and self._one_document and self._messages > 0,
            call=self.calls if is_call else None,
        )
        self.calls += is_call
        self._messages += kind == "message"
        if call_id := _id(found, "call_id"):
            self._call_ids.add(call_id)
        self._items[key] = item
        self._by_id[_id(found) or f"at {key}"] = item
        return item

    def _at(self, data: Mapping[str, Any], kind: str) -> _Item:
        """Return the item that an event speaks of, also where nothing announced it."""
        key = _key(data, {})
        item = self._items.get(key)
        return item if item is not None else self._add(key, {"type": kind, "id": data.get("item_id")})

    def _all(self, item: _Item, found: Mapping[str, Any]) -> list[JsonObject]:
        if item.call is None:
            return self._rest(item, found)
        item.has_arguments = True
        return [_choice({"tool_calls": [{"index": item.call, **tool_call(found)}]})]

    def _rest(self, item: _Item, found: Mapping[str, Any]) -> list[JsonObject]:
        if found["type"] != item.kind:
            return []
        if item.kind == "message":
            return [choice for index, part in content_parts(found) for choice in self._rest_of_part(item, index, part)]
        if item.kind == "reasoning" and not item.has_raw and not item.summaries:
            item.has_raw = True  # whatever it was, it is all of it
            text = self._reasoning.of_item(found)
            return [_choice({"reasoning_content": text})] if text else []
        if item.call is not None and not item.has_arguments:
            kind = CALLS[item.kind]
            return list(_arguments(item, kind, found.get(ARGUMENTS[kind])))
        return []

    def _rest_of_part(self, item: _Item, index: int, part: Mapping[str, Any]) -> list[JsonObject]:
        choices: list[JsonObject] = []
        if (index, TEXT) not in item.given:
            choices += self._text(item, index, part.get("text"), part.get("logprobs"))
        if (index, CITATION) not in item.given:
            for annotation in listed(part.get("annotations")):
                choices += self._annotation(item, index, annotation)
        if (index, REFUSAL) not in item.given:
            choices += _refusal(item, index, part.get("refusal"))
        return choices

    # --- messages ---

    def text_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of text."""
        return self._text(self._at(data, "message"), _index(data), data.get("delta"), data.get("logprobs"))

    def text_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out the text of a part that had no delta."""
        item, index = self._at(data, "message"), _index(data)
        given = (index, TEXT) in item.given
        return NOTHING if given else self._text(item, index, data.get("text"), data.get("logprobs"))

    def refusal_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of a refusal."""
        return _refusal(self._at(data, "message"), _index(data), data.get("delta"))

    def refusal_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out the refusal of a part that had no delta."""
        item, index = self._at(data, "message"), _index(data)
        return NOTHING if (index, REFUSAL) in item.given else _refusal(item, index, data.get("refusal"))

    def annotation_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a citation; annotations of other kinds come with the end."""
        return self._annotation(self._at(data, "message"), _index(data), data.get("annotation"))

    def _text(self, item: _Item, index: int, text: Any, logprobs: Any) -> Sequence[JsonObject]:
        if item.muted or not isinstance(text, str) or not text:
            return NOTHING
        if index not in item.starts:
            item.starts[index] = self._length
            item.given.add((index, TEXT))
        self._length += len(text)
        choice = _choice({"content": text})
        if logprobs:
            choice["logprobs"] = {"content": listed(logprobs), "refusal": None}
        return (choice,)

    def _annotation(self, item: _Item, index: int, annotation: Any) -> Sequence[JsonObject]:
        item.given.add((index, CITATION))
        citation = nested_citation(annotation, item.starts.get(index, self._length))
        return NOTHING if citation is None or item.muted else [_choice({"annotations": [citation]})]

    # --- reasoning ---

    def summary_added(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Begin a summary part."""
        separator = self._begin_summary(self._at(data, "reasoning"), data)
        return [_choice({"reasoning_content": separator})] if separator else NOTHING

    def summary_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of a summary, unless the raw reasoning came."""
        item, text = self._at(data, "reasoning"), data.get("delta")
        if item.has_raw or not isinstance(text, str) or not text:
            return NOTHING
        return [_choice({"reasoning_content": self._begin_summary(item, data) + text})]

    def reasoning_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of raw reasoning."""
        item, text = self._at(data, "reasoning"), data.get("delta")
        if not isinstance(text, str) or not text:
            return NOTHING
        item.has_raw = True
        return [_choice({"reasoning_content": text})]

    def _begin_summary(self, item: _Item, data: Mapping[str, Any]) -> str:
        index = _index(data, "summary_index")
        if item.has_raw or index in item.summaries:
            return ""
        item.summaries.add(index)
        return self._reasoning.separator()

    # --- calls ---

    def function_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of a function's arguments; a call that nothing announced comes whole, with its name."""
        return _arguments(self._items.get(_key(data, {})), "function", data.get("delta"))

    def function_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out the arguments of a call that had no delta."""
        item = self._items.get(_key(data, {}))
        return _arguments(item, "function", data.get("arguments")) if item and not item.has_arguments else NOTHING

    def custom_delta(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out a piece of a custom tool's input."""
        return _arguments(self._items.get(_key(data, {})), "custom", data.get("delta"))

    def custom_done(self, data: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Hand out the input of a custom call that had no delta."""
        item = self._items.get(_key(data, {}))
        return _arguments(item, "custom", data.get("input")) if item and not item.has_arguments else NOTHING


def _choice(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": None}


def _refusal(item: _Item, index: int, text: Any) -> Sequence[JsonObject]:
    if item.muted or not isinstance(text, str) or not text:
        return NOTHING
    item.given.add((index, REFUSAL))
    return (_choice({"refusal": text}),)


def _arguments(item: _Item | None, kind: str, text: Any) -> Sequence[JsonObject]:
    if item is None or item.call is None or not isinstance(text, str) or not text:
        return NOTHING
    item.has_arguments = True
    return (_choice({"tool_calls": [{"index": item.call, kind: {ARGUMENTS[kind]: text}}]}),)


def _key(data: Mapping[str, Any], found: Mapping[str, Any]) -> int | str:
    """Return what tells an event's item from others: its place in the output, else its id."""
    index = data.get("output_index")
    return index if isinstance(index, int) else _id(data, "item_id") or _id(found)


def _id(found: Mapping[str, Any], name: str = "id") -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _index(data: Mapping[str, Any], name: str = "content_index") -> int:
    index = data.get(name)
    return index if isinstance(index, int) else 0
