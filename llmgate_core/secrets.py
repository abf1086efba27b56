"""Keep keys out of everything that we log or raise.

A secret has its own type, so that printing, logging or pickling it by accident reveals nothing;
in strings from elsewhere, every occurrence of a secret is masked, however it is encoded.

Source: row S15 of docs/reliability.md: no 12 characters of a key in a row; RFC 4648 for base64, base64url and hex;
RFC 3986 for percent-encoding.
"""

from __future__ import annotations

import binascii
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import NoReturn

__all__ = ["MASK", "Secret", "SecretFinder", "mask"]

MASK = "***"
SLICE_CHARACTERS = 12  # a shorter piece of a key reveals too little to be worth hiding
ANCHOR_CHARACTERS = SLICE_CHARACTERS // 2
SHORTEST_KEY, SHORTEST_FORM = 4, 8  # a shorter one would match ordinary words; one between is looked for as it is
FOREIGN_CHARACTERS = (0, 2, 3)  # of base64, at its beginning, by the number of bytes that come before the key
MAX_UNESCAPES = 3
CAPITALS = re.compile("[A-Z]+")
ESCAPES = re.compile(r"%([0-9a-f]{2})|\\(?:x|u00)([0-9a-f]{2})|&#x0*([0-9a-f]{2});|&#0*([0-9]{2,3});|\\([^ux%&])")


class Secret:
    """A key. Only `reveal()` returns its value."""

    __slots__ = ("__forms", "__text")

    def __init__(self, text: str) -> None:
        self.__text = text
        self.__forms: _Forms | None = None

    def _forms(self) -> _Forms:
        """Return what to look for in strings, made once."""
        if self.__forms is None:
            self.__forms = _Forms(self.__text)
        return self.__forms

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


class _Forms:
    """A key as it may occur in a string: plain, in base64 (three alignments, two alphabets) and in hex.

    All are folded: lower case, and base64url written as base64. `anchors` are pieces at every sixth place, of which
    each run of 12 characters contains one.
    """

    __slots__ = ("anchors", "exact", "forms", "whole")

    def __init__(self, key: str) -> None:
        forms = {_folded(form): None for form in _encodings(key)}
        self.exact = (key,) if SHORTEST_KEY <= len(key) < SHORTEST_FORM else ()
        self.forms = tuple(form for form in forms if len(form) >= SLICE_CHARACTERS)
        self.whole = tuple(form for form in forms if SHORTEST_FORM <= len(form) < SLICE_CHARACTERS)
        self.anchors = frozenset(
            form[at : at + ANCHOR_CHARACTERS]
            for form in self.forms
            for at in range(0, len(form) - ANCHOR_CHARACTERS + 1, ANCHOR_CHARACTERS)
        )


class SecretFinder:
    """Finds some secrets in strings: each whole one, and each run of 12 or more characters of one, in any encoding.

    Encodings: upper or lower case, base64 and base64url at any offset, hex, and any mixture of percent-encoding,
    backslash escapes and numeric character references, applied up to three times. Its repr shows no secret.
    """

    __slots__ = ("__anchors", "__exact", "__forms", "__least", "__whole")

    def __init__(self, secrets: Iterable[Secret | None]) -> None:
        found = [secret._forms() for secret in {secret: None for secret in secrets if secret}]
        self.__anchors = found[0].anchors if len(found) == 1 else frozenset().union(*(each.anchors for each in found))
        self.__forms = tuple(form for each in found for form in each.forms)
        self.__whole = tuple(form for each in found for form in each.whole)
        self.__exact = tuple(key for each in found for key in each.exact)
        lengths = [len(word) for word in (*self.__exact, *self.__whole)]
        self.__least = min([*lengths, SLICE_CHARACTERS] if self.__forms else lengths, default=sys.maxsize)

    def matches(self, text: str) -> bool:
        """Return whether a string contains a secret, or a piece of one. Takes 2 microseconds for 40 characters."""
        return len(text) >= self.__least and self._may_match(text) and next(self._spans(text), None) is not None

    def _may_match(self, text: str) -> bool:
        """Return whether it is worth to look closer: for few strings without a secret."""
        if self.__exact or self.__whole or "%" in text or "\\" in text or "&#" in text:
            return True
        view, size = _folded(text), ANCHOR_CHARACTERS
        return not self.__anchors.isdisjoint([view[at : at + size] for at in range(len(view) - size + 1)])

    def mask(self, text: str) -> str:
        """Return a string with `***` in place of every secret, and of every piece of one."""
        parts: list[str] = []
        end = 0
        for start, stop in sorted(self._spans(text)):
            if start > end or not parts:
                parts += [text[end:start], MASK]
            end = max(end, stop)
        return "".join([*parts, text[end:]]) if parts else text

    def __repr__(self) -> str:
        return "SecretFinder()"

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield begin and end of everything to mask; they may overlap."""
        yield from _occurrences(text, self.__exact)
        view, places = _folded(text), None
        yield from self._spans_of(view)
        for _ in range(MAX_UNESCAPES):
            if not ("%" in view or "\\" in view or "&#" in view):
                return
            view, places = _unescaped(view, range(len(view) + 1) if places is None else places)
            for start, stop in self._spans_of(view):
                yield places[start], places[stop]

    def _spans_of(self, view: str) -> Iterator[tuple[int, int]]:
        anchors, size = self.__anchors, ANCHOR_CHARACTERS
        for at in range(len(view) - size + 1):
            if view[at : at + size] in anchors:
                for form in self.__forms:
                    yield from _runs(view, at, form)
        yield from _occurrences(view, self.__whole)


def mask(text: str, secrets: Iterable[Secret | None]) -> str:
    """Return `text` with `***` in place of every secret, in any encoding, and of any longer piece of one.

    An upstream may echo all or part of a key, so any run of 12 or more of its characters is masked. For many strings,
    make a `SecretFinder` once.
    """
    return SecretFinder(secrets).mask(text)


def _encodings(key: str) -> Iterator[str]:
    """Yield a key as it may occur, of characters beyond ASCII also the bytes that a header or an escape has."""
    yield key
    for content in (key.encode("utf-8", "replace"), key.encode("latin-1", "replace")):
        yield content.decode("latin-1")
        yield content.hex()
        for before, foreign in enumerate(FOREIGN_CHARACTERS):
            yield binascii.b2a_base64(bytes(before) + content, newline=False).decode().rstrip("=")[foreign:]


def _folded(text: str) -> str:
    """Return a string of the same length without what encodings differ in: case, and the alphabet of base64."""
    lower = text.lower() if text.isascii() else CAPITALS.sub(lambda match: match[0].lower(), text)
    return lower.replace("-", "+").replace("_", "/")


def _unescaped(view: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Return a folded string with its escapes decoded once, and where each character and the end were before."""
    parts: list[str] = []
    origins: list[int] = []
    at = 0
    for match in ESCAPES.finditer(view):
        parts += [view[at : match.start()], _folded(_character(match))]
        origins += places[at : match.start() + 1]
        at = match.end()
    return "".join([*parts, view[at:]]), [*origins, *places[at:]]


def _character(match: re.Match[str]) -> str:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 10)):
        if match[group]:
            return chr(int(match[group], base))
    return match[5]


def _occurrences(text: str, words: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each of `words` in a string."""
    for word in words:
        at = text.find(word)
        while at >= 0:
            yield at, at + len(word)
            at = text.find(word, at + 1)


def _runs(view: str, at: int, form: str) -> Iterator[tuple[int, int]]:
    """Yield the runs around the anchor at `at` that also occur in `form` and are long enough."""
    anchor = view[at : at + ANCHOR_CHARACTERS]
    offset = form.find(anchor)
    while offset >= 0:
        start, stop = at, at + ANCHOR_CHARACTERS
        first, last = offset, offset + ANCHOR_CHARACTERS
        while start and first and view[start - 1] == form[first - 1]:
            start, first = start - 1, first - 1
        while stop < len(view) and last < len(form) and view[stop] == form[last]:
            stop, last = stop + 1, last + 1
        if stop - start >= SLICE_CHARACTERS:
            yield start, stop
        offset = form.find(anchor, offset + 1)
