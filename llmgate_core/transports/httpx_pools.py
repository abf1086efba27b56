"""Requests as httpcore takes them, and pools of connections that are made when they are first needed.

No I/O of its own but reading certificates. Shared by the blocking and the asyncio wire.

Source: rows S9, S14 and S16 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import os
import ssl
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpcore

from llmgate_core.errors import BadRequestError, ConfigError

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin, TransportRequest
    from llmgate_core.transports.httpx_exchange import WireExchange
    from llmgate_core.transports.upload import AsyncUpload, Upload

__all__ = ["Wire", "encoded_headers", "pool_of_kind"]

REMEMBERED_URLS = 1024

_METHODS_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_DEFAULT_PORTS = {"http": 80, "https": 443}

Made = TypeVar("Made")
"""A pool of httpcore's and the network under it."""


class Wire(ABC, Generic[Made]):
    """What both kinds share: requests, and pools that are made when they are needed.

    `verify` may be a whole TLS context; `ca_file` names the certificates to trust instead of the
    default ones; `proxy` is the URL of an HTTP or SOCKS proxy that every request goes through.
    """

    def __init__(
        self,
        *,
        verify: bool | ssl.SSLContext = True,
        ca_file: str | None = None,
        proxy: str | None = None,
        max_connections: int = 1000,
        max_idle_seconds: float = 60.0,
    ) -> None:
        self._verify = verify
        self._ca_file = ca_file
        self._proxy = proxy
        self._options: dict[str, Any] = {
            "max_connections": max_connections,
            "max_keepalive_connections": max_connections,
            "keepalive_expiry": max_idle_seconds,
        }
        self._made: dict[tuple[str, int], Made] = {}
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._urls: dict[tuple[Origin, str], tuple[httpcore.URL, bytes]] = {}

    def _made_for(self, scheme: str, number: int = 0) -> Made:
        """Return the pool with this number, made on first use."""
        made = self._made.get((scheme, number))
        if made is None:
            with self._lock:
                made = self._made.get((scheme, number))
                if made is None:
                    # a TLS context costs 24 ms: made once, and a plain connection does without
                    if scheme == "https" and self._context is None:
                        self._context = self._tls_context()
                    options = {**self._options, "ssl_context": self._context if scheme == "https" else None}
                    options = options if self._proxy is None else self._proxied(options)
                    made = self._made[scheme, number] = self._make(options)
        return made

    def is_inherited(self) -> bool:
        """Return whether a fork brought us here: the connections are the parent's, and locks may be held for ever."""
        return self._process != os.getpid()

    @abstractmethod
    def _make(self, options: dict[str, Any]) -> Made:
        """Return a pool of httpcore's with these options, and the network under it."""

    def _tls_context(self) -> ssl.SSLContext:
        import httpx

        if self._ca_file is None or self._verify is not True:
            return httpx.create_ssl_context(verify=self._verify)  # heeds SSL_CERT_FILE and SSL_CERT_DIR
        return ssl.create_default_context(cafile=self._ca_file)

    def _proxied(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a pool that goes through the proxy.

        Raises:
            ConfigError: not a proxy's URL; the message does not repeat it, as it may hold a password.
        """
        import httpx

        try:
            proxy = httpx.Proxy(self._proxy or "")
        except (ValueError, httpx.InvalidURL):
            message = "the proxy's URL is not one; write it like http://host:3128"
        else:
            url = httpcore.URL(
                scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
            )
            options = {**options, "proxy_url": url, "proxy_auth": proxy.raw_auth}
            if proxy.url.scheme == "https":
                options["proxy_ssl_context"] = self._tls_context()
            return options
        raise ConfigError(message)

    def _outgoing(
        self, request: TransportRequest, exchange: WireExchange, upload: Upload | AsyncUpload | None
    ) -> httpcore.Request:
        key = (request.origin, request.target)
        known = self._urls.get(key)
        if known is None:
            if len(self._urls) >= REMEMBERED_URLS:
                self._urls.clear()
            known = self._urls[key] = _url_and_host(request)
        url, host = known
        headers = [(b"host", host), *encoded_headers(request.headers)]
        content: Any = request.content if upload is None else upload
        if content or request.method in _METHODS_WITH_BODY:
            headers.append((b"content-length", b"%d" % (len(content) if upload is None else upload.left)))
        return httpcore.Request(
            request.method, url, headers=headers, content=content, extensions={"timeout": exchange.timeouts()}
        )


def _url_and_host(request: TransportRequest) -> tuple[httpcore.URL, bytes]:
    scheme, host, port = request.origin
    try:
        url = httpcore.URL(scheme=scheme, host=host.encode("ascii"), port=port, target=request.target.encode("ascii"))
    except UnicodeEncodeError:
        pass
    else:
        name = f"[{host}]" if ":" in host else host
        return url, (name if port == _DEFAULT_PORTS.get(scheme) else f"{name}:{port}").encode("ascii")
    raise BadRequestError("the host or path has a character that cannot be sent", status_code=400, attempts=0)


def encoded_headers(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return the headers as bytes.

    Raises:
        BadRequestError: CR, LF, NUL or a character beyond latin-1; names the header, not its value.
    """
    try:
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
    except UnicodeEncodeError:
        pass
    else:
        joined = b"\n".join([value for _, value in encoded])
        if b"\r" not in joined and b"\0" not in joined and joined.count(b"\n") == max(len(encoded) - 1, 0):
            return encoded
    name = next((name for name, value in headers if not _can_be_sent(value)), None)
    words = "a header's name" if name is None else f"the header {name!r}"
    raise BadRequestError(f"{words} holds a character that cannot be sent", status_code=400, param=name, attempts=0)


def _can_be_sent(value: str) -> bool:
    return not any(character in "\r\n\0" or character > "\xff" for character in value)


def pool_of_kind(kinds: tuple[Any, Any, Any], options: dict[str, Any]) -> Any:
    """Return a pool of the first kind, or the one for HTTP or SOCKS proxies.

    Raises:
        ConfigError: a SOCKS proxy, and the package for it is missing.
    """
    direct, http_proxy, socks_proxy = kinds
    if "proxy_url" not in options:
        return direct(**options)
    if not options["proxy_url"].scheme.startswith(b"socks"):
        return http_proxy(**options)
    try:
        return socks_proxy(**options)
    except RuntimeError:
        message = "a SOCKS proxy needs the package socksio: pip install socksio"
    raise ConfigError(message)
