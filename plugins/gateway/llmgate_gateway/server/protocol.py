"""HTTP/1.1 as the gateway accepts it: uvicorn's protocol on httptools, with limits on a request's head.

Refuses ambiguous requests, and heads that are too large or never complete, with an error in OpenAI's shape, and closes
the connection. Trailers after a body are not taken for headers. A few pipelined requests wait for the response to the
earlier ones. An upgrade that is not supported is ignored, as the standard allows, and the body with it: some clients
offer HTTP/2 with every request. A client of HTTP/1.0 receives no chunks.

Source: RFC 9112, sections 2.3, 3.2, 6.1, 6.3 and 9.3.2; RFC 9110, sections 6.5 and 7.8; rows R20, R21 and S12
of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from llmgate_gateway.config.schema.general import Limits, ServerTimeouts
from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.http.responses import ErrorFacts

__all__ = ["GatewayProtocol", "ServerConfig"]

CONTINUE: Final = b"HTTP/1.1 100 "
MAX_WAITING: Final = 64
"""Requests of one connection that wait for the response to an earlier one."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of the bodies of all requests that wait."""
VERSIONS: Final = frozenset({"1.0", "1.1"})
HOP_BY_HOP: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
REFUSALS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("This is not a valid HTTP request.", "invalid_http_request"),
        413: (
            "This request was sent before the response to an earlier one, and is too large to wait.",
            "request_too_large",
        ),
        408: ("The head of the request did not arrive in time.", "request_timeout"),
        431: ("The head of the request is too large.", "request_header_fields_too_large"),
    }
)


class ServerConfig(uvicorn.Config):
    """The configuration of uvicorn, and our limits on a head.

    Attributes:
        draining: the server is stopping: each connection closes after its next response.
    """

    def __init__(self, app: Any, *, limits: Limits, timeouts: ServerTimeouts, **others: Any) -> None:
        super().__init__(app, http=GatewayProtocol, **others)
        self.head_bytes = limits.max_header
        self.head_lines = limits.max_headers
        self.head_seconds = timeouts.head
        self.draining = False

    def configure_logging(self) -> None:
        """Do nothing: the program configures logging."""


class _RefusedError(Exception):
    """Raised through the parser to stop it."""


class JoinedHead:
    """The transport of one response: sends its head together with the first bytes of its body, in one system call."""

    __slots__ = ("_has_started", "_held", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""
        self._has_started = False

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
        """Close the connection once everything is sent."""
        if self._held:
            self._transport.write(self._held)
            self._held = b""
        self._transport.close()


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client."""

    config: ServerConfig

    def __init__(self, *arguments: Any, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._head_bytes = 0
        self._head_is_open = True  # waiting for a head, or the rest of it
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = 400
        self._is_upgrade = False
        self._on_disconnect: Callable[[], None] | None = None
        self._in_body = False  # incoming bytes belong to the newest request
        self._ignores_input = False  # incoming bytes are no longer read as HTTP
        self._idle_bytes = 0  # of chunk framing since the last byte of a body
        self._waiting_bytes = 0
        self._served: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being served and those behind it."""
        self._unset_head_timer()
        super().connection_lost(exc)
        waiting = [cycle for cycle, _ in self.pipeline]
        self.pipeline.clear()
        for cycle in (*waiting, self._served):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        if self._on_disconnect is not None:
            self._on_disconnect()

    def data_received(self, data: bytes) -> None:
        """Read what the client sent."""
        if self._ignores_input:
            return
        was_open = self._head_is_open
        if was_open:
            self._head_bytes += len(data)
        else:
            self._idle_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("")
            return
        if self._head_is_open:
            if self._head_bytes > self.config.head_bytes:
                self._refusal = 431
                self.send_400_response("")
            elif not was_open:
                self._head_bytes = 0
            elif self._head_timer is None and self._head_bytes:
                self._await_head()
        elif self._idle_bytes > self.config.head_bytes:  # an endless chunk extension or trailer
            self._refusal = 431
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self._is_upgrade = self._in_body = False
        self.scope["extensions"] = {"llmgate.client": {"abort": self._drop, "watch": self._watch}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; a trailer is only counted."""
        if self._head_is_open:
            super().on_header(name, value)
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.config.head_bytes:
            self._refuse(431)

    def on_headers_complete(self) -> None:
        """Start to serve a request, unless its head is not acceptable."""
        self._unset_head_timer()
        self._head_is_open = False
        self._check_head()
        if self.parser.should_upgrade():
            self._is_upgrade = True
            return
        super().on_headers_complete()
        self._in_body, self._idle_bytes = True, 0
        if self.pipeline:
            if len(self.pipeline) > MAX_WAITING:  # those that wait are answered, and then the connection closes
                self.pipeline.popleft()
                self.cycle, self._in_body = self.pipeline[0][0], False
                self._refuse(400)
            self.flow.resume_reading()  # or a disconnect of the client would go unnoticed
        if self.scope["method"] != "HEAD":  # whose response has no body
            self.cycle.transport = JoinedHead(self.transport)  # type: ignore[assignment]  # all that a cycle uses
        if self.config.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass on a block of the body."""
        if self._is_upgrade:
            return
        self._idle_bytes = 0
        super().on_body(body)
        if self.pipeline:
            self._waiting_bytes += len(body)
            if self._waiting_bytes > MAX_WAITING_BYTES:
                self._refuse(413)
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """Pass on that the request is complete; the next one may follow."""
        self._head_is_open = True
        self._head_bytes = 0
        if not self._is_upgrade:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be served, and close the connection; but never inside or instead of another response."""
        self._unset_head_timer()
        if self.transport.is_closing():
            return
        if self._is_answering and not self._in_body:  # it was not a request: the ones before it are served
            self._ignores_input = True
            self.cycle.keep_alive = False
            return
        if not self._is_answering or not (self.pipeline or self.cycle.response_started):
            self.transport.write(_refusal(self._refusal, self.server_state.default_headers))
        if self._is_answering:
            self.cycle.disconnected = True  # the request ends here, before the connection closes
            self.cycle.message_event.set()
        self.transport.close()

    def end_after_this(self) -> None:
        """Close the connection after the current response."""
        if self._is_answering:
            self.cycle.keep_alive = False

    def _drop(self) -> None:
        """Drop the connection, with what has not been sent; its request gets no further response."""
        if self._served is not None:
            self._served.disconnected = True
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        if not self.pipeline:
            self._waiting_bytes = 0
        super()._start_asgi_task(cycle, app if cycle.scope["http_version"] == "1.1" else _unchunked(app, cycle))

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _watch(self, on_disconnect: Callable[[], None] | None) -> None:
        """Call `on_disconnect` when the client disconnects: as ASGI's `receive`, but without a task that waits."""
        self._on_disconnect = on_disconnect
        if on_disconnect is None:
            return
        if self._served is not None and self._served.disconnected:
            on_disconnect()  # it has happened already
        else:
            self.flow.resume_reading()  # a large body may have paused reading, and the disconnect would go unnoticed

    def _feed(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._plain_head() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
            else:
                return

    def _plain_head(self) -> bytes:
        """Return the head that was just read, without its request for another protocol."""
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.scope["method"].encode(), self.url, version)]
        lines += [name + b": " + value for name, value in self.headers if name not in HOP_BY_HOP]
        return b"\r\n".join([*lines, b"\r\n"])

    def _check_head(self) -> None:
        headers = self.headers
        if len(headers) > self.config.head_lines:
            self._refuse(431)
        if self._head_bytes > self.config.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if size > self.config.head_bytes:
                self._refuse(431)
        self.scope["method"] = method = self.parser.get_method().decode("ascii")
        hosts = lengths = encodings = 0
        for name, value in headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                lengths += 1
            elif name == b"transfer-encoding":
                encodings += 1 if value.lower() == b"chunked" else 2
        version = self.parser.get_http_version()
        if version not in VERSIONS or b"#" in self.url:
            self._refuse(400)
        is_old = version != "1.1"
        if hosts != 1 and not (is_old and hosts == 0):
            self._refuse(400)
        if lengths + encodings > 1 or (encodings and is_old) or method == "CONNECT":
            self._refuse(400)

    def _refuse(self, status: int) -> NoReturn:
        self._refusal = status
        raise _RefusedError

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.config.head_seconds, self._on_late_head)

    def _on_late_head(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refusal = 408
            self.send_400_response("")
        else:
            self.transport.close()  # no request has begun

    def _unset_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _unchunked(app: Any, cycle: RequestResponseCycle) -> Any:
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


def _refusal(status: int, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    message, code = REFUSALS[status]
    reply = error_reply(ErrorFacts(status, message, code))
    headers = [
        *default_headers,
        *reply.headers,
        (b"content-length", b"%d" % len(reply.body)),
        (b"connection", b"close"),
    ]
    return b"".join([STATUS_LINE[status], *(b"%s: %s\r\n" % header for header in headers), b"\r\n", reply.body])
