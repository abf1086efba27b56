"""Requests and options of httpx's transports, for `transport="httpx"` and for every proxy.

httpx's transports are driven by the adapter for callers' clients, without a client: no redirect is even parsed, no
cookie kept, no request line logged, and no header sent that is not the request's own. They read nothing of the
environment: which proxy to use is an option. Bodies are decoded here, within limits.

Source: docs/reliability.md, "Sending", and rows S14 and S16 there.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

from llmgate_core.errors import ConfigError
from llmgate_core.transports.tls import make_tls_context

if TYPE_CHECKING:
    from llmgate_core.transports.options import TransportOptions

__all__ = ["RequestBuilder", "lane_options"]


def lane_options(options: TransportOptions) -> dict[str, Any]:
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


class RequestBuilder:
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
