"""What core adds to a converted answer: the fields of a canonical one that an upstream with another API does not have.

Only to what a plugin made: an answer that it left as it is stays as it is. Nothing that is there is overwritten; null
counts as missing.

Pure.

Source: OpenAI API reference: the required fields of a chat completion, a text completion, an embedding, a response, and
of their chunks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.upstream import SSEEvent, StreamParser
from llmgate_core.reading.accumulate.tool_calls import CallPlaces

__all__ = ["filled_answer", "filled_stream"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What every answer of a family has.

    Attributes:
        kind, chunk_kind: the `object` of a whole answer and of a chunk; None: a chunk has none.
        id_prefix: of an id; empty: an answer has no id.
        created: the name of the time it was made at; None: it has none.
        items: the list whose objects have an `index`; None: they have none.
        item_kind: the `object` of these; None: they have none.
    """

    kind: str
    chunk_kind: str | None = None
    id_prefix: str = ""
    created: str | None = None
    items: str | None = None
    item_kind: str | None = None


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "chat": Shape("chat.completion", "chat.completion.chunk", "chatcmpl-", "created", "choices"),
        "text_completion": Shape("text_completion", "text_completion", "cmpl-", "created", "choices"),
        "embedding": Shape("list", items="data", item_kind="embedding"),
        "responses": Shape("response", id_prefix="resp_", created="created_at"),
        "moderation": Shape("", id_prefix="modr-"),
        "messages": Shape("", id_prefix="msg_"),
    }
)
PARTS_OF_TOTAL = (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))


def filled_answer(call: Call, model: str, answer: JsonObject, now: float) -> JsonObject:
    """Return a whole converted answer with what it lacks; the same object if it lacks nothing.

    Args:
        call: as the plugin got it.
        model: the upstream's name for the model.
        answer: what the plugin made.
        now: seconds since 1970.
    """
    shape = SHAPES.get(call.family)
    if shape is None or call.operation != "create":
        return answer
    return _filled(answer, shape, shape.kind, _head(shape, model, now))


def _head(shape: Shape, model: str, now: float) -> JsonObject:
    """Return the fields that all chunks of a stream share."""
    head: JsonObject = {"model": model} if model else {}
    if shape.id_prefix:
        head["id"] = shape.id_prefix + os.urandom(16).hex()
    if shape.created is not None:
        head[shape.created] = int(now)
    return head


def _filled(answer: JsonObject, shape: Shape, kind: str | None, head: JsonObject) -> JsonObject:
    added: JsonObject = {name: value for name, value in head.items() if answer.get(name) is None}
    if kind and answer.get("object") is None:
        added["object"] = kind
    items = answer.get(shape.items) if shape.items else None
    if shape.items and isinstance(items, list):
        added[shape.items] = [_filled_item(item, at, shape) for at, item in enumerate(items)]
    if (usage := _filled_usage(answer.get("usage"), shape)) is not None:
        added["usage"] = usage
    return {**answer, **added} if added else answer


def _filled_item(item: Any, at: int, shape: Shape) -> Any:
    if not isinstance(item, dict):
        return item
    added: JsonObject = {} if item.get("index") is not None else {"index": at}
    if shape.item_kind and item.get("object") is None:
        added["object"] = shape.item_kind
    message = item.get("message")
    if isinstance(message, dict) and message.get("role") is None:
        added["message"] = {**message, "role": "assistant"}
    return {**item, **added} if added else item


def _filled_usage(usage: Any, shape: Shape) -> JsonObject | None:
    """Return a usage with its total; None: nothing is missing, or its parts are."""
    if not isinstance(usage, dict) or usage.get("total_tokens") is not None:
        return None
    for names in PARTS_OF_TOTAL:
        parts = [usage.get(name) for name in names]
        if shape.item_kind == "embedding" and parts[1] is None:
            parts[1] = 0  # an embedding's usage has no other part
        if all(type(part) is int for part in parts):
            return {**usage, "total_tokens": sum(part for part in parts if part is not None)}
    return None


class FilledStream:
    """A plugin's parser, whose chunks have what they lack: one id, one time, and the role of each choice once.

    Once the plugin has given an id, a time or a model itself, that is the one of the chunks after it. Pieces of tool
    calls get the index of their call.
    """

    __slots__ = ("_begun", "_head", "_parser", "_places", "_shape")

    def __init__(self, parser: StreamParser, shape: Shape, model: str, now: float) -> None:
        self._parser = parser
        self._shape = shape
        self._head = _head(shape, model, now)
        self._places: dict[Any, CallPlaces] = {}  # by the index of a choice
        self._begun: set[int] = set()  # the choices that have their role

    def feed(self, event: SSEEvent) -> Iterable[JsonObject]:
        """Return the chunks of an event."""
        pieces = self._parser.feed(event)
        if type(pieces) is list and len(pieces) == 1:  # most events
            return (self._filled_piece(pieces[0]),)
        return map(self._filled_piece, pieces)

    def close(self) -> Iterable[JsonObject]:
        """Return the last chunks."""
        return map(self._filled_piece, self._parser.close())

    @property
    def done(self) -> bool:
        """Whether the parser says that the stream has ended; it is asked after each event."""
        return bool(getattr(self._parser, "done", False))

    def __getattr__(self, name: str) -> Any:
        """Return another optional attribute of the parser: `framing`, `ledger`, `usage`, `error`, `failed`."""
        return getattr(self._parser, name)

    def _filled_piece(self, piece: JsonObject) -> JsonObject:
        head, shape = self._head, self._shape
        missing: JsonObject = {}
        for name, value in head.items():
            said = piece.get(name)
            if said is None:
                missing[name] = value
            else:
                head[name] = said
        if not self._lacks_head_alone(piece):
            return self._with_roles(self._with_indexes(_filled(piece, shape, shape.chunk_kind, head)))
        if piece.get("object") is None:
            missing["object"] = shape.chunk_kind
        return {**piece, **missing} if missing else piece

    def _lacks_head_alone(self, chunk: JsonObject) -> bool:
        """Return whether a chunk is one more piece of one choice, without a call of a tool and without usage."""
        choices = chunk.get("choices")
        if type(choices) is not list or len(choices) != 1 or chunk.get("usage") is not None:
            return False
        choice = choices[0]
        if type(choice) is not dict or type(index := choice.get("index")) is not int or index not in self._begun:
            return False
        delta = choice.get("delta")
        return type(delta) is dict and "tool_calls" not in delta and "message" not in choice

    def _with_indexes(self, chunk: JsonObject) -> JsonObject:
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not any(map(_tool_calls_of, choices)):
            return chunk
        return {**chunk, "choices": [self._indexed(choice) for choice in choices]}

    def _indexed(self, choice: Any) -> Any:
        if not (calls := _tool_calls_of(choice)):
            return choice
        places = self._places.setdefault(choice["index"], CallPlaces())
        keys = [places.key_of(call) if isinstance(call, dict) else (0, 0) for call in calls]
        indexed = [
            {**call, "index": key[0]} if isinstance(call, dict) and call.get("index") is None else call
            for call, key in zip(calls, keys, strict=True)
        ]
        return {**choice, "delta": {**choice["delta"], "tool_calls": indexed}}

    def _with_roles(self, chunk: JsonObject) -> JsonObject:
        """Return a chunk with the role in the first delta of each choice, where the OpenAI API has it."""
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not any(map(self._lacks_role, choices)):
            return chunk
        return {**chunk, "choices": [self._with_role(choice) for choice in choices]}

    def _lacks_role(self, choice: Any) -> bool:
        if not isinstance(choice, dict) or not isinstance(choice.get("delta"), dict):
            return False
        return type(choice["index"]) is int and choice["index"] not in self._begun

    def _with_role(self, choice: Any) -> Any:
        if not self._lacks_role(choice):
            return choice
        self._begun.add(choice["index"])
        delta = choice["delta"]
        return choice if delta.get("role") is not None else {**choice, "delta": {**delta, "role": "assistant"}}


def _tool_calls_of(choice: Any) -> list[Any]:
    """Return the pieces of tool calls in the choice of a chunk."""
    delta = choice.get("delta") if isinstance(choice, dict) else None
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    return calls if isinstance(calls, list) and isinstance(choice["index"], int) else []


def filled_stream(parser: StreamParser, call: Call, model: str, now: float) -> StreamParser:
    """Return a parser whose chunks have what they lack; the same object for typed events, which need nothing."""
    shape = SHAPES.get(call.family)
    if shape is None or shape.chunk_kind is None:
        return parser
    return cast(StreamParser, FilledStream(parser, shape, model, now))
