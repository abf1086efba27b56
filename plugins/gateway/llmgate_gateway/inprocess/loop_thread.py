"""An event loop in a separate thread. Independent of HTTP and of the app."""

from __future__ import annotations

import asyncio
import contextlib
import threading

__all__ = ["LoopThread"]


class LoopThread:
    """A running event loop; end it when it is no longer needed.

    Attributes:
        loop: for `asyncio.run_coroutine_threadsafe`.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self.loop,), name=name, daemon=True)
        self._thread.start()

    def end(self, within_seconds: float) -> None:
        """Cancel what runs there and close the loop; what does not end in time is left to the daemon thread."""
        self.begin_end()
        self._thread.join(within_seconds)

    def begin_end(self) -> None:
        """Do the same without waiting. Idempotent."""
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self.loop.call_soon_threadsafe(self.loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
