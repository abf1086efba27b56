"""Make typed errors of Google's: by status and reason, with the wait that the server asks for.

Pure. A wrong key is a 400 at Google; what it says beside the status makes it an `AuthenticationError`.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting; google.rpc `Status`, `ErrorInfo`, `RetryInfo`,
`QuotaFailure`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, UpstreamResponse, error_of_object, errors, string_of
from llmgate_gemini.wire.fields import objects, table

__all__ = ["error_in_stream", "is_rejected_signature", "map_error"]

KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
        "CREDENTIALS_MISSING",
    }
)
"""Reasons of an `ErrorInfo` that are about the key."""
CONTEXT = re.compile(r"token count.{0,80}exceeds|exceeds the maximum number of tokens|input context is too long", re.I)
"""What the API says of a prompt that is too long; it has no code for it."""
REJECTED = re.compile(r"(?:corrupted|invalid) thought.?signature|thought.?signature is not valid", re.I)
"""What the API says of a signature that another server has made. Source: LiteLLM 1.110.2, issue reports."""
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
PER_DAY = re.compile(r"per.?day", re.I)
STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "INVALID_ARGUMENT": 400,
        "FAILED_PRECONDITION": 400,
        "OUT_OF_RANGE": 400,
        "UNAUTHENTICATED": 401,
        "PERMISSION_DENIED": 403,
        "NOT_FOUND": 404,
        "ABORTED": 409,
        "ALREADY_EXISTS": 409,
        "RESOURCE_EXHAUSTED": 429,
        "CANCELLED": 499,
        "INTERNAL": 500,
        "UNKNOWN": 500,
        "UNIMPLEMENTED": 501,
        "UNAVAILABLE": 503,
        "DEADLINE_EXCEEDED": 504,
    }
)
"""google.rpc status -> its HTTP status, for an error in a stream that has no code."""


def map_error(response: UpstreamResponse, error: errors.APIError) -> errors.APIError:
    """Return the error for an answer with an error status; `error` is core's own."""
    try:
        said = _error_in(response.json())
    except errors.APIResponseValidationError:
        return error
    return error if said is None else _refined(said, error)


def error_in_stream(said: Any) -> errors.APIError | None:
    """Return the error that an event of a stream reports, as an object or in a list; None: it reports none."""
    reported = _error_in(said)
    if reported is None:
        return None
    status = STATUS_OF.get(string_of(reported.get("status")), 500)
    code = reported.get("code")
    known = code if type(code) is int and 400 <= code <= 599 else status  # statuses of errors
    return _refined(reported, error_of_object({**reported, "code": str(known)}, known))


def is_rejected_signature(error: errors.APIError) -> bool:
    """Return whether a server has refused a thought signature."""
    return isinstance(error, errors.BadRequestError) and REJECTED.search(error.message) is not None


def _error_in(said: Any) -> JsonObject | None:
    if isinstance(said, list):
        said = next(iter(objects(said)), None)
    reported = said.get("error") if isinstance(said, dict) else None
    if isinstance(reported, str) and reported:  # of a proxy before the server
        return {"message": reported}
    return reported if isinstance(reported, dict) and reported else None


def _refined(said: JsonObject, error: errors.APIError) -> errors.APIError:
    """Return an error with what Google's details say; its `type` is the status, its `code` the reason."""
    details = list(objects(said.get("details")))
    reasons = {string_of(detail.get("reason")) for detail in details} - {""}
    kind = _class_of(reasons, error)
    if kind is not None:
        error = error.recast(kind)
    error.type = string_of(said.get("status")) or error.type
    error.code = None if kind is not None else next(iter(sorted(reasons)), None)
    if isinstance(error, errors.AuthenticationError):
        error.status_code = 401  # Google says 400, as of a malformed request
    if isinstance(error, errors.RateLimitError):
        error.code = "insufficient_quota" if _is_daily(details) else None
    if error.retry_after is None:
        error.retry_after = _retry_after(details)
    return error


def _class_of(reasons: set[str], error: errors.APIError) -> type[errors.APIError] | None:
    if not isinstance(error, errors.BadRequestError):
        return None
    if reasons & KEY_REASONS or "api key not valid" in error.message.lower():
        return errors.AuthenticationError
    return errors.ContextWindowExceededError if CONTEXT.search(error.message) else None


def _retry_after(details: list[JsonObject]) -> float | None:
    for detail in details:
        found = SECONDS.fullmatch(string_of(detail.get("retryDelay")))
        if found is not None:
            return float(found[1])
    return None


def _is_daily(details: list[JsonObject]) -> bool:
    """Return whether a quota of the day is used up: no wait that a call may do helps."""
    violations = [violation for detail in details for violation in objects(detail.get("violations"))]
    return any(PER_DAY.search(string_of(table(violation).get("quotaId"))) for violation in violations)
