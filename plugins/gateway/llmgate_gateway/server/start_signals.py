"""Signals before the server handles them: from the first line of `llmgate serve`, and around each fork.

Imports next to nothing, so that it can be the first thing that runs. A SIGTERM or SIGINT before there is anything to
drain ends the process with status 0. A SIGHUP waits in the kernel until the server can reload.

Source: row R32 of docs/reliability.md; pthread_sigmask(3) and fork(2) for what a child inherits.
"""

from __future__ import annotations

import os
import signal
from typing import Final, NoReturn

__all__ = ["block_for_fork", "handle_early_signals", "ignore_late_signals", "unblock"]

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
HANGUP: Final = tuple(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))
HAS_MASK: Final = hasattr(signal, "pthread_sigmask")  # not on Windows


def handle_early_signals() -> None:
    """End with status 0 on SIGTERM and SIGINT, and let SIGHUP wait. Does nothing outside of the main thread."""
    try:
        for number in STOPPING:
            signal.signal(number, _end)
    except ValueError:  # another program runs this command in a thread
        return
    if HAS_MASK:
        signal.pthread_sigmask(signal.SIG_BLOCK, HANGUP)


def block_for_fork() -> None:
    """Let every signal wait that a child would take by the parent's handlers, and so lose."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPPING, *HANGUP})


def unblock(*, hangup: bool = True) -> None:
    """Take signals again, those that waited first; without `hangup`, SIGHUP goes on waiting."""
    if HAS_MASK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*STOPPING, *(HANGUP if hangup else ())})


def ignore_late_signals() -> None:
    """Let no signal change the exit status any more: the server has ended."""
    try:
        for number in (*STOPPING, *HANGUP):
            signal.signal(number, signal.SIG_IGN)
    except ValueError:  # not the main thread
        return


def _end(_number: int, _frame: object) -> NoReturn:
    os._exit(0)  # nothing is open yet, and what is being imported must not catch an exception
