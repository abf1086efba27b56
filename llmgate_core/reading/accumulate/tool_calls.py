"""Tell the streamed tool calls of one message apart, and put each together.

Pure. The one rule for whole answers, for `partial` and for the bridge to the Responses API.

Source: OpenAI API reference, `ChatCompletionMessageToolCallChunk`: pieces with the same `index` belong together. Some
servers send no index, one index for all calls, or the id again, or an empty one, with each piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.reading.accumulate.pieces import is_empty, joined, merged

__all__ = ["CallKey", "CallPlaces", "ToolCalls"]

CallKey = tuple[int, int]
"""The index of a call, and its number among the calls with this index; sorted, keys have the order of the calls."""


class CallPlaces:
    """Says which call of one message a piece belongs to."""

    __slots__ = ("_by_id", "_ids", "_last", "_latest")

    def __init__(self) -> None:
        self._latest: dict[int, CallKey] = {}  # by index
        self._ids: dict[CallKey, str] = {}
        self._by_id: dict[str, CallKey] = {}
        self._last: CallKey | None = None

    def key_of(self, piece: Mapping[str, Any]) -> CallKey:
        """Return the key of the call that `piece` begins or continues."""
        index, call_id = piece.get("index"), piece.get("id")
        if not isinstance(call_id, str):
            call_id = ""
        if type(index) is int:
            key = self._with_index(index, call_id, _name_of(piece))
        else:
            key = self._without_index(call_id, _name_of(piece))
        self._latest[key[0]] = self._last = key
        if call_id and key not in self._ids:
            self._ids[key] = call_id
            self._by_id.setdefault(call_id, key)
        return key

    def _with_index(self, index: int, call_id: str, name: str) -> CallKey:
        latest = self._latest.get(index)
        if latest is None:
            return index, 0
        known = self._by_id.get(call_id)
        if known is not None and known[0] == index:
            return known
        has_other_id = call_id and latest in self._ids
        return (index, latest[1] + 1) if has_other_id and name else latest

    def _without_index(self, call_id: str, name: str) -> CallKey:
        known = self._by_id.get(call_id)
        if known is not None:
            return known
        if self._last is not None and not call_id and not name:
            return self._last
        return max(self._latest, default=-1) + 1, 0


class ToolCalls:
    """The tool calls of one message, from their pieces."""

    __slots__ = ("_calls", "_places")

    def __init__(self) -> None:
        self._places = CallPlaces()
        self._calls: dict[CallKey, JsonObject] = {}

    def add(self, pieces: Any) -> None:
        """Add what a chunk has under `tool_calls`: a list of pieces, from some servers one."""
        for piece in pieces if isinstance(pieces, list) else (pieces,):
            if isinstance(piece, Mapping):
                self._add_piece(self._calls.setdefault(self._places.key_of(piece), {}), piece)

    def whole(self) -> list[JsonObject]:
        """Return the calls so far, in order."""
        return [joined(self._calls[key]) for key in sorted(self._calls)]

    def _add_piece(self, call: JsonObject, piece: Mapping[str, Any]) -> None:
        for name, value in piece.items():
            if isinstance(value, Mapping):
                call[name] = merged(call.get(name), value)
            elif name in ("id", "type") and not is_empty(call.get(name)):
                pass  # the identity of a call does not change
            elif name != "index" and value is not None and (name not in call or not is_empty(value)):
                call[name] = value


def _name_of(piece: Mapping[str, Any]) -> str:
    for kind in ("function", "custom"):
        named = piece.get(kind)
        if isinstance(named, Mapping) and isinstance(named.get("name"), str) and named["name"]:
            return str(named["name"])
    return ""
