"""Read unchecked data: the caller's, whose mistakes are the caller's, and the upstream's, whose mistakes are read over.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import Route

__all__ = ["count", "item_list", "list_field", "object_of", "objects", "string", "wanted"]


def wanted(owner: Any, name: str, kind: type | tuple[type, ...], place: str, route: Route) -> Any:
    """Return a field of what the caller wrote; `place` names its owner.

    Raises:
        BadRequestError: it is missing, or of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, kind):
        given = "missing" if value is None else type(value).__name__
        raise route.bad_request(_param(place), f"{place}.{name} is {given}, and must be {_noun(kind)}")
    return value


def list_field(owner: Mapping[str, Any], name: str, place: str, route: Route) -> Sequence[Any]:
    """Return a list of the caller's, empty if it is missing.

    Raises:
        BadRequestError: it is something else.
    """
    value = owner.get(name)
    return () if value is None else item_list(value, f"{place}.{name}", route)


def item_list(value: Any, place: str, route: Route) -> Sequence[Any]:
    """Return a list of the caller's.

    Raises:
        BadRequestError: it is something else.
    """
    if not isinstance(value, (list, tuple)):
        raise route.bad_request(_param(place), f"{place} must be a list, not {type(value).__name__}")
    return value


def object_of(value: Any, place: str, route: Route) -> Mapping[str, Any]:
    """Return an object of the caller's.

    Raises:
        BadRequestError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise route.bad_request(_param(place), f"{place} must be an object, not {type(value).__name__}")
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list of the upstream's; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(value: Any) -> str:
    """Return a string of the upstream's; empty for anything else."""
    return value if isinstance(value, str) else ""


def count(value: Any) -> int:
    """Return a count of the upstream's; 0 for anything else."""
    return value if type(value) is int and value >= 0 else 0


def _param(place: str) -> str:
    return place.partition("[")[0].partition(".")[0]


def _noun(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(_NOUNS.get(one.__name__, one.__name__) for one in kinds)


_NOUNS: Mapping[str, str] = MappingProxyType({"str": "a string", "Mapping": "an object", "list": "a list"})
