"""Serve the gateway in this process, on uvloop where it is installed: signals, reload, and an orderly end.

On the first SIGTERM or SIGINT the server stops accepting, readiness turns to 503, and requests in flight may end
within `drain_timeout`; those that are left get an error. On the second they end at once. The exit status is 0 both
times.

Source: rows R32 and R34 of docs/reliability.md.
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

from llmgate_core.serving import errors
from llmgate_gateway.app import Gateway
from llmgate_gateway.calls.snapshot import ConfigSnapshot
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.server.listener import Listener
from llmgate_gateway.server.operations import Operations
from llmgate_gateway.server.reload import POLL_SECONDS, FileWatch, Source, needs_new_start
from llmgate_gateway.server.start_signals import ignore_late_signals, unblock
from llmgate_gateway.server.state import ServerState
from llmgate_gateway.server.watchdog import Watchdog
from llmgate_gateway.telemetry.shared_memory import SharedValues

__all__ = ["GatewayServer", "WorkerContext", "build", "new_event_loop", "serve"]

log = logging.getLogger("llmgate.gateway")

DATE_SECONDS: Final = 1.0
"""How often the `date` header is updated."""


@dataclass(slots=True)
class WorkerContext:
    """Which of several workers this process is, and how it is connected to its parent.

    Attributes:
        values: the memory that holds the metrics of all workers.
        parent: a descriptor that becomes readable when the parent is gone; None: there is no parent.
        ready: called when requests are accepted.
    """

    worker: int = 0
    values: SharedValues | None = None
    parent: int | None = None
    ready: Callable[[], None] = lambda: None


def build(config: GatewayConfig, context: WorkerContext, *, debug: bool = False) -> tuple[Operations, Gateway]:
    """Return what serves a config. The process's log messages go to standard error from here on.

    Raises:
        LLMGateError: the config needs what is not installed, such as an extension.
    """
    operations = Operations(config, values=context.values, worker=context.worker)
    operations.set_up_logging(config, debug=debug)
    return operations, operations.app(config)


def serve(
    built: tuple[Operations, Gateway],
    source: Source,
    sockets: Sequence[socket.socket],
    *,
    context: WorkerContext,
    watch: bool = False,
    debug: bool = False,
) -> int:
    """Serve until stopped, and return the exit status.

    New configs come from `source`: on SIGHUP, and with `watch` whenever its file changes. The sockets listen;
    they are closed when the server stops. `debug` shows outgoing calls on standard error.
    """
    operations, gateway = built
    server = GatewayServer(gateway, operations, source, context=context, watch=watch, debug=debug)
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(server.serve(sockets))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # not after a failure, when uvloop would wait for what was left open
    finally:
        asyncio.set_event_loop(None)
        operations.close()
    return 0


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop if that is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class GatewayServer:
    """One process that serves one gateway."""

    def __init__(
        self,
        gateway: Gateway,
        operations: Operations,
        source: Source,
        *,
        context: WorkerContext,
        watch: bool,
        debug: bool,
    ) -> None:
        general = gateway.config.general
        self._state = ServerState(
            gateway,
            limits=general.limits,
            timeouts=general.timeouts,
            on_refusal=lambda refusal: gateway.record_refusal(refusal.facts, refusal.detail),
            count=operations.metrics.count_connection,
        )
        self._tls = None if source.certificate is None else source.certificate.server_context()
        self._listener = Listener(self._state, self._tls)
        self._gateway = gateway
        self._operations = operations
        self._source = source
        self._context = context
        self._watch = FileWatch(source.path) if watch and source.path is not None else None
        self._debug = debug
        self._stopping = asyncio.Event()
        self._at_once = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until stopped. The sockets are closed then."""
        with self._handled_signals():
            self._gateway.open_transports()  # before requests are accepted: later, all files may be in use
            await self._listener.start(sockets)
            await self._run()
            await self._close(sockets)

    @contextlib.contextmanager
    def _handled_signals(self) -> Iterator[None]:
        """Handle signals on the event loop."""
        loop = asyncio.get_running_loop()
        wanted: dict[str, Callable[[], None]] = {"SIGTERM": self.stop, "SIGHUP": self.reload}
        wanted["SIGINT"] = self.stop if self._context.parent is None else lambda: None  # the parent passes it on
        handlers = {getattr(signal, name): work for name, work in wanted.items() if hasattr(signal, name)}
        for number, work in handlers.items():
            with contextlib.suppress(
                NotImplementedError, ValueError, RuntimeError
            ):  # not supported here, or not the main thread
                loop.add_signal_handler(number, work)
        if self._context.parent is not None:
            loop.add_reader(self._context.parent, self._on_parent_exit)
        unblock()  # a SIGHUP that came before is handled now
        try:
            yield
        finally:
            for number in handlers:
                with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                    loop.remove_signal_handler(number)
            if self._stopping.is_set():
                ignore_late_signals()

    def stop(self) -> None:
        """Stop in an orderly way; the second time at once."""
        (self._at_once if self._stopping.is_set() else self._stopping).set()

    def reload(self) -> None:
        """Read the config again; an invalid one changes nothing."""
        self._start(self._reload())

    async def _run(self) -> None:
        """Serve until stopped."""
        gc.freeze()
        gc.enable()
        watchdog = Watchdog(asyncio.get_running_loop())
        watchdog.start()
        if not self._stopping.is_set():
            self._context.ready()
        if self._watch is not None:
            self._start(self._reload_on_change(self._watch))
        while not self._stopping.is_set():
            self._state.update_date()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), DATE_SECONDS)
        watchdog.stop()  # the drain has its own deadline

    async def _close(self, sockets: Sequence[socket.socket]) -> None:
        """Stop accepting, let requests in flight end, then close what is left."""
        self._listener.stop()
        for sock in sockets:
            sock.close()
        await self._drain()
        await self._listener.close()
        for task in self._tasks:
            task.cancel()
        try:
            await self._gateway.aclose()
        except Exception:  # of a plugin or a store, and nothing else is left to be done
            log.exception("the gateway did not close")

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

    async def _reload(self) -> None:
        async with self._reloading:
            try:
                self._operations.reopen_files()
                fresh = await asyncio.to_thread(self._prepare)
                self._apply(fresh)
            except errors.LLMGateError as error:
                self._count_reload(succeeded=False)
                for line in str(error).splitlines():
                    log.error("the new config was rejected and the old one stays: %s", line)
            except Exception:  # a bug here or in a plugin, which must not end the watching of the file
                self._count_reload(succeeded=False)
                log.exception("the new config was rejected: reloading failed")

    def _prepare(self) -> ConfigSnapshot:
        """Load the config and build its snapshot, which takes too long for the event loop."""
        return self._gateway.prepare(self._source.load())

    def _apply(self, fresh: ConfigSnapshot) -> None:
        before, config = self._gateway.config, fresh.config
        self._operations.reconfigure(config, debug=self._debug)  # may fail, and then nothing has changed
        self._gateway.take_snapshot(fresh)
        self._apply_limits(config)
        if self._source.certificate is not None and self._tls is not None:
            self._source.certificate.load_into(self._tls)
        self._count_reload(succeeded=True)
        for warning in (*config.warnings, *needs_new_start(before, config)):
            log.warning("%s", warning)
        log.info("a new config was loaded: %d deployments", len(config.deployments))

    def _apply_limits(self, config: GatewayConfig) -> None:
        """Apply the limits of a new config to connections; its address and log file need a restart."""
        self._state.apply(config.general.limits, config.general.timeouts)

    def _count_reload(self, *, succeeded: bool) -> None:
        if self._context.parent is None:  # else the parent counts them, once for all workers
            self._operations.metrics.reloaded(succeeded=succeeded)

    async def _reload_on_change(self, file: FileWatch) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if file.has_changed():
                await self._reload()

    def _on_parent_exit(self) -> None:
        parent = self._context.parent
        if parent is not None and not os.read(parent, 1):
            asyncio.get_running_loop().remove_reader(parent)
            self.stop()

    def _start(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(partial(_ended, self._tasks))


def _ended(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("a task of the server failed", exc_info=task.exception())
