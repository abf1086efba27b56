"""Read what a caller wrote, in which every field may have any type: a mistake is the caller's error, with its place.

Pure. A place is where something is in the body, such as `messages[2].tool_calls[0]`, and empty for the body itself; the
`param` of an error is what it begins with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import JsonObject, Route
from llmgate_core.errors import BadRequestError
from llmgate_core.json_codec import decode

__all__ = ["arguments_of", "asks_for_usage", "given_list", "given_object", "given_string", "object_at"]

MESSAGES = "messages"
KINDS: Mapping[type, str] = MappingProxyType({str: "a string", list: "a list", dict: "an object"})


def given_string(owner: Any, name: str, route: Route, place: str = MESSAGES) -> str:
    """Return a field of an object; `place` is the object's.

    Raises:
        BadRequestError: the field is missing, or not a string.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if not isinstance(value, str):
        raise _wrong(value, "a string", _inside(place, name), route)
    return value


def given_object(owner: Any, name: str, route: Route, place: str = MESSAGES) -> Mapping[str, Any]:
    """Return a field of an object; `place` is the object's.

    Raises:
        BadRequestError: the field is missing, or not an object.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    return value if isinstance(value, Mapping) else object_at(_inside(place, name), value, route)


def given_list(owner: Any, name: str, route: Route, place: str = MESSAGES) -> Sequence[Any]:
    """Return a field of an object, empty if it is missing or null; `place` is the object's.

    Raises:
        BadRequestError: the field is not a list.
    """
    value = owner.get(name) if isinstance(owner, Mapping) else None
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise _wrong(value, "a list", _inside(place, name), route)
    return value


def object_at(place: str, value: Any, route: Route) -> Mapping[str, Any]:
    """Return what is at a place.

    Raises:
        BadRequestError: it is missing, or not an object.
    """
    if not isinstance(value, Mapping):
        raise _wrong(value, "an object", place, route)
    return value


def arguments_of(function: Mapping[str, Any]) -> JsonObject | None:
    """Return the arguments of a call in a message as an object; None: they are not one.

    They are a string of JSON; some servers send an object. A call without arguments has none or an empty string.
    """
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        return dict(arguments)
    if not arguments:
        return {} if arguments is None or arguments == "" else None
    try:
        parsed = decode(arguments) if isinstance(arguments, str) else None
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    """Return whether a stream of chunks ends with one that says how many tokens it took."""
    options = body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _wrong(value: Any, wanted: str, place: str, route: Route) -> BadRequestError:
    given = "missing or null" if value is None else KINDS.get(type(value), type(value).__name__)
    return route.bad_request(place.partition("[")[0].partition(".")[0], f"{place} is {given}, and must be {wanted}")
