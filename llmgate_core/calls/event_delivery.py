"""How events reach the observers of a client: at once, or through a thread of their own.

A synchronous call may wait for its observers, an event loop may not. So those of an asynchronous client run in one
thread, which a bounded queue feeds: a slow observer loses events, which is counted and logged, and never holds up a
call.

Source: docs/plugins/extensions.md.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from llmgate_core.contract.call_event import CallEvent
from llmgate_core.registry.extensions import ExtensionHook
from llmgate_core.transports.per_process import PerProcess

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["DRAIN_SECONDS", "EventDelivery", "InlineDelivery", "ThreadDelivery"]

log = logging.getLogger("llmgate")
MAX_WAITING = 2000
"""Events that may wait; each holds its call's body."""
DRAIN_SECONDS = 5.0
"""How long closing a client, or the end of the program, waits for observers that have not seen everything."""


class EventDelivery(Protocol):
    """Takes events to observers."""

    def put(self, event: CallEvent) -> None:
        """Deliver an event, or see to it that it is delivered."""
        ...

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until what was put is delivered, for at most `seconds`."""
        ...


class InlineDelivery:
    """Calls the observers at once."""

    def __init__(self, observers: Sequence[ExtensionHook]) -> None:
        self._observers = observers

    def put(self, event: CallEvent) -> None:
        """Call the observers; what they raise is logged and changes nothing."""
        _notify(self._observers, event)

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Do nothing: no event waits."""


class ThreadDelivery:
    """Calls the observers in a thread, which starts with the first event and ends when everything was drained.

    A forked child has a queue and a thread of its own; the events that wait are the parent's.
    """

    def __init__(self, observers: Sequence[ExtensionHook], *, max_waiting: int = MAX_WAITING) -> None:
        self._queues = PerProcess(partial(_EventQueue, tuple(observers), max_waiting))
        at_exit = partial(_drain, weakref.ref(self))
        atexit.register(at_exit)
        weakref.finalize(self, atexit.unregister, at_exit).atexit = False
        weakref.finalize(self, _end_thread, self._queues, os.getpid()).atexit = False

    @property
    def lost(self) -> int:
        """How many events were not delivered, since too many were waiting."""
        return self._queues.get().lost

    def put(self, event: CallEvent) -> None:
        """Queue the event; never waits."""
        self._queues.get().put(event)

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until every event that was put is delivered, for at most `seconds`; log how many were not."""
        self._queues.get().drain(seconds)


class _EventQueue:
    """The events of one process, and the thread that delivers them."""

    def __init__(self, observers: Sequence[ExtensionHook], max_waiting: int) -> None:
        self._observers = observers
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._running: tuple[SimpleQueue[CallEvent | None], threading.Thread] | None = None
        self.lost = 0

    def put(self, event: CallEvent) -> None:
        with self._lock:  # held for moments only, so that no event is put behind the last one of a thread that ends
            if self._running is None:
                self._running = self._start()
            queue = self._running[0]
            if queue.qsize() < self._max_waiting:
                queue.put(event)
                return
            self.lost += 1
            lost = self.lost
        if lost & (lost - 1) == 0:  # 1, 2, 4, 8, ...: few lines for many events
            log.warning("%d events of calls were not delivered: observers are %d behind", lost, self._max_waiting)

    def drain(self, seconds: float) -> None:
        running = self.end()
        if running is None or running[1] is threading.current_thread():
            return
        queue, thread = running
        thread.join(seconds)
        if thread.is_alive():
            log.warning("observers did not finish within %g s: %d events are left", seconds, queue.qsize())

    def end(self) -> tuple[SimpleQueue[CallEvent | None], threading.Thread] | None:
        """Let the thread end once it has delivered what waits, and return it with its queue."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running[0].put(None)
        return running

    def _start(self) -> tuple[SimpleQueue[CallEvent | None], threading.Thread]:
        from queue import SimpleQueue  # only where a thread delivers: not in synchronous calls

        queue: SimpleQueue[CallEvent | None] = SimpleQueue()
        thread = threading.Thread(target=_deliver, args=(queue, self._observers), name="llmgate-observers", daemon=True)
        thread.start()
        return queue, thread


def _deliver(queue: SimpleQueue[CallEvent | None], observers: Sequence[ExtensionHook]) -> None:
    while (event := queue.get()) is not None:
        _notify(observers, event)
        del event  # it may be large, and the next one may take a while


def _notify(observers: Sequence[ExtensionHook], event: CallEvent) -> None:
    for observer in observers:
        try:
            observer(event)
        except (Exception, SystemExit) as failure:  # noqa: BLE001  # an observer must not change a call
            name, kind = observer.extension.name, type(failure).__name__
            log.warning("the extension %r raised %s in on_event, at %s", name, kind, _place_of(failure))


def _place_of(failure: BaseException) -> str:
    """Return file and line where it was raised: its message may have a client's value, and is not logged."""
    trace = failure.__traceback__
    if trace is None:
        return "an unknown place"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


def _drain(delivery: weakref.ref[ThreadDelivery]) -> None:
    if (living := delivery()) is not None:
        living.drain()


def _end_thread(queues: PerProcess[_EventQueue], process: int) -> None:
    if os.getpid() == process:
        queues.get().end()
