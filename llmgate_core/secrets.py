"""Keep keys out of everything that we log or raise.

A secret has its own type, so that printing, logging or pickling it by accident reveals nothing;
in strings from elsewhere, every occurrence of a secret is masked.
"""

from __future__ import annotations

import base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

__all__ = ["MASK", "Secret", "mask"]

MASK = "***"
SLICE_CHARACTERS = 12  # a shorter piece of a key reveals too little to be worth hiding


class Secret:
    """A key. Only `reveal()` returns its value."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the key itself, for the one place that puts it into a request."""
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
        raise TypeError("a Secret cannot be pickled: pass the key again where it is needed")


def mask(text: str, secrets: Iterable[Secret | None]) -> str:
    """Return `text` with `***` in place of every secret, its base64 form, and any longer piece of either.

    An upstream may echo all or part of a key, so any run of 12 or more of its characters is masked.
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
    """Replace each run of at least `SLICE_CHARACTERS` characters that also occurs in `key`."""
    for start in range(len(key) - SLICE_CHARACTERS + 1):
        piece = key[start : start + SLICE_CHARACTERS]
        while (at := text.find(piece)) >= 0:
            end = at + SLICE_CHARACTERS
            offset = start + SLICE_CHARACTERS
            while end < len(text) and offset < len(key) and text[end] == key[offset]:
                end, offset = end + 1, offset + 1
            text = text[:at] + MASK + text[end:]
    return text
