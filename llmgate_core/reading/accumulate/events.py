"""Fold the typed events of a stream into the response so far, in the shape of a complete response.

Pure, on dicts, in linear time: pieces are collected and joined once. Tolerant: an event without indexes
and ids belongs to the last item of its kind, and an event of an unknown type is ignored. Makes the
`partial` of errors, so it never raises because of an unexpected event.

Source: OpenAI API reference, `ResponseStreamEvent`, `CreateTranscriptionResponseStreamEvent`, `ImageGen...Event`,
`CreateSpeechResponseStreamEvent`. llama.cpp sends no indexes at all and no `arguments.done`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from llmgate_core.contract.call import JsonObject
from llmgate_core.reading.accumulate.message_events import fold_message
from llmgate_core.reading.accumulate.pieces import is_empty

__all__ = ["fold_events"]

PlacedT = TypeVar("PlacedT")


def fold_events(family: str, events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    """Return what the `events` of one stream add up to; None if they contain nothing of a response.

    For `speech` the result is only the usage: the caller already has the audio.
    """
    fold = FOLDS.get(family)
    return None if fold is None else fold(event for event in events if isinstance(event.get("type"), str))


# --- responses ---


class _Text(NamedTuple):
    """The field that a delta extends: of the item itself, or of a part in one of the item's lists.

    Attributes:
        field: the field. item_type: the item's type, in case no event has announced the item.
        parts: the name of the item's list, of the event's index into it, and the part's type; None: the item itself.
    """

    field: str
    item_type: str
    parts: tuple[str, str, str] | None = None


_SUMMARY = ("summary", "summary_index", "summary_text")

TEXTS: Mapping[str, _Text] = MappingProxyType(
    {
        "response.output_text": _Text("text", "message", ("content", "content_index", "output_text")),
        "response.refusal": _Text("refusal", "message", ("content", "content_index", "refusal")),
        "response.reasoning_text": _Text("text", "reasoning", ("content", "content_index", "reasoning_text")),
        "response.reasoning_summary_text": _Text("text", "reasoning", _SUMMARY),
        "response.function_call_arguments": _Text("arguments", "function_call"),
        "response.mcp_call_arguments": _Text("arguments", "mcp_call"),
        "response.custom_tool_call_input": _Text("input", "custom_tool_call"),
        "response.code_interpreter_call_code": _Text("code", "code_interpreter_call"),
    }
)
"""Event type without `.delta` and `.done` -> the field that it extends."""

PARTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "response.content_part": ("content", "content_index", "message"),
        "response.reasoning_summary_part": ("summary", "summary_index", "reasoning"),
    }
)
"""Event type without `.added` and `.done` -> the item's list of parts, its index, and the item's type."""

CALL_STATES = frozenset({"in_progress", "searching", "interpreting", "generating", "completed", "failed"})
TERMINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})


class _Growing:
    """An object whose strings and lists arrive in pieces; the data of an event is never modified."""

    __slots__ = ("base", "lists", "strings")

    def __init__(self, base: Mapping[str, Any]) -> None:
        self.base: JsonObject = dict(base)
        self.strings: dict[str, list[str]] = {}
        self.lists: dict[str, list[Any]] = {}

    def grow(self, field: str, piece: Any) -> None:
        if isinstance(piece, str):
            self.strings.setdefault(field, []).append(piece)

    def extend(self, field: str, values: Any) -> None:
        if isinstance(values, list) and values:
            self.lists.setdefault(field, []).extend(values)

    def settle(self, fields: Mapping[str, Any]) -> None:
        """Replace the pieces of `fields` by their final values; an empty string does not undo what was received."""
        for field, value in fields.items():
            if value is not None and not (value == "" and field in self.strings):
                self.base[field] = value
                self.strings.pop(field, None)
                self.lists.pop(field, None)

    def whole(self) -> JsonObject:
        strings = {field: "".join([self._initial(field, ""), *pieces]) for field, pieces in self.strings.items()}
        lists = {field: [*self._initial(field, []), *values] for field, values in self.lists.items()}
        return {**self.base, **strings, **lists}

    def _initial(self, field: str, empty: Any) -> Any:
        value = self.base.get(field)
        return value if isinstance(value, type(empty)) else empty


class _Slots(Generic[PlacedT]):
    """Objects by index; an object without an index comes after all others."""

    __slots__ = ("_free", "by_index")

    def __init__(self) -> None:
        self.by_index: dict[int, PlacedT] = {}
        self._free = 0

    def put(self, index: Any, item: PlacedT) -> PlacedT:
        slot = index if _is_index(index) else self._free
        self._free = max(self._free, slot + 1)
        self.by_index[slot] = item
        return item

    def in_order(self) -> list[PlacedT]:
        return [item for _, item in sorted(self.by_index.items(), key=lambda pair: pair[0])]


class _Item(_Growing):
    """One output item, with its parts by list and index."""

    __slots__ = ("_last", "is_done", "parts")

    def __init__(self, base: Mapping[str, Any]) -> None:
        super().__init__(base)
        self.parts: dict[str, _Slots[_Growing]] = {}
        self._last: dict[tuple[str, str], _Growing] = {}  # by list and type
        self.is_done = False

    def part(self, name: str, index: Any, part_type: str) -> _Growing:
        """Return a part and create it if it is new; without an index it is the last part of that type."""
        part = self.parts[name].by_index.get(index) if name in self.parts and _is_index(index) else None
        if part is None and not _is_index(index):
            part = self._last.get((name, part_type))
        return self.add_part(name, index, {"type": part_type}) if part is None else part

    def add_part(self, name: str, index: Any, part: Mapping[str, Any]) -> _Growing:
        added = self.parts.setdefault(name, _Slots()).put(index, _Growing(part))
        self._last[name, str(part.get("type"))] = added
        return added

    def whole(self) -> JsonObject:
        parts = {name: [part.whole() for part in parts.in_order()] for name, parts in self.parts.items()}
        whole = {**super().whole(), **parts}
        if not self.is_done:
            return whole
        received = {name: value for name, value in whole.items() if is_empty(self.base.get(name))}
        return {**self.base, **received}


class _Output:
    """The output items, found by index, or else by id, or else as the last of their type."""

    def __init__(self) -> None:
        self._items: _Slots[_Item] = _Slots()
        self._by_id: dict[str, _Item] = {}
        self._last: dict[str, _Item] = {}  # by type

    def add(self, index: Any, item: Mapping[str, Any]) -> _Item:
        added = self._items.put(index, _Item(item))
        for name in ("call_id", "id"):  # servers put one or the other into `item_id`
            if isinstance(item.get(name), str):
                self._by_id[item[name]] = added
        self._last[str(item.get("type"))] = added
        return added

    def finish(self, index: Any, item: Mapping[str, Any]) -> None:
        """Replace the pieces of an item by its final value."""
        entry = self._find(index, (item.get("id"), item.get("call_id")), str(item.get("type")))
        entry = entry or self.add(index, item)
        said = {name: value for name, value in item.items() if name not in entry.base or not is_empty(value)}
        entry.base = {**entry.base, **said}
        entry.is_done = True

    def find(self, event: Mapping[str, Any], item_type: str) -> _Item:
        """Return the item that `event` belongs to, and create it if it is missing."""
        index, item_id = event.get("output_index"), event.get("item_id")
        return self._find(index, (item_id,), item_type) or self.add(index, _new_item(item_type, item_id))

    def set_status(self, event: Mapping[str, Any], status: str) -> None:
        item = self._find(event.get("output_index"), (event.get("item_id"),), "")
        if item is not None:
            item.base["status"] = status

    def whole(self) -> list[JsonObject]:
        return [item.whole() for item in self._items.in_order()]

    def _find(self, index: Any, ids: Iterable[Any], item_type: str) -> _Item | None:
        if _is_index(index):
            return self._items.by_index.get(index)
        names = [name for name in ids if isinstance(name, str)]
        for name in names:
            if name in self._by_id:
                return self._by_id[name]
        last = self._last.get(item_type)
        if last is None or last.is_done or (names and (last.base.get("id") or last.base.get("call_id"))):
            return None
        return last


def _new_item(item_type: str, item_id: Any) -> JsonObject:
    item: JsonObject = {"type": item_type, "status": "in_progress"}
    if isinstance(item_id, str):
        item["id"] = item_id
    if item_type == "message":
        item["role"] = "assistant"
    return item


def _fold_responses(events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    snapshot: Mapping[str, Any] | None = None
    usage: Any = None
    output, is_over, count = _Output(), False, 0
    failure: JsonObject = {}
    for event in events:
        kind = event["type"]
        count += 1
        usage = event.get("usage") or usage
        if isinstance(event.get("response"), Mapping):
            snapshot, is_over = event["response"], kind in TERMINAL
            usage = event["response"].get("usage") or usage
        elif kind == "error":
            failure = {"status": "failed", "error": _error(event)}
        else:
            _add_event(output, kind, event)
    if not count:
        return None
    whole: JsonObject = {"object": "response", "status": "in_progress", **(snapshot or {}), **failure}
    sent, rebuilt = whole.get("output"), output.whole()
    whole["output"] = sent if sent and (is_over or not rebuilt) else rebuilt
    if usage and not whole.get("usage"):
        whole["usage"] = usage  # some servers send it before the last event only
    return whole


def _error(event: Mapping[str, Any]) -> JsonObject:
    nested = event.get("error")
    error = nested if isinstance(nested, Mapping) else event
    return {name: error[name] for name in ("code", "message", "param") if name in error}


def _add_event(output: _Output, kind: str, event: Mapping[str, Any]) -> None:
    stem, _, step = kind.rpartition(".")
    item = event.get("item")
    if stem in TEXTS:
        _add_text(output, TEXTS[stem], step, event)
    elif stem in PARTS and isinstance(event.get("part"), Mapping):
        _add_part(output, stem, step, event)
    elif stem == "response.output_item" and isinstance(item, Mapping):
        (output.finish if step == "done" else output.add)(event.get("output_index"), item)
    elif kind == "response.output_text.annotation.added":
        part = output.find(event, "message").part("content", event.get("content_index"), "output_text")
        part.extend("annotations", [event.get("annotation")])
    elif step in CALL_STATES:
        output.set_status(event, step)


def _add_part(output: _Output, stem: str, step: str, event: Mapping[str, Any]) -> None:
    name, index_name, item_type = PARTS[stem]
    item, index, part = output.find(event, item_type), event.get(index_name), event["part"]
    if step == "added":
        item.add_part(name, index, part)
    else:
        item.part(name, index, str(part.get("type"))).settle(part)


def _add_text(output: _Output, text: _Text, step: str, event: Mapping[str, Any]) -> None:
    item = output.find(event, text.item_type)
    target: _Growing = item
    if text.parts is not None:
        name, index_name, part_type = text.parts
        target = item.part(name, event.get(index_name), part_type)
    if step == "delta":
        target.grow(text.field, event.get("delta"))
        target.extend("logprobs", event.get("logprobs"))
    elif step == "done":
        target.settle({name: event.get(name) for name in (text.field, "logprobs")})


def _is_index(value: Any) -> bool:
    return type(value) is int


# --- other families ---


def _fold_transcription(events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    pieces: list[str] = []
    segments: list[JsonObject] = []
    logprobs: list[Any] = []
    done: JsonObject | None = None
    for event in events:
        kind = event["type"]
        if kind == "transcript.text.delta" and isinstance(event.get("delta"), str):
            pieces.append(event["delta"])
            logprobs += event["logprobs"] if isinstance(event.get("logprobs"), list) else ()
        elif kind == "transcript.text.segment":
            segments.append(dict(event))
        elif kind == "transcript.text.done":
            done = {name: value for name, value in event.items() if name != "type"}
    if done is None and not pieces and not segments:
        return None
    text = "".join(pieces) or " ".join(str(segment.get("text") or "").strip() for segment in segments)
    parts = {"text": text, "segments": segments, "logprobs": logprobs}
    received = {name: value for name, value in parts.items() if value or name == "text"}
    return {**received, **{name: value for name, value in (done or {}).items() if value or name not in received}}


IMAGE_FIELDS = ("background", "output_format", "quality", "size", "usage")


def _fold_image(events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    partial: dict[Any, Mapping[str, Any]] = {}
    completed: list[Mapping[str, Any]] = []
    for event in events:
        if event["type"].endswith(".completed"):
            completed.append(event)
        elif event["type"].endswith(".partial_image"):
            index = event.get("partial_image_index")
            partial[index if _is_index(index) else 0] = event
    images = completed or [event for _, event in sorted(partial.items())]
    if not images:
        return None
    last = images[-1]
    whole = {"created": last.get("created_at"), **{name: last.get(name) for name in IMAGE_FIELDS}}
    data = [{"b64_json": event.get("b64_json")} for event in images]
    return {**{name: value for name, value in whole.items() if value is not None}, "data": data}


def _fold_speech(events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    usage = None
    for event in events:
        if event["type"] == "speech.audio.done":
            usage = event.get("usage")
    return None if usage is None else {"usage": usage}


FOLDS: Mapping[str, Callable[[Iterable[Mapping[str, Any]]], JsonObject | None]] = MappingProxyType(
    {
        "responses": _fold_responses,
        "messages": fold_message,
        "transcription": _fold_transcription,
        "image": _fold_image,
        "speech": _fold_speech,
    }
)
