"""HTTP/1.1 as the gateway accepts it: uvicorn's protocol on httptools, with limits on a request's head.

Refuses what two servers could read in two ways, a head that is too large and one that does not come to
its end; says so in OpenAI's shape, and hangs up. Header lines behind a body are not taken for headers.
Requests that come before the answer to an earlier one wait their turn, a few of them. An upgrade that we
do not do is ignored, as the standard allows, body and all: some HTTP clients offer HTTP/2 with every request.
A client of HTTP/1.0 is sent no chunks.

Source: RFC 9112, sections 2.3, 3.2, 6.1, 6.3 and 9.3.2; RFC 9110, sections 6.5 and 7.8; rows R20, R21 and S12
of the reliability catalogue in docs/architecture.md.
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
"""Requests of one connection that wait for the answer to an earlier one."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of the bodies of all that wait."""
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
    """What uvicorn asks for, and our limits on a head.

    Attributes:
        draining: the server is about to stop: each connection ends with its next answer.
    """

    def __init__(self, app: Any, *, limits: Limits, timeouts: ServerTimeouts, **others: Any) -> None:
        super().__init__(app, http=GatewayProtocol, **others)
        self.head_bytes = limits.max_header
        self.head_lines = limits.max_headers
        self.head_seconds = timeouts.head
        self.draining = False

    def configure_logging(self) -> None:
        """Leave logging as it is: it belongs to the program."""


class _RefusedError(Exception):
    """Raised through the parser, which then stops."""


class JoinedHead:
    """The transport of one answer: its head goes out together with the first of its body, in one system call."""

    __slots__ = ("_held", "_is_begun", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Hold the head back until the body begins, which the app sends right after it."""
        if self._held:
            data, self._held = self._held + data, b""
        elif not self._is_begun and not data.startswith(CONTINUE):
            self._is_begun, self._held = True, data
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
        self._head_is_open = True  # we wait for a head, or for its rest
        self._head_timer: asyncio.TimerHandle | None = None
        self._refusal = 400
        self._is_upgrade = False
        self._tell_gone: Callable[[], None] | None = None
        self._in_body = False  # what comes belongs to the newest request
        self._is_deaf = False  # what comes is no HTTP any more
        self._idle_bytes = 0  # of a body's framing since the last byte of the body itself
        self._waiting_bytes = 0
        self._served: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is served as well as those behind it."""
        self._unset_head_timer()
        super().connection_lost(exc)
        waiting = [cycle for cycle, _ in self.pipeline]
        self.pipeline.clear()
        for cycle in (*waiting, self._served):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        if self._tell_gone is not None:
            self._tell_gone()

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        if self._is_deaf:
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
        elif self._idle_bytes > self.config.head_bytes:  # a chunk's extension or a line behind the body without end
            self._refusal = 431
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._is_upgrade = self._in_body = False
        self.scope["extensions"] = {"llmgate.client": {"abort": self._drop, "watch": self._watch}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; what stands behind a body is none, and only counts."""
        if self._head_is_open:
            super().on_header(name, value)
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.config.head_bytes:
            self._refuse(431)

    def on_headers_complete(self) -> None:
        """Begin to serve a request, unless its head says that we must not."""
        self._unset_head_timer()
        self._head_is_open = False
        self._check_head()
        if self.parser.should_upgrade():
            self._is_upgrade = True
            return
        super().on_headers_complete()
        self._in_body, self._idle_bytes = True, 0
        if self.pipeline:
            if len(self.pipeline) > MAX_WAITING:  # what waits is answered, and then the connection ends
                self.pipeline.popleft()
                self.cycle, self._in_body = self.pipeline[0][0], False
                self._refuse(400)
            self.flow.resume_reading()  # else nobody would see that the client hangs up
        if self.scope["method"] != "HEAD":  # whose answer has no body to go with
            self.cycle.transport = JoinedHead(self.transport)  # type: ignore[assignment]  # all that a cycle uses
        if self.config.draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand on a block of the body."""
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
        """Hand on that the request has ended; the next one may follow."""
        self._head_is_open = True
        self._head_bytes = 0
        if not self._is_upgrade:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be served, and hang up; not in the middle of an answer, nor in its place."""
        self._unset_head_timer()
        if self.transport.is_closing():
            return
        if self._is_answering and not self._in_body:  # it was no request at all: the ones before it are served
            self._is_deaf = True
            self.cycle.keep_alive = False
            return
        if not self._is_answering or not (self.pipeline or self.cycle.response_started):
            self.transport.write(_refusal(self._refusal, self.server_state.default_headers))
        if self._is_answering:
            self.cycle.disconnected = True  # it ends here, before the connection is told so
            self.cycle.message_event.set()
        self.transport.close()

    def end_after_this(self) -> None:
        """Close once the answer that is under way has been sent."""
        if self._is_answering:
            self.cycle.keep_alive = False

    def _drop(self) -> None:
        """Drop the connection with what is not sent yet; its request needs no further answer."""
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

    def _watch(self, tell: Callable[[], None] | None) -> None:
        """Call `tell` when the client hangs up: what ASGI's `receive` would say, without a task that waits for it."""
        self._tell_gone = tell
        if tell is None:
            return
        if self._served is not None and self._served.disconnected:
            tell()  # it has happened
        else:
            self.flow.resume_reading()  # a large body may have paused it, and then nobody would see it happen

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
        """Return the head that was just read, without its wish for another protocol."""
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
        self._head_timer = self.loop.call_later(self.config.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refusal = 408
            self.send_400_response("")
        else:
            self.transport.close()  # it never began to ask

    def _unset_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _unchunked(app: Any, cycle: RequestResponseCycle) -> Any:
    """Return the app for a client of HTTP/1.0, which knows no chunks: the connection's end is the body's.

    uvicorn closes such a connection in any case, but would send chunks, and counts what goes without them.
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
