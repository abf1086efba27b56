"""Keep a fault that each request meets from filling the log: one message a second, and how many there were.

Source: row R36 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

__all__ = ["Repeats"]

SECONDS: Final = 1.0
MAX_KEYS: Final = 64
"""Kinds of messages that are remembered; beyond them the oldest is forgotten, and then written again."""


class Repeats:
    """Counts messages of one kind."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[float, int]] = {}  # when one was written, and how many were not since then

    def count(self, key: Hashable, now: float) -> int | None:
        """Return how many messages of this kind were left out since the last one; None: leave this one out too."""
        written, left_out = self._seen.get(key, (float("-inf"), 0))
        if now - written < SECONDS:
            self._seen[key] = (written, left_out + 1)
            return None
        self._seen.pop(key, None)  # so that it becomes the newest
        if len(self._seen) >= MAX_KEYS:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (now, 0)
        return left_out
