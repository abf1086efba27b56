"""What an HTTP client raises -> our errors.

Pure. httpx and httpx2 name their exceptions alike, so they are recognised by the names of their classes and bases, and
none of the libraries is imported. No cause is one of theirs: those refer to the request, with the key in its headers.

Source: rows R4, R19 and S16 of docs/reliability.md.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from llmgate_core.errors import APIConnectionError, APIResponseValidationError, BadRequestError, ConfigError
from llmgate_core.transports.failures import (
    broken,
    closed,
    connect_failed,
    dns_failed,
    not_http,
    tls_failed,
    truncated,
    upload_stalled,
)
from llmgate_core.transports.http_syntax import peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.errors import LLMGateError

__all__ = ["client_failure_before_head", "client_failure_in_body", "is_timeout"]

HEAD_TOO_LARGE = 431  # h11's hint

_PHASES = {"PoolTimeout": "pool", "ConnectTimeout": "connect"}


def is_timeout(error: BaseException) -> bool:
    """Return whether a limit that we set ran out."""
    return "TimeoutException" in _ancestry(error) or isinstance(error, TimeoutError)


def client_failure_before_head(error: Exception, request: TransportRequest) -> LLMGateError | None:
    """Return our error; None: not one of an HTTP client, for example of the caller's own event hook."""
    names, origin = _ancestry(error), request.origin
    reason = _os_error(error)
    if "WriteTimeout" in names and not isinstance(request.content, bytes):
        return upload_stalled(request)
    if is_timeout(error):
        return request.deadline.error(next((phase for name, phase in _PHASES.items() if name in names), "first_event"))
    if names & {"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"}:
        return BadRequestError("the client refused the URL or a header of the request", status_code=400, attempts=0)
    if "ConnectError" in names or isinstance(error, ssl.SSLError):
        return _not_connected(origin, reason)
    if isinstance(error, UnicodeError):
        return dns_failed(origin, OSError(0, "not a host name"))
    if "ProxyError" in names:
        status = f" with HTTP {str(error)[:3]}" if str(error)[:3].isdigit() else ""
        message = f"the proxy refused to connect to {peer(origin)}{status}"
        return APIConnectionError(message, code="connect", phase="connect")
    if "RemoteProtocolError" in names:
        if any(getattr(link, "error_status_hint", 0) == HEAD_TOO_LARGE for link in _chain(error)):
            return APIResponseValidationError(f"the head of the answer of {peer(origin)} exceeds what the client reads")
        return closed(origin) if "disconnected" in str(error) else not_http(origin, "not what the standard allows")
    if "TransportError" in names or isinstance(error, OSError):
        return _caused(broken(origin, "first_event", reason), reason)
    if isinstance(error, RuntimeError) and "client has been closed" in str(error):
        return ConfigError("the client given as client_session or aclient_session is closed already")
    return None


def client_failure_in_body(error: Exception, origin: Origin) -> LLMGateError | None:
    """Return our error after the head; None: not one of an HTTP client."""
    names = _ancestry(error)
    if "DecodingError" in names:
        return APIResponseValidationError("the answer's content encoding is damaged")
    if "RemoteProtocolError" in names:
        return truncated(origin, "the connection was closed")
    if "TransportError" in names or isinstance(error, OSError):
        reason = _os_error(error)
        return _caused(broken(origin, "body", reason), reason)
    return None


def _not_connected(origin: Origin, reason: OSError | None) -> LLMGateError:
    if isinstance(reason, socket.gaierror):
        return _caused(dns_failed(origin, reason), reason)
    if isinstance(reason, ssl.SSLError):
        return _caused(tls_failed(origin, reason), reason)
    return _caused(connect_failed(origin, reason or OSError(0, "refused or unreachable")), reason)


def _ancestry(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _os_error(error: BaseException) -> OSError | None:
    """Return the deepest error of the operating system, or of TLS, in the chain of causes."""
    errors = [link for link in _chain(error) if isinstance(link, OSError)]
    return errors[-1] if errors else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        several = getattr(link, "exceptions", ())  # of a group, one for each address that was tried
        link = several[0] if several else link.__cause__ or link.__context__


def _caused(failure: APIConnectionError, reason: OSError | None) -> APIConnectionError:
    if reason is not None:
        failure.__cause__ = type(reason)(*reason.args)  # without the frames and the chain of the original
    return failure
