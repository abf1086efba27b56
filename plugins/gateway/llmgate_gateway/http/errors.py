"""A failed call -> what the client may know of it. Pure.

The upstream's own message is passed on; what core says about hosts, paths, plugins and keys goes to the log only.

Source: row S18 of docs/reliability.md; docs/guide/errors.md for the classes.
"""

from __future__ import annotations

import math

from llmgate_core.serving import errors, is_worth_retrying
from llmgate_gateway.http.responses import MAX_VALUE_CHARACTERS, ErrorFacts, RawHeaders, is_clean, unmasked_headers
from llmgate_gateway.telemetry.exception_text import exception_line
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["NEUTRAL", "STOPPING", "error_facts", "operators_message", "outcome_of", "record_failure", "status_of"]

MAX_MESSAGE_CHARACTERS = 2000
NEUTRAL = {
    "plugin": "The gateway cannot serve this model: a plugin failed.",
    "config": "The gateway cannot serve this model as it is configured.",
    "key": "The gateway has no key for this model.",
    "connection": "The upstream could not be reached.",
    "truncated": "The upstream's answer ended before it was complete.",
    "timeout": "The upstream did not answer in time.",
    "invalid": "The upstream's response is not valid for this request.",
    "redirect": "The upstream answered with a redirect, which is not followed.",
    "auth": "The upstream refuses the gateway's key for this model, whatever the client's key is.",
    "internal": "The gateway failed to serve this request.",
}
WAYS_OUT = {
    "drop_params": "`drop_params: true` leaves it out",
    "param_policy": "`param_policy: forward` sends it anyway",
    "fake_stream": "`fake_stream: true` sends the whole answer as one burst of events",
}
"""What the operator can set for a deployment, by the option of a call that it becomes."""
UPSTREAM_AUTH = "upstream_auth"
"""The code of an upstream's 401 or 403. They concern the config's key, while our own 401 concerns the client's."""
RETRIED_BY_CLIENTS = frozenset({408, 409, 429})
"""Statuses below 500 after which OpenAI's SDKs try again. Source: their README files, "Retries"."""
STOPPING = errors.ServiceUnavailableError("The gateway is stopping.", status_code=503, code="shutdown")
"""For requests that are still in flight when the server has to stop."""


def status_of(error: errors.LLMGateError) -> int:
    """Return the HTTP status for a failed call: the upstream's, where it is the status of an error."""
    if not isinstance(error, errors.APIError):
        return 500
    status = error.status_code
    if _is_missing_key(error):
        return 500  # it is our key that is missing, not the client's
    if isinstance(error, errors.APIResponseValidationError) or _is_upstream_auth(error):
        return 502
    if isinstance(error, errors.APITimeoutError):
        return 504 if status is None else status
    if isinstance(error, errors.APIConnectionError):
        return 502
    return status if status is not None and 400 <= status <= 599 else 502


def error_facts(error: errors.LLMGateError) -> ErrorFacts:
    """Return what the client may know of a failure."""
    message, code = _message_and_code(error)
    return ErrorFacts(
        status_of(error),
        _encodable(message[:MAX_MESSAGE_CHARACTERS]) or "",
        code=_encodable(code),
        param=_encodable(getattr(error, "param", None)),
        kind=None if _is_upstream_auth(error) else _encodable(getattr(error, "type", None)),
        headers=_headers_of(error),
    )


def outcome_of(error: errors.LLMGateError) -> tuple[str, str]:
    """Return the outcome of a failed call, and its error code, as the log and the metrics have them."""
    code = getattr(error, "code", None) or type(error).__name__
    if not isinstance(error, errors.APIError):
        return "failed", code
    if error.attempts == 0 or error.extension is not None:
        return "refused", code
    if _is_upstream_auth(error):
        return "failed", UPSTREAM_AUTH
    return "truncated" if isinstance(error, errors.StreamTruncatedError) else "failed", code


def record_failure(record: RequestRecord, error: errors.LLMGateError) -> None:
    """Put into the record what the log and the metrics show of a failed call."""
    record.outcome, record.error_code = outcome_of(error)
    record.upstream_request_id = getattr(error, "request_id", None)
    record.extra["detail"] = _detail(error)
    if isinstance(error, errors.APIStatusError) and error.attempts != 0 and error.extension is None:
        record.upstream_status = error.status_code


def operators_message(error: errors.LLMGateError) -> str:
    """Return an error's message for the log, without that of an exception in a plugin, which may repeat a request."""
    if isinstance(error, errors.PluginError) and error.__cause__ is not None:
        plugin = f"plugin {error.plugin!r}" + (f" of {error.distribution}" if error.distribution else "")
        return f"{plugin}: hook {error.hook} raised {exception_line(error.__cause__)}{_place(error.__cause__)}"
    return error.message


def _place(error: BaseException) -> str:
    """Return the line that raised an exception."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f" ({at.tb_frame.f_code.co_filename}:{at.tb_lineno})"


def _detail(error: errors.LLMGateError) -> str:
    """Return what the log says of a failed call, without the message of client or upstream.

    Either may repeat a prompt or an answer, which no log shows (row S17). Core has masked keys in the rest.
    """
    if isinstance(error, errors.APIResponseValidationError):
        excerpt = f": {(error.body or '')[:200]!r}"
        return error.message.removesuffix(excerpt) if error.message.endswith(excerpt) else NEUTRAL["invalid"]
    if not isinstance(error, errors.APIError) or error.status_code is None:
        return operators_message(error)
    if error.extension is not None:
        return f"refused by the extension {error.extension!r}"
    if error.attempts == 0:
        return f"refused before sending: {error.param or type(error).__name__}"
    return f"the upstream answered HTTP {error.status_code}"


def _encodable(text: str | None) -> str | None:
    """Replace what JSON cannot encode: an upstream may send half of a surrogate pair."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _message_and_code(error: errors.LLMGateError) -> tuple[str, str | None]:
    code = getattr(error, "code", None)
    if not isinstance(error, errors.APIError):
        is_plugin = isinstance(error, errors.PluginError)
        return (NEUTRAL["plugin"], "plugin_error") if is_plugin else (NEUTRAL["config"], "config_error")
    if _is_missing_key(error):
        return NEUTRAL["key"], "missing_upstream_key"
    if isinstance(error, errors.APIResponseValidationError):
        return NEUTRAL["invalid"], code or "invalid_upstream_answer"
    if isinstance(error, errors.StreamTruncatedError):
        return NEUTRAL["truncated"], "stream_truncated"
    if isinstance(error, errors.APITimeoutError) and error.status_code is None:
        return NEUTRAL["timeout"], "timeout"
    if isinstance(error, errors.APIConnectionError) and error.status_code is None:
        return NEUTRAL["connection"], "upstream_unreachable"
    if isinstance(error, errors.UnsupportedParamsError) and error.attempts == 0:
        return error.message + _way_out(error), code
    if _is_upstream_auth(error):
        said = "" if isinstance(error, errors.AuthenticationError) else f" It says: {_upstream_message(error)}"
        return NEUTRAL["auth"] + said, UPSTREAM_AUTH  # the message of a 401 may show parts of the key
    return _upstream_message(error), errors.code_of(error)


def _is_upstream_auth(error: errors.LLMGateError) -> bool:
    """Return whether an upstream has refused the key that the config gives it."""
    refusals = (errors.AuthenticationError, errors.PermissionDeniedError)
    return isinstance(error, refusals) and error.attempts != 0 and error.extension is None


def _is_missing_key(error: errors.APIError) -> bool:
    return isinstance(error, errors.AuthenticationError) and error.attempts == 0 and error.extension is None


def _way_out(error: errors.UnsupportedParamsError) -> str:
    """Return what the operator can set for a parameter to pass; the error itself names arguments of the SDK."""
    settings = [advice for word, advice in WAYS_OUT.items() if word in error.way_out]
    return f"; the gateway's config can set, for this model, {' or '.join(settings)}" if settings else ""


def _upstream_message(error: errors.APIError) -> str:
    """Return the upstream's message, or its status alone if it sent a web page instead of an error object."""
    status = error.status_code
    if status is not None and 300 <= status < 400:
        return NEUTRAL["redirect"]
    if error.code is None and error.type is None and error.message.startswith(f"HTTP {status}"):
        return f"The upstream answered HTTP {status}."
    if isinstance(error, errors.UnsupportedParamsError) and error.options:
        ways = ", ".join(WAYS_OUT[option] for option in error.options)
        return f"{error.message}. The gateway's operator can change that for this model: {ways}."
    return error.message


def _headers_of(error: errors.LLMGateError) -> RawHeaders:
    headers: list[tuple[bytes, bytes]] = []
    if not isinstance(error, errors.APIError):
        return headers
    headers += unmasked_headers(error.response_headers or {})
    wait = error.retry_after
    if (
        wait is not None
        and math.isfinite(wait)
        and wait >= 0
        and not any(name == b"retry-after" for name, _ in headers)
    ):
        headers.append((b"retry-after", f"{wait:.3f}".rstrip("0").rstrip(".").encode()))
    if error.request_id and is_clean(error.request_id) and len(error.request_id) <= MAX_VALUE_CHARACTERS:
        headers.append((b"x-request-id", error.request_id.encode()))
    has_tried = error.attempts is not None and error.attempts > 1
    is_final = error.retry is False  # such as that of a job, of which a client's retry would make a second one
    if has_tried or is_final or (_is_retried_by_clients(error) and not is_worth_retrying(error)):
        headers.append((b"x-should-retry", b"false"))
    return headers


def _is_retried_by_clients(error: errors.APIError) -> bool:
    return error.status_code is not None and (
        status_of(error) in RETRIED_BY_CLIENTS or (status_of(error) >= 500 and error.attempts != 0)
    )
