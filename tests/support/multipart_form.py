"""A strict reader of multipart forms: what does not follow RFC 7578 to the letter fails the test."""

from __future__ import annotations

import re
from typing import NamedTuple

DISPOSITION = re.compile(rb'Content-Disposition: form-data; name="([^"\r\n]*)"(?:; filename="([^"\r\n]+)")?')


class Part(NamedTuple):
    """One part; a field has neither filename nor content type."""

    name: str
    content: bytes
    filename: str | None = None
    content_type: str | None = None


def read_form(content_type: str, body: bytes) -> list[Part]:
    found = re.fullmatch(r"multipart/form-data; boundary=([0-9a-f]{32})", content_type)
    assert found, content_type
    first, *parts, last = (b"\r\n" + body).split(b"\r\n--" + found[1].encode())
    assert (first, last) == (b"", b"--\r\n")
    return [read_part(part) for part in parts]


def read_part(part: bytes) -> Part:
    head, found, content = part.partition(b"\r\n\r\n")
    assert found
    empty, disposition, *others = head.split(b"\r\n")
    names = DISPOSITION.fullmatch(disposition)
    assert (empty, bool(names)) == (b"", True), disposition
    assert names
    if names[2] is None:
        assert others == []
        return Part(names[1].decode(), content)
    assert len(others) == 1
    assert others[0].startswith(b"Content-Type: ")
    return Part(names[1].decode(), content, names[2].decode(), others[0][14:].decode("ascii"))
