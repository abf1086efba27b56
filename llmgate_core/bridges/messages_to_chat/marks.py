"""Keep `cache_control` where the chat plugin takes it, and note once that it was left out where it does not.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger

__all__ = ["CACHE_CONTROL", "CacheMarks"]

CACHE_CONTROL = "cache_control"


class CacheMarks:
    """The cache markers of one call.

    Args:
        are_taken: the chat plugin says that it takes them, in content parts and beside functions.
    """

    def __init__(self, *, are_taken: bool) -> None:
        self._are_taken = are_taken
        self._count = 0

    def moved(self, converted: JsonObject, block: Mapping[str, Any]) -> JsonObject:
        """Return what a block was converted to, with the block's marker if the plugin takes it."""
        mark = block.get(CACHE_CONTROL)
        if mark is None:
            return converted
        if self._are_taken:
            return {**converted, CACHE_CONTROL: mark}
        self._count += 1
        return converted

    def note(self, ledger: Ledger) -> None:
        """Record that markers were left out, in one entry for all of them."""
        if self._count:
            ledger.dropped(CACHE_CONTROL, f"this chat upstream takes no cache markers; {self._count} are left out")
