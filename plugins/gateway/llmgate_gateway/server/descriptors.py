"""How many files this process may have open, and whether that is enough for what the config allows.

A request needs two descriptors: the client's connection and the upstream's.

Source: getrlimit(2); row R36 of docs/reliability.md.
"""

from __future__ import annotations

import importlib
from typing import Final

__all__ = ["PER_REQUEST", "RESERVE", "raise_limit", "shortage"]

PER_REQUEST: Final = 2
RESERVE: Final = 64
"""For everything else: standard streams, log files, listening sockets, certificates, idle connections."""


def raise_limit() -> int | None:
    """Raise the soft limit of open files to the hard one, and return it; None if files are not limited."""
    try:
        resource = importlib.import_module("resource")
    except ModuleNotFoundError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS refuses an unlimited number
            pass
        else:
            soft = hard
    return None if soft == resource.RLIM_INFINITY else int(soft)


def shortage(limit: int | None, max_in_flight: int) -> str | None:
    """Return a warning if `max_in_flight` requests need more open files than a process may have."""
    needed = PER_REQUEST * max_in_flight + RESERVE
    if limit is None or limit >= needed:
        return None
    return (
        f"a process may have {limit} open files, and {max_in_flight} requests at once (limits.max_in_flight) "
        f"need {needed}: raise the limit (ulimit -n, LimitNOFILE=) or lower limits.max_in_flight"
    )
