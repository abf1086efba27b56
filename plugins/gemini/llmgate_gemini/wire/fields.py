"""Read what a caller wrote, and what an upstream sent: both may have any type anywhere.

Pure. A malformed value of the caller's is a `BadRequestError`; one of the upstream's counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Route, decode

__all__ = ["count", "given_list", "given_object", "given_string", "objects", "parsed_object", "string", "table"]

MAX_SHOWN = 60
KINDS: Mapping[type, str] = MappingProxyType({str: "a string", list: "a list", dict: "an object"})


def given_string(owner: Any, name: str, route: Route, *, param: str = "messages") -> str:
    """Return a string of the caller's.

    Raises:
        BadRequestError: it is missing or of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, str):
        raise route.bad_request(param, f"{param}: {name} must be a string, not {_kind(value)}")
    return value


def given_object(owner: Any, name: str, route: Route, *, param: str = "messages") -> Mapping[str, Any]:
    """Return an object of the caller's.

    Raises:
        BadRequestError: it is missing or of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, Mapping):
        raise route.bad_request(param, f"{param}: {name} must be an object, not {_kind(value)}")
    return value


def given_list(owner: Any, name: str, route: Route, *, param: str = "messages") -> Sequence[Any]:
    """Return a list of the caller's; null or nothing is an empty one.

    Raises:
        BadRequestError: it is of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise route.bad_request(param, f"{param}: {name} must be a list, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "null or missing" if value is None else KINDS.get(type(value), type(value).__name__)


def string(value: Any) -> str:
    """Return a string of the upstream's; empty for anything else."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int | None:
    """Return a count of the upstream's; None for anything else."""
    return value if type(value) is int and value >= 0 else None


def table(value: Any) -> JsonObject:
    """Return an object of the upstream's; empty for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[JsonObject]:
    """Yield the objects of a list of the upstream's; nothing for anything else."""
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def parsed_object(text: str) -> JsonObject | None:
    """Return the JSON object that a string holds; None: it holds something else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = decode(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
