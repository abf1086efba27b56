"""Read what a caller wrote: a field of the right type, or the caller's error.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import Route

__all__ = ["MESSAGES", "items_of", "object_in", "string_in"]

MESSAGES = "messages"


def string_in(owner: Any, name: str, route: Route, param: str = MESSAGES) -> str:
    """Return a string of an object.

    Raises:
        BadRequestError: it is missing, or of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, str):
        raise route.bad_request(param, f"{name} must be a string, not {type(value).__name__}")
    return value


def object_in(owner: Any, name: str, route: Route, param: str = MESSAGES) -> Mapping[str, Any]:
    """Return an object of an object.

    Raises:
        BadRequestError: it is missing, or of another type.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, Mapping):
        raise route.bad_request(param, f"{name} must be an object, not {type(value).__name__}")
    return value


def items_of(value: Any, name: str, route: Route, param: str = MESSAGES) -> Sequence[Any]:
    """Return a list, empty if it is missing.

    Raises:
        BadRequestError: it is of another type.
    """
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise route.bad_request(param, f"{name} must be a list, not {type(value).__name__}")
    return value
