"""Values that arrive in pieces: strings, lists and objects.

Pure. Pieces are collected and joined once, so that long answers take linear time.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, TypeGuard

from llmgate_core.contract.call import JsonObject

__all__ = ["extended", "grown", "is_empty", "joined", "merged"]

GROWING = frozenset({"arguments", "content", "data", "input", "reasoning", "text", "thinking", "transcript"})
"""Strings of an object (audio, the legacy function_call, a tool call's function) that arrive in pieces."""


class Pieces(list[str]):
    """The pieces of a string."""


class Parts(list[Any]):
    """A list of our own, which may be extended: the data of a chunk is never modified."""


def is_empty(value: Any) -> bool:
    """Return whether a value says nothing, as servers fill the fields of later pieces."""
    return value is None or (not value and isinstance(value, (str, list, dict)))


def grown(old: Any, text: str) -> Any:
    """Return a string with another piece. To a list of parts, which some servers send, it is added as one."""
    if isinstance(old, Pieces):
        old.append(text)
        return old
    if isinstance(old, Parts):
        return extended(old, [{"type": "text", "text": text}], of_parts=True) if text else old
    return Pieces((old, text)) if isinstance(old, str) and old else Pieces((text,))


def extended(old: Any, items: list[Any], *, of_parts: bool = False) -> Any:
    """Return a list with more items. In a list `of_parts` a text part continues the text part before it."""
    if isinstance(old, Pieces):
        old = Parts([{"type": "text", "text": old}] if any(old) else ())
    elif not isinstance(old, Parts):
        old = Parts()
    for item in items:
        last = old[-1] if old else None
        if of_parts and _is_text_part(item) and _is_text_part(last) and item["type"] == last["type"]:
            old[-1] = {**last, "text": grown(last["text"], item["text"])}
        else:
            old.append(item)
    return old


def _is_text_part(part: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(part, Mapping) and part.keys() == {"type", "text"} and isinstance(part["text"], str | Pieces)


def merged(old: Any, new: Mapping[str, Any]) -> Any:
    """Return an object with another piece: lists and text grow, of other values the last non-empty one wins."""
    whole: JsonObject = old if isinstance(old, dict) else {}
    for name, value in new.items():
        if name in GROWING and isinstance(value, str):
            whole[name] = grown(whole.get(name), value)
        elif isinstance(value, list):
            whole[name] = extended(whole.get(name), value)
        elif name in ("id", "name", "type") and not is_empty(whole.get(name)):
            pass  # the identity of a call does not change
        elif name not in whole or not is_empty(value):
            whole[name] = value
    return whole


def joined(value: Any) -> Any:
    """Return the value with all pieces in it joined."""
    if isinstance(value, Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined_member(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [joined(item) for item in value]
    return value


def _joined_member(name: str, value: Any) -> Any:
    return _joined_base64(value) if name == "data" and isinstance(value, Pieces) else joined(value)


def _joined_base64(pieces: Pieces) -> str:
    """Return the base64 of all bytes; a server may cut it anywhere, or encode each piece alone, with padding."""
    text = "".join(pieces)
    if "=" not in text.rstrip("="):
        return text
    try:
        return b64encode(b"".join(map(b64decode, pieces))).decode()
    except ValueError:  # it is something else
        return text
