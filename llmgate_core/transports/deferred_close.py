"""Close what was dropped, without waiting for a lock.

The collector runs in the middle of any allocation, so its thread may hold the very lock that closing needs: our
pool's or one of the HTTP client's, none of which can be taken twice by one thread. A stream that the collector frees
closes its answer, so an answer's `close` cannot tell whether it runs there.
"""

from __future__ import annotations

import _thread
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["close_in_thread"]

CLOSE_SECONDS = 0.05  # how long the caller waits, so that all is usually closed when `close` returns


def close_in_thread(*steps: Callable[[], object], wait_seconds: float = CLOSE_SECONDS) -> None:
    """Run `steps` in a new thread, which may wait for locks; not at all if no thread can be started.

    Not a `threading.Thread`: starting one takes a lock too.
    """
    done = _thread.allocate_lock()
    done.acquire()
    with contextlib.suppress(RuntimeError):  # the process is at its end, or has too many
        _thread.start_new_thread(_run, (steps, done))
        done.acquire(timeout=wait_seconds)


def _run(steps: tuple[Callable[[], object], ...], done: _thread.LockType) -> None:
    try:
        for step in steps:
            with contextlib.suppress(Exception):  # no caller would see it
                step()
    finally:
        done.release()
