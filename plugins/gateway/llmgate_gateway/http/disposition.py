"""Read the name of a form's part: of its field, and of its file if it is one. Pure.

Source: RFC 7578, section 4.2; RFC 5987 for `filename*`, which forms should not have and older HTTP libraries send, also
without a `filename` beside it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header

__all__ = ["part_names"]

OPTION = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
CHARSETS = {b"utf-8": "utf-8", b"iso-8859-1": "latin-1", b"us-ascii": "ascii"}


def part_names(disposition: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Return the name of a part's field and of its file, in UTF-8, from its `Content-Disposition`.

    Returns:
        For the field None if it has no name, for the file None if there is no file; empty if the name cannot be read.
    """
    kind, options = parse_options_header(disposition)
    if kind != b"form-data":
        return None, None
    name, filename = options.get(b"name"), options.get(b"filename")
    if disposition is not None and b"*" in disposition:
        extended = {key.lower(): value.strip(b' "') for key, value in OPTION.findall(disposition)}
        if b"name*" in extended:
            name = _decoded(extended[b"name*"]) or name
        if any(key.startswith(b"filename*") for key in extended):
            filename = _decoded(extended.get(b"filename*", b"")) or filename or b""
    return name, filename


def _decoded(value: bytes) -> bytes | None:
    """Return an extended value, such as `UTF-8''na%C3%AFve.wav`, in UTF-8; None if it is not valid."""
    charset, _, rest = value.partition(b"'")
    _, quote, text = rest.partition(b"'")
    encoding = CHARSETS.get(charset.lower())
    if encoding is None or not quote:
        return None
    try:
        return unquote_to_bytes(text).decode(encoding).encode()
    except UnicodeDecodeError:
        return None
