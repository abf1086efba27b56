"""Errors of AWS: by the name of the exception, which is in a header, in the body, or in an event of a stream.

Pure.

Source: AWS, "Common errors" and the errors of Converse and InvokeModel; the service model `bedrock-runtime`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import UpstreamResponse, decode, error_of_object, errors

__all__ = ["EXPIRED", "NAME_HEADER", "error_of_exception", "mapped_error"]

NAME_HEADER = "x-amzn-errortype"
TOO_LONG = ("too long", "too many input tokens", "exceeds the maximum", "context window", "maximum context")
EXPIRED = ("ExpiredTokenException", "ExpiredToken", "RequestExpired")
BAD_KEYS = frozenset(
    {
        *EXPIRED,
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch"),
        *("IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken"),
        *("MissingAuthenticationTokenException", "InvalidTokenId"),
    }
)
CLASSES: Mapping[str, type[errors.APIStatusError]] = MappingProxyType(
    {
        **dict.fromkeys(BAD_KEYS, errors.AuthenticationError),
        "AccessDeniedException": errors.PermissionDeniedError,
        "ResourceNotFoundException": errors.NotFoundError,
        "ServiceQuotaExceededException": errors.RateLimitError,
        "ThrottlingException": errors.RateLimitError,
        "ModelNotReadyException": errors.ServiceUnavailableError,
        "ModelErrorException": errors.BadGatewayError,
        "ModelStreamErrorException": errors.BadGatewayError,
    }
)
"""Name of an exception -> its class, where the status does not say it."""
AGAIN = frozenset({"ModelStreamErrorException", "ModelNotReadyException", "ModelTimeoutException"})
"""Exceptions after which AWS says to try again, whatever their status."""


def mapped_error(response: UpstreamResponse, error: errors.APIError) -> errors.APIError | None:
    """Return the error of an answer, by the exception that it names; None: core's own."""
    name = _name_of(response)
    kind = _class_of(name, error.message)
    error.code = error.code or name or None
    if name in AGAIN:
        error.retry = True
    if kind is None or type(error) is kind:
        return error
    return error.recast(kind, code=None if kind is errors.ContextWindowExceededError else error.code)


def error_of_exception(name: str, data: str) -> errors.APIError | None:
    """Return the error of an exception within a stream; None: core's own, which knows the usual names."""
    try:
        said = decode(data)
    except ValueError:
        said = {}
    fields: Mapping[str, Any] = said if isinstance(said, dict) else {}
    message = fields.get("message")
    text = message if isinstance(message, str) else ""
    if _class_of(f"{name[:1].upper()}{name[1:]}", text) is errors.ContextWindowExceededError:
        return errors.ContextWindowExceededError(text, status_code=400)
    error = error_of_object({"message": text or name, "code": name})
    if f"{name[:1].upper()}{name[1:]}" in AGAIN:
        error.retry = True
    return error


def _class_of(name: str, message: str) -> type[errors.APIError] | None:
    said = message.lower()
    if name in ("ValidationException", "ModelErrorException", "") and any(words in said for words in TOO_LONG):
        return errors.ContextWindowExceededError
    return CLASSES.get(name)


def _name_of(response: UpstreamResponse) -> str:
    """Return the exception's name, without the address that AWS may put behind or before it."""
    header = response.headers.get(NAME_HEADER)
    if isinstance(header, str):
        return header.partition(":")[0]
    try:
        said = response.json()
    except errors.APIResponseValidationError:
        return ""
    name = said.get("__type") or said.get("code") if isinstance(said, dict) else None
    return name.rpartition("#")[2].partition(":")[0] if isinstance(name, str) else ""
