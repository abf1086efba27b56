"""Write lines to a file or to standard output without ever holding up or failing who writes them.

A thread does the writing, in batches. What it cannot write (no reader, no space, a pipe that is full
for long) is dropped and counted. The thread starts with the first line, so after any fork.

Source: row R36 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["LineWriter", "write_now"]

MAX_LINES: Final = 20_000
"""That wait; more are dropped."""
BATCH_SECONDS: Final = 0.05
"""Between two writes: lines of that time go out together, which is cheaper than one by one."""
BATCH_LINES: Final = 1000
FILE_MODE: Final = 0o640
STANDARD_ERROR: Final = 2


def write_now(line: bytes) -> None:
    """Write a line to standard error, for a process that has no thread and may wait; nobody need be there."""
    with contextlib.suppress(OSError):
        os.write(STANDARD_ERROR, line)


class LineWriter:
    """Lines to one place.

    Args:
        place: a file descriptor, which is not closed by us, or the path of a file to append to.
        lost: told how many lines were dropped.
    """

    def __init__(self, place: int | str, *, lost: Callable[[int], None] = lambda _count: None) -> None:
        self._place = place
        self._lost = lost
        self._descriptor: int | None = place if isinstance(place, int) else None
        self._lines: deque[bytes] = deque()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._reopen = False

    def write(self, line: bytes) -> None:
        """Write a line, its newline included, soon. Never raises, never waits."""
        if len(self._lines) >= MAX_LINES:
            self._lost(1)
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._start()

    def flush(self, within_seconds: float = 1.0) -> bool:
        """Wait until everything so far is written or dropped; False: it took too long."""
        return self._idle.wait(within_seconds)

    def reopen(self) -> None:
        """Open the file anew before the next line, for programs that rotate it."""
        self._reopen = True

    def close(self, within_seconds: float = 1.0) -> None:
        """Write what is left, if that is quick, and end.

        The file is closed by the thread, when it ends: one that still writes would go on into whatever
        had been given the number of a file that we closed.
        """
        self._is_closing = True
        self.flush(within_seconds)
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(within_seconds)
            if not thread.is_alive():
                self._thread = None
                self._close_file()  # should it have failed

    def _start(self) -> None:
        self._idle.clear()
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="llmgate-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            while self._lines:
                batch = [self._lines.popleft() for _ in range(min(len(self._lines), BATCH_LINES))]
                self._put(batch)
                if not self._is_closing and len(batch) < BATCH_LINES:
                    time.sleep(BATCH_SECONDS)
            self._wake.clear()
            if self._lines:  # one came in between
                self._wake.set()
                continue
            self._idle.set()
            if self._is_closing:
                self._close_file()
                return

    def _close_file(self) -> None:
        if isinstance(self._place, str) and self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # no space for what the system still held
                os.close(descriptor)

    def _put(self, batch: list[bytes]) -> None:
        data = memoryview(b"".join(batch))
        try:
            descriptor = self._open()
            while data:
                data = data[os.write(descriptor, data) :]
        except (OSError, ValueError):
            left = bytes(data)
            self._lost(left.count(b"\n"))
            self._reopen = True

    def _open(self) -> int:
        if isinstance(self._place, int):
            return self._place
        if self._descriptor is None or self._reopen:
            self._reopen = False
            old, self._descriptor = self._descriptor, None
            if old is not None:
                os.close(old)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self._place, flags, FILE_MODE)
        return self._descriptor
