"""The errors of a connection, in words that name host and phase.

Pure. A path, a header or a byte of a body is never part of a message.

Source: rows R4, R19 and R26 of docs/reliability.md.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError, APITimeoutError, StreamTruncatedError
from llmgate_core.transports.http_syntax import peer

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin, TransportRequest

__all__ = [
    "broken",
    "closed",
    "connect_failed",
    "dns_failed",
    "not_http",
    "tls_failed",
    "truncated",
    "upload_stalled",
]


def dns_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a host name without an address."""
    return APIConnectionError(f"found no address for {origin.host!r}: {_reason(error)}", code="dns", phase="connect")


def connect_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a connection that was refused or could not be made."""
    return APIConnectionError(f"cannot connect to {peer(origin)}: {_reason(error)}", code="connect", phase="connect")


def tls_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a failed handshake, with a code for a bad certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate of {peer(origin)} was not accepted: {error.verify_message}"
        return APIConnectionError(message, code="tls_certificate", phase="connect")
    return APIConnectionError(
        f"the TLS handshake with {peer(origin)} failed: {_reason(error)}", code="tls", phase="connect"
    )


def broken(origin: Origin, phase: str, error: OSError | None) -> APIConnectionError:
    """Return the error of a connection that broke in `phase` (`first_event` or `body`)."""
    code = "tls" if isinstance(error, ssl.SSLError) else "reset"
    reason = "" if error is None else f": {_reason(error)}"
    return APIConnectionError(f"the connection to {peer(origin)} broke {_WHILE[phase]}{reason}", code=code, phase=phase)


def closed(origin: Origin) -> APIConnectionError:
    """Return the error of a connection that ended before an answer."""
    return APIConnectionError(
        f"{peer(origin)} closed the connection without an answer", code="closed", phase="first_event"
    )


def truncated(origin: Origin, reason: str) -> StreamTruncatedError:
    """Return the error of a body without a proper end."""
    return StreamTruncatedError(f"the answer of {peer(origin)} ended early: {reason}", code="closed", phase="body")


def not_http(origin: Origin, reason: str) -> APIConnectionError:
    """Return the error of an answer that is not HTTP/1.1."""
    return APIConnectionError(
        f"the answer of {peer(origin)} is not HTTP/1.1: {reason}", code="protocol", phase="first_event"
    )


def upload_stalled(request: TransportRequest) -> APITimeoutError:
    """Return the error of an upstream that reads no more of an upload."""
    error = request.deadline.error("idle")
    if error.phase != "idle":
        return error
    limit = request.deadline.timeouts.idle
    length = "too long" if limit is None else f"{limit:g} s"
    return APITimeoutError(f"{peer(request.origin)} read nothing of the upload for {length}", phase="idle")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if error.errno and not isinstance(error, (ssl.SSLError, socket.gaierror)):
        return os.strerror(error.errno).lower()  # asyncio's words differ from the system's
    return (error.strerror or type(error).__name__).lower()


_WHILE = {"first_event": "before the answer", "body": "in the middle of the answer"}
