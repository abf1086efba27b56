"""The gateway as an ASGI app: a request in, a response out.

No module state and no server: it mounts anywhere, under any prefix, and works where nothing runs its lifespan.
A request passes in this order: limits of its head, route, key, admission, body, middleware, deployment, upstream.

Source: ASGI 3.0; docs/architecture.md, "Gateway".
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from llmgate_core.serving import Extension
from llmgate_gateway.access.authenticate import FRESH_SECONDS, authenticate, check_key_again
from llmgate_gateway.access.cors import origin_headers, preflight
from llmgate_gateway.access.limits import Admission, address_of, check_head
from llmgate_gateway.access.opening import open_stores
from llmgate_gateway.calls.passthrough import forward
from llmgate_gateway.calls.registration import NOTHING_REGISTERED, registered
from llmgate_gateway.calls.sending import send_answer
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.config import ConfigSource, GatewayConfig, config_of
from llmgate_gateway.config.extensions import extensions_of
from llmgate_gateway.dialects.contract import Dialect
from llmgate_gateway.dialects.loading import load_dialects, recognized_dialects
from llmgate_gateway.http.body import read_whole
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.early import CLOSE, send_early
from llmgate_gateway.http.failures import Failure, end_stopped, failure_of
from llmgate_gateway.http.large_work import LargeWork
from llmgate_gateway.http.request import TRACEPARENT, ClientRequest
from llmgate_gateway.http.responses import (
    NO_PAGE,
    ErrorFacts,
    Receive,
    Reply,
    Scope,
    Send,
)
from llmgate_gateway.http.routes import HTTPRoute, RouteMatch, Routes, builtin_route, no_route
from llmgate_gateway.http.waits import Waits
from llmgate_gateway.http.websockets import WEBSOCKET, no_websocket, refuse_websocket
from llmgate_gateway.pages.health import liveness, readiness
from llmgate_gateway.pages.models import models_reply
from llmgate_gateway.telemetry.observers import RequestObservers
from llmgate_gateway.telemetry.record import RequestRecord

__all__ = ["Gateway", "Page", "PageRequest", "create_app"]

STOP_SECONDS = 1.0  # for the last response to what is cut off at the end of a drain
MAX_PAGE_BYTES = 1024 * 1024  # of a request for a page of our own
HEALTH_PAGES = (("GET", "/livez"), ("GET", "/readyz"))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request for a page of the gateway itself.

    Attributes:
        caller: whose key it came with; None only for the page at `/`, which needs none.
        body: of a POST.
    """

    gateway: Gateway
    caller: Caller | None
    query: bytes
    body: bytes = b""


Page = Callable[[PageRequest], "Reply | Awaitable[Reply]"]
"""Answers a page of the gateway itself, such as `/metrics`. All but `/` need a key."""


class Gateway:
    """An ASGI 3 app for `http` and `lifespan`.

    Args:
        config: what it serves: the name of a file, a mapping with the same keys, or a config that is loaded.
        observers: called with the record of each request that has ended; what they raise is logged and has no effect.
        on_begin: called for each request that arrives; what they raise is logged and has no effect.
        on_call: called with the record of each request that is about to be decoded; may set its `traceparent`.
        counts_usage: an observer counts tokens, so upstreams are asked for those of streams, unless the config says
            otherwise.
        pages: `"/metrics"` or `"POST /explain"` -> what answers it.

    Attributes:
        draining: the server has stopped accepting; connections end with their next response.
        large_work: does what large bodies take.

    Raises:
        LLMGateError: the config is not valid, or a plugin or an extension that it needs does not load.
        TypeError: the config is none of the three.
    """

    def __init__(
        self,
        config: ConfigSource,
        *,
        observers: Sequence[Callable[[RequestRecord], None]] = (),
        on_begin: Sequence[Callable[[], None]] = (),
        on_call: Sequence[Callable[[RequestRecord], None]] = (),
        counts_usage: bool = False,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        config = config_of(config)
        self._dialects = load_dialects(config.general.dialects, config.plugins)
        self._recognized = recognized_dialects(self._dialects)
        self._pages = {_page_key(name): page for name, page in (pages or {}).items()}
        self._routes = _routes_of(self._dialects.values(), self._pages)
        extensions = extensions_of(config.settings, config.plugins)
        added = registered(extensions, config, self._routes) if extensions else NOTHING_REGISTERED
        if added.pages:
            self._pages.update(added.pages)
            self._routes = _routes_of(self._dialects.values(), self._pages)
        self._middleware = added.middleware
        self._stores = replace(open_stores(config.general.stores, config.plugins), **added.stores)
        self._counts_usage = counts_usage
        self._snapshot = self._new_snapshot(config, extensions)
        self._observers = RequestObservers(on_begin, observers)
        self._on_call = tuple(on_call)
        self._error_reply = next(iter(self._dialects.values())).error_reply
        self._admission = Admission()
        self.large_work = LargeWork()
        self._waits = Waits()
        self._id_start = secrets.token_hex(6)
        self._ids = count(1)
        self.draining = False

    @property
    def config(self) -> GatewayConfig:
        """The config that new requests are served by."""
        return self._snapshot.config

    @property
    def snapshot(self) -> ConfigSnapshot:
        """What new requests are served by."""
        return self._snapshot

    @property
    def routes(self) -> Routes:
        """Every route, for the OpenAPI document."""
        return self._routes

    @property
    def in_flight(self) -> int:
        """How many requests have not ended."""
        return len(self._waits)

    def reconfigure(self, config: GatewayConfig) -> None:
        """Serve new requests by another config; those in flight keep theirs, and its connections until they end.

        Stores and dialects stay what they were, and what extensions have registered; so do the extensions themselves
        where the config names the same ones with the same options.

        Raises:
            LLMGateError: a plugin or a middleware does not load. Nothing has changed then.
        """
        self.take_snapshot(self.prepare(config))

    def prepare(self, config: GatewayConfig) -> ConfigSnapshot:
        """Return what `take_snapshot` takes. That takes a while, and may be done in a thread.

        Raises:
            LLMGateError: a plugin or a middleware does not load.
        """
        old = self._snapshot
        named = (config.settings.extensions, config.plugins)
        if named == (old.config.settings.extensions, old.config.plugins):
            return self._new_snapshot(config, old.extensions)
        return self._new_snapshot(config, extensions_of(config.settings, config.plugins))

    def _new_snapshot(self, config: GatewayConfig, extensions: Sequence[Extension]) -> ConfigSnapshot:
        return ConfigSnapshot(config, self._stores, extensions, self._middleware, counts_usage=self._counts_usage)

    def take_snapshot(self, fresh: ConfigSnapshot) -> None:
        """Serve new requests by a snapshot of `prepare`."""
        old, self._snapshot = self._snapshot, fresh
        old.retire()

    def record_refusal(self, error: ErrorFacts, detail: str) -> None:
        """Log and count an answer that a server has given without us: to bytes that are no request, or too many.

        Args:
            error: the answer.
            detail: for the log; nothing in it comes from the client.
        """
        record = self._new_record("")
        record.status, record.error_code, record.extra["detail"] = error.status, error.code, detail
        self._observers.begin()
        self._observers.end(record)

    def open_transports(self) -> None:
        """Load what sends requests upstream, so that no request has to. Called on the event loop that will serve."""
        for live in self._snapshot.deployments:
            live.open_transport()

    def begin_drain(self) -> None:
        """Tell load balancers that this worker is stopping, and clients that connections end."""
        self.draining = True

    async def drain(self, seconds: float) -> bool:
        """Wait until no request is in flight; after `seconds` end those that are left. Returns whether none was."""
        self.begin_drain()
        if await self._waits.all_ended(seconds):
            return True
        self._waits.stop_all("shutdown")
        await self._waits.all_ended(STOP_SECONDS)
        return False

    async def aclose(self) -> None:
        """Close every connection to upstreams and stores."""
        await self._snapshot.aclose()
        await self._stores.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope. Observers see how each request ended, whatever happens in between."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        snapshot = self._snapshot
        record = self._new_record(scope["method"])
        request = ClientRequest(scope, receive, send, record, self._error_reply, self.large_work)
        snapshot.users += 1
        self._waits.add(request, snapshot.client_limits)
        try:
            self._observers.begin()
            failure: Failure | None = None
            try:
                await self._respond(request, snapshot)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # an answer and a line in the log, whatever failed
                failure = failure_of(request, error)
            if failure is not None and not request.head_sent:  # out of the handler, which keeps the body in memory
                await send_early(request, request.error_response(failure.error), close=failure.close)
        except asyncio.CancelledError:
            if not request.was_stopped():
                record.outcome = "cancelled"
                raise
            await end_stopped(request)
        finally:
            request.close()
            self._waits.remove(request)
            snapshot.release()
            self._observers.end(record)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await receive()
            await refuse_websocket(scope, send)
        else:
            raise NotImplementedError(f"ASGI scope {kind!r}")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, request: ClientRequest, snapshot: ConfigSnapshot) -> None:
        """Take a request through every step, in the order that the module names."""
        match, method = self._match(request, snapshot), request.record.method
        if method == "OPTIONS":
            reply = preflight(snapshot.general.cors, request.headers, match.allowed)
            if reply is not None:
                await send_early(request, reply)
                return
        route = match.route
        is_open = route is not None and route.is_open
        await authenticate(request, snapshot.keys, snapshot.general, is_open=is_open)
        if method == "GET" and WEBSOCKET in request.headers:
            raise no_websocket()
        if route is not None and is_open:
            await self._send_page(request, snapshot, route)
            return
        caller = request.caller
        client = caller.name or address_of(request.scope)
        self._admission.enter(client, snapshot.general.limits, caller.max_in_flight)
        try:
            if route is None:
                if not await forward(request, snapshot):
                    raise no_route(request.record.method, request.record.path, match)
            elif route.is_page:
                await self._send_page(request, snapshot, route)
            else:
                await self._answer(request, snapshot, route, match.ids)
        finally:
            self._admission.leave(client)

    def _match(self, request: ClientRequest, snapshot: ConfigSnapshot) -> RouteMatch:
        """Find the route of a request whose head is within its limits."""
        general, record = snapshot.general, request.record
        record.path, match = self._routes.of_request(request.scope)
        request.extra_headers += NO_PAGE
        if self.draining:
            request.extra_headers.append(CLOSE)
        if general.cors.allow_origins:
            request.extra_headers += origin_headers(general.cors, request.headers)
        self._take_dialect(request, match.route)
        check_head(request.raw_headers, general.limits)
        return match

    def _take_dialect(self, request: ClientRequest, route: HTTPRoute | None) -> None:
        """Let a request have the dialect of its route; of a path that dialects share, or none has, its client's."""
        name = "" if route is None else route.dialect
        if (route is None or route.family == "models") and self._recognized:
            path, headers = request.record.path, request.headers
            name = next((own for own, it in self._recognized.items() if it.recognizes(headers, path)), name)
        if not name:
            return
        request.dialect = name
        request.error_reply = self._dialects[name].error_reply
        if (recognized := self._recognized.get(name)) is not None:
            request.keep_alive, request.id_header = recognized.keep_alive, recognized.id_header

    async def _answer(
        self, request: ClientRequest, snapshot: ConfigSnapshot, route: HTTPRoute, ids: Mapping[str, str]
    ) -> None:
        """Answer a request of a dialect."""
        record, dialect = request.record, self._dialects[request.dialect]
        record.family, record.operation = route.family, route.operation
        if route.family == "models":
            record.outcome = "finished"
            query = request.scope.get("query_string", b"")
            await send_early(request, models_reply(request.caller, snapshot.deployments, dialect, ids, query))
            return
        if TRACEPARENT in request.headers:
            record.traceparent = request.traceparent()
        for observe in self._on_call:
            observe(record)
        call = await dialect.decode(request, route, ids, snapshot.general)
        if request.body_waited >= FRESH_SECONDS:
            await check_key_again(request, self._snapshot.keys)
        request.watch()
        try:
            answer = dialect.encode(call, await snapshot.handler(call))
            request.comment_seconds = snapshot.general.timeouts.stream_comment if answer.is_events else None
            await send_answer(request, answer, lambda error, after: dialect.stream_tail(call, error, after=after))
        finally:
            if call.on_end:
                await call.aclose()

    def _new_record(self, method: str) -> RequestRecord:
        return RequestRecord(f"req_{self._id_start}{next(self._ids):08x}", time.monotonic(), method)

    async def _send_page(self, request: ClientRequest, snapshot: ConfigSnapshot, route: HTTPRoute) -> None:
        reply = await self._page(request, snapshot, route)
        if any(name == b"content-security-policy" for name, _ in reply.headers):
            request.extra_headers = [header for header in request.extra_headers if header not in NO_PAGE]
        await send_early(request, reply)

    async def _page(self, request: ClientRequest, snapshot: ConfigSnapshot, route: HTTPRoute) -> Reply:
        request.record.family, request.record.operation = "page", route.path
        request.record.outcome = "finished"
        caller = request.caller if request.is_authenticated else None
        if route.path == "/livez":
            return liveness()
        if route.path == "/readyz":
            return readiness(snapshot, caller, draining=self.draining)
        limit = min(snapshot.general.limits.max_json_body, MAX_PAGE_BYTES)
        body = await read_whole(request, limit, None) if route.has_body else b""
        page = self._pages[route.method, route.path]
        reply = page(PageRequest(self, caller, request.scope.get("query_string", b""), body))
        return await reply if inspect.isawaitable(reply) else reply


create_app = Gateway
"""The name for programs that mount the gateway: `create_app(config)` returns its ASGI app."""


def _routes_of(dialects: Iterable[Dialect], pages: Iterable[tuple[str, str]]) -> Routes:
    page_routes = (builtin_route(method, path) for method, path in (*HEALTH_PAGES, *pages))
    return Routes(chain(*(dialect.routes() for dialect in dialects), page_routes))


def _page_key(name: str) -> tuple[str, str]:
    method, space, path = name.partition(" ")
    return (method, path) if space else ("GET", name)
