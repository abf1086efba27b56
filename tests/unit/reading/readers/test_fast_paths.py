"""The fast paths of reading a stream accept, refuse and say what the slow ones do, however the bytes are cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import LLMGateError
from llmgate_core.reading.readers.base import EventStreamReader
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.readers.relay import EventRelay
from tests.support.examples import examples

HEAD = UpstreamResponse(200, (), b"")
MAX_EVENT_BYTES = 400
COMMENT = re.compile(rb"(?m)^:[^\n]*\n\n")

TEXTS = st.sampled_from(
    [
        *(b"a", b" token", b"", b"\xc3\xa9", b"\xe4\xb8\x96", b"\xf0\x9f\x8e\x89", b"\xe2\x80\xa8", b"x" * 420),
        *(b'\\"', b"\\n", b"\\ud83d", b"\xff", b"\xed\xa0\xbd", b"\x00", b"\t", b"\x7f", b'"', b"\\", b"a\r"),
        *(b'","error":"x', b'"},"finish_reason":"stop","d":{"a":"', b'content\\":\\"', b"\xef\xbb\xbf", b"NaN"),
        b'b"}}],"usage":{"total_tokens":3},"x":[{"y":{"z":"',
    ]
)
FRAMES = st.sampled_from(
    [
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}',
        b'{"id":"c","service_tier":"flex","choices":[{"index":0,"delta":{"content":"%b"}}],"usage":null}',
        b'{"choices":[{"index":0,"delta":{"reasoning_content":"%b","content":"%b"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":0,"delta":{"content": "%b"}}], "service_tier": "default"}',
        b'{"choices":[{"index":0,"delta":{}}],"usage":{"content":"%b"}}',
        b'{"choices":[{"index":0,"delta":{"content":"%b"},"logprobs":NaN}]}',
        b'{"choices":[{"index":0,"message":{"role":"assistant","content":"%b"},"finish_reason":"stop"}]}',
        b'{"choices":[{"index":0,"text":"%b","content":"%b"}]}',
        b'{"choices":"%b","content":"%b"}',
        b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%b"}',
        b'{"type":"response.completed","response":{"id":"r","output":[],"usage":{"input_tokens":1},"content":"%b"}}',
        b'\xef\xbb\xbf{"choices":[{"index":0,"delta":{"content":"%b"}}]}',
        b'{"choices":[],"usage":{"total_tokens":3},"service_tier":"%b"}',
        b'{"error":{"message":"%b","code":429}}',
        b'[{"content":"%b"}]',
        b"%b",
        b"[DONE]",
    ]
)
SHAPES = st.sampled_from(
    [
        *([b"data: %b\n\n"] * 8),
        *(b"event: %b\ndata: %b\n\n", b"event: error\ndata: %b\n\n", b"event: \ndata: %b\n\n"),
        *(b"data:%b\n\n", b"data: %b\r\n\r\n", b"data: %b\r\r", b"data: %b\n", b"\n\n\ndata: %b\n\n"),
        *(b": alive\n\ndata: %b\n\n", b"data: %b\n:in between\n\n", b"id: 1\ndata: %b\nretry: 2\n\n"),
        *(b"data: %b\ndata:  \n\n", b"data: \n\ndata: %b\n\n", b"data\ndata: %b\n\n"),
    ]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Draw a stream in which most events have the same frame."""
    frame, body = draw(FRAMES), b""
    for _ in range(draw(st.integers(1, 8))):
        frame = draw(FRAMES) if draw(st.integers(0, 3)) == 0 else frame
        data = filled(frame, draw(TEXTS))
        body += filled(draw(SHAPES), data)
    return body


def filled(pattern: bytes, value: bytes) -> bytes:
    return pattern.replace(b"%b", value)


class Outcome(NamedTuple):
    """What came of a stream."""

    chunks: list[Any]
    error: tuple[Any, ...] | None
    usage: Any
    tier: str | None
    is_complete: bool
    is_over: bool
    count: int
    partial: Any
    ledger: list[Any]


def outcome(reader: EventStreamReader, blocks: Iterable[bytes]) -> Outcome:
    chunks, error = [], None
    try:
        for block in blocks:
            chunks += reader.feed(block)
            if reader.end.is_over:
                break
        else:
            chunks += reader.feed(b":end\n\n")  # raises what a block has left for the next one
            chunks += reader.close()
    except LLMGateError as caught:
        error = (type(caught), str(caught), getattr(caught, "code", None), repr(getattr(caught, "partial", None)))
    end = reader.end
    said = [repr(end.usage), end.tier, end.is_complete, end.is_over, reader.count, repr(reader.partial())]
    return Outcome(chunks, error, *said, list(reader.ledger))


def cut(body: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[start:end] for start, end in pairwise(marks)]


def single(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def printed(found: Outcome) -> Outcome:
    return found._replace(chunks=[repr(chunk) for chunk in found.chunks])


def joined(found: Outcome) -> Outcome:
    """Return an outcome of a relay whatever its blocks were, and without the comments that go between them."""
    return found._replace(chunks=[COMMENT.sub(b"", b"".join(found.chunks))])


class ThoroughRelay(EventRelay):
    """Decodes every event."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        self._frame = None
        return super().feed(block)

    def _chunk_of_event(self, data: bytes, name: str) -> bytes:
        self._frame = None
        return super()._chunk_of_event(data, name)


FAMILY_NAMES = st.sampled_from(["chat", "chat", "text_completion", "responses"])


@examples(2_000)
@given(FAMILY_NAMES, streams(), st.lists(st.integers(0, 4000), max_size=4))
def test_typed_chunks_are_those_of_single_bytes(family: str, body: bytes, places: list[int]) -> None:
    def reader() -> EventStreamReader:
        return chunk_reader(FAMILIES[family], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())

    assert printed(outcome(reader(), cut(body, places))) == printed(outcome(reader(), single(body)))


@examples(2_000)
@given(FAMILY_NAMES, streams(), st.lists(st.integers(0, 4000), max_size=4))
def test_a_relay_passes_on_what_one_that_decodes_every_event_does(family: str, body: bytes, places: list[int]) -> None:
    fast = EventRelay(FAMILIES[family], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())
    thorough = ThoroughRelay(FAMILIES[family], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())
    assert joined(outcome(fast, cut(body, places))) == joined(outcome(thorough, single(body)))


@pytest.mark.parametrize("text", [b"\xff", b'"', b'","error":{"message":"no"},"content":"', b"\\", b"\n"])
def test_an_event_of_the_same_frame_is_decoded_if_its_text_may_end_the_string(text: bytes) -> None:
    frame = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'
    fast = EventRelay(FAMILIES["chat"], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())
    thorough = ThoroughRelay(FAMILIES["chat"], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())
    blocks = [frame % b"a", frame % b"b", frame % text]
    assert outcome(fast, blocks) == outcome(thorough, blocks)


def test_a_number_that_json_lacks_leaves_the_answer_so_far_readable() -> None:
    reader = chunk_reader(FAMILIES["chat"], None, HEAD, max_event_bytes=MAX_EVENT_BYTES, secrets=())
    list(reader.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"x":NaN}}]}\n\n'))
    assert reader.partial()["choices"][0]["message"]["content"] == "a"
