"""Decompress a request's body, up to its limit: a few bytes could become gigabytes.

gzip always; zstd with Python 3.14, or the extra `llmgate-gateway[zstd]`.

Source: RFC 9110, section 8.4.1; RFC 1952 and RFC 8878, whose streams may have several members or frames.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RefusedError, refuse

__all__ = ["TooLongError", "content_encoding", "decompressed", "unsupported_encoding"]

WITH_HEADER: Final = zlib.MAX_WBITS | 16
NONE: Final = frozenset({"", "identity"})
GZIP: Final = frozenset({"gzip", "x-gzip"})
ZSTD: Final = "zstd"
ZSTD_MODULES: Final = ("compression.zstd", "backports.zstd")


class TooLongError(Exception):
    """The body is larger than its limit once it is decompressed."""


def content_encoding(request: ClientRequest) -> str | None:
    """Return how a body is compressed, in lower case, or None if it is not.

    Raises:
        RefusedError: 415: it is compressed in a way that is not supported, or twice.
    """
    if b"content-encoding" not in request.headers:
        return None
    encoding = b", ".join(request.values(b"content-encoding")).decode("latin-1").strip().lower()
    if encoding in NONE:
        return None
    if encoding in GZIP or (encoding == ZSTD and _zstd() is not None):
        return encoding
    raise unsupported_encoding(encoding)


def unsupported_encoding(encoding: str, *, takes: str | None = None) -> RefusedError:
    """Return the refusal of a compressed body; `takes`: what is taken instead, default: all that there is."""
    if takes is None:
        takes = "gzip" if _zstd() is None else "gzip, zstd"
    message = f"The request's body has the content-encoding {encoding[:80]!r}, which is not supported; {takes} is."
    headers = ((b"accept-encoding", takes.encode()),)
    return refuse(415, message, code="unsupported_content_encoding", headers=headers, close=True)


def decompressed(content: bytes, encoding: str, limit: int) -> bytes:
    """Return a body as it was before it was compressed.

    Raises:
        TooLongError: it would be larger than `limit`. RefusedError: 400: it is damaged or not whole.
    """
    make: Callable[[], Any] = _gzip if encoding in GZIP else _zstd_reader
    pieces, size, rest = list[bytes](), 0, content
    failures: tuple[type[Exception], ...] = (zlib.error, OSError, EOFError, *_zstd_errors())
    try:
        while rest:
            reader = make()
            while not reader.eof:
                piece, rest = _next(reader, rest, limit + 1 - size)
                if not piece and not reader.eof and not rest:
                    raise _damaged(encoding)
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise TooLongError
            rest = reader.unused_data.lstrip(b"\0")
    except failures:
        raise _damaged(encoding) from None
    return b"".join(pieces)


def _next(reader: Any, data: bytes, most: int) -> tuple[bytes, bytes]:
    """Return up to `most` bytes, and what the reader has not taken of the data."""
    piece = reader.decompress(data, most)
    return piece, getattr(reader, "unconsumed_tail", b"") if not reader.eof else b""


def _gzip() -> Any:
    return zlib.decompressobj(WITH_HEADER)


def _zstd_reader() -> Any:
    module = _zstd()
    assert module is not None  # noqa: S101  # `content_encoding` has seen to it
    return module.ZstdDecompressor()


def _zstd_errors() -> tuple[type[Exception], ...]:
    module = _zstd()
    return () if module is None else (module.ZstdError,)


@cache
def _zstd() -> Any:
    """Return the module for zstd, or None."""
    for name in ZSTD_MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def _damaged(encoding: str) -> RefusedError:
    return refuse(400, f"The request's body is not valid {encoding}.", code="invalid_content_encoding")
