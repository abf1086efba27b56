"""Notice an event loop that stands still: a plugin's hook that blocks and never returns cannot be ended in-process.

A thread looks at a clock that the loop winds. Within 2 s it says where the loop stands; after 10 s it ends the
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
SAID_AFTER_SECONDS: Final = 1.0
ENDED_AFTER_SECONDS: Final = 10.0
LAST_LINES_SECONDS: Final = 0.3
"""For the last lines of the log to be written."""
SHOWN_FRAMES: Final = 6
STUCK_STATUS: Final = 70
"""Exit status of a process that ended itself: `EX_SOFTWARE` of sysexits.h."""


class Watchdog:
    """Watches the event loop of the thread that makes it.

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
        """Begin; called on the loop."""
        self._wind()
        threading.Thread(target=self._watch, name="llmgate-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer; called on the loop."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()

    def _wind(self) -> None:
        self._seen = time.monotonic()
        self._timer = self._loop.call_later(TICK_SECONDS, self._wind)

    def _watch(self) -> None:
        has_said, looked = False, time.monotonic()
        while not self._stopped.wait(TICK_SECONDS):
            now = time.monotonic()
            if now - looked > 2 * TICK_SECONDS:  # this thread stood still as well: a suspended or starved machine
                self._seen = now
            looked, still = now, now - self._seen
            if still > ENDED_AFTER_SECONDS:
                log.critical("the event loop has been blocked for %.0f s; this process ends", still)
                time.sleep(LAST_LINES_SECONDS)
                self._give_up(STUCK_STATUS)
                return
            if still < SAID_AFTER_SECONDS:
                has_said = False
            elif not has_said:
                has_said = True
                self._say_where()

    def _say_where(self) -> None:
        frame = sys._current_frames().get(self._thread_id)
        if frame is not None:
            shown = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=SHOWN_FRAMES, lookup_lines=False)
            places = " < ".join(f"{place.name} ({place.filename}:{place.lineno})" for place in shown)
            log.error("the event loop is blocked in %s: %s", _module(frame), places)


def _module(frame: FrameType) -> str:
    """Return the innermost module that is not of Python itself: the one to look at."""
    at: FrameType | None = frame
    while at is not None:
        name = str(at.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in sys.stdlib_module_names:
            return name
        at = at.f_back
    return "Python itself"
