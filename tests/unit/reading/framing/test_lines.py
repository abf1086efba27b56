"""The decoder of lines, pure: bytes cut anywhere in, one event a line out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.reading.framing.lines import LineDecoder
from tests.support.examples import examples

STREAM = (
    '\ufeff{"text": "grüße 🎉 \u2028 \u0085"}\n\n  \r\n{"a": 1}\r\nnot JSON\n{"error": "full"}\n{"done": true}'.encode()
)
EVENTS = [
    SSEEvent('{"text": "grüße 🎉 \u2028 \u0085"}'),
    SSEEvent('{"a": 1}'),
    SSEEvent("not JSON"),
    SSEEvent('{"error": "full"}', is_error=True),
    SSEEvent('{"done": true}'),
]


def decoded(blocks: list[bytes], limit: int = 1000) -> list[SSEEvent]:
    decoder = LineDecoder(limit)
    events = [event for block in blocks for event in decoder.feed(block)]
    return [*events, *decoder.close()]


def test_blank_lines_are_left_out_and_the_last_line_needs_no_end() -> None:
    assert decoded([STREAM]) == EVENTS
    assert decoded([STREAM + b"\n"]) == EVENTS
    assert decoded([]) == []


@examples(200)
@given(places=st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cut_gives_the_same_events(places: list[int]) -> None:
    marks = [0, *sorted(places), len(STREAM)]
    assert decoded([STREAM[start:end] for start, end in pairwise(marks)]) == EVENTS


@pytest.mark.parametrize("end", [b'{"done": tr', b"12", b"not JSON", b'"text"', b'{"done": true}{', b"tru"])
def test_a_last_line_that_may_be_cut_off_is_no_event(end: bytes) -> None:
    decoder = LineDecoder(1000)
    assert decoder.feed(b"{}\n" + end) == [SSEEvent("{}")]
    with pytest.raises(ValueError, match="cut off"):
        decoder.close()


@pytest.mark.parametrize("line", ['{"error": null, "a": 1}', '{"a": 1, "error": "x"}', '{"error": ', "[]"])
def test_a_line_reports_an_error_only_if_its_object_begins_with_one(line: str) -> None:
    assert LineDecoder(1000).feed(f"{line}\n".encode()) == [SSEEvent(line)]


def test_a_long_line_ends_the_stream_behind_the_lines_before_it() -> None:
    decoder = LineDecoder(5)
    assert decoder.feed(b"12345\n1234") == [SSEEvent("12345")]
    assert decoder.feed(b"5\n123456") == [SSEEvent("12345")]
    for read in (lambda: decoder.feed(b"\n"), decoder.close):
        with pytest.raises(ValueError, match="exceeds 5 bytes"):
            read()
    with pytest.raises(ValueError, match="exceeds 5 bytes"):
        LineDecoder(5).feed(b"123456")
