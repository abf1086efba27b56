"""The gateway as an ASGI app: one request in, one answer out, whatever happens in between.

No module state, no server: it mounts anywhere, under any prefix, and works where nothing runs its
lifespan. The order is: head limits, route, key, place, body, deployment, call.

Source: ASGI 3.0; DESIGN in docs/architecture.md, "Gateway".
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from llmgate_core.serving import errors
from llmgate_gateway.access.browsers import check_page
from llmgate_gateway.access.cors import origin_headers, preflight
from llmgate_gateway.access.keys import wrong_key
from llmgate_gateway.access.limits import Admission, check_head
from llmgate_gateway.calls.handler import note_trace, serve_call
from llmgate_gateway.calls.passthrough import serve_passthrough
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.http.body import linger, read_whole
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.errors import NEUTRAL, STOPPING, failure_reply, note_failure
from llmgate_gateway.http.request import ClientGoneError, ClientRequest, Waits
from llmgate_gateway.http.responses import Receive, RefusedError, Reply, Scope, Send, error_reply, refuse, send_reply
from llmgate_gateway.http.routes import Found, Route, Routes, request_path
from llmgate_gateway.pages.health import liveness, model_list, model_of, readiness
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["Gateway", "Page", "PageRequest", "create_app"]

log = logging.getLogger("llmgate.gateway")

UNREAD_BYTES = 64 * 1024  # of a refused request's body are read to keep its connection
LINGER_SECONDS = 0.5
STOP_SECONDS = 1.0  # for saying good-bye to what is cut off at the end of a drain
CLIENT_CLOSED = 499  # for the log: nothing was answered
CLOSE = (b"connection", b"close")
OWN_PAGES = (("GET", "/livez"), ("GET", "/readyz"))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page of our own is asked.

    Attributes:
        client: whose key it was; None only for the page at `/`, which needs none.
        body: of a POST.
    """

    gateway: Gateway
    client: Caller | None
    query: bytes
    body: bytes = b""


Page = Callable[[PageRequest], "Reply | Awaitable[Reply]"]
"""Answers a page of our own, such as `/metrics`. A key is asked for before, but for `/`."""


class Gateway:
    """An ASGI 3 app for `http` and `lifespan`.

    Args:
        config: what it serves.
        observers: told of each request that has ended; what they raise is logged and changes nothing.
        on_begin: called for each request that comes; what they raise is logged and changes nothing.
        on_call: told of each request that is about to become a call; may set its `traceparent`.
        pages: `"/metrics"` or `"POST /explain"` -> what answers it.

    Raises:
        LLMGateError: a plugin that the config needs does not load.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        observers: Sequence[Callable[[RequestRecord], None]] = (),
        on_begin: Sequence[Callable[[], None]] = (),
        on_call: Sequence[Callable[[RequestRecord], None]] = (),
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        self._state = ConfigSnapshot(config)
        self._observers = tuple(observers)
        self._on_begin = tuple(on_begin)
        self._on_call = tuple(on_call)
        self._pages = {_page_key(name): page for name, page in (pages or {}).items()}
        self._routes = Routes((*OWN_PAGES, *self._pages))
        self._admission = Admission()
        self._waits = Waits()
        self._id_start = secrets.token_hex(6)
        self._ids = count(1)
        self._ended: asyncio.Event | None = None
        self.draining = False  # the server sets it once it stops accepting

    @property
    def config(self) -> GatewayConfig:
        """The config that new requests are served by."""
        return self._state.config

    @property
    def state(self) -> ConfigSnapshot:
        """What new requests are served by."""
        return self._state

    @property
    def routes(self) -> Routes:
        """Every route, for the OpenAPI document."""
        return self._routes

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._waits)

    def reconfigure(self, config: GatewayConfig) -> None:
        """Serve new requests by another config; those under way keep theirs, and its connections until they end.

        Raises:
            LLMGateError: a plugin does not load. Nothing has changed then.
        """
        self.take_state(ConfigSnapshot(config))

    def take_state(self, fresh: ConfigSnapshot) -> None:
        """Do what `reconfigure` does with a state that is built already, be it in a thread: that takes a while."""
        old, self._state = self._state, fresh
        old.retire()

    def begin_drain(self) -> None:
        """Say to load balancers that this worker stops, and to clients that connections end."""
        self.draining = True

    async def drain(self, seconds: float) -> bool:
        """Wait for what is under way; what is not done in time is told so and ends. Returns whether all was done."""
        self.begin_drain()
        if await self._all_ended(seconds):
            return True
        self._waits.stop_all("shutdown")
        await self._all_ended(STOP_SECONDS)
        return False

    async def aclose(self) -> None:
        """Close every connection to upstreams."""
        await self._state.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise NotImplementedError(f"ASGI scope {kind!r}")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = self._state
        record = RequestRecord(f"req_{self._id_start}{next(self._ids):08x}", time.monotonic(), scope["method"])
        request = ClientRequest(scope, receive, send, record)
        timeouts = state.general.timeouts
        state.users += 1
        self._waits.add(request, body_seconds=timeouts.body, write_seconds=timeouts.write)
        try:
            self._note_begin()
            reply = await self._outcome(request, state)
            if reply is not None:
                await self._send(request, reply)
        except asyncio.CancelledError:
            if not request.was_stopped():
                record.outcome = "cancelled"
                raise
            await self._end_stopped(request)
        finally:
            request.close()
            self._waits.remove(request)
            state.release()
            self._note_end(record)

    async def _outcome(self, request: ClientRequest, state: ConfigSnapshot) -> Reply | RefusedError | None:
        """Serve a request; return what is left to be sent."""
        record = request.record
        try:
            return await self._routed(request, state)
        except RefusedError as refusal:
            record.error_code = refusal.code
            return refusal
        except errors.LLMGateError as error:
            note_failure(record, error)
            if request.head_sent:
                return None
            reply = failure_reply(error)
            if not isinstance(error, errors.APIError):
                log.error("%s: %s", record.request_id, error)
            return reply
        except ClientGoneError:
            self._note_gone(record)
            return None
        except Exception:
            record.outcome, record.error_code = "failed", "internal_error"
            log.exception("%s: the gateway failed", record.request_id)
            return None if request.head_sent else error_reply(500, NEUTRAL["internal"], code="internal_error")

    async def _routed(self, request: ClientRequest, state: ConfigSnapshot) -> Reply | None:
        general, record, method = state.general, request.record, request.record.method
        path = request_path(request.scope)
        record.path = path
        if self.draining:
            request.extra_headers.append(CLOSE)
        if general.cors.allow_origins:
            request.extra_headers += origin_headers(general.cors, request.headers)
        check_head(request.raw_headers, general.limits)
        found = self._routes.find(method, path)
        if found.allowed and (asked := preflight(general.cors, method, request.headers, found.allowed)):
            return asked
        client, route = state.keys.client_of(request.values(b"authorization")), found.route
        if client is None and not (route is not None and route.is_open):
            raise wrong_key()
        request.extra_headers.append((b"x-llmgate-request-id", record.request_id.encode()))  # a 401 is always the same
        if state.keys.is_open and not (route is not None and route.is_open):
            check_page(request.scope, request.headers, general.cors)
        if client is not None:
            request.caller, record.client = client, client.name
        if route is not None and route.is_page:
            return await self._page(request, state, route, client)
        place = request.caller.name or _address(request.scope)
        self._admission.enter(place, general.limits, request.caller.max_in_flight)
        try:
            return await self._served(request, state, found)
        finally:
            self._admission.leave(place)

    async def _served(self, request: ClientRequest, state: ConfigSnapshot, found: Found) -> Reply | None:
        route, record = found.route, request.record
        if route is None:
            if await serve_passthrough(request, state):
                return None
            raise _no_route(request.record, found)
        record.family, record.operation = route.family, route.operation
        if route.family == "models":
            record.outcome = "finished"
            return self._models(request, state, found)
        note_trace(request)
        for call in self._on_call:
            call(record)
        await serve_call(request, state, route, found.ids)
        return None

    def _models(self, request: ClientRequest, state: ConfigSnapshot, found: Found) -> Reply:
        if not found.ids:
            return model_list(state, request.caller)
        name = found.ids["model"]
        reply = model_of(state, request.caller, name)
        if reply is None:
            raise state.deployments.unknown_model(name, request.caller)
        return reply

    async def _page(self, request: ClientRequest, state: ConfigSnapshot, route: Route, client: Caller | None) -> Reply:
        request.record.family, request.record.operation = "page", route.path
        request.record.outcome = "finished"
        if route.path == "/livez":
            return liveness()
        if route.path == "/readyz":
            return readiness(state, client, draining=self.draining)
        body = await read_whole(request, state.general.limits.max_json_body) if route.has_body else b""
        asked = PageRequest(self, client, request.scope.get("query_string", b""), body)
        reply = self._pages[route.method, route.path](asked)
        return await reply if inspect.isawaitable(reply) else reply

    async def _send(self, request: ClientRequest, reply: Reply | RefusedError) -> None:
        """Send a whole reply. Of a body that we do not want, no more is read than the connection is worth."""
        shown = reply.reply if isinstance(reply, RefusedError) else reply
        unread = request.unread_bytes()
        if not unread:
            await send_reply(request.send, shown)
            return
        if unread <= UNREAD_BYTES and not (isinstance(reply, RefusedError) and reply.close):
            await send_reply(request.send, shown)
            return
        head = [*shown.headers, (b"content-length", b"%d" % len(shown.body)), CLOSE]
        await request.send({"type": "http.response.start", "status": shown.status, "headers": head})
        await request.send({"type": "http.response.body", "body": shown.body, "more_body": True})
        with contextlib.suppress(ClientGoneError, asyncio.TimeoutError):
            await asyncio.wait_for(linger(request), LINGER_SECONDS)
        await request.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _end_stopped(self, request: ClientRequest) -> None:
        """End a request that was stopped from outside."""
        record, why = request.record, request.stopped_by
        if why == "gone":
            self._note_gone(record)
        elif why == "slow reader":
            record.outcome, record.error_code = "cancelled", "client_does_not_read"
            request.abort()
        elif why == "slow body":
            record.error_code = "request_timeout"
            reply = error_reply(408, "The request's body did not come in time.", code="request_timeout")
            if not request.head_sent:
                await send_reply(request.send, reply, (CLOSE,))
        elif not request.head_sent:
            record.outcome, record.error_code = "failed", "shutdown"
            await send_reply(request.send, failure_reply(STOPPING), (CLOSE,))

    def _note_gone(self, record: RequestRecord) -> None:
        record.outcome = "cancelled"
        record.status = record.status or CLIENT_CLOSED

    def _note_begin(self) -> None:
        for begin in self._on_begin:
            try:
                begin()
            except Exception as failure:  # noqa: BLE001  # nor must who counts what begins
                log.warning("an on_begin callback raised %s", type(failure).__name__)

    def _note_end(self, record: RequestRecord) -> None:
        record.total_seconds = time.monotonic() - record.started
        for observer in self._observers:
            try:
                observer(record)
            except Exception as failure:  # noqa: BLE001  # an observer must not change an answer
                log.warning("an observer raised %s", type(failure).__name__)
        if self._ended is not None and not self._waits:
            self._ended.set()

    async def _all_ended(self, seconds: float) -> bool:
        self._ended = asyncio.Event()
        if self._waits:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        self._ended = None
        return not self._waits


def create_app(
    config: GatewayConfig,
    *,
    observers: Sequence[Callable[[RequestRecord], None]] = (),
    on_begin: Sequence[Callable[[], None]] = (),
    on_call: Sequence[Callable[[RequestRecord], None]] = (),
    pages: Mapping[str, Page] | None = None,
) -> Gateway:
    """Return the gateway of a config as an ASGI app, to be served or mounted; see `Gateway`."""
    return Gateway(config, observers=observers, on_begin=on_begin, on_call=on_call, pages=pages)


def _no_route(record: RequestRecord, found: Found) -> RefusedError:
    if found.allowed:
        allow = ", ".join(found.allowed)
        message = f"{record.method} is not allowed here; {allow} is."
        return refuse(405, message, code="method_not_allowed", headers=((b"allow", allow.encode("ascii")),))
    message = f"There is no {record.method} {record.path[:200]!r} on this gateway."
    return refuse(404, message, code="unknown_url")


def _page_key(name: str) -> tuple[str, str]:
    method, space, path = name.partition(" ")
    return (method, path) if space else ("GET", name)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return f"address {client[0]}" if client else "address"
