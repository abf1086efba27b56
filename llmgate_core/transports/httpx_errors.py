"""What httpcore and our sockets raise -> our errors, which hold no request.

Pure. The cause of an error is an `OSError` or nothing: whatever went through the HTTP library has
frames that hold the request's headers, and its texts may repeat what the upstream sent.

Source: rows R4, R19 and S16 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore

from llmgate_core.errors import APIConnectionError, APIError, APIResponseValidationError, BadRequestError
from llmgate_core.transports.failures import broken, closed, no_http, peer, tls_failed, truncated
from llmgate_core.transports.upload import not_taken

if TYPE_CHECKING:
    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.httpx_exchange import WireExchange

__all__ = ["FAILURES", "failure_before_head", "failure_in_body"]

FAILURES = (
    APIError,
    OSError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)
"""Everything that comes out of httpcore over our sockets."""

HEAD_TOO_LARGE = 431  # as h11 says it
_PHASES = {httpcore.PoolTimeout: "pool", httpcore.ConnectTimeout: "connect"}


def failure_before_head(error: Exception, exchange: WireExchange, request: TransportRequest) -> APIError:
    """Return our error for one of `FAILURES` before the head of an answer."""
    origin = request.origin
    if isinstance(error, APIError):
        return _caused(error.with_traceback(None), _os_error(error))
    if isinstance(error, httpcore.WriteTimeout) and exchange.is_upload():
        return not_taken(request)
    if isinstance(error, httpcore.TimeoutException):
        return request.deadline.error(_PHASES.get(type(error), "first_event"))
    if isinstance(error, OSError):
        return _caused(tls_failed(origin, error), error)
    if isinstance(error, httpcore.NetworkError):
        reason = _os_error(error)
        return _caused(broken(origin, "first_event", reason), reason)
    if isinstance(error, httpcore.ProxyError):
        said = str(error)[:3]
        status = f" with HTTP {said}" if said.isdigit() else ""
        message = f"the proxy refused to connect to {peer(origin)}{status}"
        return APIConnectionError(message, code="connect", phase="connect")
    if isinstance(error, httpcore.LocalProtocolError):
        return BadRequestError(
            "the request has a host, method, path or header name that cannot be sent", status_code=400, attempts=0
        )
    if getattr(error.__context__, "error_status_hint", 0) == HEAD_TOO_LARGE:
        return APIResponseValidationError(f"the head of the answer of {peer(origin)} exceeds what h11 reads")
    return closed(origin) if exchange.ended else no_http(origin, "not what the standard allows")


def failure_in_body(error: Exception, exchange: WireExchange, request: TransportRequest) -> APIError:
    """Return our error for one of `FAILURES` after the head; timeouts are not for this."""
    if isinstance(error, APIError):
        return error.with_traceback(None)
    if isinstance(error, httpcore.ProtocolError):
        if exchange.ended:
            return truncated(request.origin, "the connection was closed")
        failure = truncated(request.origin, "a part of it is not what the standard allows")
        failure.code = "protocol"
        return failure
    reason = error if isinstance(error, OSError) else _os_error(error)
    return _caused(broken(request.origin, "body", reason), reason)


def _caused(failure: APIError, reason: OSError | None) -> APIError:
    if reason is not None:
        failure.__cause__ = reason.with_traceback(None)
    return failure


def _os_error(error: BaseException) -> OSError | None:
    # httpcore takes the cause off what passes through its pool, but leaves the context
    return error.__context__ if isinstance(error.__context__, OSError) else None
