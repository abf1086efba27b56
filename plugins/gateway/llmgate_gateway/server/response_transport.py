"""How uvicorn's responses reach a connection: head and body in one system call, and no chunks for HTTP/1.0."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

__all__ = ["ResponseTransport", "unchunked"]

CONTINUE: Final = b"HTTP/1.1 100 "


class ResponseTransport:
    """The transport of one response.

    Args:
        transport: of the connection.
        end: closes the connection once what was written has been read.
        joins: the head is sent together with the first bytes of the body, in one system call; not for a response
            without a body.
    """

    __slots__ = ("_end", "_has_started", "_held", "_transport")

    def __init__(self, transport: asyncio.Transport, end: Callable[[], None], *, joins: bool) -> None:
        self._transport = transport
        self._end = end
        self._held = b""
        self._has_started = not joins

    def write(self, data: bytes) -> None:
        """Hold the head back until the first bytes of the body, which follow at once."""
        if self._held:
            data, self._held = self._held + data, b""
        elif not self._has_started and not data.startswith(CONTINUE):
            self._has_started, self._held = True, data
            return
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once everything is sent and has been read."""
        if self._held:
            self._transport.write(self._held)
            self._held = b""
        self._end()


def unchunked(app: Any, cycle: RequestResponseCycle) -> Any:
    """Return the app for a client of HTTP/1.0, which has no chunks: the end of the connection is the end of the body.

    uvicorn closes such a connection in any case, but would send chunks, and checks the length of what is sent without.
    """

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        has_length = True

        async def send_plain(message: Any) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not has_length:
                    cycle.chunked_encoding = cycle.keep_alive = False
            elif not has_length:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_plain)

    return serve
