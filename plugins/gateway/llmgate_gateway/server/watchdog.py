"""Notice an event loop that is blocked: a plugin's hook that never returns cannot be stopped inside the process.

A thread checks a clock that the loop updates. Within 2 s it logs where the loop is blocked; after 10 s it ends the
process with a status that makes the supervisor, or the system's service manager, start a new one.

Source: row R30 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Final

__all__ = ["STUCK_STATUS", "Watchdog"]

log = logging.getLogger("llmgate.gateway")

TICK_SECONDS: Final = 0.5
REPORT_AFTER_SECONDS: Final = 1.0
END_AFTER_SECONDS: Final = 10.0
LAST_LINES_SECONDS: Final = 0.3
"""For the last lines of the log to be written."""
SHOWN_FRAMES: Final = 6
STUCK_STATUS: Final = 70
"""Exit status of a process that ended itself: `EX_SOFTWARE` of sysexits.h."""


class Watchdog:
    """Watches the event loop of the thread that creates it.

    Args:
        give_up: ends the process, given an exit status.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, give_up: Callable[[int], None] = os._exit) -> None:
        self._loop = loop
        self._give_up = give_up
        self._thread_id = threading.get_ident()
        self._seen = time.monotonic()
        self._stopped = threading.Event()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start watching; called on the loop."""
        self._tick()
        threading.Thread(target=self._watch, name="llmgate-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop watching; called on the loop."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._seen = time.monotonic()
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def _watch(self) -> None:
        is_reported, checked = False, time.monotonic()
        while not self._stopped.wait(TICK_SECONDS):
            now = time.monotonic()
            if (
                now - checked > 2 * TICK_SECONDS
            ):  # this thread did not run either: the machine was suspended or overloaded
                self._seen = now
            checked, blocked = now, now - self._seen
            if blocked > END_AFTER_SECONDS:
                log.critical("the event loop has been blocked for %.0f s; this process ends", blocked)
                time.sleep(LAST_LINES_SECONDS)
                self._give_up(STUCK_STATUS)
                return
            if blocked < REPORT_AFTER_SECONDS:
                is_reported = False
            elif not is_reported:
                is_reported = True
                self._report()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        if frame is not None:
            shown = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=SHOWN_FRAMES, lookup_lines=False)
            frames = " < ".join(f"{entry.name} ({entry.filename}:{entry.lineno})" for entry in shown)
            log.error("the event loop is blocked in %s: %s", _module(frame), frames)


def _module(frame: FrameType) -> str:
    """Return the innermost module that is not part of Python itself."""
    at: FrameType | None = frame
    while at is not None:
        name = str(at.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return name
        at = at.f_back
    return "Python itself"
