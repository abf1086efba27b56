"""Decode one part of a request's path, and refuse it where any server could read a step up the tree from it.

An upstream, or a proxy before it, may decode a path twice, split it at backslashes, ignore what follows a `;`, take
overlong UTF-8, fold Unicode, or strip dots and blanks at the end of a name. Pure.

Source: RFC 3986, sections 2.4, 3.3 and 5.2.4; row S4 of docs/reliability.md.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

__all__ = ["decode_part", "plain_part"]

PLAIN = re.compile(r"[A-Za-z0-9._~:-]+")
MAX_DECODINGS = 3


def decode_part(part: str) -> str | None:
    """Return a part of a path decoded once, or None if some server could read a step up the tree from it.

    It may hold encoded slashes, as the names of some models do.
    """
    decoded = _decode(part)
    if decoded is None or not decoded.isprintable():
        return None
    innermost = decoded
    for _ in range(MAX_DECODINGS - 1):
        further = _decode(innermost)
        if further is None:
            return None
        innermost = further
    folded = innermost if innermost.isascii() else unicodedata.normalize("NFKC", innermost)
    if "%" in folded or "\\" in folded:
        return None
    return decoded if all(_is_name(piece) for piece in folded.split("/")) else None


def plain_part(part: str) -> str | None:
    """Return a part decoded if it has only the characters of which OpenAI makes ids, else None."""
    decoded = decode_part(part)
    return decoded if decoded is not None and PLAIN.fullmatch(decoded) else None


def _decode(part: str) -> str | None:
    try:
        return unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_name(part: str) -> bool:
    """Return whether a part is neither a step nor empty, also where parameters, dots and blanks are cut off."""
    return bool(part.partition(";")[0].strip(" ."))
