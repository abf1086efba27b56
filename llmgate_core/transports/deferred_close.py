"""Close what was dropped, without waiting for a lock.

The collector runs in the middle of any allocation, so its thread may hold the very lock that
closing needs: a pool's, ours or httpcore's, none of which its holder may take twice. A stream that it
frees closes its answer, so an answer's `close` cannot tell whether it was called there.
"""

from __future__ import annotations

import _thread
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["close_elsewhere"]

PATIENCE_SECONDS = 0.05  # what the caller waits, so that all is closed when `close` returns, where that can be


def close_elsewhere(*steps: Callable[[], object], wait_seconds: float = PATIENCE_SECONDS) -> None:
    """Take `steps` in a thread of its own, which may wait for locks; not at all when no thread can be started.

    Not a `threading.Thread`: to start one takes a lock too.
    """
    done = _thread.allocate_lock()
    done.acquire()
    with contextlib.suppress(RuntimeError):  # the process is at its end, or has too many
        _thread.start_new_thread(_take, (steps, done))
        done.acquire(timeout=wait_seconds)


def _take(steps: tuple[Callable[[], object], ...], done: _thread.LockType) -> None:
    try:
        for step in steps:
            with contextlib.suppress(Exception):  # nobody is there to be told
                step()
    finally:
        done.release()
