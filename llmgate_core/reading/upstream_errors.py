"""Make typed errors of an upstream's answers, by status and code.

Pure. Source: OpenAI API reference, `ErrorResponse`; the statuses and codes that docs/guide/errors.md lists.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import ValidationError

from llmgate_core.contract.call import Route
from llmgate_core.contract.upstream import Headers, UpstreamResponse
from llmgate_core.errors import (
    BODY_EXCERPT_BYTES,
    APIError,
    APIResponseValidationError,
    LLMGateError,
    status_error_class,
)
from llmgate_core.json_codec import decode
from llmgate_core.reading.retry_after import retry_after_of
from llmgate_core.secrets import Secret, mask

__all__ = [
    "STATUS_OF_WORD",
    "complete_error",
    "error_of_object",
    "error_of_status",
    "is_document",
    "lenient_decode",
    "try_decode",
    "validation_error",
    "why_invalid",
]

MAX_MESSAGE_CHARACTERS = 2000


STATUS_OF_WORD: Mapping[str, int] = MappingProxyType(
    {
        "bio_policy": 400,
        "content_filter": 400,
        "content_policy_violation": 400,
        "context_length_exceeded": 400,
        "data_residency_mismatch": 400,
        "empty_image_file": 400,
        "exceed_context_size_error": 400,
        "failed_to_download_image": 400,
        "image_content_policy_violation": 400,
        "image_file_not_found": 400,
        "image_file_too_large": 400,
        "image_parse_error": 400,
        "image_too_large": 400,
        "image_too_small": 400,
        "invalid_base64_image": 400,
        "invalid_image": 400,
        "invalid_image_format": 400,
        "invalid_image_mode": 400,
        "invalid_image_url": 400,
        "invalid_prompt": 400,
        "invalid_request_error": 400,
        "moderation_blocked": 400,
        "string_above_max_length": 400,
        "unsupported_image_media_type": 400,
        "authentication_error": 401,
        "invalid_api_key": 401,
        "permission_error": 403,
        "model_not_found": 404,
        "not_found_error": 404,
        "insufficient_quota": 429,
        "rate_limit_error": 429,
        "rate_limit_exceeded": 429,
        "requests": 429,
        "tokens": 429,
        "api_error": 500,
        "internal_server_error": 500,
        "server_error": 500,
        "vector_store_timeout": 500,
        "overloaded_error": 503,
        "service_unavailable": 503,
    }
)
"""The status that an error object inside a 200 would have had, by its code, else its type."""


def error_of_status(response: UpstreamResponse, secrets: Sequence[Secret | None]) -> APIError:
    """Return the error for an answer of status 300 and above."""
    status = response.status
    fields = _error_fields(try_decode(response.content))
    location = response.headers.get("location")
    excerpt = _excerpt(response.content, secrets)
    message = _message_of(fields) or f"HTTP {status}" + (f": {excerpt[:200]}" if excerpt else "")
    if location and status < 400:
        message = f"HTTP {status}: a redirect to {_host_of(location)!r}, which is not followed"
    code, kind = _string(fields.get("code")), _string(fields.get("type"))
    error = status_error_class(status, code, kind)(
        mask(message[:MAX_MESSAGE_CHARACTERS], secrets),
        status_code=status,
        code=code,
        type=kind,
        param=_string(fields.get("param")),
        request_id=response.headers.get("x-request-id"),
        retry_after=retry_after_of(response.headers, time.time()),
        body=excerpt,
        response_headers=response.headers.masked(secrets),
    )
    should_retry = response.headers.get("x-should-retry")
    error._should_retry = should_retry if should_retry in ("true", "false") else None
    return error


def error_of_object(
    value: object, status: int = 200, headers: Headers | None = None, secrets: Sequence[Secret | None] = ()
) -> APIError:
    """Return the error for an error object that came with a 2xx status or inside a stream."""
    fields = _error_fields({"error": value})
    code, kind = _string(fields.get("code")), _string(fields.get("type"))
    status = _status_of(code, kind) or status
    message = _message_of(fields) or "the upstream sent an error without a message"
    return status_error_class(status, code, kind)(
        mask(message[:MAX_MESSAGE_CHARACTERS], secrets),
        status_code=status,
        code=code,
        type=kind,
        param=_string(fields.get("param")),
        request_id=None if headers is None else headers.get("x-request-id"),
        retry_after=None if headers is None else retry_after_of(headers, time.time()),
        body=_excerpt(repr(value).encode(), secrets),
        response_headers=None if headers is None else headers.masked(secrets),
    )


def complete_error(error: LLMGateError, route: Route) -> None:
    """Fill in what an error of an answer lacks, and take the key out of it.

    An upstream may echo the key anywhere; and the error that ours was made from repeats its input.
    """
    if not isinstance(error, APIError):
        return
    error.provider = error.provider or route.provider
    error.model = error.model or route.model
    error.attempts = 1 if error.attempts is None else error.attempts
    secrets = (route.api_key,)
    for name in ("message", "code", "type", "param", "request_id", "body"):
        value = getattr(error, name)
        if isinstance(value, str):
            setattr(error, name, mask(value, secrets))
    error.args = (error.message,)
    if error.__cause__ is None:
        error.__context__ = None


def is_document(content_type: str) -> bool:
    """Return whether a content type is that of an error or a web page rather than of text, sound or pictures."""
    return "json" in content_type or "text/html" in content_type


def validation_error(
    response: UpstreamResponse, why: str, secrets: Sequence[Secret | None]
) -> APIResponseValidationError:
    """Return the error for a 2xx answer that does not have the promised shape."""
    kind = response.headers.get("content-type", "no content type")
    excerpt = _excerpt(response.content, secrets)
    return APIResponseValidationError(
        mask(f"HTTP {response.status} ({kind}), {len(response.content)} bytes: {why}: {excerpt[:200]!r}", secrets),
        status_code=response.status,
        request_id=response.headers.get("x-request-id"),
        body=excerpt,
    )


def why_invalid(error: Exception) -> str:
    """Return what is wrong with a body, without repeating it."""
    if not isinstance(error, ValidationError):
        return "nested too deeply"
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def lenient_decode(content: bytes | str) -> Any:
    """Return the parsed JSON, lone surrogates in escapes included; None if it is not JSON."""
    try:
        return decode(content)
    except ValueError:
        pass
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def try_decode(content: bytes | str) -> Any:
    """Return the parsed JSON, or None if the content is not JSON."""
    try:
        return decode(content)
    except ValueError:
        return None


def _error_fields(parsed: object) -> Mapping[str, Any]:
    """Return the fields of an error in any shape: an object or a string, under `error` or `detail`, or flat."""
    if not isinstance(parsed, Mapping):
        return {}
    for key in ("error", "detail"):
        value = parsed.get(key)
        if isinstance(value, Mapping):
            return value
        if isinstance(value, str) and value:
            return {"message": value}
        if isinstance(value, list) and value:
            return {"message": repr(value)}
    return parsed


def _message_of(fields: Mapping[str, Any]) -> str | None:
    message = fields.get("message")
    return message if isinstance(message, str) and message else None


def _string(value: object) -> str | None:
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)


def _status_of(code: str | None, kind: str | None) -> int | None:
    if code is not None and code.isdigit() and 400 <= int(code) <= 599:
        return int(code)
    return STATUS_OF_WORD.get(code or "") or STATUS_OF_WORD.get(kind or "")


def _excerpt(content: bytes, secrets: Sequence[Secret | None]) -> str:
    return mask(content[:BODY_EXCERPT_BYTES].decode("utf-8", "replace"), secrets)


def _host_of(location: str) -> str:
    """Return only scheme and host of a redirect: its path may hold a secret."""
    scheme, separator, rest = location.partition("://")
    host = rest.split("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}"[:200] if separator else "the same host"
