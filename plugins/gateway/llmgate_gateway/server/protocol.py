"""One connection of the gateway's server: its requests in order, what it refuses, and its time limits.

Ambiguous requests, and heads that are too large or never complete, are refused with an error in OpenAI's shape, and the
connection closes once the client has read it. A few pipelined requests wait for the response to the earlier ones.

A `Listener` accepts it, `RequestReader` reads requests, an `Exchange` answers each of them, `Closing` ends the
connection. A connection has one clock (`connections.ConnectionClock`), which runs from its first moment to its last.

Source: RFC 9112, sections 9.3.2 and 9.6; rows R20, R21 and S12 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any, Final

from llmgate_gateway.http.responses import Scope
from llmgate_gateway.server.closing import Closing
from llmgate_gateway.server.connections import ConnectionClock, Phase
from llmgate_gateway.server.exchange import Exchange
from llmgate_gateway.server.half_closed import HalfClosedWatch
from llmgate_gateway.server.refusals import REFUSALS, Refusal, refusal_bytes, speaks_tls
from llmgate_gateway.server.request_reader import RequestReader
from llmgate_gateway.server.state import ServerState

__all__ = ["GatewayProtocol"]

MAX_WAITING: Final = 64
"""Requests of one connection that wait for the response to an earlier one."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of the bodies of all requests that wait."""
MAX_UNREAD_BYTES: Final = 64 * 1024
"""Of the body of the request that is being served: then the client has to wait until the app has received them."""
FOREVER: Final = float("inf")


class GatewayProtocol(asyncio.Protocol):
    """One connection of a client.

    Args:
        state: what it shares with the other connections of its server.
        loop: the event loop that runs it.

    Attributes:
        transport: of the connection.
        client: its address and port; None for a unix socket.
        writable: see `exchange.ClientConnection`.
    """

    transport: asyncio.Transport
    _closing: Closing
    _reader: RequestReader

    def __init__(self, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self.client: tuple[str, int] | None = None
        self.writable: asyncio.Event | None = None
        self._state = state
        self._loop = loop
        self._clock = ConnectionClock(self._loop, self._on_late, partial(state.limited.change, self))
        self._newest: Exchange | None = None  # incoming bytes belong to it
        self._served: Exchange | None = None
        self._waiting: deque[tuple[Exchange, Scope]] = deque()
        self._waiting_bytes = 0
        self._is_paused = False
        self._ignores_input = False  # incoming bytes are no longer read as HTTP
        self._half_closed: HalfClosedWatch | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one of TCP
        """Start waiting for the first request, unless there are too many connections."""
        self.transport = transport
        self.client = _address(transport.get_extra_info("peername"))
        self._closing = Closing(transport, self._clock, self._loop, self._state)
        self._reader = RequestReader(self, self._state, self._constant_scope())
        self._state.open.add(self)
        reason = self._state.limited.admit(self)
        if reason is None:
            self._clock.enter("head", self._state.client_timeouts.head)
        else:
            self._answer_refusal(reason)
            self._finish(lingers=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and tell the request that is being served and those behind it."""
        self._clock.stop()
        self._state.limited.remove(self)
        self._state.open.discard(self)
        if self._half_closed is not None:
            self._half_closed.stop()
        self.resume_writing()
        waiting = [exchange for exchange, _ in self._waiting]
        self._waiting.clear()
        for exchange in (*waiting, self._served):
            if exchange is not None and not exchange.is_complete:
                exchange.disconnect()

    def pause_writing(self) -> None:
        """Hold up responses: the client reads too slowly."""
        if self.writable is None:
            self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Let responses go on."""
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def data_received(self, data: bytes) -> None:
        """Read what the client sent."""
        phase = self._clock.phase
        if self._closing.has_begun or phase == "body":
            self._closing.count_dropped(len(data))
        if self._ignores_input or self._closing.has_begun:
            return
        reason = self._reader.feed(data)
        if reason is not None:
            is_first = self._served is None
            self._refuse("tls" if reason == "invalid" and is_first and speaks_tls(data) else reason)
        elif self._reader.in_request and self._clock.phase == "idle":
            self._clock.enter("head", self._state.client_timeouts.head)

    def eof_received(self) -> bool | None:
        """Answer a client that sends no more if it still waits, which is found out; else close the connection."""
        if self._half_closed is not None:
            return True
        newest = self._newest
        if newest is None or not self._may_wait_half_closed():
            self._closing.close()
            return None
        self._ignores_input, newest.keep_alive = True, False
        self._half_closed = HalfClosedWatch(
            self.transport, self._loop, may_write=self._has_not_begun, on_gone=self.transport.abort
        )
        self._half_closed.start()
        return True

    def begin_request(self, scope: Scope, *, keep_alive: bool, awaits_continue: bool) -> None:
        """Serve a request, or let it wait for the response to an earlier one."""
        if len(self._waiting) >= MAX_WAITING:
            self._reader.refuse("too many waiting")
        keep_alive = keep_alive and not self._state.draining
        exchange = Exchange(self, scope, keep_alive=keep_alive, awaits_continue=awaits_continue)
        scope["extensions"] = {"llmgate.client": exchange}
        is_free = self._newest is None or self._newest.is_complete
        self._newest = exchange
        if is_free:
            self._serve(exchange, scope)
        else:
            self._waiting.append((exchange, scope))

    def add_body(self, block: bytes) -> None:
        """Pass on a block of the newest request's body; one that has been answered needs it no more."""
        newest = self._newest
        if newest is None or newest.is_complete:
            return
        newest.add_body(block)
        if self._waiting:  # and reading goes on, or a disconnect of the client would go unnoticed
            self._waiting_bytes += len(block)
            if self._waiting_bytes > MAX_WAITING_BYTES:
                self._reader.refuse("too large to wait")
        elif newest.unread_bytes > MAX_UNREAD_BYTES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def end_request(self) -> None:
        """Pass on that the newest request is complete; the next one may follow."""
        if self._newest is not None and not self._newest.is_complete:
            self._newest.end_body()
        if self._clock.phase == "body":
            self._clock.enter("idle", self._state.client_timeouts.keep_alive)

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every response: the date, which the server updates once a second."""
        return self._state.default_headers

    def resume_reading(self) -> None:
        """Read on if reading was paused."""
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    def end_response(self, exchange: Exchange) -> None:
        """Serve the next request, or wait for it."""
        if not exchange.keep_alive:
            self._finish()
        if self._closing.has_begun or self.transport.is_closing():
            return
        self.resume_reading()
        timeouts = self._state.client_timeouts
        if self._waiting:
            self._serve(*self._waiting.popleft())
        elif self._reader.in_body:
            self._closing.drop_body()
            self._clock.enter("body", timeouts.body)
        elif self._reader.in_request:
            self._clock.enter("head", timeouts.head)
        else:
            self._clock.enter("idle", timeouts.keep_alive)

    def end_task(self) -> None:
        """Forget the task of a request, which ends now."""
        self._state.tasks.discard(asyncio.current_task())

    def end_after_this(self) -> None:
        """Close the connection after the current response."""
        if self._newest is not None and not self._newest.is_complete:
            self._newest.keep_alive = False

    def make_room(self) -> None:
        """Close at once, since a new connection needs the place."""
        self._closing.make_room()

    def _constant_scope(self) -> Scope:
        """Return what the scopes of all requests of the connection have in common."""
        server = self.transport.get_extra_info("sockname")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "server": (server, None) if isinstance(server, str) else _address(server),
            "client": self.client,
            "scheme": "http" if self.transport.get_extra_info("sslcontext") is None else "https",
            "root_path": "",
        }

    def _serve(self, exchange: Exchange, scope: Scope) -> None:
        self._served = exchange
        if self._clock.phase != "request":
            self._clock.enter("request", FOREVER)
        if not self._waiting:
            self._waiting_bytes = 0
        self._state.tasks.add(self._loop.create_task(exchange.run(self._state.app, scope)))

    def _refuse(self, reason: str) -> None:
        """Answer what cannot be served, and close the connection; but never inside or instead of another response."""
        if self._closing.has_begun or self.transport.is_closing():
            return
        newest = self._newest
        if newest is None or newest.is_complete:
            if self._clock.phase != "body":  # whose request has been answered
                self._answer_refusal(reason)
        elif self._waiting or not self._reader.in_body:
            self._answer_only_whole_ones()
            return
        else:
            self._end_broken(newest, REFUSALS[reason])
        self._finish(lingers=True)

    def _answer_refusal(self, reason: str) -> None:
        """Send a refusal that no request of the app stands for, and report it."""
        refusal = REFUSALS[reason]
        self.transport.write(refusal_bytes(refusal, self.default_headers))
        self._state.on_refusal(refusal)

    def _answer_only_whole_ones(self) -> None:
        """Answer the requests that have come whole, and then close the connection; what follows is not read."""
        self._ignores_input = True
        if self._reader.in_body:  # the newest one is not whole
            self._waiting.pop()
        last = self._waiting[-1][0] if self._waiting else self._served
        if last is not None:
            last.keep_alive = False
            self._newest = last

    def _end_broken(self, exchange: Exchange, refusal: Refusal) -> None:
        """End the request whose body cannot be read; the app records it, with our refusal if its own had not begun."""
        if not exchange.has_begun:
            self.transport.write(refusal_bytes(refusal, self.default_headers))
            exchange.refusal = refusal.facts
        exchange.disconnect()

    def _may_wait_half_closed(self) -> bool:
        """Return whether a client that sends no more may wait for an answer, all of whose requests are whole."""
        newest, served = self._newest, self._served
        return (
            newest is not None
            and not newest.is_complete
            and not self._closing.has_begun
            and not self._reader.in_body
            and self._has_not_begun()
            and served is not None
            and not served.is_http_1_0
            and HalfClosedWatch.is_possible(self.transport)
        )

    def _has_not_begun(self) -> bool:
        """Return whether the request that is being served has no answer yet."""
        return self._served is not None and not self._served.has_begun

    def _finish(self, *, lingers: bool = False) -> None:
        """Close the connection, once the client has read what was sent if it may still be sending."""
        if self._closing.has_begun or self.transport.is_closing():
            return
        is_sending = lingers or self._reader.in_request or self._waiting
        if self._half_closed is not None or not is_sending:
            self._closing.close()
        else:
            self._closing.linger()
            self.resume_reading()

    def _on_late(self, phase: Phase) -> None:
        """End a phase that has lasted too long."""
        if phase == "head" and self._reader.in_request:
            self._refuse("late head")
        elif phase == "closing":
            self._closing.check_progress()
        else:
            self._closing.close()


def _address(found: Any) -> tuple[str, int] | None:
    """Return the address and port of a socket's name; None for a unix socket, which has neither."""
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None
