"""The transport over `httpx.Client` and `httpx.AsyncClient`: for `transport="httpx"`, and for every proxy.

The clients are ours, behind the adapter for callers' clients, so what that adapter cannot keep does not hold here
either (see `llmgate_core.transports.user_client`), but for bodies, which are decoded here and within limits. They read
nothing of the environment: which proxy to use is an option.

Source: docs/reliability.md, "Sending", and rows S14 and S16 there.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from llmgate_core.errors import ConfigError
from llmgate_core.transports.tls import make_tls_context
from llmgate_core.transports.user_client.async_transport import AsyncUserClientTransport
from llmgate_core.transports.user_client.sync_transport import UserClientTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.options import TransportOptions
    from llmgate_core.transports.user_client.async_transport import AsyncUserClientResponse

__all__ = ["AsyncHTTPXTransport", "HTTPXTransport"]

T = TypeVar("T", httpx.HTTPTransport, httpx.AsyncHTTPTransport)


class HTTPXTransport(UserClientTransport):
    """`contract.transport.Transport` over a client of its own; many threads may share one."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        kind = _ProxyTransport if _is_http_proxy(options.proxy) else httpx.HTTPTransport
        super().__init__(_Client(_new_transport(kind, options)))
        self._process = os.getpid()

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._client.close()

    def __del__(self) -> None:
        # A fork's child leaves the parent's connections alone: a lock may be held there for ever.
        if getattr(self, "_process", None) == os.getpid():
            self.close()


class AsyncHTTPXTransport(AsyncUserClientTransport):
    """`contract.transport.AsyncTransport` over a client of its own, for the event loop of its first request."""

    decodes = True

    def __init__(self, options: TransportOptions) -> None:
        kind = _AsyncProxyTransport if _is_http_proxy(options.proxy) else httpx.AsyncHTTPTransport
        super().__init__(_AsyncClient(_new_transport(kind, options)))
        self._guard: AsyncGenerator[None, None] | None = None

    async def asend(self, request: TransportRequest) -> AsyncUserClientResponse:
        """Send `request`; see `contract.transport.AsyncTransport.asend`."""
        if self._guard is None:
            self._guard = _close_with_loop(self._client)
            await self._guard.__anext__()
        return await super().asend(request)

    def _may_have_moved(self, origin: Origin) -> bool:  # noqa: ARG002  # no connection is of another loop
        return False

    async def aclose(self) -> None:
        """Close every connection, those in use too."""
        if self._guard is None:
            await self._client.aclose()
        else:
            await self._guard.aclose()


# A client whose `send` is its transport's: no redirect is even parsed, no cookie kept, no request line logged, and no
# header sent that is not the request's own.


class _Client(httpx.Client):
    def __init__(self, transport: httpx.BaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self.headers.clear()
        self._sends_by = transport

    def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:  # type: ignore[override]  # noqa: ARG002  # the adapter calls it so
        return self._sends_by.handle_request(request)


class _AsyncClient(httpx.AsyncClient):
    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(transport=transport, trust_env=False)
        self.headers.clear()
        self._sends_by = transport

    async def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:  # type: ignore[override]  # noqa: ARG002  # the adapter calls it so
        return await self._sends_by.handle_async_request(request)


async def _close_with_loop(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Do nothing until the loop ends or the transport is dropped; then close the client."""
    try:
        yield
    finally:
        await client.aclose()
        await asyncio.sleep(0)  # sockets are closed one turn of the loop later


def _new_transport(transport: type[T], options: TransportOptions) -> T:
    """Return a transport of httpx's.

    Raises:
        ConfigError: the proxy's URL is not valid, or it is a SOCKS proxy and the package for these is missing.
    """
    limits = httpx.Limits(
        max_connections=options.max_connections,
        max_keepalive_connections=options.max_connections,
        keepalive_expiry=options.max_idle_seconds,
    )
    proxy = None if options.proxy is None else _proxy(options.proxy)
    context = make_tls_context(options, _UnbracketingContext if _is_http_proxy(options.proxy) else ssl.SSLContext)
    try:
        return transport(verify=context, proxy=proxy, limits=limits, trust_env=False)
    except ImportError:
        message = "a SOCKS proxy needs the package socksio: pip install socksio"
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


class _ProxyTransport(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _bracket(request)
        return super().handle_request(request)


class _AsyncProxyTransport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _bracket(request)
        return await super().handle_async_request(request)


def _bracket(request: httpx.Request) -> None:
    if ":" in request.url.host:
        request.url = _BracketedURL(request.url)
