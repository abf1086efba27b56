"""Choose the transport of a call, and cache transports: made on first use, asynchronous ones once per event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from llmgate_core.contract.call import Route
from llmgate_core.contract.transport import AsyncTransport, Origin, Transport
from llmgate_core.errors import ConfigError
from llmgate_core.registry.router import ResolvedModel
from llmgate_core.settings.base_url import is_metadata_service, split_base_url
from llmgate_core.settings.options import Options
from llmgate_core.settings.proxies import names_a_proxy, proxy_for
from llmgate_core.transports.by_origin import AsyncTransportByOrigin, TransportByOrigin
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.per_process import PerProcess

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from llmgate_core.transports.in_process.workers import Workers

__all__ = ["AsyncTransportSelector", "TransportSelector"]

T = TypeVar("T", Transport, AsyncTransport)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Kind(NamedTuple):
    """A transport's name, the URL of its proxy, and the file or directory of the certificates to trust."""

    name: str
    proxy: str | None
    ca_file: str | None = None


class Outgoing(Protocol):
    """What the choice of a transport depends on."""

    @property
    def options(self) -> Options:
        """The caller's own client, if any, the transport's name, and the certificates to trust."""
        ...

    @property
    def route(self) -> Route:
        """Where the call goes."""
        ...

    @property
    def target(self) -> ResolvedModel:
        """The plugin, whose hook `transport` may bring its own transport."""
        ...


class TransportSelector:
    """The synchronous transports of one client. Thread-safe, and safe in a child of `os.fork`."""

    def __init__(self) -> None:
        self._caches = PerProcess(_new_cache)
        self._sessions: _LastSession[Transport] = _LastSession()

    def choose(self, call: Outgoing, *, may_serve: bool = True) -> Transport:
        """Return the caller's own client, the plugin's transport, or ours; or one that asks the plugin itself first."""
        if may_serve and call.target.plugin.serve is not None:
            from llmgate_core.transports.in_process.sync_transport import InProcessTransport

            return InProcessTransport(self._caches.get().workers(), lambda: self.choose(call, may_serve=False))
        session = call.options.client_session
        if session is not None:
            return self._sessions.get(session, _wrap_user_client)
        cache = self._caches.get()
        transport = cache.of_kind(_kind_for(call))
        if call.route.hosts and (others := {origin: cache.of_kind(kind) for origin, kind in _other_kinds(call)}):
            transport = TransportByOrigin(transport, others)
        hook = call.target.plugin.transport
        chosen = None if hook is None else hook(call.route, transport)
        return transport if chosen is None else chosen

    def close(self) -> None:
        """Close every connection of this process."""
        cache = self._caches.get()
        for transport in cache.take_all():
            transport.close()
        cache.close_workers()


class AsyncTransportSelector:
    """The asynchronous transports of one client, one set per event loop; safe in a child of `os.fork`."""

    def __init__(self) -> None:
        self._caches = PerProcess(_new_async_cache)
        self._sessions: _LastSession[AsyncTransport] = _LastSession()

    def choose(self, call: Outgoing, *, may_serve: bool = True) -> AsyncTransport:
        """Return the caller's own client, the plugin's transport, or ours; or one that asks the plugin itself first.

        Raises:
            ConfigError: the running event loop is not one of asyncio.
        """
        loop = _running_loop()
        if may_serve and call.target.plugin.serve is not None:
            from llmgate_core.transports.in_process.async_transport import AsyncInProcessTransport

            return AsyncInProcessTransport(self._caches.get().workers(), lambda: self.choose(call, may_serve=False))
        session = call.options.aclient_session
        if session is not None:
            return self._sessions.get(session, _wrap_async_user_client)
        cache = self._caches.get()
        transport = cache.of_kind(_kind_for(call), loop)
        if call.route.hosts and (others := {origin: cache.of_kind(kind, loop) for origin, kind in _other_kinds(call)}):
            transport = AsyncTransportByOrigin(transport, others)
        hook = call.target.plugin.transport
        chosen = None if hook is None else hook(call.route, transport)
        return transport if chosen is None else chosen

    def open(self, call: Outgoing) -> None:
        """Make our transport of a call ready, so that the call itself loads nothing. Opens no connection.

        Raises:
            ConfigError: the certificates to trust cannot be read.
        """
        if call.options.aclient_session is None and call.route.base_url:
            transport = self._caches.get().of_kind(_kind_for(call), _running_loop())
            load_certificates = getattr(transport, "load_certificates", None)
            if load_certificates is not None and call.route.base_url.startswith("https:"):
                load_certificates()

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        for transport in self._caches.get().take_all(_running_loop()):
            await transport.aclose()


class TransportCache(Generic[T]):
    """The transports of one process: one set per event loop, or one without a loop for blocking ones."""

    def __init__(self, make: Callable[[Kind], T]) -> None:
        self._make: Callable[[Kind], T] = make
        self._lock = threading.Lock()
        self._transports: dict[asyncio.AbstractEventLoop | None, dict[Kind, T]] = {}
        self._workers: Workers | None = None

    def workers(self) -> Workers:
        """Return what runs the functions of plugins that answer in this process, made on first use."""
        with self._lock:
            if self._workers is None:
                from llmgate_core.transports.in_process.workers import Workers

                self._workers = Workers()
            return self._workers

    def close_workers(self) -> None:
        """End the event loop in a thread, if there is one."""
        if self._workers is not None:
            self._workers.close()

    def of_kind(self, kind: Kind, loop: asyncio.AbstractEventLoop | None = None) -> T:
        """Return the transport of this kind, made on first use; other threads may run other loops."""
        of_loop = self._transports.get(loop)
        transport = None if of_loop is None else of_loop.get(kind)
        if transport is not None:
            return transport
        with self._lock:
            of_loop = self._transports.get(loop) or self._new_loop(loop)
            transport = of_loop.get(kind)
            if transport is None:
                transport = of_loop[kind] = self._make(kind)
            return transport

    def take_all(self, loop: asyncio.AbstractEventLoop | None = None) -> list[T]:
        """Return the transports of a loop, and forget them; a later call makes others."""
        with self._lock:
            return list(self._transports.pop(loop, {}).values())

    def _new_loop(self, loop: asyncio.AbstractEventLoop | None) -> dict[Kind, T]:
        # a transport refers to its loop, so weak references alone would keep closed ones for ever
        for other in list(self._transports):
            if other is not None and other.is_closed():
                del self._transports[other]
        return self._transports.setdefault(loop, {})


class _LastSession(Generic[T]):
    """The caller's client that was used last, and its transport."""

    def __init__(self) -> None:
        self._last: tuple[Any, T] | None = None

    def get(self, session: Any, wrap: Callable[[Any], T]) -> T:
        last = self._last
        if last is None or last[0] is not session:
            last = self._last = (session, wrap(session))
        return last[1]


def _kind_for(call: Outgoing, origin: Origin | None = None) -> Kind:
    origin = origin or split_base_url(call.route.base_url).origin
    is_here = origin.host in LOOPBACK or is_metadata_service(origin.host)
    proxy = None if is_here else proxy_for(origin.scheme, origin.host, origin.port)
    return Kind(call.options.transport, proxy, call.options.ca_file)


def _other_kinds(call: Outgoing) -> Iterator[tuple[Origin, Kind]]:
    """Yield the further origins of a call that need another transport than its base URL: another proxy, or none."""
    if not names_a_proxy():
        return  # so that a provider with a host in each region costs a call nothing
    usual = _kind_for(call)
    for host in call.route.hosts:
        origin = split_base_url(host).origin
        if (kind := _kind_for(call, origin)) != usual:
            yield origin, kind


def _running_loop() -> asyncio.AbstractEventLoop:
    import asyncio  # imported here, so that synchronous calls do not load it

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        message = "asynchronous calls need a running event loop of asyncio or uvloop; trio and others are not supported"
    raise ConfigError(message)


# What is costly to import is imported when the first transport of its kind is made.


def _new_cache() -> TransportCache[Transport]:
    return TransportCache(_new_transport)


def _new_async_cache() -> TransportCache[AsyncTransport]:
    return TransportCache(_new_async_transport)


def _new_transport(kind: Kind) -> Transport:
    options = TransportOptions(proxy=kind.proxy, ca_file=kind.ca_file)
    if kind.name == "http1" and kind.proxy is None:
        from llmgate_core.transports.http1.sync_transport import HTTP1Transport

        return HTTP1Transport(options)
    from llmgate_core.transports.sync_lanes import HTTPXTransport

    return HTTPXTransport(options)


def _new_async_transport(kind: Kind) -> AsyncTransport:
    options = TransportOptions(proxy=kind.proxy, ca_file=kind.ca_file)
    if kind.name == "http1" and kind.proxy is None:
        from llmgate_core.transports.http1.async_transport import AsyncHTTP1Transport

        return AsyncHTTP1Transport(options)
    from llmgate_core.transports.async_lanes import AsyncHTTPXTransport

    return AsyncHTTPXTransport(options)


def _wrap_user_client(client: Any) -> Transport:
    from llmgate_core.transports.user_client.kinds import wrap_user_client

    return wrap_user_client(client)


def _wrap_async_user_client(client: Any) -> AsyncTransport:
    from llmgate_core.transports.user_client.kinds import wrap_async_user_client

    return wrap_async_user_client(client)
