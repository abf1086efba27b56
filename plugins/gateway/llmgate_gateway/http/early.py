"""Send a response before the body of its request has been read, or without reading it.

Our own server drops what the client still sends until it has read the response. For other servers a little is read
here, so that the client of a small body gets to read it.
"""

from __future__ import annotations

import asyncio
import contextlib

from llmgate_gateway.http.request import ClientGoneError, ClientRequest
from llmgate_gateway.http.responses import Reply, send_reply

__all__ = ["CLOSE", "send_early"]

CLOSE = (b"connection", b"close")
MAX_UNREAD_BYTES = 64 * 1024
"""Of a body that is not needed; the server reads as much to keep the connection, since a new one costs more."""
MAX_DRAINED_BYTES = 64 * 1024
DRAIN_SECONDS = 0.5


async def send_early(request: ClientRequest, reply: Reply, *, close: bool = False) -> None:
    """Send a response; of a body that is not needed, no more is read than the connection is worth.

    Args:
        request: the request.
        reply: its response.
        close: the connection cannot be used further.
    """
    unread = request.unread_bytes()
    close = close or b"expect" in request.headers  # the client may send its next request in place of the body
    if not unread or (unread <= MAX_UNREAD_BYTES and not close):
        await send_reply(request.send, reply)
        return
    if request.server_lingers:
        await send_reply(request.send, reply, (CLOSE,))
        return
    head = [*reply.headers, (b"content-length", b"%d" % len(reply.body)), CLOSE]
    await request.send({"type": "http.response.start", "status": reply.status, "headers": head})
    await request.send({"type": "http.response.body", "body": reply.body, "more_body": True})
    with contextlib.suppress(ClientGoneError, asyncio.TimeoutError):
        await asyncio.wait_for(_drain(request), DRAIN_SECONDS)
    await request.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(request: ClientRequest) -> None:
    """Read a little more of the request, so that the client gets to read the response."""
    size, more = 0, True
    while more and size < MAX_DRAINED_BYTES:
        block, more = await request.read()
        size += len(block)
