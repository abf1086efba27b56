"""Undo gzip and deflate of a body, in pieces of bounded size.

Pure: bytes in, bytes out. However far a body unfolds, no more than one piece of it is held at a
time; who reads the pieces counts them.

Source: RFC 9110, section 8.4; row R10 of docs/reliability.md.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from llmgate_core.errors import APIResponseValidationError, StreamTruncatedError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ContentDecoder", "decoder_for", "decoder_of"]

MAX_PIECE_BYTES = 256 * 1024

_GZIP = zlib.MAX_WBITS | 16


def decoder_for(raw_headers: Sequence[tuple[bytes, bytes]]) -> ContentDecoder | None:
    """Return what undoes the encoding that the headers name; None: the body is not encoded.

    Raises:
        APIResponseValidationError: an encoding that was not asked for, or several at once.
    """
    return decoder_of(b",".join(value for name, value in raw_headers if name.lower() == b"content-encoding"))


def decoder_of(encodings: bytes) -> ContentDecoder | None:
    """Do the same for the values of all `content-encoding` headers, joined by commas."""
    wanted = [word for part in encodings.lower().split(b",") if (word := part.strip()) not in (b"", b"identity")]
    if not wanted:
        return None
    if len(wanted) > 1 or wanted[0] not in (b"gzip", b"x-gzip", b"deflate"):
        names = b", ".join(wanted).decode("latin-1")
        raise APIResponseValidationError(f"the answer has the content encoding {names!r}, which is not supported")
    return ContentDecoder(is_gzip=wanted[0] != b"deflate")


class ContentDecoder:
    """Undoes one encoding: `put` a block, `take` until nothing comes, and `finish` after the last block."""

    __slots__ = ("_inflate", "_is_gzip", "_rest", "_started")

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._inflate = zlib.decompressobj(_GZIP) if is_gzip else None
        self._rest = b""  # encoded bytes that are still to be read
        self._started = False

    def put(self, block: bytes) -> None:
        """Add encoded bytes."""
        self._rest = self._rest + block if self._rest else block

    def take(self) -> bytes:
        """Return the next piece, 256 KiB at most; `b""`: nothing more before the next `put`.

        Raises:
            APIResponseValidationError: not what the header promised.
        """
        while self._rest:
            if (inflate := self._current()) is None:
                return b""
            self._started = True
            try:
                piece = inflate.decompress(self._rest, MAX_PIECE_BYTES)
            except zlib.error as error:
                raise _damaged() from error
            self._rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if piece:
                return piece
        return b""

    def finish(self) -> None:
        """Check that the encoding came to its end; a body without any byte is whole, too.

        Raises:
            StreamTruncatedError: the body ended in the middle.
        """
        if self._rest or (self._started and self._inflate is not None and not self._inflate.eof):
            raise StreamTruncatedError("the answer ended early: its content encoding is cut", phase="body")

    def _current(self) -> zlib._Decompress | None:
        """Return what reads the rest; None: too short to tell what it is."""
        rest, inflate = self._rest, self._inflate
        if inflate is None:
            if len(rest) < 2:
                return None
            inflate = self._inflate = zlib.decompressobj(_deflate_bits(rest))
        elif inflate.eof:
            if not self._is_gzip or not rest.startswith(b"\x1f"):
                raise _damaged()
            inflate = self._inflate = zlib.decompressobj(_GZIP)  # a gzip body may have several members
        return inflate


def _deflate_bits(block: bytes) -> int:
    """Tell a zlib stream, which the standard means, from a bare one, which some send."""
    is_zlib = block[0] & 0x0F == 8 and (block[0] << 8 | block[1]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _damaged() -> APIResponseValidationError:
    return APIResponseValidationError("the answer's content encoding is damaged")
