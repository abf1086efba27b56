"""A lock that a child of `os.fork` does not inherit as held."""

from __future__ import annotations

import os
import threading
from types import TracebackType

__all__ = ["ProcessLock"]


class ProcessLock:
    """A re-entrant lock for each process: the thread that held the parent's does not exist in a child.

    What it protects must be usable in any state between two steps, as a child finds it in the midst of them.
    """

    def __init__(self) -> None:
        self._locks = {os.getpid(): threading.RLock()}

    def __enter__(self) -> None:
        process = os.getpid()
        lock = self._locks.get(process) or self._locks.setdefault(process, threading.RLock())  # in one step
        lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._locks[os.getpid()].release()
