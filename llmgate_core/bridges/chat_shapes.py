"""Read a chat completion that no one has checked: the errors for one that is malformed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import Converted
from llmgate_core.errors import APIResponseValidationError

__all__ = ["SHAPE_ERRORS", "convert_choices", "misshapen", "no_choice"]

Convert = Callable[[Call, Route, JsonObject, list[Any]], Converted]
SHAPE_ERRORS = (AttributeError, KeyError, TypeError, ValueError)
"""The exceptions of reading a field of the wrong type in unchecked data."""


def convert_choices(convert: Convert, call: Call, route: Route, answer: JsonObject) -> Converted:
    """Return what `convert` makes of a chat completion and its choices.

    Raises:
        APIResponseValidationError: it has no choice or does not have the documented shape.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise no_choice(route)
    try:
        return convert(call, route, answer, choices)
    except SHAPE_ERRORS as error:
        raise misshapen(route, error) from error


def misshapen(route: Route, error: Exception) -> APIResponseValidationError:
    """Return the error for a response whose fields have the wrong types."""
    return _invalid_response(route, f"does not have the documented shape: {type(error).__name__}: {error}"[:500])


def no_choice(route: Route) -> APIResponseValidationError:
    """Return the error for a response without a choice."""
    return _invalid_response(route, "has no choice")


def _invalid_response(route: Route, message: str) -> APIResponseValidationError:
    return APIResponseValidationError(
        f"the upstream's response {message}", status_code=200, provider=route.provider, model=route.model
    )
