"""Rewrite the text in a stream, wherever its chunks cut it: a `StreamRewriter` for extensions.

Pure. Knows the places of text in the chunks and events of chat, text completion, Responses and Messages, and no
provider.

Source: docs/plugins/extensions.md; OpenAI API reference, the stream sections of each endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["TextRewriter", "map_strings"]

TEXTS = frozenset({"content", "reasoning_content", "reasoning", "refusal"})
"""Fields of a chat delta that hold text, besides the arguments of tool calls."""
TEXT_OF_DELTA = MappingProxyType(
    {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
)
"""Type of a delta of a message's block -> its field of text."""
WITHOUT_TEXT = frozenset({"ping", "message_start", "content_block_start", "message_delta"})
"""Events of a message's stream around its text."""
PLACE_OF_EVENT = ("type", "output_index", "content_index", "summary_index")
ALL = object()
NOT_TEXTS = frozenset(
    {"type", "object", "id", "item_id", "call_id", "response_id", "previous_response_id", "status", "role", "model",
     "encrypted_content", "signature"}
)  # fmt: skip
"""Fields of an event whose strings programs compare or send back."""
NO_LOGPROBS = LedgerEntry(
    "logprobs", "dropped", "an extension has rewritten or held back the text", "docs/plugins/extensions.md", lossy=True
)
"""They are those of the upstream's text, and would repeat it beside the rewritten one."""

Rewrite = Callable[[str, bool], "tuple[str, str]"]
ChunkOf = Callable[[str], JsonObject]
_Place = tuple[Any, Any]
"""The index of a choice or the id of an item, and which of its fields."""


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON in which `change` has been applied to every string but the names of fields."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {name: map_strings(item, change) for name, item in value.items()}
    return value


class TextRewriter:
    """Rewrites all text in one stream: the content of each choice, the arguments of each tool call, and so on.

    A chunk whose text goes out otherwise than it came loses its `logprobs`. Numbered events are numbered again where
    that is needed for each number to be larger than the one before.

    Args:
        rewrite: called for each of them with the characters that have come and are not out yet, and whether these are
            the last; returns what goes out now, and what is held back until more has come. What it holds back from
            the last characters is dropped.

    Attributes:
        ledger: that log probabilities were dropped.
    """

    def __init__(self, rewrite: Rewrite) -> None:
        self.ledger: Sequence[LedgerEntry] = ()
        self._number = -1  # of the last event
        self._rewrite = rewrite
        self._held: dict[_Place, tuple[str, ChunkOf]] = {}  # what is held back, and what makes a chunk of it

    def feed(self, chunk: JsonObject) -> list[JsonObject]:
        """Return the chunks that take the place of one."""
        if isinstance(chunk.get("type"), str):
            return [self._numbered(event) for event in self._of_event(chunk)]
        choices, sent = [], chunk.get("choices")
        if not isinstance(sent, list):
            return [chunk]
        before: list[JsonObject] = []
        for choice in sent:
            is_dict = isinstance(choice, dict)
            choices.append(self._of_choice(chunk, choice) if is_dict else choice)
            if is_dict and choice.get("finish_reason"):
                before += self._flushed(choice.get("index"))
        return [*before, {**chunk, "choices": choices}]

    def close(self) -> list[JsonObject]:
        """Return what was held back."""
        return [self._numbered(chunk) for chunk in self._flushed(ALL)]

    def _of_event(self, event: JsonObject) -> list[JsonObject]:
        kind, item = event["type"], event.get("item_id")
        if kind in WITHOUT_TEXT:
            return [event]
        if kind == "content_block_delta":
            return self._of_block_delta(event, event.get("delta"))
        if kind == "content_block_stop":
            item = event.get("index")
        if kind.endswith(".delta") and isinstance(event.get("delta"), str):
            place = (item, tuple(event.get(name) for name in PLACE_OF_EVENT))
            bare = _without_logprobs(event)
            text = self._ready(place, event["delta"], lambda text: {**bare, "delta": text})
            if text == event["delta"]:
                return [event]
            self._note_loss(event, bare)
            return [{**bare, "delta": text}] if text else []
        ended, bare = self._flushed(ALL if item is None else item), _without_logprobs(event)
        rewritten = _map_texts(bare, lambda text: self._rewrite(text, True)[0])
        if rewritten == bare:
            return [*ended, event]
        self._note_loss(event, bare)
        return [*ended, rewritten]

    def _of_block_delta(self, event: JsonObject, delta: Any) -> list[JsonObject]:
        """Return the events that take the place of a delta of a message's block."""
        kind = delta.get("type") if isinstance(delta, dict) else None
        field = TEXT_OF_DELTA.get(kind) if isinstance(kind, str) else None
        if field is None or not isinstance(delta.get(field), str):
            return [event]

        def event_of(text: str) -> JsonObject:
            return {**event, "delta": {**delta, field: text}}

        text = self._ready((event.get("index"), field), delta[field], event_of)
        if text == delta[field]:
            return [event]
        return [event_of(text)] if text else []

    def _of_choice(self, chunk: JsonObject, choice: JsonObject) -> JsonObject:
        index, is_end, delta = choice.get("index"), bool(choice.get("finish_reason")), choice.get("delta")

        def ready(name: str, text: Any, around: ChunkOf) -> Any:
            def chunk_of(text: str) -> JsonObject:
                return {**chunk, "usage": None, "choices": [{"index": index, **around(text), "finish_reason": None}]}

            return self._ready((index, name), text, chunk_of, is_end=is_end) if isinstance(text, str) else text

        if "text" in choice:
            text = ready("text", choice["text"], lambda text: {"text": text})
            return self._with_text(choice, "text", text)
        if not isinstance(delta, dict):
            return choice
        delta = {name: ready(name, value, _in_delta(name)) if name in TEXTS else value for name, value in delta.items()}
        if isinstance(delta.get("tool_calls"), list):
            delta["tool_calls"] = [_of_tool_call(call, ready) for call in delta["tool_calls"]]
        return self._with_text(choice, "delta", delta)

    def _with_text(self, choice: JsonObject, name: str, text: Any) -> JsonObject:
        """Return a choice with another text or delta; with its own `logprobs` only if it is the same."""
        bare = choice if choice[name] == text else _without_logprobs(choice)
        self._note_loss(choice, bare)
        return {**bare, name: text}

    def _note_loss(self, before: JsonObject, bare: JsonObject) -> None:
        if bare != before:
            self.ledger = (NO_LOGPROBS,)

    def _numbered(self, event: JsonObject) -> JsonObject:
        """Return an event with a larger number than the one before; one without a number stays so."""
        number = event.get("sequence_number")
        if type(number) is not int:
            return event
        self._number = max(number, self._number + 1)
        return event if number == self._number else {**event, "sequence_number": self._number}

    def _ready(self, place: _Place, text: str, chunk_of: ChunkOf, *, is_end: bool = False) -> str:
        held, _ = self._held.pop(place, ("", None))
        out, held = self._rewrite(held + text, is_end)
        if held:
            self._held[place] = held, chunk_of
        return out

    def _flushed(self, owner: Any) -> list[JsonObject]:
        """Return what was held back of one choice or item, or of all."""
        places = [place for place in self._held if owner is ALL or place[0] == owner]
        ended = [self._held.pop(place) for place in places]
        return [chunk_of(self._rewrite(held, True)[0]) for held, chunk_of in ended]


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return an event in which `change` has been applied to every string that may be text."""
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    if not isinstance(value, dict):
        return change(value) if isinstance(value, str) else value
    return {name: item if name in NOT_TEXTS else _map_texts(item, change) for name, item in value.items()}


def _without_logprobs(value: Any) -> Any:
    """Return JSON whose log probabilities are as if none had been asked for."""
    if isinstance(value, list):
        return [_without_logprobs(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: ([] if isinstance(item, list) else None) if name == "logprobs" else _without_logprobs(item)
        for name, item in value.items()
    }


def _in_delta(name: str) -> ChunkOf:
    return lambda text: {"delta": {name: text}}


def _of_tool_call(call: Any, ready: Callable[[str, Any, ChunkOf], Any]) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or "arguments" not in function:
        return call
    number = call.get("index")

    def around(text: str) -> JsonObject:
        return {"delta": {"tool_calls": [{"index": number, "function": {"arguments": text}}]}}

    arguments = ready(f"tool call {number}", function["arguments"], around)
    return {**call, "function": {**function, "arguments": arguments}}
