"""Read a multipart form from memory: fields by name, and the contents of files.

Pure. Splits at the boundary and changes no byte of a file. Refuses a form that is cut short, or has more parts than
any request of llmgate.

Source: RFC 7578, `multipart/form-data`; RFC 2046, section 5.1, for boundaries.
"""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser

from llmgate_local.child_http import RefusedError

__all__ = ["read_form"]

MAX_PARTS = 100
MAX_HEAD_BYTES = 16 * 1024


def read_form(content: bytes, content_type: str) -> tuple[dict[str, list[str]], list[bytes]]:
    """Return the values by field name, in order, and the contents of the parts named `file`.

    Raises:
        RefusedError: the body is not a form, or is malformed.
    """
    texts: dict[str, list[str]] = {}
    files: list[bytes] = []
    for head, value in _parts(content, _boundary(content_type)):
        name = _name(head)
        if name == "file":
            files.append(value)
        else:
            texts.setdefault(name, []).append(_text(name, value))
    return texts, files


def _boundary(content_type: str) -> bytes:
    head = Message()
    head["content-type"] = content_type
    boundary = head.get_param("boundary")
    if head.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise _malformed("must be multipart/form-data with a boundary")
    return boundary.encode("latin-1", "replace")


def _parts(content: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each part's head and value."""
    _, *parts = (b"\r\n" + content).split(b"\r\n--" + boundary, MAX_PARTS + 1)
    for part in parts:
        if part.startswith(b"--"):
            return  # the epilogue
        rest = part.lstrip(b" \t")
        head, blank, value = rest[2:].partition(b"\r\n\r\n")
        if not rest.startswith(b"\r\n") or not blank or len(head) > MAX_HEAD_BYTES:
            raise _malformed("has a part without a head")
        yield head, value
    raise _malformed(f"is cut short, or has more than {MAX_PARTS} parts")


def _name(head: bytes) -> str:
    name = BytesHeaderParser().parsebytes(head + b"\r\n\r\n").get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise _malformed("has a part without a name")
    return name


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RefusedError(400, f"{name[:80]} is not UTF-8 text", name[:80]) from None


def _malformed(what: str) -> RefusedError:
    return RefusedError(400, f"the body {what}", None)
