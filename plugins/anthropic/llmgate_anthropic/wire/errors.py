"""Errors of the Messages API: what core cannot know by status and code. Tables first.

Pure. Core's own error has class, message, request id and `retry_after`; here the context's limit, which has no code of
its own, and the request id of the body.

Source: Anthropic API reference, errors; messages of the API as issue trackers quote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import UpstreamResponse, decode, error_of_object, errors

__all__ = ["STATUS_OF_TYPE", "map_error", "stream_error"]

CONTEXT_LENGTH = "context_length_exceeded"
TOO_LONG = ("prompt is too long", "exceed context limit", "exceeds the context window", "input is too long")
"""Words of an `invalid_request_error` which say that the context is too long."""

STATUS_OF_TYPE: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_timeout_error": 408,
        "conflict_error": 409,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)
"""Type of an error -> the status that it has; an event of a stream has the type alone."""


def map_error(response: UpstreamResponse, error: errors.APIError) -> errors.LLMGateError | None:
    """Return the error for a status of 300 or above; None: core's own is right."""
    said = _body(response)
    if error.request_id is None and isinstance(said.get("request_id"), str):
        error.request_id = said["request_id"]
    if response.status in (400, 413) and _is_too_long(error.message):
        return _too_long(error)
    return error


def stream_error(data: str) -> errors.APIError | None:
    """Return the error of an event of a stream; None: it is not one of this API's."""
    try:
        said = decode(data)
    except ValueError:
        return None
    reported = said.get("error") if isinstance(said, dict) else None
    if not isinstance(reported, dict):
        return None
    kind = reported.get("type")
    if not isinstance(kind, str) or kind not in STATUS_OF_TYPE:
        return None
    error = error_of_object({**reported, "code": str(STATUS_OF_TYPE[kind])})
    error.code = None
    if isinstance(said.get("request_id"), str):
        error.request_id = said["request_id"]
    return _too_long(error) if _is_too_long(error.message) else error


def _is_too_long(message: str) -> bool:
    lower = message.lower()
    return any(words in lower for words in TOO_LONG)


def _too_long(error: errors.APIError) -> errors.APIError:
    return error.recast(errors.ContextWindowExceededError, code=CONTEXT_LENGTH)


def _body(response: UpstreamResponse) -> Mapping[str, Any]:
    try:
        said = response.json()
    except errors.LLMGateError:
        return {}
    return said if isinstance(said, dict) else {}
