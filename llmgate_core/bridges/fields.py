"""Read fields of unchecked data, and name those that a conversion leaves out.

Pure. A field of another type than documented reads as an empty one; what is empty says nothing, so nothing is lost
with it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.json_codec import encode

__all__ = ["count_of", "list_of", "listed", "object_of", "objects_of", "other_fields", "string_of", "text_of_value"]

MAX_NAMES = 8
MAX_NAME_CHARACTERS = 40
EMPTY: Mapping[str, Any] = MappingProxyType({})


def count_of(value: Any) -> int:
    """Return `value` if it is a count, or else 0."""
    return value if type(value) is int and value > 0 else 0


def list_of(value: Any) -> list[Any]:
    """Return `value` if it is a list, or else an empty list."""
    return value if isinstance(value, list) else []


def object_of(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, or else an empty one."""
    return value if type(value) is dict or isinstance(value, Mapping) else EMPTY


def objects_of(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list; some servers send a single object without a list."""
    if value is None or type(value) is str:  # before the slow question whether it is a mapping
        return []
    if type(value) is not list and isinstance(value, Mapping):
        return [value]
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if type(item) is dict or isinstance(item, Mapping)]


def string_of(value: Any) -> str:
    """Return `value` if it is a string, or else an empty string."""
    return value if isinstance(value, str) else ""


def text_of_value(value: Any) -> str:
    """Return a string as it is and any other value as JSON, as the arguments of a call; nothing for null."""
    if value is None or isinstance(value, str):
        return value or ""
    return encode(value).decode()


def other_fields(fields: Mapping[str, Any], known: Container[str]) -> dict[str, Any]:
    """Return the fields that are not `known` and say something."""
    return {name: value for name, value in fields.items() if name not in known and not _is_empty(value)}


def listed(names: Iterable[Any]) -> str:
    """Return names for a message: the first of them, cut, since callers and servers choose them."""
    shown = [str(name)[:MAX_NAME_CHARACTERS] for name in names]
    return ", ".join(shown[:MAX_NAMES]) + (", ..." if len(shown) > MAX_NAMES else "")


def _is_empty(value: Any) -> bool:
    return value is None or (not value and isinstance(value, (str, list, tuple, dict)))
