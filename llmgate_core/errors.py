"""The errors that llmgate raises, all of them under `LLMGateError`.

Pure data. The class is chosen by the HTTP status and the upstream's error code, never by the
wording of a message. No error holds a secret.

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

Source: the class names of the OpenAI SDK and of LiteLLM, where they have one.
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
    "bad_request",
    "code_of",
    "status_error_class",
    "without_frames",
]

BODY_EXCERPT_BYTES = 2048
MAX_TARGET_CHARACTERS = 200


class LLMGateError(Exception):
    """The base class of every error that llmgate raises on purpose.

    Attributes:
        message: what happened and what to do about it. `str(error)` is the same string, and for an `APIError` also
            says where it happened.
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
    """A setting, an environment variable or a config file has an invalid value."""


class PluginError(LLMGateError):
    """A plugin's hook raised an unexpected exception or returned something the contract does not allow.

    Attributes:
        plugin: the entry point's value, or the class name of a plugin that the program added itself.
        distribution: the installed distribution it belongs to; None if the program added it itself.
        version: that distribution's version, or None.
        hook: the hook that was called, or None if no hook was called.
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
    """A plugin cannot be imported, was written for another API version, or has an invalid hook."""


class PluginConflictError(PluginError):
    """Two distributions claim the same (family, prefix), or one claims a first-party prefix."""


class PluginNotInstalledError(PluginError):
    """The prefix is known but its distribution is not installed; the message has the pip command."""


class APIError(LLMGateError):
    """One call failed.

    Attributes (None if not known):
        status_code: HTTP status of the response, or the one that describes an error found before sending.
        code, type, param: the fields of the upstream's error object.
        request_id: value of the `x-request-id` header, for a support ticket.
        retry_after: seconds that the upstream asks to wait.
        provider: name of the provider, for example `openai`.
        model: the upstream's name for the model.
        host: the host that was called, with its port if the URL has one.
        phase: the step in which a connection or a wait failed: `pool`, `connect`, `first_event`, `idle`,
            `total`; `body` for a truncated response; `credentials` if a token for the call could not be fetched.
        attempts: number of requests sent, including the first; 0 if the error was found before sending.
        partial: what a broken stream had sent so far, in the shape of the complete response.
        body: the start of the raw response body, at most 2,048 bytes; never part of the request.
        response_headers: the upstream's headers, with case-insensitive names; None if there was no response.
        retry: whether another try may succeed; None: by status and code. The header `x-should-retry` sets it, and so
            may a plugin's `map_error`. An account without money is never tried again.
        is_reported: True if the last event of the broken stream already carries this error.
        extension: name of the extension that has refused the call; None: it was not an extension.
    """

    is_reported: bool = False
    host: str | None = None
    extension: str | None = None

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
        retry: bool | None = None,
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
        self.retry = retry

    def recast(self, kind: type[APIError], *, code: str | None = None, message: str | None = None) -> APIError:
        """Return the same error as another class, with the code of that class; `message` replaces its own."""
        made = kind(self.message if message is None else message)
        vars(made).update({**vars(self), "message": made.message, "code": code})
        return made

    @property
    def target(self) -> str:
        """Provider and model as one string, such as `openai/gpt-4o`; what cannot be printed is escaped."""
        target = "/".join(part for part in (self.provider, self.model) if part) or "the upstream"
        return (target if target.isprintable() else ascii(target))[:MAX_TARGET_CHARACTERS]

    def __str__(self) -> str:
        if self.extension is not None:
            return f"{self.message} (refused by the extension {self.extension!r})"
        return f"{self.message} ({self._circumstances()})" if self.attempts else self.message

    def _circumstances(self) -> str:
        """Return status, model, host, attempts and request id of a call that was sent."""
        status = f"{self.status_code} from " if self.status_code is not None else ""
        host = f" at {self.host}" if self.host else ""
        attempts = f", {self.attempts} attempt{'s' if self.attempts != 1 else ''}"
        request_id = self.request_id if self.request_id and self.request_id.isprintable() else None
        request = f", request {request_id[:MAX_TARGET_CHARACTERS]}" if request_id else ""
        return f"{status}{self.target}{host}{attempts}{request}"


class APIConnectionError(APIError):
    """The upstream could not be reached or the connection broke.

    `code` is the kind of failure: `dns`, `connect`, `tls`, `tls_certificate`, `reset`, `closed` or `protocol`; or
    `out_of_descriptors`: this process has as many files and sockets open as it may have.
    """


class APITimeoutError(APIConnectionError):
    """A wait exceeded its timeout (`phase` is the step), or the upstream answered 408."""


Timeout = APITimeoutError


class StreamTruncatedError(APIConnectionError):
    """The stream or body ended before its end marker; `partial` holds what had arrived."""


class APIResponseValidationError(APIError):
    """A 2xx response that is not JSON, does not have the documented shape, or exceeds a size limit."""


class APIStatusError(APIError):
    """The upstream answered with an error status, or with an error object inside a 200."""


class BadRequestError(APIStatusError):
    """400, 413 or 415; or, before sending, a malformed message, header or file."""


_WAYS_OUT: Mapping[str, str] = {
    "drop_params": "drop_params=True leaves it out",
    "param_policy": "param_policy='forward' sends it anyway",
    "fake_stream": "fake_stream=True returns the whole answer in one burst",
}


class UnsupportedParamsError(BadRequestError):
    """Before sending: a parameter, value or tool that the model or endpoint does not support.

    Attributes:
        options: the names of the options of a call that would drop it, forward it or do without it.
        way_out: what these options do, in the words of the SDK. `str(error)` appends it to `message`; it is separate
            because a server's clients cannot set options.
    """

    options: tuple[str, ...] = ()

    @property
    def way_out(self) -> str:
        """What the options do, for a caller of the SDK."""
        return ", ".join(_WAYS_OUT[option] for option in self.options)

    def __str__(self) -> str:
        return f"{self.message}; {self.way_out}" if self.way_out else super().__str__()


class ContextWindowExceededError(BadRequestError):
    """400: the request is longer than the model's context window."""


class ContentPolicyViolationError(BadRequestError):
    """400: the upstream's content policy refused the request."""


class AuthenticationError(APIStatusError):
    """401; or, before sending, no key was found."""


class PermissionDeniedError(APIStatusError):
    """403: the key lacks permission."""


class NotFoundError(APIStatusError):
    """404: the upstream does not know the model or the object."""


class UnknownModelError(NotFoundError):
    """Before sending: the model string has no known prefix and is not in the catalogue."""


class ConflictError(APIStatusError):
    """409: the upstream saw two conflicting requests."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is well-formed, but the upstream cannot process it."""


class RateLimitError(APIStatusError):
    """429: too many requests or tokens, or (`insufficient_quota`) no quota left."""


class InternalServerError(APIStatusError):
    """500 or another 5xx."""


class BadGatewayError(InternalServerError):
    """502."""


class ServiceUnavailableError(InternalServerError):
    """503."""


def bad_request(param: str | None, message: str) -> BadRequestError:
    """Return the error for a malformed request that was not sent, where no route is known yet.

    With a route, `Route.bad_request` also names provider and model.
    """
    return BadRequestError(message, status_code=400, param=param, attempts=0)


def without_frames(error: BaseException) -> None:
    """Drop the tracebacks of `error` and its causes: frames of a transport hold the request's headers."""
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
    "exceed_context_size_error": ContextWindowExceededError,  # llama.cpp's error type
    "string_above_max_length": ContextWindowExceededError,
    "content_policy_violation": ContentPolicyViolationError,
    "content_filter": ContentPolicyViolationError,
    "moderation_blocked": ContentPolicyViolationError,
    "image_content_policy_violation": ContentPolicyViolationError,
    "bio_policy": ContentPolicyViolationError,
}


_CODE_OF_CLASS: Mapping[type[APIError], str] = {
    ContextWindowExceededError: "context_length_exceeded",
    ContentPolicyViolationError: "content_policy_violation",
    UnsupportedParamsError: "unsupported_parameter",
    AuthenticationError: "invalid_api_key",
    UnknownModelError: "model_not_found",
    RateLimitError: "rate_limit_exceeded",
}


def code_of(error: LLMGateError) -> str | None:
    """Return an error's code; where it has none, the one that OpenAI uses for its class, if there is one.

    A plugin chooses a class by the upstream's own words, and a server's clients see codes only.
    """
    code: str | None = getattr(error, "code", None)
    if code is not None:
        return code
    return next((_CODE_OF_CLASS[kind] for kind in type(error).__mro__ if kind in _CODE_OF_CLASS), None)


def status_error_class(status: int, code: str | None, kind: str | None = None) -> type[APIError]:
    """Return the error class for an HTTP `status` and the upstream's error `code` and `type` (`kind`)."""
    if status == 400:
        for word in (code, kind):
            if word is not None and word in _BY_CODE_OF_400:
                return _BY_CODE_OF_400[word]
    if status >= 500 and status not in _BY_STATUS:
        return InternalServerError
    return _BY_STATUS.get(status, APIStatusError)
