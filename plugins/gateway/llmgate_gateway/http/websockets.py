"""Refuse WebSockets in words, so that a client such as Codex goes on over HTTP.

Source: RFC 9110, section 15.5.22; RFC 6455, section 4.1; ASGI's extension "WebSocket Denial Response".
"""

from __future__ import annotations

from llmgate_core.serving import encode
from llmgate_gateway.http.responses import RefusedError, Scope, Send, refuse

__all__ = ["WEBSOCKET", "no_websocket", "refuse_websocket"]

WEBSOCKET = b"sec-websocket-key"
"""The header that every opening handshake has."""
STATUS = 426
MESSAGE = (
    "This gateway serves no WebSockets. Send an HTTP request instead: a POST with 'stream': true streams its answer as "
    "events."
)
DENIAL = "websocket.http.response"
POLICY_VIOLATION = 1008


def no_websocket() -> RefusedError:
    """Return the refusal of an opening handshake that came as an HTTP request."""
    return refuse(STATUS, MESSAGE, code="websocket_not_supported", headers=((b"upgrade", b"HTTP/1.1"),))


async def refuse_websocket(scope: Scope, send: Send) -> None:
    """Refuse an opening handshake that another server has recognized."""
    if DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    error = {"message": MESSAGE, "type": "invalid_request_error", "param": None, "code": "websocket_not_supported"}
    headers = [(b"content-type", b"application/json"), (b"upgrade", b"HTTP/1.1")]
    await send({"type": f"{DENIAL}.start", "status": STATUS, "headers": headers})
    await send({"type": f"{DENIAL}.body", "body": encode({"error": error})})
