"""See what code does that it should not do: files, sockets, processes, waits, the environment.

An audit hook of Python cannot be removed, so there is one for the process, which does nothing unless a watch is on in
its own thread.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

__all__ = ["Watch", "watched"]

IO_EVENTS = ("open", "socket.", "subprocess.", "os.system", "os.exec", "os.listdir", "os.scandir", "os.fork")


class Watch:
    """What one thread did: pairs of a kind (`io`, `wait` or `environment`) and a phrase."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def note(self, kind: str, what: str) -> None:
        """Record one thing, once."""
        if (kind, what) not in self.seen:
            self.seen.append((kind, what))

    def of(self, kind: str) -> list[str]:
        """Return the phrases of one kind."""
        return [what for noted, what in self.seen if noted == kind]


class _Switch(threading.local):
    """The watch that is on in a thread, if any."""

    watch: Watch | None = None


@cache
def _switch() -> _Switch:
    """Return the process's switch, its audit hook installed."""
    switch = _Switch()

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if (watch := switch.watch) is None:
            return
        if event == "time.sleep":
            watch.note("wait", f"sleeps {arguments[0]} s")
        elif event.startswith(IO_EVENTS):
            watch.note("io", f"does {event}: {str(arguments[0] if arguments else '')[:80]}")

    sys.addaudithook(audit)
    return switch


class _WatchedEnvironment(os._Environ):  # type: ignore[type-arg]  # generic only to type checkers
    """The environment while a watch is on."""

    def __getitem__(self, key: Any) -> Any:
        if (watch := _switch().watch) is not None:
            watch.note("environment", f"reads the environment variable {str(key)[:80]}")
        return super().__getitem__(key)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch what this thread does within the block."""
    switch, watch = _switch(), Watch()
    environment, sleep = os.environ, time.sleep

    def noted_sleep(seconds: Any) -> None:
        if switch.watch is not None:
            switch.watch.note("wait", f"sleeps {seconds} s")
            return
        sleep(seconds)

    kind = type(environment)
    environment.__class__ = _WatchedEnvironment
    time.sleep = noted_sleep
    switch.watch = watch
    try:
        yield watch
    finally:
        switch.watch = None
        time.sleep = sleep
        environment.__class__ = kind
