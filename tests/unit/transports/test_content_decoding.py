"""What the content decoder promises."""

from __future__ import annotations

import gzip
import zlib

import pytest

from llmgate_core.errors import APIResponseValidationError, StreamTruncatedError
from llmgate_core.transports.content_decoding import MAX_PIECE_BYTES, ContentDecoder, decoder_for

TEXT = b"the same words again and again; " * 400
GZIP = gzip.compress(TEXT, mtime=0)  # the same bytes in every process, and so the same test names


def raw_deflate(text: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(text) + deflate.flush()


def decoder(encoding: bytes) -> ContentDecoder:
    found = decoder_for([(b"Content-Type", b"a/b"), (b"Content-Encoding", encoding)])
    assert found is not None
    return found


def decode(encoding: bytes, body: bytes, size: int = 1000) -> bytes:
    decoding, pieces = decoder(encoding), []
    for at in range(0, len(body), size):
        decoding.put(body[at : at + size])
        while piece := decoding.take():
            pieces.append(piece)
    decoding.finish()
    return b"".join(pieces)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", GZIP),
        (b" X-GZip ", GZIP),
        (b"gzip", gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:])),
        (b"identity, gzip", GZIP),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", raw_deflate(TEXT)),
    ],
    ids=["gzip", "x-gzip", "two gzip members", "identity and gzip", "deflate", "raw deflate"],
)
def test_a_body_does_not_depend_on_how_it_is_cut(encoding: bytes, body: bytes, size: int) -> None:
    assert decode(encoding, body, size) == TEXT


@pytest.mark.parametrize("headers", [[], [(b"content-encoding", b"identity")], [(b"content-encoding", b"")]])
def test_a_plain_body_needs_no_decoder(headers: list[tuple[bytes, bytes]]) -> None:
    assert decoder_for(headers) is None


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip"])
def test_an_encoding_that_cannot_be_undone_is_refused(encoding: bytes) -> None:
    with pytest.raises(APIResponseValidationError) as caught:
        decoder_for([(b"content-encoding", encoding)])
    assert repr(encoding.decode()) in caught.value.message


def test_encodings_in_two_headers_count_together() -> None:
    with pytest.raises(APIResponseValidationError):
        decoder_for([(b"content-encoding", b"gzip"), (b"content-encoding", b"gzip")])


def test_a_bomb_unfolds_in_small_pieces() -> None:
    decoding = decoder(b"gzip")
    decoding.put(gzip.compress(bytes(20_000_000)))
    sizes = []
    while piece := decoding.take():
        sizes.append(len(piece))
    decoding.finish()
    assert (sum(sizes), max(sizes)) == (20_000_000, MAX_PIECE_BYTES)


@pytest.mark.parametrize("body", [GZIP[:-1], GZIP[:40], b"\x1f"])
def test_a_cut_body_is_truncated(body: bytes) -> None:
    with pytest.raises(StreamTruncatedError):
        decode(b"gzip", body)


def test_a_cut_deflate_body_is_truncated_even_after_one_byte() -> None:
    with pytest.raises(StreamTruncatedError):
        decode(b"deflate", zlib.compress(TEXT)[:1])


@pytest.mark.parametrize("body", [b"hello, world", GZIP[:40] + b"\0" * 40, GZIP + b"!!"])
def test_a_damaged_body_is_refused(body: bytes) -> None:
    with pytest.raises(APIResponseValidationError):
        decode(b"gzip", body)


def test_no_body_at_all_is_whole() -> None:
    assert decode(b"gzip", b"") == b""
