"""The event loops that the connections of a caller's client belong to.

A client that was used in an event loop which is closed by now has connections that would take a request and never
answer.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgate_core.contract.transport import Origin

__all__ = ["LoopAffinities"]


class LoopAffinities:
    """Origin -> the loop of the next connection in line."""

    def __init__(self) -> None:
        self._loops: dict[Origin, weakref.ref[asyncio.AbstractEventLoop]] = {}

    def has_moved(self, origin: Origin) -> bool:
        """Return whether there may be connections of a loop that is closed by now."""
        reference = self._loops.get(origin)
        loop = None if reference is None else reference()
        return loop is None or loop.is_closed()  # a client new to us may have been used before

    def settle(self, origin: Origin) -> None:
        """Note that the next connection in line belongs to the running loop."""
        self._loops[origin] = weakref.ref(asyncio.get_running_loop())
