"""Choose the wire of a call, and keep the wires: made once, for async once per event loop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from llmgate_core.contract.call import Route
from llmgate_core.contract.transport import AsyncTransport, Transport
from llmgate_core.errors import ConfigError
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.base_url import split_base_url
from llmgate_core.settings.environment import proxy_for
from llmgate_core.settings.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AsyncWires", "Wires"]

Kept = TypeVar("Kept")
Kind = tuple[str, "str | None"]
"""A transport's name, and the URL of its proxy."""

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
    def target(self) -> ResolvedModel:
        """Whose hook `transport` may bring a wire of its own."""
        ...


class _OfProcess(Generic[Kept]):
    """What one process keeps for itself: a fork makes two of everything, but for sockets.

    Where parent and child both send on one connection, one gets the other's answer. So a child starts
    with nothing, under a lock of its own, as a thread that is not here may hold the old one. What it
    inherited stays referenced and untouched: to close it could disturb the parent, or wait for that lock.
    """

    def __init__(self, make: Callable[[], Kept]) -> None:
        self._make = make
        self._kept: dict[int, Kept] = {os.getpid(): make()}
        self._inherited: list[Kept] = []

    def get(self) -> Kept:
        """Return what belongs to this process."""
        process = os.getpid()
        kept = self._kept.get(process)
        if kept is None:
            kept = self._kept.setdefault(process, self._make())  # one step, where a lock could be held for ever
            for other in [other for other in list(self._kept) if other != process]:
                self._inherit(other)
        return kept

    def _inherit(self, other: int) -> None:
        """Put aside what a parent had, so that no later child with its number finds it."""
        kept = self._kept.pop(other, None)
        if kept is not None:
            self._inherited.append(kept)


class _Made:
    """The synchronous transports of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[Kind, Transport] = {}

    def of_kind(self, kind: Kind) -> Transport:
        """Return the transport of this kind, made on first use."""
        made = self._made.get(kind)
        if made is None:
            with self._lock:
                made = self._made.get(kind) or _make(*kind, "HTTPXTransport", "FastTransport")
                self._made[kind] = made
        return made

    def close(self) -> None:
        """Close every transport; a call that comes later makes another."""
        with self._lock:
            made, self._made = self._made, {}
        for transport in made.values():
            transport.close()


class Wires:
    """The synchronous transports of one client. Thread-safe, and safe in a child of `os.fork`."""

    def __init__(self) -> None:
        self._own = _OfProcess(_Made)
        self._session: tuple[Any, Transport] | None = None  # the caller's client that was used last

    def choose(self, call: Outgoing) -> Transport:
        """Return the caller's own client, the plugin's wire, or ours."""
        session = call.options.client_session
        if session is not None:
            return self._of_session(session)
        inner = self._own.get().of_kind((call.options.transport, _proxy(call)))
        hook = call.target.plugin.transport
        chosen: Transport | None = hook(call.route, inner) if hook is not None else None
        return inner if chosen is None else chosen

    def _of_session(self, session: Any) -> Transport:
        known = self._session
        if known is None or known[0] is not session:
            known = self._session = (session, cast("Transport", _user_client("wrap_user_client", session)))
        return known[1]

    def close(self) -> None:
        """Close every connection of this process."""
        self._own.get().close()


class _AsyncMade:
    """The asynchronous transports of one process, one set per event loop."""

    def __init__(self) -> None:
        self._made: dict[asyncio.AbstractEventLoop, dict[Kind, AsyncTransport]] = {}

    def of_kind(self, kind: Kind) -> AsyncTransport:
        """Return the running loop's transport of this kind; other threads may be here with their loops."""
        loop = asyncio.get_running_loop()
        of_loop = self._made.get(loop)
        if of_loop is None:
            # a transport holds its loop, so weak references alone would keep dead ones for ever
            for known in list(self._made):
                if known.is_closed():
                    self._made.pop(known, None)
            of_loop = self._made[loop] = {}
        if kind not in of_loop:
            of_loop[kind] = _make(*kind, "AsyncHTTPXTransport", "AsyncFastTransport")
        return of_loop[kind]

    async def aclose(self) -> None:
        """Close the transports of the running loop."""
        for transport in self._made.pop(asyncio.get_running_loop(), {}).values():
            await transport.aclose()


class AsyncWires:
    """The asynchronous transports of one client, one set per event loop; safe in a child of `os.fork`."""

    def __init__(self) -> None:
        self._own = _OfProcess(_AsyncMade)
        self._session: tuple[Any, AsyncTransport] | None = None  # the caller's client that was used last

    def choose(self, call: Outgoing) -> AsyncTransport:
        """Return the caller's own client, the plugin's wire, or ours."""
        session = call.options.aclient_session
        if session is not None:
            return self._of_session(session)
        inner = self._own.get().of_kind((call.options.transport, _proxy(call)))
        hook = call.target.plugin.transport
        chosen: AsyncTransport | None = hook(call.route, inner) if hook is not None else None
        return inner if chosen is None else chosen

    def _of_session(self, session: Any) -> AsyncTransport:
        known = self._session
        if known is None or known[0] is not session:
            known = self._session = (session, cast("AsyncTransport", _user_client("wrap_async_user_client", session)))
        return known[1]

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._own.get().aclose()


def _make(name: str, proxy: str | None, httpx_class: str, fast_class: str) -> Any:
    if name == "fast" and proxy is None:
        module = "async_transport" if fast_class.startswith("Async") else "sync_transport"
        try:
            return getattr(importlib.import_module(f"llmgate_core.transports.http1.{module}"), fast_class)()
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
