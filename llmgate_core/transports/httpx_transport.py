"""The transport over httpx: for `transport="httpx"`, and for every proxy.

httpx's transports are driven by the adapter for callers' clients, without a client: no redirect is even parsed, no
cookie kept, no request line logged, and no header sent that is not the request's own. They read nothing of the
environment: which proxy to use is an option. Bodies are decoded here, within limits.

Source: docs/reliability.md, "Sending", and rows S14 and S16 there.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING, Any, cast

import httpx

from llmgate_core.errors import ConfigError
from llmgate_core.transports.async_slots import AsyncSlots
from llmgate_core.transports.httpx_lanes import AsyncLane, AsyncLaneStream, Lane, LaneStream
from llmgate_core.transports.sync_slots import Slots
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.user_client.async_transport import AsyncClientTransport
from llmgate_core.transports.user_client.sync_transport import ClientTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llmgate_core.contract.transport import TransportRequest
    from llmgate_core.transports.connection_reads import ConnectionReads
    from llmgate_core.transports.options import TransportOptions
    from llmgate_core.transports.user_client.requests import ConnectionTrace

__all__ = ["AsyncHTTPXTransport", "HTTPXTransport"]


class HTTPXTransport(ClientTransport):
    """`contract.transport.Transport` over lanes; many threads may share one."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(_RequestBuilder(options).build)
        self._lane_options = _lane_options(options)
        self._process = os.getpid()
        self._lanes: set[Lane] = set()
        self.slots: Slots[Lane] = Slots(options)

    def _send(self, outgoing: httpx.Request, request: TransportRequest, trace: ConnectionTrace) -> httpx.Response:
        lane = self.slots.take(request) or Lane(request.origin, httpx.HTTPTransport(**self._lane_options), self._lanes)
        deadline = request.deadline
        trace.on_stream = lane.reads.watch
        trace.on_head = lambda: lane.reads.arm(deadline.wait(deadline.timeouts.first_event))
        try:
            response = lane.transport.handle_request(outgoing)
            response.stream = LaneStream(self, lane, response)
        except BaseException:
            self.slots.drop(lane)
            raise
        return response

    def timer_of(self, response: httpx.Response, waits: dict[str, float | None]) -> ConnectionReads:
        """Return what ends the reads of an answer."""
        waits["read"] = None  # every wait is cut off by us
        return cast("LaneStream", response.stream).reads

    def close(self) -> None:
        """Close every connection, those in use too."""
        self.slots.close()
        for lane in list(self._lanes):
            lane.discard()

    def __del__(self) -> None:
        # A fork's child leaves the parent's connections alone: a lock may be held there for ever.
        if getattr(self, "_process", None) == os.getpid():
            for lane in list(self._lanes):
                lane.discard()


class AsyncHTTPXTransport(AsyncClientTransport):
    """`contract.transport.AsyncTransport` over lanes, for the event loop of its first request."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        super().__init__(_RequestBuilder(options).build)
        self._lane_options = _lane_options(options)
        self._lanes: set[AsyncLane] = set()
        self.slots: AsyncSlots[AsyncLane] = AsyncSlots(options)
        self._guard: AsyncGenerator[None, None] | None = None

    async def _send(self, outgoing: httpx.Request, request: TransportRequest, trace: ConnectionTrace) -> httpx.Response:
        if self._guard is None:
            self._guard = _close_with_loop(self._lanes)
            await self._guard.__anext__()
        lane = await self.slots.take(request) or AsyncLane(
            request.origin, httpx.AsyncHTTPTransport(**self._lane_options), self._lanes
        )
        deadline = request.deadline
        trace.on_stream = lane.reads.awatch
        trace.on_head = lambda: lane.reads.arm(deadline.wait(deadline.timeouts.first_event))
        try:
            response = await lane.transport.handle_async_request(outgoing)
            response.stream = AsyncLaneStream(self, lane, response)
        except BaseException:
            self.slots.drop(lane)
            raise
        return response

    def reads_of(self, response: httpx.Response) -> ConnectionReads:
        """Return what ends the reads of an answer."""
        return cast("AsyncLaneStream", response.stream).reads

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        self.slots.close()
        if self._guard is not None:
            await self._guard.aclose()


async def _close_with_loop(lanes: set[AsyncLane]) -> AsyncGenerator[None, None]:
    """Do nothing until the loop ends or the transport is dropped; then close what is open."""
    try:
        yield
    finally:
        for lane in list(lanes):
            await lane.aclose()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


def _lane_options(options: TransportOptions) -> dict[str, Any]:
    """Return the arguments of httpx's transports.

    Raises:
        ConfigError: the proxy's URL is not valid, or it is a SOCKS proxy and the package for these is missing.
    """
    context = make_tls_context(options, _UnbracketingContext if _is_http_proxy(options.proxy) else ssl.SSLContext)
    lane: dict[str, Any] = {
        "verify": context,
        "proxy": None if options.proxy is None else _proxy(options.proxy),
        "limits": httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None),
        "trust_env": False,
    }
    try:
        httpx.HTTPTransport(**lane).close()
    except ImportError:
        message = "a SOCKS proxy needs the package socksio: pip install socksio"
    else:
        return lane
    raise ConfigError(message)


def _proxy(url: str) -> httpx.Proxy:
    """Return the proxy.

    Raises:
        ConfigError: not a proxy's URL; the message does not repeat it, as it may contain a password.
    """
    try:
        return httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        message = "the URL of the proxy is not valid; write it like http://host:3128"
    raise ConfigError(message)


def _is_http_proxy(url: str | None) -> bool:
    return url is not None and url.lower().startswith(("http://", "https://"))


# httpx passes an IPv6 address on without the brackets that a proxy's request line needs (RFC 9112 section 3.2.3), so
# they are put back before its engine sees the URL, and taken off again for the handshake.


class _BracketedURL(httpx.URL):
    @property
    def raw_host(self) -> bytes:
        return b"[" + super().raw_host + b"]"


class _UnbracketingContext(ssl.SSLContext):
    def wrap_socket(self, sock: Any, *arguments: Any, **options: Any) -> Any:
        return super().wrap_socket(sock, *arguments, **_unbracketed(options))

    def wrap_bio(
        self, incoming: Any, outgoing: Any, server_side: bool = False, server_hostname: Any = None, session: Any = None
    ) -> Any:
        options = _unbracketed({"server_side": server_side, "server_hostname": server_hostname, "session": session})
        return super().wrap_bio(incoming, outgoing, **options)


def _unbracketed(options: dict[str, Any]) -> dict[str, Any]:
    host = options.get("server_hostname")
    brackets: Any = b"[]" if isinstance(host, bytes) else "[]"  # anyio passes bytes
    return options if host is None else {**options, "server_hostname": host.strip(brackets)}


class _RequestBuilder:
    """Builds httpx's requests. The URL of the last one is parsed once; most calls of a client go to the same."""

    def __init__(self, options: TransportOptions) -> None:
        self._has_http_proxy = _is_http_proxy(options.proxy)
        self._last: tuple[str, httpx.URL] = ("", httpx.URL())

    def build(self, method: str, url: str, **rest: Any) -> httpx.Request:
        """Return the request; takes what `httpx.Client.build_request` takes."""
        text, parsed = self._last
        if text != url:
            parsed = httpx.URL(url)
            self._last = (url, parsed)
        request = httpx.Request(method, parsed, **rest)
        if self._has_http_proxy and ":" in parsed.host:
            request.url = _BracketedURL(parsed)
        return request
