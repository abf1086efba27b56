"""Detect strings from an upstream that repeat a piece of a key. Pure, and fast enough for every answer.

Source: row S15 of docs/reliability.md: no 12 characters of a key in a row, in any encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmgate_core.serving import Secret, SecretFinder

__all__ = ["KeyLeakDetector"]


class KeyLeakDetector:
    """Knows the keys of one deployment. Its repr shows none.

    Args:
        keys: those of the config.
        repeats_credential: whether a string has a token that was fetched later; None: none ever is.
    """

    __slots__ = ("matches",)

    def __init__(self, keys: Iterable[Secret | None], repeats_credential: Callable[[str], bool] | None = None) -> None:
        has_key = SecretFinder(keys).matches
        self.matches = has_key
        if repeats_credential is not None:
            self.matches = lambda text: has_key(text) or repeats_credential(text)
        """Returns whether a string contains a piece of a key, or all of a short one."""

    def __repr__(self) -> str:
        return "KeyLeakDetector()"
