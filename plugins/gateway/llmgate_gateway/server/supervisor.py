"""Run several workers: start them, restart them when they die, pass signals on.

Each worker is forked from this process while that has no thread, no event loop and no connection; so all share the
listening sockets and the memory of the metrics. This process serves nothing itself. A worker that dies soon after its
start is restarted after a wait that doubles each time.

Source: rows R32 to R34 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from llmgate_core.serving import errors
from llmgate_gateway.config import GatewayConfig
from llmgate_gateway.server.reload import POLL_SECONDS, FileWatch, Source
from llmgate_gateway.server.start_signals import block_for_fork, unblock
from llmgate_gateway.server.worker import WorkerContext, build, serve
from llmgate_gateway.telemetry.log_setup import set_up_logging
from llmgate_gateway.telemetry.log_writer import write_now
from llmgate_gateway.telemetry.metrics import Metrics
from llmgate_gateway.telemetry.shared_memory import SharedValues

__all__ = ["Supervisor"]

log = logging.getLogger("llmgate.gateway")

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD") if hasattr(signal, name)
)
BRIEF_SECONDS: Final = 10.0
"""A worker that has lived for less is not restarted at once."""
FIRST_WAIT_SECONDS: Final = 0.1
MAX_WAIT_SECONDS: Final = 30.0
KILL_SECONDS: Final = 1.0
"""Beyond the drain, for a worker that does not end."""


@dataclass(slots=True)
class _Worker:
    number: int
    pid: int = 0
    born: float = 0.0
    brief_lives: int = 0
    due: float = 0.0  # when to start it, while it has no process


class Supervisor:
    """The parent of all workers.

    Args:
        announce: called once, when the first worker accepts requests.
    """

    def __init__(
        self,
        config: GatewayConfig,
        source: Source,
        sockets: Sequence[socket.socket],
        *,
        workers: int,
        watch: bool = False,
        debug: bool = False,
        announce: Callable[[], None],
    ) -> None:
        self._config = config
        self._source = source
        self._sockets = sockets
        self._watch = FileWatch(source.path) if watch and source.path is not None else None
        self._debug = debug
        self._announce = announce
        self._values = SharedValues(workers + 1)
        self._metrics = Metrics(self._values, worker=workers, serves=False)
        self._workers = [_Worker(number) for number in range(workers)]
        self._signals: list[int] = []
        self._stop_by: float | None = None
        self._announced = False

    def run(self) -> int:
        """Run until stopped, and return the exit status."""
        set_up_logging(self._config, write_now, debug=self._debug)
        self._alive, self._tie = os.pipe()  # workers see their end close when this process is gone
        self._ready, self._ready_end = os.pipe()
        with self._listening_to_signals() as wake:
            while True:
                self._take_signals()
                self._reap()
                if self._stop_by is None:
                    self._start_what_is_due()
                    self._reload_on_change()
                elif not any(worker.pid for worker in self._workers):
                    return 0
                elif time.monotonic() >= self._stop_by:
                    self._pass_on(signal.SIGKILL)
                self._wait(wake)

    @contextlib.contextmanager
    def _listening_to_signals(self) -> Iterator[int]:
        wake, end = os.pipe()
        os.set_blocking(end, False)
        signal.set_wakeup_fd(end, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda number, _frame: self._signals.append(number))
        unblock()
        try:
            yield wake
        finally:
            signal.set_wakeup_fd(-1)

    def _wait(self, wake: int) -> None:
        now = time.monotonic()
        dues = [worker.due for worker in self._workers if not worker.pid] if self._stop_by is None else [self._stop_by]
        wait = min([max(0.0, due - now) for due in dues], default=None)
        if self._watch is not None:
            wait = POLL_SECONDS if wait is None else min(wait, POLL_SECONDS)
        watched = [wake] if self._announced else [wake, self._ready]
        readable, _, _ = select.select(watched, [], [], wait)
        if wake in readable:
            os.read(wake, 4096)
        if self._ready in readable:
            self._announced = True
            if self._stop_by is None:
                self._announce()

    def _take_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == getattr(signal, "SIGHUP", None):
                self._reload()

    def _stop(self) -> None:
        """Pass the signal on; the second one ends the workers at once."""
        for sock in self._sockets:
            sock.close()
        seconds = KILL_SECONDS if self._stop_by is not None else self._config.general.drain_timeout + KILL_SECONDS
        self._stop_by = time.monotonic() + seconds
        self._pass_on(signal.SIGTERM)

    def _reload(self) -> None:
        """Let the workers reload, after the config has been checked here, so that an invalid one is reported once."""
        try:
            self._config = self._source.load()
            set_up_logging(self._config, write_now, debug=self._debug)
        except errors.LLMGateError as error:
            self._metrics.reloaded(succeeded=False)
            for line in str(error).splitlines():
                log.error("the new config was rejected and the old one stays: %s", line)
            return
        self._metrics.reloaded(succeeded=True)
        self._pass_on(signal.SIGHUP)

    def _reload_on_change(self) -> None:
        if self._watch is not None and self._watch.has_changed():
            self._reload()

    def _pass_on(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, number)

    def _reap(self) -> None:
        for worker in self._workers:
            if not worker.pid:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._record_death(worker, os.waitstatus_to_exitcode(status))

    def _record_death(self, worker: _Worker, code: int) -> None:
        pid, worker.pid = worker.pid, 0
        if self._stop_by is not None:
            return
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        self._retry_later(worker, f"worker {worker.number} (process {pid}) ended {how}")

    def _retry_later(self, worker: _Worker, what_happened: str) -> None:
        """Start a worker again: at once after one early death, which may be an accident, else ever more slowly."""
        now = time.monotonic()
        worker.brief_lives = worker.brief_lives + 1 if now - worker.born < BRIEF_SECONDS else 0
        wait = 0.0
        if worker.brief_lives > 1:
            wait = min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(worker.brief_lives, 20))
        worker.due, worker.born = now + wait, now
        log.error("%s; a new one starts in %g s", what_happened, wait)

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if not worker.pid and worker.due <= now:
                self._start(worker)

    def _start(self, worker: _Worker) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # so that the child's collector does not touch, and thereby copy, shared pages
        block_for_fork()
        try:
            pid = os.fork()
        except OSError as error:  # too many processes, or no memory: the other workers go on
            unblock()
            self._retry_later(worker, f"worker {worker.number} cannot be started: {error.strerror}")
            return
        if pid:
            unblock()
            worker.pid, worker.born = pid, time.monotonic()
            return
        status = 1
        try:
            status = self._work(worker.number)
        except errors.LLMGateError as error:
            self._log_at_once()
            log.error("worker %d: %s", worker.number, error)
        except BaseException:  # the process ends here, and reports why
            self._log_at_once()
            log.exception("worker %d failed", worker.number)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)  # without unwinding the parent's frames

    def _log_at_once(self) -> None:
        """Write messages without the worker's thread, which would not get to write the last ones."""
        set_up_logging(self._config, write_now, debug=self._debug)

    def _say_ready(self) -> None:
        with contextlib.suppress(OSError):  # the parent is gone
            os.write(self._ready_end, b"r")

    def _work(self, number: int) -> int:
        signal.set_wakeup_fd(-1)
        for handled in SIGNALS:
            signal.signal(handled, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the parent passes it on once
        unblock(hangup=False)  # a SIGTERM ends a worker that is starting; a SIGHUP waits for its handlers
        os.close(self._tie)
        os.close(self._ready)
        context = WorkerContext(number, self._values, self._alive, self._say_ready)
        built = build(self._config, context, debug=self._debug)
        return serve(built, self._source, self._sockets, context=context, debug=self._debug)
