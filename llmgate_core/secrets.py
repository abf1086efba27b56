"""Keep keys out of every text that we write.

A secret has a type of its own, so that printing, logging or pickling it by accident shows
nothing; and texts that come from elsewhere are masked by the secret's exact value.
"""

from __future__ import annotations

import base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

__all__ = ["MASK", "Secret", "mask"]

MASK = "***"
SLICE_CHARACTERS = 12  # a shorter piece of a key says too little to be worth hiding


class Secret:
    """A key. `reveal()` gives the text; nothing else does."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the key itself, for the one place that puts it on the wire."""
        return self.__text

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.__text == self.__text

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass the key again where it is needed")


def mask(text: str, secrets: Iterable[Secret | None]) -> str:
    """Return `text` with every secret, its base64 and its longer slices replaced by `***`.

    An upstream may echo a key whole or cut, so any run of 12 or more characters of the key counts.
    """
    for secret in secrets:
        if secret:
            text = _mask_one(text, secret.reveal())
    return text


def _mask_one(text: str, key: str) -> str:
    if len(key) <= SLICE_CHARACTERS:
        return text.replace(key, MASK) if len(key) >= 4 else text
    for form in (key, base64.b64encode(key.encode("utf-8", "replace")).decode().rstrip("=")):
        text = _mask_runs(text, form)
    return text


def _mask_runs(text: str, key: str) -> str:
    """Replace each longest run of `text` that is a part of `key` and long enough."""
    for start in range(len(key) - SLICE_CHARACTERS + 1):
        piece = key[start : start + SLICE_CHARACTERS]
        while (at := text.find(piece)) >= 0:
            end = at + SLICE_CHARACTERS
            offset = start + SLICE_CHARACTERS
            while end < len(text) and offset < len(key) and text[end] == key[offset]:
                end, offset = end + 1, offset + 1
            text = text[:at] + MASK + text[end:]
    return text
