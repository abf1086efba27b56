"""What httpx and httpx2 raise -> our errors, by the class names that both share.

Pure. Causes lose their tracebacks: frames of the HTTP library hold the request's headers.
"""

from __future__ import annotations

import ssl

from llmgate_core.contracts import TransportRequest
from llmgate_core.errors import APIConnectionError, APIError, StreamTruncatedError

__all__ = ["error_before_head", "error_in_body", "without_frames"]

PHASE_OF = {
    "PoolTimeout": "pool",
    "ConnectTimeout": "connect",
    "ReadTimeout": "first_event",
    "WriteTimeout": "first_event",
}
DNS_WORDS = (
    "getaddrinfo",
    "Name or service not known",
    "nodename nor servname",
    "No address associated",
    "Temporary failure in name",
)


def error_before_head(error: Exception, request: TransportRequest) -> APIError:
    """Return our error for a failure before the head of an answer."""
    name = type(error).__name__
    if name in PHASE_OF:
        return request.deadline.error(PHASE_OF[name])
    host = f"{request.origin.host}:{request.origin.port}"
    reason = _root(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        message, code, phase = (
            f"{host}: its certificate is not trusted: {reason.verify_message}",
            "tls_certificate",
            "connect",
        )
    elif isinstance(reason, ssl.SSLError) or "SSL" in str(error):
        message, code, phase = f"{host}: the TLS handshake failed: {reason.__class__.__name__}", "tls", "connect"
    elif name == "ConnectError" and any(word in str(error) for word in DNS_WORDS):
        message, code, phase = f"{host}: no address is known for this name", "dns", "connect"
    elif name in ("ConnectError", "ProxyError"):
        message, code, phase = f"{host}: cannot connect: {_errno_words(reason)}", "connect", "connect"
    elif name == "RemoteProtocolError" and "without sending" in str(error):
        message, code, phase = f"{host} closed the connection without an answer", "closed", "first_event"
    elif name in ("ReadError", "WriteError"):
        message, code, phase = f"{host}: the connection broke before an answer", "reset", "first_event"
    else:
        message, code, phase = f"{host} sent what is no HTTP answer ({name})", "protocol", "first_event"
    return APIConnectionError(message, code=code, phase=phase)


def error_in_body(error: Exception, request: TransportRequest) -> APIError:
    """Return our error for a failure after the head: a body cut short."""
    host = f"{request.origin.host}:{request.origin.port}"
    return StreamTruncatedError(
        f"{host}: the answer was cut short ({type(error).__name__})", code="reset", phase="body"
    )


def without_frames(error: BaseException) -> BaseException:
    """Return `error` and its chain without tracebacks."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _root(error: BaseException) -> BaseException:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return error


def _errno_words(reason: BaseException) -> str:
    words = getattr(reason, "strerror", None)
    return words if isinstance(words, str) else "refused or unreachable"
