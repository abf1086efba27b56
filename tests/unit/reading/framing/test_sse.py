"""The decoder of server-sent events, pure: bytes cut anywhere in, the same events out, in linear time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.reading.framing.sse import SSEDecoder, as_event
from tests.support.examples import examples

STREAM = (
    "\ufeff: a comment first\n\n"
    'data: {"text": "grüße 世界 🎉 \u2028 \u0085 inside"}\n\n'
    "event: named\r\ndata: one\r\ndata:two\r\n\r\n"
    "id: 7\nretry: 10\n\n"
    "data:  two spaces\rdata\r\r"
    "data: a\n\ndata: b\n\ndata: c\n\n"
    ":keep-alive\n\nevent:\ndata: unnamed\n\n"
    "unknown: field\ndata: [DONE]\n\n\n\n"
).encode()
EVENTS = [
    SSEEvent('{"text": "grüße 世界 🎉 \u2028 \u0085 inside"}'),
    SSEEvent("one\ntwo", "named"),
    SSEEvent(" two spaces\n"),
    SSEEvent("a"),
    SSEEvent("b"),
    SSEEvent("c"),
    SSEEvent("unnamed"),
    SSEEvent("[DONE]"),
]


def decoded(blocks: list[bytes]) -> list[SSEEvent]:
    decoder = SSEDecoder()
    return [as_event(*raw) for block in blocks for raw in decoder.feed(block)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(marks)]


def test_every_legal_shape_is_read() -> None:
    assert decoded([STREAM]) == EVENTS


@pytest.mark.parametrize("size", range(1, 40))
def test_pieces_of_any_size_give_the_same_events(size: int) -> None:
    assert decoded([STREAM[start : start + size] for start in range(0, len(STREAM), size)]) == EVENTS


@examples(200)
@given(places=st.lists(st.integers(0, 10_000), max_size=12))
def test_comments_are_counted_however_the_bytes_are_cut(places: list[int]) -> None:
    decoder = SSEDecoder()
    for block in cut(STREAM, places):
        decoder.feed(block)
    assert (decoder.comments, decoder.comment) == (2, b"keep-alive")


def test_comments_without_a_blank_line_take_no_memory_and_an_unfinished_one_is_none() -> None:
    decoder = SSEDecoder(max_event_bytes=1000)
    for _ in range(1000):
        assert decoder.feed(b": alive\n") == []
    assert decoder.comments == 1000
    decoder.feed(b": not yet")
    assert decoder.comments == 1000
    assert decoder.feed(b"\ndata: x\n\n") == [(b"x", "message")]


@examples(10_000)
@given(places=st.lists(st.integers(0, 10_000), max_size=12))
def test_events_do_not_depend_on_how_the_bytes_are_cut(places: list[int]) -> None:
    assert decoded(cut(STREAM, places)) == EVENTS


LINES = st.lists(
    st.sampled_from(["data: x", "data:y", "data", ": note", "event: e", "id: 1", "", "", "data: é世", "bad line"]),
    max_size=14,
)


@examples(2_000)
@given(lines=LINES, ending=st.sampled_from(["\n", "\r\n", "\r"]), places=st.lists(st.integers(0, 200), max_size=6))
def test_any_stream_means_the_same_cut_or_whole(lines: list[str], ending: str, places: list[int]) -> None:
    stream = "".join(line + ending for line in lines).encode()
    by_hand, data, name = [], [], "message"
    for line in lines:
        if not line:
            by_hand += [SSEEvent("\n".join(data), name)] if any(data) else []
            data, name = [], "message"
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        data += [value] if field == "data" and line else []
        name = (value or "message") if field == "event" else name
    if ending == "\r" and lines:
        stream += b":"  # a lone CR is a line's end once something else than LF has followed
    assert decoded(cut(stream, places)) == by_hand


def test_an_event_without_an_end_is_refused_at_its_limit() -> None:
    decoder, block = SSEDecoder(16 * 1024 * 1024), b"data: " + b"x" * 65_530
    for _ in range(256):
        decoder.feed(block)
    with pytest.raises(ValueError, match="16777216"):
        decoder.feed(block)


def test_one_large_event_in_one_block_is_refused_too() -> None:
    decoder = SSEDecoder(1000)
    assert decoder.feed(b"data: a\n\ndata: " + b"x" * 2000 + b"\n\n") == [(b"a", "message")]
    with pytest.raises(ValueError, match="1000"):
        decoder.feed(b"data: b\n\n")
