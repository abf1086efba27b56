"""Whether an answer over httpx was the last thing that its connection brought."""

from __future__ import annotations

import pytest

from llmgate_core.transports.read_limits import ConnectionReads

HEAD = b"HTTP/1.1 200 OK\r\nX: 1\r\n\r\n"


class Stream:
    """A stream that brings the given blocks."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks = blocks
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self.timeouts.append(timeout)
        return self.blocks.pop(0)


def reads_after(blocks: list[bytes]) -> ConnectionReads:
    reads, stream = ConnectionReads(), Stream(list(blocks))
    reads.watch(stream)
    while stream.blocks:
        stream.read(65536)
    return reads


@pytest.mark.parametrize(
    ("blocks", "piece", "is_chunked", "expected"),
    [
        ([HEAD + b"hi"], b"hi", False, True),
        ([HEAD, b"h", b"i"], b"i", False, True),
        ([HEAD], b"", False, True),
        ([HEAD + b"2\r\nhi\r\n0\r\n\r\n"], b"hi", True, True),
        ([HEAD + b"2\r\nhi\r\n0", b"\r", b"\n\r\n"], b"hi", True, True),
        ([HEAD + b"hi" + b"x"], b"hi", False, False),
        ([HEAD + b"hi" + HEAD + b"hi"], b"hi", False, False),  # the same answer twice
        ([HEAD + b"h", b"i" + HEAD + b"i"], b"i", False, False),
        ([HEAD + HEAD], b"", False, False),
        ([HEAD + b"0\r\n\r\n" + HEAD + b"0\r\n\r\n"], b"", True, False),
        ([HEAD + b"0\r\n", b"\r\n" + HEAD + b"0\r\n\r\n"], b"", True, False),
        ([HEAD + b"0\r\n\r\nHTT"], b"", True, False),
        ([HEAD + b"0\r\nx: 1\r\n\r\n"], b"", True, False),  # trailers: not certain
        ([], b"", False, False),
    ],
)
def test_a_connection_is_clean_only_if_its_last_block_ends_with_the_answer(
    blocks: list[bytes], piece: bytes, is_chunked: bool, expected: bool
) -> None:
    assert reads_after(blocks).end_with(piece, is_chunked=is_chunked) is expected


def test_a_stream_that_cannot_be_watched_is_never_clean() -> None:
    class Frozen(Stream):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            if name == "read":
                raise AttributeError(name)
            super().__setattr__(name, value)

    reads = ConnectionReads()
    stream = Frozen([HEAD])
    reads.watch(stream)
    assert stream.read(1) == HEAD
    assert not reads.end_with(b"", is_chunked=False)


def test_a_read_gets_what_is_left_of_the_wait() -> None:
    reads, stream = ConnectionReads(), Stream([b"a"] * 4)
    reads.watch(stream)
    stream.read(1, 5.0)
    reads.limit(100.0)
    stream.read(1, 5.0)
    stream.read(1)
    assert stream.timeouts[:2] == [5.0, 5.0]
    assert stream.timeouts[2] is not None
    assert 0 < stream.timeouts[2] <= 100.0
    reads.limit(0.0)
    with pytest.raises(TimeoutError):
        stream.read(1)
