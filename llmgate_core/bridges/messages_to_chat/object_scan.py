"""Find the end of a JSON object that arrives in pieces, in time linear in their length.

Pure. It counts brackets outside of strings only; whether the text is JSON is for a decoder to say, once, at the end.

Source: RFC 8259.
"""

from __future__ import annotations

import re

__all__ = ["ObjectScan"]

MARK = re.compile(r'[{}\[\]"\\]')
QUOTE_OR_ESCAPE = re.compile(r'["\\]')


class ObjectScan:
    """Counts the brackets of one text.

    Attributes:
        is_over: as many brackets have closed as have opened, and one has.
    """

    __slots__ = ("_depth", "_in_string", "_is_escaped", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    def feed(self, piece: str) -> None:
        """Take the next piece of the text."""
        at = int(self._is_escaped and bool(piece))
        self._is_escaped = self._is_escaped and not piece
        while (found := (QUOTE_OR_ESCAPE if self._in_string else MARK).search(piece, at)) is not None:
            mark, at = found.group(), found.end()
            if mark == "\\":
                self._is_escaped = at == len(piece)
                at += 1
            elif mark == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark in "{[" else -1
                self.is_over = self.is_over or self._depth == 0
