"""Something that one call does for others: threads, and tasks of any event loop, wait until it has ended.

No locks, so that the garbage collector may end a flight in any thread, at any moment: it closes the steps of a call
whose event loop is gone.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from llmgate_core.transports.waits import ThreadFuture, await_future

__all__ = ["Flight"]

T = TypeVar("T")


class Flight(Generic[T]):
    """One call's work, for which others wait.

    Attributes:
        ends: when those that wait stop counting on it, by `time.monotonic`.
        outcome: what came of it; None: not known yet, or its call was given up and another one has to do it.
    """

    __slots__ = ("_is_over", "_wakes", "ends", "outcome")

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.outcome: T | None = None
        self._is_over = False
        self._wakes: deque[Callable[[], None]] = deque()

    def end(self, outcome: T | None) -> None:
        """Set what came of it, and wake all that wait."""
        self.outcome = outcome
        self._is_over = True
        self._wake_all()

    def wait(self, seconds: float | None) -> None:
        """Block this thread until the flight has ended.

        Raises:
            TimeoutError: it had not after so many seconds.
        """
        over: ThreadFuture[None] = ThreadFuture()
        self._call_at_end(lambda: over.set_result(None))
        over.wait(seconds)
        over.result()

    async def await_end(self, seconds: float | None) -> None:
        """As `wait`, for a task: its event loop goes on."""
        import asyncio  # imported here, so that synchronous calls do not load it

        loop = asyncio.get_running_loop()
        over = loop.create_future()

        def set_over() -> None:
            if not over.done():
                over.set_result(None)

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # that loop is closed
                loop.call_soon_threadsafe(set_over)

        self._call_at_end(wake)
        await await_future(over, None if seconds is None else time.monotonic() + seconds)

    def _call_at_end(self, wake: Callable[[], None]) -> None:
        self._wakes.append(wake)
        if self._is_over:  # it may have ended before `wake` was there to be called
            self._wake_all()

    def _wake_all(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._wakes.popleft()()
