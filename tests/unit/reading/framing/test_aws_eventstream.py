"""The decoder of AWS event streams, pure: bytes cut anywhere in, the same events out, or a plain refusal."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.reading.framing.aws_eventstream import AWSEventDecoder, header_values
from llmgate_core.testing.aws_messages import event_message, message
from tests.support.examples import examples

FIRST = event_message("chunk", '{"text": "grüße"}')
STREAM = b"".join(
    [
        FIRST,
        event_message("ping", ""),
        event_message("throttlingException", '{"message": "slow down"}'),
        message({":message-type": "error", ":error-code": "500", ":error-message": "broken"}, b""),
        message({}, b"without headers"),
    ]
)
EVENTS = [
    SSEEvent('{"text": "grüße"}', "chunk"),
    SSEEvent("", "ping"),
    SSEEvent('{"message": "slow down"}', "throttlingException", is_error=True),
    SSEEvent('{"message":"broken"}', "500", is_error=True),
    SSEEvent("without headers"),
]


def decoded(blocks: list[bytes], limit: int = 1000) -> list[SSEEvent]:
    decoder = AWSEventDecoder(limit)
    events = [event for block in blocks for event in decoder.feed(block)]
    return [*events, *decoder.close()]


def with_checksums(prelude: bytes, rest: bytes) -> bytes:
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + rest
    return body + struct.pack(">I", zlib.crc32(body))


def test_events_exceptions_and_errors_have_their_names() -> None:
    assert decoded([STREAM]) == EVENTS
    assert decoded([]) == []


@examples(200)
@given(places=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cut_gives_the_same_events(places: list[int]) -> None:
    marks = [0, *sorted(places), len(STREAM)]
    assert decoded([STREAM[start:end] for start, end in pairwise(marks)]) == EVENTS


def test_a_stream_that_ends_within_a_message_is_cut_off() -> None:
    for size in range(1, len(FIRST)):
        with pytest.raises(ValueError, match="within a message"):
            decoded([FIRST[:size]])


def test_every_bit_is_covered_by_a_checksum() -> None:
    for at in range(len(FIRST)):
        broken = bytearray(FIRST)
        broken[at] ^= 4
        with pytest.raises(ValueError, match="checksum"):
            decoded([bytes(broken)])


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (with_checksums(struct.pack(">II", 15, 0), b""), "lengths"),
        (with_checksums(struct.pack(">II", 20, 8), b"abcd"), "lengths"),
        (with_checksums(struct.pack(">II", 2**32 - 1, 2**32 - 17), b""), "lengths"),
        (with_checksums(struct.pack(">II", 1001, 0), b""), "exceeds 1000 bytes"),
        (message({":message-type": "odd"}, b""), "unknown type 'odd'"),
        (b'{"error": "a document"}', "checksum"),
    ],
)
def test_what_is_no_message_is_refused_at_its_first_bytes_behind_the_events_before_it(broken: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        AWSEventDecoder(1000).feed(broken)
    decoder = AWSEventDecoder(1000)
    assert decoder.feed(FIRST + broken) == EVENTS[:1]
    for read in (lambda: decoder.feed(b""), decoder.close):
        with pytest.raises(ValueError, match=why):
            read()


def test_headers_of_every_type_are_passed_over_and_strings_are_read() -> None:
    values = [
        b"\0",
        b"\1",
        b"\2a",
        b"\3ab",
        b"\4abcd",
        b"\5abcdefgh",
        b"\6\0\2ab",
        b"\x08abcdefgh",
        b"\x09" + b"u" * 16,
    ]
    block = b"".join(b"\1n" + value for value in values)
    assert header_values(block + b"\1s\7\0\2hi") == {"s": "hi"}


@pytest.mark.parametrize("block", [b"\5ab", b"\1n", b"\1n\7", b"\1n\7\0", b"\1n\7\0\5ab", b"\1n\4ab", b"\1n\x0a"])
def test_headers_that_are_cut_off_or_odd_are_refused(block: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        header_values(block)
    with pytest.raises(ValueError, match="header"):
        decoded([with_checksums(struct.pack(">II", 16 + len(block), len(block)), block)])
