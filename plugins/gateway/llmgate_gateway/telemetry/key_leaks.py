"""Detect strings from an upstream that repeat a piece of a key. Pure, and fast enough for every answer.

Source: row S15 of docs/reliability.md: no 12 characters of a key in a row, in any encoding.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmgate_core.serving import Secret, SecretFinder

__all__ = ["KeyLeakDetector"]


class KeyLeakDetector:
    """Knows the keys of one deployment. Its repr shows none."""

    __slots__ = ("matches",)

    def __init__(self, keys: Iterable[Secret | None]) -> None:
        self.matches = SecretFinder(keys).matches
        """Returns whether a string contains a piece of a key, or all of a short one."""

    def __repr__(self) -> str:
        return "KeyLeakDetector()"
