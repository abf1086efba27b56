"""When a stream is complete, by one rule for typed readers, relays and bridges."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import StreamTruncatedError
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.readers.end_of_stream import EndOfStream
from llmgate_core.reading.readers.relay import EventRelay

HEAD = UpstreamResponse(200, (), b"")


def end_of(family: str) -> EndOfStream:
    return EndOfStream(FAMILIES[family])


def choice(finish_reason: str | None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": finish_reason}]}


def test_a_finish_reason_makes_a_chat_complete_but_does_not_end_it() -> None:
    end = end_of("chat")
    end.see_chunk(choice(None))
    assert (end.is_complete, end.see_close()) == (False, "the stream ended without a finish_reason and without [DONE]")
    end.see_chunk(choice("stop"))
    end.see_chunk({"choices": [], "usage": {"total_tokens": 3}, "service_tier": "flex"})
    assert (end.is_complete, end.is_over, end.see_close(), end.is_over) == (True, False, None, True)
    assert (end.usage, end.tier) == ({"total_tokens": 3}, "flex")


def test_done_ends_a_chat_at_any_point() -> None:
    end = end_of("chat")
    assert (end.see_done(), end.is_over) == (None, True)


def test_choices_of_any_shape_are_no_finish() -> None:
    end = end_of("chat")
    for choices in (None, [None], ["stop"], [1]):
        end.see_chunk({"choices": choices})
    assert not end.is_complete


def test_only_a_last_event_ends_a_response() -> None:
    end = end_of("responses")
    assert not end.see_event({"type": "response.created", "response": {}})
    assert end.see_done() == "the stream ended with [DONE] before its last event"
    assert end.see_close() == "the stream ended without its last event"
    usage = {"usage": {"total_tokens": 3}, "service_tier": "default"}
    assert end.see_event({"type": "response.completed", "response": usage})
    assert (end.is_complete, end.is_over, end.usage, end.tier) == (True, True, {"total_tokens": 3}, "default")


def test_several_last_events_may_end_an_image() -> None:
    end = end_of("image")
    assert end.see_event({"type": "image_generation.completed", "usage": {"total_tokens": 3}})
    assert (end.is_complete, end.is_over, end.usage, end.see_done(), end.is_over) == (
        True,
        False,
        {"total_tokens": 3},
        None,
        True,
    )


def test_a_last_event_without_a_response_is_refused() -> None:
    with pytest.raises(ValueError, match="response"):
        end_of("responses").see_event({"type": "response.completed", "response": "whole"})


@pytest.mark.parametrize("is_relay", [False, True])
@pytest.mark.parametrize(
    ("family", "body"),
    [
        ("chat", b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'),
        ("responses", b'data: {"type": "response.created", "response": {}}\n\ndata: [DONE]\n\n'),
    ],
)
def test_typed_reader_and_relay_agree_that_a_stream_is_cut(family: str, body: bytes, is_relay: bool) -> None:
    if is_relay:
        reader: Any = EventRelay(FAMILIES[family], None, HEAD, max_event_bytes=1000, secrets=())
    else:
        reader = chunk_reader(FAMILIES[family], None, HEAD, max_event_bytes=1000, secrets=())
    with pytest.raises(StreamTruncatedError) as caught:
        for _ in (*reader.feed(body), *reader.close()):
            pass
    assert (caught.value.phase, reader.end.is_over) == ("body", False)
