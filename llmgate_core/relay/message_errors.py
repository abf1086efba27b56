"""Errors in the shape of the Messages API, for servers: the body of an answer, and the last event of a stream.

Pure.

Source: Anthropic API reference, `ErrorResponse`, and its page of errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.errors import LLMGateError

__all__ = ["message_error"]

TYPE_OF_STATUS: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        409: "conflict_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
"""HTTP status -> the type of the error. Of the others those below 500 are `invalid_request_error`, else `api_error`."""
TYPES = frozenset(TYPE_OF_STATUS.values())


def message_error(error: LLMGateError) -> dict[str, Any]:
    """Return the whole object `{"type": "error", "error": ...}`, with the upstream's own words where it sent any."""
    message = getattr(error, "message", None) or str(error)
    return {"type": "error", "error": {"type": _type_of(error), "message": message}}


def _type_of(error: LLMGateError) -> str:
    own, status = getattr(error, "type", None), getattr(error, "status_code", None)
    if own in TYPES:
        return str(own)
    if not isinstance(status, int):
        return "api_error"
    return TYPE_OF_STATUS.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")
