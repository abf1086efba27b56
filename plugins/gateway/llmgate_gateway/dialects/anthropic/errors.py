"""The shape of an error in Anthropic's API, whole or in a stream. Pure.

Source: Anthropic API reference, "Errors"; the types `ErrorResponse` and `ErrorObject` of its SDK 2.14.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from llmgate_core.serving import encode
from llmgate_gateway.dialects.anthropic.limits import own_names
from llmgate_gateway.http.responses import ErrorFacts, Reply, json_reply

__all__ = ["error_event", "error_reply"]

TYPE_OF_STATUS: Mapping[int, str] = MappingProxyType(
    {
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        408: "timeout_error",
        409: "conflict_error",
        413: "request_too_large",
        429: "rate_limit_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""Status -> type. Others below 500 are an `invalid_request_error`, others from 500 an `api_error`."""
OWN_TYPES: Final = frozenset({*TYPE_OF_STATUS.values(), "invalid_request_error", "api_error"})
TOO_LONG: Final = "context_length_exceeded"
TOO_LONG_WORDS: Final = "prompt is too long"
"""How Anthropic's API begins this message. Clients find no code, so Claude Code looks for these words to compact."""


def error_reply(error: ErrorFacts) -> Reply:
    """Return the response for an error."""
    return json_reply(_body(error), error.status, own_names(error.headers))


def error_event(error: ErrorFacts) -> bytes:
    """Return the event with which a stream says that it broke."""
    return b"event: error\ndata: " + encode(_body(error)) + b"\n\n"


def _body(error: ErrorFacts) -> dict[str, Any]:
    """Return the object of an error; `details` has what the rest of this gateway calls its code and parameter."""
    shown: dict[str, Any] = {"type": _type(error), "message": _message(error)}
    details = {"error_code": error.code, "param": error.param}
    if known := {name: value for name, value in details.items() if value is not None}:
        shown["details"] = known
    return {"type": "error", "error": shown, "request_id": error.request_id}


def _type(error: ErrorFacts) -> str:
    """Return the type: the upstream's if it is one of this API, where many clients decide by it; else the status's."""
    if error.kind in OWN_TYPES:
        return str(error.kind)
    usual = "invalid_request_error" if error.status < 500 else "api_error"
    return TYPE_OF_STATUS.get(error.status, usual)


def _message(error: ErrorFacts) -> str:
    is_told = error.code != TOO_LONG or TOO_LONG_WORDS in error.message.lower()
    return error.message if is_told else f"{TOO_LONG_WORDS}: {error.message}"
