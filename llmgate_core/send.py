"""Choose the wire of a call, and keep the wires: made once, for async once per event loop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import threading
from typing import Any, Protocol, cast

from llmgate_core.contracts import Route
from llmgate_core.environment import proxy_for
from llmgate_core.errors import ConfigError
from llmgate_core.options import Options
from llmgate_core.routing import Target
from llmgate_core.transport_contract import AsyncTransport, Transport
from llmgate_core.wire import split_base_url

__all__ = ["AsyncWires", "Wires"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
log = logging.getLogger("llmgate")


class Outgoing(Protocol):
    """What the choice of a wire looks at."""

    @property
    def options(self) -> Options:
        """The caller's own client, if any, and the transport's name."""
        ...

    @property
    def route(self) -> Route:
        """Where the call goes."""
        ...

    @property
    def target(self) -> Target:
        """Whose hook `transport` may bring a wire of its own."""
        ...


class Wires:
    """The synchronous transports of one client. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str | None], Transport] = {}

    def choose(self, call: Outgoing) -> Transport:
        """Return the caller's own client, the plugin's wire, or ours."""
        session = call.options.client_session
        if session is not None:
            return cast("Transport", _user_client("wrap_user_client", session))
        inner = self._own((call.options.transport, _proxy(call)))
        hook = call.target.plugin.transport
        chosen: Transport | None = hook(call.route, inner) if hook is not None else None
        return inner if chosen is None else chosen

    def _own(self, kind: tuple[str, str | None]) -> Transport:
        made = self._made.get(kind)
        if made is None:
            with self._lock:
                made = self._made.get(kind) or _make(*kind, "HTTPXTransport", "FastTransport")
                self._made[kind] = made
        return made

    def close(self) -> None:
        """Close every connection."""
        for transport in self._made.values():
            transport.close()
        self._made.clear()


class AsyncWires:
    """The asynchronous transports of one client, one set per event loop."""

    def __init__(self) -> None:
        self._made: dict[asyncio.AbstractEventLoop, dict[tuple[str, str | None], AsyncTransport]] = {}
        self._session: tuple[Any, AsyncTransport] | None = None  # the caller's client that was used last

    def choose(self, call: Outgoing) -> AsyncTransport:
        """Return the caller's own client, the plugin's wire, or ours."""
        session = call.options.aclient_session
        if session is not None:
            return self._of_session(session)
        inner = self._own((call.options.transport, _proxy(call)))
        hook = call.target.plugin.transport
        chosen: AsyncTransport | None = hook(call.route, inner) if hook is not None else None
        return inner if chosen is None else chosen

    def _own(self, kind: tuple[str, str | None]) -> AsyncTransport:
        loop = asyncio.get_running_loop()
        of_loop = self._made.get(loop)
        if of_loop is None:
            # a transport holds its loop, so weak references alone would keep dead ones for ever
            for known in [known for known in self._made if known.is_closed()]:
                del self._made[known]
            of_loop = self._made[loop] = {}
        if kind not in of_loop:
            of_loop[kind] = _make(*kind, "AsyncHTTPXTransport", "AsyncFastTransport")
        return of_loop[kind]

    def _of_session(self, session: Any) -> AsyncTransport:
        if self._session is None or self._session[0] is not session:
            self._session = (session, cast("AsyncTransport", _user_client("wrap_async_user_client", session)))
        return self._session[1]

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        for transport in self._made.pop(asyncio.get_running_loop(), {}).values():
            await transport.aclose()


def _make(name: str, proxy: str | None, httpx_class: str, fast_class: str) -> Any:
    if name == "fast" and proxy is None:
        module = "fast_async" if fast_class.startswith("Async") else "fast_sync"
        try:
            return getattr(importlib.import_module(f"llmgate_core.transports.{module}"), fast_class)()
        except ModuleNotFoundError as error:
            if error.name != "httptools":
                raise
            raise ConfigError("transport='fast' needs httptools: pip install 'llmgate-core[fast]'") from error
    if name == "fast":
        log.warning("transport 'fast' does no proxies; this host is reached through httpx")
    module_of_httpx = importlib.import_module("llmgate_core.transports.httpx_transport")
    return getattr(module_of_httpx, httpx_class)(proxy=proxy)


def _user_client(wrapper: str, session: object) -> Any:
    module = importlib.import_module("llmgate_core.transports.user_client")
    return getattr(module, wrapper)(session)


def _proxy(call: Outgoing) -> str | None:
    origin = split_base_url(call.route.base_url)[0]
    return None if origin.host in LOOPBACK else proxy_for(origin.scheme, origin.host)
