"""HTTP/1.1 as the gateway accepts it: uvicorn's protocol on httptools, with limits on a request's head.

Refuses ambiguous requests, and heads that are too large or never complete, with an error in OpenAI's shape, and closes
the connection once the client has read it. Trailers after a body are not taken for headers. A few pipelined requests
wait for the response to the earlier ones. An upgrade that is not supported is ignored, as the standard allows, and the
body with it: some clients offer HTTP/2 with every request. A client of HTTP/1.0 receives no chunks.

A connection has one clock (`connections.ConnectionClock`), which runs from its first moment to its last.

Source: RFC 9112, sections 2.3, 3.2, 6.1, 6.3, 9.3.2 and 9.6; RFC 9110, sections 6.5 and 7.8; rows R20, R21 and S12
of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, NoReturn

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from llmgate_gateway.config.schema.general import Limits, ServerTimeouts
from llmgate_gateway.server.connections import ConnectionClock, OpenConnections, Phase
from llmgate_gateway.server.half_closed import HalfClosedWatch
from llmgate_gateway.server.refusals import REFUSALS, Refusal, refusal_bytes, speaks_tls
from llmgate_gateway.server.response_transport import ResponseTransport, unchunked

__all__ = ["GatewayProtocol", "ServerConfig"]

MAX_WAITING: Final = 64
"""Requests of one connection that wait for the response to an earlier one."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of the bodies of all requests that wait."""
VERSIONS: Final = frozenset({"1.0", "1.1"})
HOP_BY_HOP: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
LINGER_SECONDS: Final = 2.0
"""After an answer, of silence of a client that has not sent everything: then it is not going to."""
PROGRESS_BYTES: Final = 4096
"""How much of the last bytes a client must take within `timeouts.write`."""
FOREVER: Final = float("inf")


class ServerConfig(uvicorn.Config):
    """The configuration of uvicorn, and what we limit of a connection.

    Args:
        on_refusal: called with each answer that is given below the app.
        count: called with a phase and 1 or -1 when a connection enters or leaves it.

    Attributes:
        connections: of this worker.
        draining: the server is stopping: each connection closes after its next response.
    """

    def __init__(
        self,
        app: Any,
        *,
        limits: Limits,
        timeouts: ServerTimeouts,
        on_refusal: Callable[[Refusal], None] = lambda _: None,
        count: Callable[[Phase, int], None] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(app, http=GatewayProtocol, **others)
        self.connections = OpenConnections(limits, count)
        self.on_refusal = on_refusal
        self.draining = False
        self.apply(limits, timeouts)

    def apply(self, limits: Limits, timeouts: ServerTimeouts) -> None:
        """Use these limits from now on."""
        self.head_bytes = limits.max_header
        self.head_lines = limits.max_headers
        self.dropped_bytes = limits.max_body
        self.client_timeouts = timeouts
        self.connections.apply(limits)

    def configure_logging(self) -> None:
        """Do nothing: the program configures logging."""


class _RefusedError(Exception):
    """Raised through the parser to stop it."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client."""

    config: ServerConfig

    def __init__(self, *arguments: Any, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._clock = ConnectionClock(self.loop, self._on_late, self._on_phase)
        self._head_bytes = 0
        self._head_is_open = True  # waiting for a head, or the rest of it
        self._head_began = False
        self._reason = "invalid"  # of the refusal, if what comes cannot be read
        self._is_upgrade = False
        self._on_disconnect: Callable[[], None] | None = None
        self._in_body = False  # incoming bytes belong to the newest request
        self._ignores_input = False  # incoming bytes are no longer read as HTTP
        self._is_ending = False  # the last response is sent
        self._lingers_until = 0.0
        self._dropped_bytes = 0
        self._unsent_bytes = 0  # when the connection was closed, or at the last check since
        self._idle_bytes = 0  # of chunk framing since the last byte of a body
        self._waiting_bytes = 0
        self._served: RequestResponseCycle | None = None
        self._half_closed: HalfClosedWatch | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting for the first request, unless there are too many connections."""
        super().connection_made(transport)
        reason = self.config.connections.admit(self)
        if reason is None:
            self._clock.enter("head", self.config.client_timeouts.head)
        else:
            self._answer_refusal(reason)
            self._finish(lingers=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being served and those behind it."""
        self._clock.stop()
        self.config.connections.remove(self)
        if self._half_closed is not None:
            self._half_closed.stop()
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
        if self._is_ending or self._clock.phase == "body":
            self._count_dropped(len(data))
        if self._ignores_input or self._is_ending:
            return
        was_open = self._head_is_open
        if was_open:
            self._head_bytes += len(data)
        else:
            self._idle_bytes += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            if self._reason == "invalid" and self._served is None and speaks_tls(data):
                self._reason = "tls"
            self.send_400_response("")
            return
        if self._head_is_open:
            if self._head_bytes > self.config.head_bytes:
                self._reason = "large head"
                self.send_400_response("")
            elif not was_open:
                self._head_bytes = 0
            if self._head_began and self._clock.phase == "idle":
                self._clock.enter("head", self.config.client_timeouts.head)
        elif self._idle_bytes > self.config.head_bytes:  # an endless chunk extension or trailer
            self._reason = "large head"
            self.send_400_response("")

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn's own returns nothing
        """Answer a client that sends no more if it still waits, which is found out; else close the connection."""
        if self._half_closed is not None:
            return True
        if not self._may_wait_half_closed():
            self._close()
            return None
        self._ignores_input, self.cycle.keep_alive = True, False
        self._half_closed = HalfClosedWatch(
            self.transport, self.loop, may_write=self._has_not_begun, on_gone=self.transport.abort
        )
        self._half_closed.start()
        return True

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self._head_began = True
        self._is_upgrade = self._in_body = False
        self.scope["extensions"] = {"llmgate.client": {"abort": self._drop, "watch": self._watch}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; a trailer is only counted."""
        if self._head_is_open:
            super().on_header(name, value)
            return
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > self.config.head_bytes:
            self._refuse("large head")

    def on_headers_complete(self) -> None:
        """Start to serve a request, unless its head is not acceptable."""
        self._head_is_open = False
        self._check_head()
        if self.parser.should_upgrade():
            self._is_upgrade = True
            return
        super().on_headers_complete()
        self._in_body, self._idle_bytes = True, 0
        if self.pipeline:
            if len(self.pipeline) > MAX_WAITING:
                self._refuse("too many waiting")
            self.flow.resume_reading()  # or a disconnect of the client would go unnoticed
        has_body = self.scope["method"] != "HEAD"
        transport = ResponseTransport(self.transport, self._finish, joins=has_body)
        self.cycle.transport = transport  # type: ignore[assignment]  # all that a cycle uses
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
                self._refuse("too large to wait")
            self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """Pass on that the request is complete; the next one may follow."""
        self._head_is_open = True
        self._head_bytes = 0
        if self._is_upgrade:
            return
        self._head_began = self._in_body = False
        super().on_message_complete()
        if self._clock.phase == "body":
            self._clock.enter("idle", self.config.client_timeouts.keep_alive)

    def on_response_complete(self) -> None:
        """Serve the next request, or wait for it; uvicorn's own does the same with a timer for each request."""
        self.server_state.total_requests += 1
        if self._is_ending or self.transport.is_closing():
            return
        self.flow.resume_reading()
        timeouts = self.config.client_timeouts
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._in_body:
            self._dropped_bytes = 0
            self._clock.enter("body", timeouts.body)
        elif self._head_began:
            self._clock.enter("head", timeouts.head)
        else:
            self._clock.enter("idle", timeouts.keep_alive)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be served, and close the connection; but never inside or instead of another response."""
        if self._is_ending or self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            if self._clock.phase != "body":  # whose request has been answered
                self._answer_refusal(self._reason)
        elif self.pipeline or not self._in_body:
            self._answer_only_whole_ones()
            return
        else:
            self._end_broken(cycle)
        self._finish(lingers=True)

    def end_after_this(self) -> None:
        """Close the connection after the current response."""
        if self._is_answering:
            self.cycle.keep_alive = False

    def make_room(self) -> None:
        """Close at once, since a new connection needs the place."""
        self._is_ending = True
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _drop(self) -> None:
        """Drop the connection, with what has not been sent; its request gets no further response."""
        if self._served is not None:
            self._served.disconnected = True
        self.transport.abort()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        if self._clock.phase != "request":
            self._clock.enter("request", FOREVER)
        if not self.pipeline:
            self._waiting_bytes = 0
        super()._start_asgi_task(cycle, app if cycle.scope["http_version"] == "1.1" else unchunked(app, cycle))

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
            self._refuse("many headers")
        if self._head_bytes > self.config.head_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if size > self.config.head_bytes:
                self._refuse("large head")
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
            self._refuse("invalid")
        is_old = version != "1.1"
        if hosts != 1 and not (is_old and hosts == 0):
            self._refuse("invalid")
        if lengths + encodings > 1 or (encodings and is_old) or method == "CONNECT":
            self._refuse("invalid")

    def _refuse(self, reason: str) -> NoReturn:
        self._reason = reason
        raise _RefusedError

    def _answer_refusal(self, reason: str) -> None:
        """Send a refusal that no request of the app stands for, and report it."""
        refusal = REFUSALS[reason]
        self.transport.write(refusal_bytes(refusal, self.server_state.default_headers))
        self.config.on_refusal(refusal)

    def _answer_only_whole_ones(self) -> None:
        """Answer the requests that have come whole, and then close the connection; what follows is not read."""
        self._ignores_input = True
        if self._in_body:  # the newest one is not whole
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else self._served  # type: ignore[assignment]
        self.cycle.keep_alive = False

    def _end_broken(self, cycle: RequestResponseCycle) -> None:
        """End the request whose body cannot be read; the app records it, with our refusal if its own had not begun."""
        if not cycle.response_started:
            refusal = REFUSALS[self._reason]
            self.transport.write(refusal_bytes(refusal, self.server_state.default_headers))
            extensions = self.scope.get("extensions") or {}
            extensions["llmgate.client"]["refusal"] = refusal.facts
        cycle.disconnected = True
        cycle.message_event.set()
        if self._on_disconnect is not None:
            self._on_disconnect()

    def _may_wait_half_closed(self) -> bool:
        """Return whether a client that sends no more may wait for an answer, all of whose requests are whole."""
        served = self._served
        return (
            self._is_answering
            and not self._is_ending
            and not self._in_body
            and self._has_not_begun()
            and served is not None
            and served.scope["http_version"] == "1.1"
            and HalfClosedWatch.is_possible(self.transport)
        )

    def _has_not_begun(self) -> bool:
        """Return whether the request that is being served has no answer yet."""
        return self._served is not None and not self._served.response_started

    def _finish(self, *, lingers: bool = False) -> None:
        """Close the connection once the client has read what was sent.

        A connection that is closed while its client still sends is reset, and the client may lose the answer. So our
        side is closed first, and what comes is dropped until the client closes its own.
        """
        if self._is_ending or self.transport.is_closing():
            return
        self._is_ending = True
        if self._half_closed is not None or not (lingers or self._in_body or self._head_began or self.pipeline):
            self._close()
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._dropped_bytes = 0
        self._lingers_until = self.loop.time() + self.config.client_timeouts.body
        self._clock.enter("linger", min(LINGER_SECONDS, self.config.client_timeouts.body))

    def _count_dropped(self, size: int) -> None:
        """Count what a client sends after its answer: it may send as much as the largest body has."""
        if self.transport.is_closing():
            return
        self._dropped_bytes += size
        if self._dropped_bytes > self.config.dropped_bytes:
            self._close()
        elif self._clock.phase == "linger":
            left = max(0.0, self._lingers_until - self.loop.time())
            self._clock.enter("linger", min(LINGER_SECONDS, left))

    def _close(self) -> None:
        """Close the connection once everything is sent."""
        self._is_ending = True
        self.transport.close()
        if self._clock.phase is not None:
            self._unsent_bytes = self.transport.get_write_buffer_size()
            self._clock.enter("closing", self.config.client_timeouts.write)

    def _on_phase(self, old: Phase | None, new: Phase | None) -> None:
        self.config.connections.change(self, old, new)

    def _on_late(self, phase: Phase) -> None:
        """End a phase that has lasted too long."""
        if phase == "head" and self._head_began:
            self._reason = "late head"
            self.send_400_response("")
        elif phase != "closing":
            self._close()
        elif self._unsent_bytes - self.transport.get_write_buffer_size() >= PROGRESS_BYTES:
            self._unsent_bytes = self.transport.get_write_buffer_size()
            self._clock.enter("closing", self.config.client_timeouts.write)
        else:
            self.transport.abort()
