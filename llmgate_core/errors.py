"""The errors that llmgate raises, all of them under `LLMGateError`.

Pure: holds facts, decides nothing about the network. Classes are chosen by status and
by the upstream's own code, never by the words of a message, and hold no secret.

    LLMGateError
    ├─ ConfigError
    ├─ PluginError
    │  ├─ PluginLoadError
    │  ├─ PluginConflictError
    │  └─ PluginNotInstalledError
    └─ APIError
       ├─ APIConnectionError
       │  ├─ APITimeoutError            (alias: Timeout)
       │  └─ StreamTruncatedError
       ├─ APIResponseValidationError
       └─ APIStatusError
          ├─ BadRequestError
          │  ├─ UnsupportedParamsError
          │  ├─ ContextWindowExceededError
          │  └─ ContentPolicyViolationError
          ├─ AuthenticationError
          ├─ PermissionDeniedError
          ├─ NotFoundError
          │  └─ UnknownModelError
          ├─ ConflictError
          ├─ UnprocessableEntityError
          ├─ RateLimitError
          └─ InternalServerError
             ├─ BadGatewayError
             └─ ServiceUnavailableError

Source: names of the OpenAI SDK and of LiteLLM wherever they have one.
"""

from __future__ import annotations

import copyreg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadGatewayError",
    "BadRequestError",
    "ConfigError",
    "ConflictError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "InternalServerError",
    "LLMGateError",
    "NotFoundError",
    "PermissionDeniedError",
    "PluginConflictError",
    "PluginError",
    "PluginLoadError",
    "PluginNotInstalledError",
    "RateLimitError",
    "ServiceUnavailableError",
    "StreamTruncatedError",
    "Timeout",
    "UnknownModelError",
    "UnprocessableEntityError",
    "UnsupportedParamsError",
    "status_error_class",
    "without_frames",
]

BODY_EXCERPT_BYTES = 2048


class LLMGateError(Exception):
    """Everything that llmgate raises on purpose.

    Attributes:
        message: what happened and the way out; `str(error)` is the same text but for `UnsupportedParamsError`.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only constructors cannot be replayed from `args`: rebuild from the fields.
        return copyreg.__newobj__, (type(self), self.message), self.__dict__  # type: ignore[attr-defined]


class ConfigError(LLMGateError):
    """A setting, an environment variable or a config file says something that cannot be."""


class PluginError(LLMGateError):
    """A plugin's hook raised something of its own, or gave back what the contract forbids.

    Attributes:
        plugin: the entry point's value, or the class name of a plugin added in process.
        distribution: the installed distribution that brought it; None where added in process.
        version: that distribution's version, or None.
        hook: the hook that was called, or None where none was.
    """

    def __init__(
        self,
        message: str,
        *,
        plugin: str | None = None,
        distribution: str | None = None,
        version: str | None = None,
        hook: str | None = None,
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.hook = hook


class PluginLoadError(PluginError):
    """A plugin does not import, has another API version, or an illegal hook."""


class PluginConflictError(PluginError):
    """Two distributions claim one (family, prefix), or one claims a first-party prefix."""


class PluginNotInstalledError(PluginError):
    """A known prefix whose distribution is missing; the message has the pip command."""


class APIError(LLMGateError):
    """One call failed.

    Attributes (None where not known):
        status_code: HTTP status of the answer, or the one that describes a local refusal.
        code, type, param: the upstream's own words for what went wrong.
        request_id: value of the `x-request-id` header, for a support ticket.
        retry_after: seconds that the upstream asks to wait.
        provider: name of the provider, for example `openai`.
        model: what the upstream calls the model.
        phase: where a connection or a wait failed: `pool`, `connect`, `first_event`, `idle`,
            `total`; `body` for an answer cut short.
        attempts: requests sent, the first included; 0 when refused before sending.
        partial: the answer so far, shaped like the whole answer, when a stream broke.
        body: start of the raw body, at most 2,048 bytes; never our request.
        response_headers: the upstream's, looked up in any case; None where no answer came.
        is_reported: the last event of the stream that broke says so already.
    """

    is_reported: bool = False

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
        model: str | None = None,
        phase: str | None = None,
        attempts: int | None = None,
        partial: Any = None,
        body: str | None = None,
        response_headers: Any = None,
    ) -> None:
        super().__init__(message)
        self.response_headers = response_headers
        self.status_code = status_code
        self.code = code
        self.type = type
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self.provider = provider
        self.model = model
        self.phase = phase
        self.attempts = attempts
        self.partial = partial
        self.body = body
        self._should_retry: str | None = None  # the upstream's x-should-retry, for the retry rule


class APIConnectionError(APIError):
    """The upstream could not be reached or the connection broke.

    `code` says how: `dns`, `connect`, `tls`, `tls_certificate`, `reset`, `closed` or `protocol`.
    """


class APITimeoutError(APIConnectionError):
    """A wait took longer than its limit (`phase` says which), or the upstream answered 408."""


Timeout = APITimeoutError


class StreamTruncatedError(APIConnectionError):
    """The stream or body ended before its end marker; `partial` holds the answer so far."""


class APIResponseValidationError(APIError):
    """A 2xx answer that is not the promised JSON or shape, or passes a size limit."""


class APIStatusError(APIError):
    """The upstream answered with an error status, or an error object inside a 200."""


class BadRequestError(APIStatusError):
    """400, 413 or 415; found before sending: a malformed message, header or file."""


class UnsupportedParamsError(BadRequestError):
    """Before sending: a parameter, value or tool that the model or endpoint does not take.

    Attributes:
        way_out: which of our options would send it or leave it out; `str(error)` has it behind the message. Apart
            from it, since a server's clients cannot set them.
    """

    way_out: str = ""

    def __str__(self) -> str:
        return f"{self.message}; {self.way_out}" if self.way_out else self.message


class ContextWindowExceededError(BadRequestError):
    """400: the request is longer than the model's context window."""


class ContentPolicyViolationError(BadRequestError):
    """400: the upstream's content policy refused the request."""


class AuthenticationError(APIStatusError):
    """401, or no key was found before sending."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: the upstream does not know the model or the object."""


class UnknownModelError(NotFoundError):
    """Before sending: neither a prefix nor the catalogue knows the model string."""


class ConflictError(APIStatusError):
    """409: the upstream saw two conflicting requests."""


class UnprocessableEntityError(APIStatusError):
    """422: well-formed, but the upstream cannot act on it."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens, or (`insufficient_quota`) no quota left."""


class InternalServerError(APIStatusError):
    """500 or another 5xx."""


class BadGatewayError(InternalServerError):
    """502."""


class ServiceUnavailableError(InternalServerError):
    """503."""


def without_frames(error: BaseException) -> None:
    """Drop the tracebacks of `error` and its causes: frames of the wire hold the request's headers."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__


_BY_STATUS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: APITimeoutError,
    409: ConflictError,
    413: BadRequestError,
    415: BadRequestError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
}

_BY_CODE_OF_400: Mapping[str, type[APIError]] = {
    "context_length_exceeded": ContextWindowExceededError,
    "exceed_context_size_error": ContextWindowExceededError,  # llama.cpp's type of it
    "string_above_max_length": ContextWindowExceededError,
    "content_policy_violation": ContentPolicyViolationError,
    "content_filter": ContentPolicyViolationError,
    "moderation_blocked": ContentPolicyViolationError,
    "image_content_policy_violation": ContentPolicyViolationError,
    "bio_policy": ContentPolicyViolationError,
}


def status_error_class(status: int, code: str | None, kind: str | None = None) -> type[APIError]:
    """Return the class for an HTTP `status` and the upstream's own words for it: its error's `code` and `type`."""
    if status == 400:
        for word in (code, kind):
            if word is not None and word in _BY_CODE_OF_400:
                return _BY_CODE_OF_400[word]
    if status >= 500 and status not in _BY_STATUS:
        return InternalServerError
    return _BY_STATUS.get(status, APIStatusError)
