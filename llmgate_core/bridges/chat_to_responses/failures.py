"""Convert upstream failures to core's errors: a failed, cancelled or unfinished response, or an error event.

Pure. Decides by status and code, never by the wording. Has no headers: core adds the request id.

Source: OpenAI API reference, `ResponseErrorCode`, `ResponseErrorEvent` and `Response.status`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.contract.call import Route
from llmgate_core.errors import (
    APIError,
    APIResponseValidationError,
    APIStatusError,
    InternalServerError,
    StreamTruncatedError,
    status_error_class,
)
from llmgate_core.reading.upstream_errors import STATUS_OF_WORD

__all__ = [
    "error_of_event",
    "error_of_response",
    "has_failed",
    "invalid_event",
    "is_unfinished",
    "truncated",
    "unfinished",
]

MAX_MESSAGE_CHARACTERS = 2000
HTTP_STATUS_DIGITS = 3
UNFINISHED = ("cancelled", "queued", "in_progress")


def has_failed(response: Mapping[str, Any]) -> bool:
    """Return whether a response ended in an error."""
    return response.get("status") == "failed" or bool(response.get("error"))


def error_of_response(response: Mapping[str, Any], route: Route, *, partial: Any = None) -> APIError:
    """Return the error of a failed response; one with an unknown code becomes a 400."""
    error = response.get("error")
    if not error:
        return _error(
            InternalServerError, "the response failed without an error object", route, status=500, partial=partial
        )
    message, code, kind, param = _fields_of(error)
    status = _status_of(code, kind) or 400
    return _error(
        status_error_class(status, code),
        message,
        route,
        status=status,
        code=code,
        kind=kind,
        param=param,
        partial=partial,
    )


def is_unfinished(response: Mapping[str, Any]) -> bool:
    """Return whether a response was cancelled or is not finished yet."""
    return response.get("status") in UNFINISHED


def unfinished(response: Mapping[str, Any], route: Route, *, partial: Any) -> APIError:
    """Return the error of a response that was cancelled or is not finished yet.

    `partial` is the chat completion so far. For an unfinished response the error's `partial` is the response
    itself, whose id can be polled.
    """
    name, status = f"response {response.get('id')!r:.80}", response.get("status")
    if status == "cancelled":
        return _error(APIError, f"{name} was cancelled", route, partial=partial)
    message = f"{name} is {status} in the background; get_responses({response.get('id')!r:.80}) polls it"
    return _error(APIError, message, route, partial=dict(response))


def error_of_event(event: Mapping[str, Any], route: Route) -> APIError:
    """Return the error of an error event, flat as documented or nested; with an unknown code it has no status."""
    nested = event.get("error")
    message, code, kind, param = _fields_of(nested or event)
    if kind == "error":  # the event's own type, not the error's
        kind = None
    status = _status_of(code, kind)
    error_class = APIStatusError if status is None else status_error_class(status, code)
    return _error(error_class, message, route, status=status, code=code, kind=kind, param=param)


def truncated(route: Route) -> StreamTruncatedError:
    """Return the error of a stream whose end marker never arrived."""
    return StreamTruncatedError(
        "the stream ended without response.completed, response.incomplete or response.failed",
        phase="body",
        provider=route.provider,
        model=route.model,
    )


def invalid_event(reason: str, route: Route) -> APIResponseValidationError:
    """Return the error of an event or a complete response that does not have the shape of POST /responses."""
    return APIResponseValidationError(
        f"the upstream did not send a response of POST /responses: {reason}", provider=route.provider, model=route.model
    )


def _fields_of(error: Any) -> tuple[str, str | None, str | None, str | None]:
    """Return message, code, type and param of an error object of any shape."""
    fields = error if isinstance(error, Mapping) else {"message": error}
    message = fields.get("message")
    if not isinstance(message, str) or not message:
        message = "the upstream sent an error without a message"
    return (
        message[:MAX_MESSAGE_CHARACTERS],
        _string(fields.get("code")),
        _string(fields.get("type")),
        _string(fields.get("param")),
    )


def _string(value: object) -> str | None:
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _status_of(code: str | None, kind: str | None) -> int | None:
    if code is not None and len(code) == HTTP_STATUS_DIGITS and code.isdecimal() and 400 <= int(code) <= 599:
        return int(code)
    return STATUS_OF_WORD.get(code or "") or STATUS_OF_WORD.get(kind or "")


def _error(
    error_class: type[APIError],
    message: str,
    route: Route,
    *,
    status: int | None = None,
    code: str | None = None,
    kind: str | None = None,
    param: str | None = None,
    partial: Any = None,
) -> APIError:
    return error_class(
        message,
        status_code=status,
        code=code,
        type=kind,
        param=param,
        provider=route.provider,
        model=route.model,
        partial=partial,
    )
