"""Write lines to a file or to standard output without ever delaying or failing the caller.

A thread writes them in batches. It sleeps until there is a line and then a moment longer, so that the lines of that
moment share one wake-up and one write. What it cannot write (no reader, no space, a pipe that stays full) is dropped
and counted. The thread starts with the first line, and so after any fork.

Source: row R36 of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["LineWriter", "write_now"]

MAX_LINES: Final = 20_000
"""How many lines may wait; more are dropped."""
BATCH_SECONDS: Final = 0.05
"""From the first line of a batch to its write."""
BATCH_LINES: Final = 1000
FILE_MODE: Final = 0o640
NEWLINE: Final = 0x0A
STANDARD_ERROR: Final = 2


def write_now(line: bytes) -> None:
    """Write a line to standard error, which may be closed; for a process that may wait."""
    with contextlib.suppress(OSError):
        os.write(STANDARD_ERROR, line)


class LineWriter:
    """Writes lines to one target.

    Args:
        target: a file descriptor, which is never closed, or the path of a file to append to.
        lost: called with the number of lines that were dropped.
    """

    def __init__(self, target: int | str, *, lost: Callable[[int], None] = lambda _count: None) -> None:
        self._target = target
        self._lost = lost
        self._descriptor: int | None = target if isinstance(target, int) else None
        self._lines: deque[bytes] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()  # ends the wait for more lines
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._reopen = False
        self._has_half_line = False  # the target ends with a part of a line

    def write(self, line: bytes) -> None:
        """Queue a line, its newline included. Never raises, never waits."""
        if len(self._lines) >= MAX_LINES:
            self._lost(1)
            return
        self._lines.append(line)
        if not self._wake.is_set():
            self._start()

    def flush(self, within_seconds: float = 1.0) -> bool:
        """Wait until every line so far is written or dropped; return False if that took too long."""
        self._hurry.set()
        try:
            return self._idle.wait(within_seconds)
        finally:
            if not self._is_closing:
                self._hurry.clear()

    def reopen(self) -> None:
        """Reopen the file before the next line, for programs that rotate it."""
        self._reopen = True

    def close(self, within_seconds: float = 1.0) -> None:
        """Write what is left, if that does not take long, and end.

        The thread closes the file when it ends: if the file were closed here, a thread that still writes could write
        into another file that was given the same number.
        """
        self._is_closing = True
        self.flush(within_seconds)
        self._wake.set()
        thread = self._thread
        if thread is not None:
            thread.join(within_seconds)
            if not thread.is_alive():
                self._thread = None
                self._close_file()  # if the thread has failed

    def _start(self) -> None:
        self._idle.clear()
        self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="llmgate-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(BATCH_SECONDS)
            self._wake.clear()  # before the lines are taken: a later one wakes this thread again
            while self._lines:
                self._put([self._lines.popleft() for _ in range(min(len(self._lines), BATCH_LINES))])
            if self._wake.is_set():
                continue
            self._idle.set()
            if self._is_closing:
                self._close_file()
                return

    def _close_file(self) -> None:
        if isinstance(self._target, str) and self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with contextlib.suppress(OSError):  # no space for what the system had buffered
                os.close(descriptor)

    def _put(self, batch: list[bytes]) -> None:
        lines = b"".join(batch)
        data = memoryview(lines)
        try:
            descriptor = self._open()
            if self._has_half_line:
                data = memoryview(b"\n" + lines)
            while data:
                data = data[os.write(descriptor, data) :]
                self._has_half_line = False
        except (OSError, ValueError):
            written = len(lines) - len(data)  # negative: not even the end of the line before
            self._has_half_line = self._has_half_line or (written > 0 and lines[written - 1] != NEWLINE)
            self._lost(bytes(data).count(b"\n") - (written < 0))
            self._reopen = True

    def _open(self) -> int:
        if isinstance(self._target, int):
            return self._target
        if self._descriptor is None or self._reopen:
            self._reopen = False
            old, self._descriptor = self._descriptor, None
            if old is not None:
                os.close(old)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._descriptor = os.open(self._target, flags, FILE_MODE)
            if os.fstat(self._descriptor).st_size == 0:  # another file by now, or one that was emptied
                self._has_half_line = False
        return self._descriptor
