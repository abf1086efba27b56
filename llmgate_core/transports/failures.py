"""The errors of a connection, in words that name host and phase.

Pure. A path, a header or a byte of a body is never part of a message.

Source: rows R4, R19 and R26 of docs/reliability.md.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import sys
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
    "is_out_of_descriptors",
    "not_http",
    "out_of_descriptors",
    "stopped",
    "tls_failed",
    "truncated",
    "upload_stalled",
]


def dns_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a host name without an address."""
    if _has_no_descriptor():  # the resolver says no more than that it failed
        return out_of_descriptors()
    return APIConnectionError(f"found no address for {origin.host!r}: {_reason(error)}", code="dns", phase="connect")


def connect_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a connection that was refused or could not be made."""
    if is_out_of_descriptors(error):
        return out_of_descriptors()
    return APIConnectionError(f"cannot connect to {peer(origin)}: {_reason(error)}", code="connect", phase="connect")


def is_out_of_descriptors(error: OSError) -> bool:
    """Return whether this process, or the machine, has as many files and sockets open as it may have."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


def out_of_descriptors() -> APIConnectionError:
    """Return the error of a connection that this process has no file descriptor for; the upstream is not at fault."""
    limit = ""
    if sys.platform != "win32":
        import resource  # not on every platform

        limit = f" of {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}"
    message = f"the limit{limit} open files and sockets is reached: raise it (ulimit -n), or make fewer calls at a time"
    return APIConnectionError(message, code="out_of_descriptors", phase="connect")


def _has_no_descriptor() -> bool:
    try:
        socket.socket().close()
    except OSError as error:
        return is_out_of_descriptors(error)
    return False


def tls_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a failed handshake, with a code for a bad certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"the certificate of {peer(origin)} was not accepted: {error.verify_message}"
        if error.verify_code in _UNKNOWN_ISSUER:
            message += "; if you trust its issuer, name the issuer's certificate in ca_file or SSL_CERT_FILE"
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


def stopped(origin: Origin) -> StreamTruncatedError:
    """Return the error of an answer that is read after its reader closed it, or while another thread does."""
    return truncated(origin, "it was closed by its reader")


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


_UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's codes for a certificate that leads to no trusted one (x509_vfy.h, X509_V_ERR_…)."""

_WHILE = {"first_event": "before the answer", "body": "in the middle of the answer"}
