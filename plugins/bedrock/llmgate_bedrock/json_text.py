"""JSON inside of a request: a schema that Converse takes as a string, a body that CountTokens takes as bytes. Pure."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import Route, encode

__all__ = ["json_of"]


def json_of(value: Any, param: str, route: Route) -> bytes:
    """Return a value as JSON.

    Raises:
        BadRequestError: JSON has no form for a part of it.
    """
    try:
        return encode(value)
    except ValueError as why:
        raise route.bad_request(param, f"{param} cannot be sent as JSON: {why}") from None
