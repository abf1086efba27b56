"""The head of a response as bytes, and how its body is framed.

Pure. A name or value with a byte that would end its line early is an error, whoever made it.

Source: RFC 9112, sections 4, 5 and 6; RFC 9110, sections 5.5 and 5.6.2.
"""

from __future__ import annotations

import http
import string
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["Framing", "read_framing", "response_head"]

Headers = list[tuple[bytes, bytes]]
STATUS_LINES: Final[Mapping[int, bytes]] = MappingProxyType(
    {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in http.HTTPStatus}
)
IN_NAMES: Final = (string.ascii_lowercase + string.digits + "!#$%&'*+-.^_`|~").encode()
IN_VALUES: Final = bytes(byte for byte in range(256) if byte == ord("\t") or (byte >= ord(" ") and byte != 127))
LINE_END: Final = b"\r\n"


class Framing(NamedTuple):
    """What a response's own headers say of its framing.

    Attributes:
        headers: those that are sent, with lower-case names. A `transfer-encoding` of the app is not: that is the
            server's.
        length: of the body, in bytes; None: not given.
        closes: the connection closes after the response.
    """

    headers: Headers
    length: int | None
    closes: bool


def read_framing(headers: Iterable[tuple[bytes, bytes]]) -> Framing:
    """Return what the headers of a response say of its framing.

    Raises:
        ValueError: a name is not a token, or the length is not a number.
    """
    sent = list(headers)
    if _has_odd_names(sent):
        sent = [(name.lower(), value) for name, value in sent]
        if _has_odd_names(sent):
            raise ValueError("a response header has a name that is not a token")
    fields = dict(sent)
    if b"transfer-encoding" in fields:
        sent = [header for header in sent if header[0] != b"transfer-encoding"]
    length = fields.get(b"content-length")
    closes = b"connection" in fields and any(name == b"connection" and _closes(value) for name, value in sent)
    return Framing(sent, None if length is None else int(length), closes)


def response_head(status: int, headers: Headers) -> bytes:
    """Return the head of a response, with the empty line behind it.

    Raises:
        ValueError: a header has a byte that would end its line, or another control byte.
    """
    line = STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status
    head = LINE_END.join([line, *map(b": ".join, headers)])
    if head.translate(None, IN_VALUES) != LINE_END * len(headers):
        raise ValueError("a response header has a control byte in it")
    return head + LINE_END + LINE_END


def _has_odd_names(headers: Headers) -> bool:
    """Return whether a name is empty, or has other bytes than those of a token in lower case."""
    names = [name for name, _ in headers]
    return bool(b"".join(names).translate(None, IN_NAMES)) or b"" in names


def _closes(value: bytes) -> bool:
    return b"close" in [option.strip() for option in value.lower().split(b",")]
