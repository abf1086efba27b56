"""One request and its response on a connection, as ASGI's `receive` and `send`.

A response leaves in as few writes as it can: its head together with the first bytes of its body. Nothing here waits
but for the client: for its body, and for room in what is written to it.

Source: ASGI 3.0, "HTTP & WebSocket ASGI Message Format"; RFC 9110, sections 9.3.2, 10.1.1 and 15.2.1; RFC 9112,
sections 6 and 7.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from llmgate_gateway.http.responses import ErrorFacts, Message, Scope
from llmgate_gateway.server.response_head import read_framing, response_head

__all__ = ["CONTINUE", "ClientConnection", "Exchange"]

log = logging.getLogger("llmgate.gateway")

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"
NO_BODY: Final = frozenset({204, 304})
FAILED: Final = b"Internal Server Error"
FAILED_HEADERS: Final = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(FAILED)))


class ClientConnection(Protocol):
    """What an exchange needs of its connection.

    Attributes:
        writable: set when the client has read enough of what was written; None: it has.
    """

    transport: asyncio.Transport
    writable: asyncio.Event | None

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every response."""
        ...

    def resume_reading(self) -> None:
        """Read on if reading was paused."""
        ...

    def end_response(self, exchange: Exchange) -> None:
        """Go on after a response that is complete, or that will not be."""
        ...

    def end_task(self) -> None:
        """Forget the task of a request, which ends now."""
        ...


class Exchange:
    """One request and its response.

    Attributes:
        is_http_1_0: so no chunks are sent.
        keep_alive: the connection may stay open after the response.
        unread_bytes: of the body, which have come and have not been received by the app.
        has_begun: the app has begun its response. is_complete: and has ended it.
        is_disconnected: the client is gone, or gets no further response.
        refusal: what it was answered in the place of the app; None: nothing.
    """

    __slots__ = (
        "_awaits_continue",
        "_blocks",
        "_body_follows",
        "_changed",
        "_connection",
        "_has_news",
        "_held_head",
        "_is_chunked",
        "_is_head",
        "_left",
        "_on_disconnect",
        "has_begun",
        "is_complete",
        "is_disconnected",
        "is_http_1_0",
        "keep_alive",
        "refusal",
        "unread_bytes",
    )

    def __init__(self, connection: ClientConnection, scope: Scope, *, keep_alive: bool, awaits_continue: bool) -> None:
        self.is_http_1_0 = scope["http_version"] == "1.0"
        self.keep_alive = keep_alive
        self.refusal: ErrorFacts | None = None
        self.unread_bytes = 0
        self.has_begun = self.is_complete = self.is_disconnected = False
        self._connection = connection
        self._awaits_continue = awaits_continue
        self._blocks: list[bytes] = []
        self._body_follows = True
        self._has_news = False  # something has come since the app last received
        self._changed: asyncio.Event | None = None  # only while the app waits
        self._held_head = b""  # until the first bytes of the body
        self._is_head = scope["method"] == "HEAD"
        self._is_chunked = False
        self._left: int | None = None  # of a body with a length
        self._on_disconnect: Callable[[], None] | None = None

    async def run(self, app: Any, scope: Scope) -> None:
        """Let the app answer the request. One that it does not answer gets an error, or its connection ends."""
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            log.exception("the app of the server failed")
        finally:
            self._connection.end_task()
            if not self.is_complete and not self.is_disconnected:
                self._end_unanswered()

    async def receive(self) -> Message:
        """Return the next part of the request; once that is complete, wait for the client to disconnect."""
        if self._awaits_continue and not self._connection.transport.is_closing():
            self._awaits_continue = False
            self._connection.transport.write(CONTINUE)
        while not (self._has_news or self.is_disconnected or self.is_complete):
            if self._changed is None:
                self._changed = asyncio.Event()
            await self._changed.wait()
        if self.is_disconnected or self.is_complete:
            return {"type": "http.disconnect"}
        self._has_news = False
        blocks, self._blocks, self.unread_bytes = self._blocks, [], 0
        self._connection.resume_reading()
        body = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        return {"type": "http.request", "body": body, "more_body": self._body_follows}

    async def send(self, message: Message) -> None:
        """Send a part of the response, once the client has read enough of what was sent before.

        Raises:
            RuntimeError: the message has no place here, or the body is not as long as was said.
            ValueError: a header is not valid.
        """
        writable = self._connection.writable
        if writable is not None and not self.is_disconnected:
            await writable.wait()
        if self.is_disconnected:
            return
        wanted = "http.response.body" if self.has_begun else "http.response.start"
        if message["type"] != wanted or self.is_complete:
            raise RuntimeError(f"an ASGI message {message['type']!r} was sent where it has no place")
        if self.has_begun:
            self._send_body(message.get("body", b""), follows=message.get("more_body", False))
        else:
            self._begin(message["status"], message.get("headers", ()))

    def send_now(self, block: bytes) -> bool:
        """Send a block of the body without waiting, as `send` does; False: it has to be sent by `send`."""
        if self._connection.writable is not None or not self.has_begun or self.is_complete:
            return False
        if not self.is_disconnected:
            self._send_body(block, follows=True)
        return True

    def add_body(self, block: bytes) -> None:
        """Add bytes of the body that have come."""
        self._blocks.append(block)
        self.unread_bytes += len(block)
        self._tell()

    def end_body(self) -> None:
        """Say that the body has come whole."""
        self._body_follows = False
        self._tell()

    def disconnect(self) -> None:
        """End the request: the client is gone, or has been answered in the place of the app."""
        self.is_disconnected = True
        self._tell()
        if self._on_disconnect is not None:
            self._on_disconnect()

    def watch(self, on_disconnect: Callable[[], None] | None) -> None:
        """Call `on_disconnect` when the client disconnects: as ASGI's `receive`, but without a task that waits."""
        self._on_disconnect = on_disconnect
        if on_disconnect is None:
            return
        if self.is_disconnected:
            on_disconnect()  # it has happened already
        else:
            self._connection.resume_reading()  # a large body may have paused it, and the disconnect would go unnoticed

    def abort(self) -> None:
        """Drop the connection, with what has not been sent; the request gets no further response."""
        self.is_disconnected = True
        self._connection.transport.abort()

    def _tell(self) -> None:
        self._has_news = True
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _begin(self, status: int, headers: Any) -> None:
        """Make the head, which is sent with the first bytes of the body."""
        sent, length, closes = read_framing(headers)
        self._left = length
        if length is None:
            if self._is_head or status in NO_BODY:
                self._left = 0
            elif self.is_http_1_0:
                self.keep_alive = False  # the end of the connection is the end of the body
            else:
                self._is_chunked = True
                sent.append((b"transfer-encoding", b"chunked"))
        self.keep_alive = self.keep_alive and not closes
        if not self.keep_alive and not closes:
            sent.append((b"connection", b"close"))
        self._held_head = response_head(status, self._connection.default_headers + sent)
        self.has_begun = True
        self._awaits_continue = False

    def _send_body(self, body: bytes, *, follows: bool) -> None:
        if self._is_head:
            body, self._left = b"", 0
        elif self._is_chunked:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not follows:
                body += LAST_CHUNK
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0:
                raise RuntimeError("the body of a response is longer than its content-length")
        if self._held_head:
            body, self._held_head = self._held_head + body, b""
        if body:
            self._connection.transport.write(body)
        if not follows:
            if self._left:
                raise RuntimeError("the body of a response is shorter than its content-length")
            self.is_complete = True
            self._tell()
            self._connection.end_response(self)

    def _end_unanswered(self) -> None:
        """Answer in the place of an app that has not, if nothing was sent; else the client sees a body cut short."""
        self.keep_alive = False
        if not self.has_begun or self._held_head:
            self._is_chunked = self.has_begun = False
            self._begin(500, FAILED_HEADERS)
            self._send_body(FAILED, follows=False)
        else:
            self._connection.end_response(self)
