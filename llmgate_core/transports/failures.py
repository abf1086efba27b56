"""The errors of a connection, in words that name host and phase.

Pure. Never puts a path, a header or a byte of a body into a text.

Source: rows R4, R19 and R26 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError, StreamTruncatedError

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin

__all__ = ["broken", "closed", "connect_failed", "dns_failed", "no_http", "tls_failed", "truncated"]


def dns_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a host name that has no address."""
    return APIConnectionError(f"found no address of {origin.host!r}: {_reason(error)}", code="dns", phase="connect")


def connect_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a connection that was refused or could not be made."""
    return APIConnectionError(f"cannot connect to {peer(origin)}: {_reason(error)}", code="connect", phase="connect")


def tls_failed(origin: Origin, error: OSError) -> APIConnectionError:
    """Return the error of a handshake: the certificate's own code where it was the certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the certificate of {peer(origin)} is not accepted: {error.verify_message}"
        return APIConnectionError(text, code="tls_certificate", phase="connect")
    return APIConnectionError(f"no TLS with {peer(origin)}: {_reason(error)}", code="tls", phase="connect")


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
    """Return the error of a body that has no proper end."""
    return StreamTruncatedError(f"the answer of {peer(origin)} ended early: {reason}", code="closed", phase="body")


def no_http(origin: Origin, reason: str) -> APIConnectionError:
    """Return the error of an answer that is not HTTP/1.1."""
    return APIConnectionError(
        f"the answer of {peer(origin)} is not HTTP/1.1: {reason}", code="protocol", phase="first_event"
    )


def peer(origin: Origin) -> str:
    """Return host and port as one writes them."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    if error.errno and not isinstance(error, (ssl.SSLError, socket.gaierror)):
        return os.strerror(error.errno).lower()  # asyncio's own text differs from the system's
    return (error.strerror or type(error).__name__).lower()


_WHILE = {"first_event": "before the answer", "body": "in the middle of the answer"}
