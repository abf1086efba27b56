"""The threads in which functions of plugins run, and the event loop of a synchronous client's asynchronous ones."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Workers"]

MAX_THREADS = 32
CLOSE_SECONDS = 1.0


class Workers:
    """Threads that run functions, at most so many at a time; the other functions wait for their turn, in order.

    All are daemons: a function that does not end must not keep the program from ending.
    """

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._free = max_threads
        self._waiting: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._loop: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None

    def start(self, run: Callable[[], object]) -> None:
        """Run a function, which must not raise, as soon as there is a thread for it.

        Raises:
            RuntimeError: the process can have no more threads.
        """
        with self._lock:
            if not self._free:
                self._waiting.append(run)
                return
            self._free -= 1
        try:
            threading.Thread(target=self._work, args=(run,), name="llmgate-serve", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._free += 1
            raise

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return an event loop that runs in a thread of its own, the same for all calls: a model may be bound to it."""
        with self._lock:
            if self._loop is None:
                import asyncio  # imported here, so that synchronous calls do not load it

                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(loop,), name="llmgate-serve-loop", daemon=True)
                thread.start()
                self._loop = loop, thread
            return self._loop[0]

    def close(self) -> None:
        """Cancel what runs on the loop and end it; a later call starts another one."""
        with self._lock:
            running, self._loop = self._loop, None
        if running is not None:
            loop, thread = running
            loop.call_soon_threadsafe(loop.stop)
            if thread is not threading.current_thread():
                thread.join(CLOSE_SECONDS)

    def _work(self, run: Callable[[], object]) -> None:
        while True:
            run()
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                run = self._waiting.popleft()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    import asyncio

    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=CLOSE_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
