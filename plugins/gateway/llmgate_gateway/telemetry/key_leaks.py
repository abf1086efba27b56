"""Detect strings from an upstream that repeat a piece of a key. Pure, and fast enough for every answer.

Source: row S15 of docs/reliability.md: no 12 characters of a key in a row.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

from llmgate_core.serving import Secret

__all__ = ["KeyLeakDetector"]

PIECE_CHARACTERS = 12  # a shorter piece reveals too little to be worth hiding
MIN_KEY_CHARACTERS = 4  # a shorter key would match ordinary words


class KeyLeakDetector:
    """Knows every piece of some keys, plain and in base64. Its repr shows none."""

    __slots__ = ("__pieces", "__short")

    def __init__(self, keys: Iterable[Secret | None]) -> None:
        pieces, short = set[str](), set[str]()
        for key in keys:
            if not key:
                continue
            text = key.reveal()
            if len(text) < PIECE_CHARACTERS:
                short.add(text)
            for form in (text, base64.b64encode(text.encode("utf-8", "replace")).decode()):
                pieces.update(form[at : at + PIECE_CHARACTERS] for at in range(len(form) - PIECE_CHARACTERS + 1))
        self.__pieces = frozenset(pieces)
        self.__short = frozenset(text for text in short if len(text) >= MIN_KEY_CHARACTERS)

    def matches(self, text: str) -> bool:
        """Return whether a string contains a piece of a key, or all of a short one."""
        pieces = self.__pieces
        for at in range(len(text) - PIECE_CHARACTERS + 1):
            if text[at : at + PIECE_CHARACTERS] in pieces:
                return True
        return any(key in text for key in self.__short)

    def __repr__(self) -> str:
        return "KeyLeakDetector()"
