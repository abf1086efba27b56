"""Serve the gateway in this process: uvicorn on uvloop, signals, reload, and an orderly end.

On the first SIGTERM or SIGINT nothing new is accepted, readiness says no, and what is under way may finish
within `drain_timeout`; what is left then is told so. On the second all of that happens at once. The exit
status is 0 both times.

Source: rows R32 and R34 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import uvicorn

from llmgate_core.serving import errors
from llmgate_gateway.app import Gateway
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.server.operations import Operations
from llmgate_gateway.server.protocol import GatewayProtocol, ServerConfig
from llmgate_gateway.server.reload import POLL_SECONDS, FileWatch, Source, needs_new_start
from llmgate_gateway.server.watchdog import Watchdog
from llmgate_gateway.telemetry.shared_memory import SharedValues

__all__ = ["GatewayServer", "WorkerContext", "build", "new_event_loop", "serve"]

log = logging.getLogger("llmgate.gateway")

DATE_SECONDS: Final = 1.0
"""How often the `date` header is renewed."""
LAST_WRITES_SECONDS: Final = 0.5
"""For the last bytes of an answer to leave, once the app is done with it."""


@dataclass(slots=True)
class WorkerContext:
    """Which of several workers this process is, and how it is tied to its parent.

    Attributes:
        values: the memory with everybody's metrics.
        parent: readable once the parent is gone; None: there is none.
        ready: called when requests are accepted.
    """

    worker: int = 0
    values: SharedValues | None = None
    parent: int | None = None
    ready: Callable[[], None] = lambda: None


def build(config: GatewayConfig, place: WorkerContext, *, debug: bool = False) -> tuple[Operations, Gateway]:
    """Return what serves a config. Standard error is taken over for the process's messages.

    Raises:
        LLMGateError: the config needs what is not here, such as an extension.
    """
    operations = Operations(config, values=place.values, worker=place.worker)
    operations.set_up_logging(config, debug=debug)
    return operations, operations.app(config)


def serve(
    built: tuple[Operations, Gateway],
    source: Source,
    sockets: Sequence[socket.socket],
    *,
    place: WorkerContext,
    watch: bool = False,
    debug: bool = False,
) -> int:
    """Serve until told to stop, and return the exit status.

    New configs come from `source`: on SIGHUP, and with `watch` whenever its file changes. The sockets listen;
    they are closed when the server stops. `debug` shows outgoing calls on standard error.
    """
    operations, gateway = built
    server = GatewayServer(gateway, operations, source, place=place, watch=watch, debug=debug)
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(server.serve(sockets=list(sockets)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # not after a failure: uvloop waits here for what was left open
    finally:
        asyncio.set_event_loop(None)
        operations.close()
    return 0


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return uvloop's where it is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class GatewayServer(uvicorn.Server):
    """One process that serves one gateway."""

    config: ServerConfig

    def __init__(
        self,
        gateway: Gateway,
        operations: Operations,
        source: Source,
        *,
        place: WorkerContext,
        watch: bool,
        debug: bool,
    ) -> None:
        general = gateway.config.general
        super().__init__(
            ServerConfig(
                gateway,
                limits=general.limits,
                timeouts=general.timeouts,
                interface="asgi3",
                lifespan="on",
                ws="none",
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                timeout_keep_alive=general.timeouts.keep_alive,
            )
        )
        self._gateway = gateway
        self._operations = operations
        self._source = source
        self._place = place
        self._watch = FileWatch(source.path) if watch and source.path is not None else None
        self._debug = debug
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Answer the signals ourselves, on the event loop."""
        loop = asyncio.get_running_loop()
        wanted: dict[str, Callable[[], None]] = {"SIGTERM": self.stop, "SIGHUP": self.reload}
        wanted["SIGINT"] = self.stop if self._place.parent is None else lambda: None  # the parent passes it on
        known = {getattr(signal, name): work for name, work in wanted.items() if hasattr(signal, name)}
        for number, work in known.items():
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # not here, or no main thread
                loop.add_signal_handler(number, work)
        if self._place.parent is not None:
            loop.add_reader(self._place.parent, self._parent_has_gone)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # the supervisor holds it back till now
        try:
            yield
        finally:
            for number in known:
                with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                    if loop.remove_signal_handler(number) and self._stopping.is_set():
                        signal.signal(number, signal.SIG_IGN)  # one that comes now must not turn a good end into a bad

    def stop(self) -> None:
        """Stop in good order; the second time at once."""
        (self._at_once if self._stopping.is_set() else self._stopping).set()

    def reload(self) -> None:
        """Take the config anew; an invalid one leaves everything as it is."""
        self._start(self._reload())

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        gc.freeze()
        gc.enable()
        watchdog = Watchdog(asyncio.get_running_loop())
        watchdog.start()
        self._place.ready()
        if self._watch is not None:
            self._start(self._look_at_file(self._watch))
        while not self._stopping.is_set():
            await self.on_tick(0)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DATE_SECONDS)
        watchdog.stop()  # the drain has a limit of its own

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let what is under way end, then close what is left."""
        self.config.draining = True
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        for connection in self.server_state.connections:
            if isinstance(connection, GatewayProtocol):
                connection.end_after_this()
        await self._drain()
        await self._close_connections()
        for task in self._tasks:
            task.cancel()
        await self.lifespan.shutdown()

    async def _drain(self) -> None:
        seconds = self._gateway.config.general.drain_timeout
        log.info("stopping: waiting at most %g s for requests in flight", seconds)
        draining = asyncio.ensure_future(self._gateway.drain(seconds))
        hurrying = asyncio.ensure_future(self._at_once.wait())
        await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            draining.cancel()
            await self._gateway.drain(0)
        hurrying.cancel()

    async def _close_connections(self) -> None:
        """Close each connection once what was written to it has left, or cannot."""
        for connection in tuple(self.server_state.connections):
            connection.transport.close()
        loop = asyncio.get_running_loop()
        ends = loop.time() + LAST_WRITES_SECONDS
        while (self.server_state.connections or self.server_state.tasks) and loop.time() < ends:
            await asyncio.sleep(0.01)
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        for task in tuple(self.server_state.tasks):
            task.cancel()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=LAST_WRITES_SECONDS)

    async def _reload(self) -> None:
        async with self._reloading:
            try:
                self._operations.reopen_files()
                fresh = await asyncio.to_thread(self._prepare)
                self._take(fresh)
            except errors.LLMGateError as error:
                self._count_reload(fine=False)
                for line in str(error).splitlines():
                    log.error("the new config was rejected and the old one stays: %s", line)
            except Exception:  # a fault of ours or of a plugin, which must not be the end of the file's watch
                self._count_reload(fine=False)
                log.exception("the new config was rejected: reloading failed")

    def _prepare(self) -> ConfigSnapshot:
        """Load the config and build all that it makes: too long for the event loop."""
        return self._gateway.prepare(self._source.load())

    def _take(self, fresh: ConfigSnapshot) -> None:
        before, config = self._gateway.config, fresh.config
        self._operations.reconfigure(config, debug=self._debug)  # may fail, and then nothing has been taken
        self._gateway.take_snapshot(fresh)
        self._take_limits(config)
        self._count_reload(fine=True)
        for warning in (*config.warnings, *needs_new_start(before, config)):
            log.warning("%s", warning)
        log.info("a new config was loaded: %d deployments", len(config.deployments))

    def _take_limits(self, config: GatewayConfig) -> None:
        """Hold connections to the limits of a new config; its address and its log's place need a new start."""
        limits, timeouts = config.general.limits, config.general.timeouts
        self.config.head_bytes, self.config.head_lines = limits.max_header, limits.max_headers
        self.config.head_seconds = timeouts.head
        self.config.timeout_keep_alive = timeouts.keep_alive  # type: ignore[assignment]  # any number of seconds

    def _count_reload(self, *, fine: bool) -> None:
        if self._place.parent is None:  # else it counts them, once for all workers
            self._operations.metrics.reloaded(fine=fine)

    async def _look_at_file(self, file: FileWatch) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if file.has_changed():
                await self._reload()

    def _parent_has_gone(self) -> None:
        parent = self._place.parent
        if parent is not None and not os.read(parent, 1):
            asyncio.get_running_loop().remove_reader(parent)
            self.stop()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(_ended, self._tasks))


def _ended(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("a task of the server failed", exc_info=task.exception())
