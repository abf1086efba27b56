"""Make typed errors of an upstream's answers, by status and code.

Pure. Source: OpenAI API reference, `ErrorResponse`; the statuses and codes that docs/guide/errors.md lists.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import urlsplit

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
from llmgate_core.json_codec import decode_leniently
from llmgate_core.reading.retry_after import retry_after_of
from llmgate_core.secrets import Secret, SecretFinder, mask

__all__ = [
    "STATUS_OF_WORD",
    "complete_error",
    "error_instead_of_answer",
    "error_of_object",
    "error_of_status",
    "error_reported_by",
    "hide_secrets",
    "host_in",
    "is_document",
    "lenient_decode",
    "masked_document",
    "validation_error",
    "why_invalid",
]

MAX_MESSAGE_CHARACTERS = 2000
MAX_TEXT_CHARACTERS = 500
MAX_WORD_CHARACTERS = 500
MAX_PROBLEMS = 20
SHOWN_FIELDS = ("message", "code", "type", "param", "request_id", "body")
MESSAGE_NAMES = (
    "message", "msg", "Message", "error_description", "faultstring", "error_msg", "detail", "title", "description"
)  # fmt: skip
"""Where the message is, most telling first; RFC 9457 and JSON:API have a `title` and, of this one problem, `detail`."""

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
        "validationException": 400,
        "accessDeniedException": 403,
        "resourceNotFoundException": 404,
        "modelTimeoutException": 408,
        "throttlingException": 429,
        "serviceQuotaExceededException": 429,
        "internalServerException": 500,
        "modelStreamErrorException": 500,
        "modelNotReadyException": 503,
        "serviceUnavailableException": 503,
    }
)
"""The status that an error object inside a 200 would have had, by its code, else its type.

The exceptions are those of AWS event streams, by their `:exception-type`.
"""

SHOULD_RETRY: Mapping[str, bool] = MappingProxyType({"true": True, "false": False})
"""The header `x-should-retry`. Source: the OpenAI SDK, which obeys it."""


def error_of_status(response: UpstreamResponse, secrets: Sequence[Secret | None]) -> APIError:
    """Return the error for an answer of status 300 and above."""
    status = response.status
    fields = _error_fields(lenient_decode(response.content))
    location = response.headers.get("location")
    excerpt = _excerpt(response.content, secrets)
    message = _whole_message_of(fields) or _plain_text(response, excerpt)
    message = message or f"HTTP {status}" + (f": {excerpt[:200]}" if excerpt else "")
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
    error.retry = SHOULD_RETRY.get(response.headers.get("x-should-retry", ""))
    return error


def error_of_object(
    value: object, status: int = 200, headers: Headers | None = None, secrets: Sequence[Secret | None] = ()
) -> APIError:
    """Return the error for an error object that came with a 2xx status or inside a stream."""
    fields = _error_fields({"error": value})
    code, kind = _string(fields.get("code")), _string(fields.get("type"))
    status = _status_of(code, kind) or status
    message = _whole_message_of(fields) or "the upstream sent an error without a message"
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


def error_reported_by(answer: Any) -> Any:
    """Return the error object in an answer or a chunk, at its top or in one of its choices, or None.

    OpenRouter sends an `error` in addition to `choices`, vLLM an object of the type `error`. The answer may be typed.
    """
    if type(answer) is not dict and not hasattr(answer, "get"):
        return None
    if error := answer.get("error"):
        return error
    if answer.get("object") == "error":
        return answer
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if (type(choice) is dict or hasattr(choice, "get")) and (error := choice.get("error")):
            return error
    return None


def error_instead_of_answer(answer: Any) -> Any:
    """Return the error object of a document that is an error rather than an answer, or None.

    A response or a job that has failed has its id: it is an answer, which says so.
    """
    reported = error_reported_by(answer)
    return reported if reported and (not answer.get("id") or answer.get("choices")) else None


def complete_error(error: LLMGateError, route: Route, secrets: Sequence[Secret | None] = ()) -> None:
    """Fill in what an error of an answer lacks, and take the keys of the route and all `secrets` out of it.

    An upstream may echo the key anywhere; and the error that ours was made from repeats its input.
    """
    if isinstance(error, APIError):
        error.provider = error.provider or route.provider
        error.model = error.model or route.model
        error.host = error.host or host_in(route.base_url)
        error.attempts = 1 if error.attempts is None else error.attempts
        if error.__cause__ is None:
            error.__context__ = None
    hide_secrets(error, (*route.all_secrets, *secrets))


def hide_secrets(error: LLMGateError, secrets: Sequence[Secret | None]) -> None:
    """Take secrets out of an error. What it was made from is dropped if it shows one: a plugin may raise anything."""
    finder = SecretFinder(secrets)
    for name in SHOWN_FIELDS:
        value = getattr(error, name, None)
        if isinstance(value, str):
            setattr(error, name, finder.mask(value))
    error.args = (error.message,)
    headers = getattr(error, "response_headers", None)
    if isinstance(headers, Headers):
        cast(APIError, error).response_headers = headers.masked(secrets)
    link = error.__cause__ or error.__context__
    while link is not None:
        if finder.matches(f"{link} {link.args}"):
            error.__cause__ = error.__context__ = None
            return
        link = link.__cause__ or link.__context__


def masked_document(value: Any, secrets: Sequence[Secret | None]) -> Any:
    """Return a document that is not known to be an answer, without the keys that the upstream may echo in it."""
    if isinstance(value, str):
        return mask(value, secrets)
    if isinstance(value, dict):
        return {mask(str(name), secrets): masked_document(item, secrets) for name, item in value.items()}
    return [masked_document(item, secrets) for item in value] if isinstance(value, list) else value


def host_in(base_url: str) -> str | None:
    """Return host and port of a URL; None: it has none."""
    try:
        return urlsplit(base_url).netloc.rpartition("@")[2] or None
    except ValueError:
        return None


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
    """Return the parsed JSON, also after a byte order mark and with lone surrogates; None if it is not JSON."""
    try:
        return decode_leniently(content)[0]
    except ValueError:
        return None


def _error_fields(parsed: object) -> Mapping[str, Any]:
    """Return the fields of an error in any shape.

    An object or a string under `error` or `detail`, a list of them, or flat; Google wraps all of it in a list.
    """
    if isinstance(parsed, str):
        return {"message": parsed}
    if isinstance(parsed, list):
        parsed = _first_object(parsed)
    if not isinstance(parsed, Mapping):
        return {}
    for key in ("error", "detail", "errors"):
        value = parsed.get(key)
        if isinstance(value, Mapping) and value:
            inner = value.get("error")
            return inner if isinstance(inner, Mapping) and not _message_of(value) else value
        if isinstance(value, str) and value:
            return parsed if _message_of(parsed) else {**parsed, "message": value}
        if isinstance(value, list) and value:
            return {**_first_object(value), **parsed, "message": _message_of_list(value)}
    return parsed


def _first_object(values: Sequence[Any]) -> Mapping[str, Any]:
    return next((value for value in values if isinstance(value, Mapping)), {})


def _message_of_list(problems: Sequence[Any]) -> str:
    """Return the messages of a list of problems, each with its place; never their `input`, which is the client's."""
    return "; ".join(filter(None, map(_message_of_problem, problems[:MAX_PROBLEMS])))


def _message_of_problem(problem: object) -> str:
    if not isinstance(problem, Mapping):
        return problem if isinstance(problem, str) else ""
    place = problem.get("loc")
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    message = _message_of(problem) or "is not valid"
    return f"{where}: {message}" if where else message


def _whole_message_of(fields: Mapping[str, Any]) -> str | None:
    """Return the message, also of the error that a relay such as OpenRouter or LiteLLM was sent and passes on as text.

    OpenRouter has it in `metadata.raw` and says no more than "Provider returned error" itself.
    """
    message, metadata = _message_of(fields), fields.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    if isinstance(raw, str) and raw:
        return f"{message}: {_message_in(raw)}" if message else _message_in(raw)
    return message and _message_in(message)


def _message_in(text: str) -> str:
    """Return the message of an error object that is written as text; other text as it is."""
    return (text.startswith(("{", "[")) and _message_of(_error_fields(lenient_decode(text)))) or text


def _message_of(fields: Mapping[str, Any]) -> str | None:
    for name in MESSAGE_NAMES:
        message = fields.get(name)
        if isinstance(message, str) and message:
            return message
        if isinstance(message, list) and (joined := _message_of_list(message)):
            return joined
    return None


def _plain_text(response: UpstreamResponse, excerpt: str) -> str | None:
    """Return the body of an error if a person wrote it as plain text, as proxies do: in one line, cut."""
    text = " ".join(excerpt.split())
    is_markup = text.startswith(("<", "{", "[")) or "html" in response.headers.get("content-type", "")
    if is_markup or "\ufffd" in text or not text.isprintable():
        return None
    return text[:MAX_TEXT_CHARACTERS] or None


def _string(value: object) -> str | None:
    return None if value is None or isinstance(value, (Mapping, list)) else str(value)[:MAX_WORD_CHARACTERS]


def _status_of(code: str | None, kind: str | None) -> int | None:
    if code is not None and code.isascii() and code.isdigit() and 400 <= int(code) <= 599:
        return int(code)
    return STATUS_OF_WORD.get(code or "") or STATUS_OF_WORD.get(kind or "")


def _excerpt(content: bytes, secrets: Sequence[Secret | None]) -> str:
    return mask(content[:BODY_EXCERPT_BYTES].decode("utf-8", "replace"), secrets)


def _host_of(location: str) -> str:
    """Return only scheme and host of a redirect: its path may hold a secret."""
    scheme, separator, rest = location.partition("://")
    host = rest.split("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}"[:200] if separator else "the same host"
