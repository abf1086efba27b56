"""Streams whose chunks have odd fields, cut anywhere: the rest stays readable, and no error is bare."""

from __future__ import annotations

import copy
import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import APIStatusError, LLMGateError, RateLimitError
from llmgate_core.reading.accumulate.whole import fold_chunks
from llmgate_core.reading.readers.base import EventStreamReader
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.reading.readers.relay import EventRelay
from llmgate_core.reading.streams import events_of
from tests.support.examples import examples

HEAD = UpstreamResponse(200, (), b"")
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}
STREAMS: dict[str, list[dict[str, Any]]] = {
    "chat": [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "b", "refusal": "r", "reasoning_content": "t"}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [CALL], "audio": {"data": "QQ=="}}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {}, "logprobs": {"content": []}, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "service_tier": "flex"},
    ],
    "text_completion": [
        {"id": "c", "choices": [{"index": 0, "text": "a", "logprobs": {"tokens": ["a"]}}]},
        {"id": "c", "choices": [{"index": 0, "text": "b", "finish_reason": "stop"}], "usage": {"total_tokens": 1}},
    ],
    "responses": [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a", "logprobs": []},
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "a"},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "item_id": "f", "delta": "{"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.completed", "response": {"id": "r", "output": [], "usage": {"input_tokens": 1}}},
    ],
    "transcription": [
        {"type": "transcript.text.delta", "delta": "a", "logprobs": [{"token": "a"}]},
        {"type": "transcript.text.segment", "id": "s", "text": "a", "start": 0, "end": 1},
        {"type": "transcript.text.done", "text": "a", "usage": {"type": "tokens", "input_tokens": 1}},
    ],
    "image": [
        {"type": "image_generation.partial_image", "partial_image_index": 0, "b64_json": "QQ=="},
        {"type": "image_generation.completed", "b64_json": "QQ==", "usage": {"total_tokens": 1}, "size": "s"},
    ],
}


def reader_of(family: str) -> EventStreamReader:
    return chunk_reader(FAMILIES[family], None, HEAD, max_event_bytes=1 << 20, secrets=())


def encoded(events: list[dict[str, Any]]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def read(family: str, body: bytes) -> tuple[list[Any], LLMGateError | None, Any]:
    """Return the chunks, the error of the stream, and the answer so far."""
    reader, chunks = reader_of(family), []
    try:
        for chunk in reader.feed(body):
            chunks.append(chunk)
            list(events_of(chunk))
        if not reader.end.is_over:
            list(reader.close())
    except LLMGateError as error:
        return chunks, error, reader.partial()
    return chunks, None, reader.partial()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("a", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "index", "id", "function", "content"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@examples(600)
@given(st.sampled_from(sorted(STREAMS)), st.data())
def test_odd_fields_and_any_cut_leave_the_rest(family: str, data: st.DataObject) -> None:
    events = copy.deepcopy(STREAMS[family])
    holder: Any = data.draw(st.sampled_from(events))
    while True:
        key = data.draw(st.sampled_from(list(holder) if isinstance(holder, dict) else list(range(len(holder)))))
        deeper = holder[key]
        if not isinstance(deeper, (dict, list)) or not deeper or data.draw(st.booleans()):
            break
        holder = deeper
    holder[key] = data.draw(JUNK)
    body = encoded(events)
    chunks, error, partial = read(family, body[: data.draw(st.integers(0, len(body)))])
    assert partial is None or isinstance(partial, dict)
    if family in ("chat", "text_completion") and chunks and error is None:
        fold_chunks(chunks)
    relay = EventRelay(FAMILIES[family], None, HEAD, max_event_bytes=1 << 20, secrets=())
    try:
        for _ in relay.feed(body):
            pass
    except LLMGateError:
        pass


@pytest.mark.parametrize(
    "last",
    [
        {"error": {"message": "no", "code": 429}, "choices": [{"index": 0, "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {"content": "b"}, "error": {"message": "no", "code": 429}}]},
        {"error": {"message": "no", "code": "429"}, "choices": [{"delta": {"content": "b"}, "finish_reason": "error"}]},
    ],
)
def test_an_error_beside_choices_is_raised_with_the_answer_so_far(last: dict[str, Any]) -> None:
    chunks, error, partial = read("chat", encoded([STREAMS["chat"][0], last]))
    assert isinstance(error, RateLimitError)
    assert (len(chunks), error.message) == (1, "no")
    assert error.partial == partial
    assert partial["choices"][0]["message"]["content"] == "ab"
    assert "error" not in partial["choices"][0]
    relay = EventRelay(FAMILIES["chat"], None, HEAD, max_event_bytes=1 << 20, secrets=())
    with pytest.raises(RateLimitError):
        list(relay.feed(encoded([last])))


def test_an_error_object_in_place_of_a_chunk_is_raised() -> None:
    _, error, _ = read("chat", encoded([{"object": "error", "message": "no", "code": 400}]))
    assert isinstance(error, APIStatusError)
    assert (error.message, error.status_code) == ("no", 400)


def test_an_empty_finish_reason_does_not_end_a_stream() -> None:
    open_chunk = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": ""}]}
    _, error, _ = read("chat", encoded([open_chunk]))
    assert error is not None
    assert list(events_of(reader_chunk(open_chunk)))[-1].kind == "text"


def reader_chunk(data: dict[str, Any]) -> Any:
    return next(reader_of("chat").feed(encoded([data])))


def test_content_of_parts_streams_as_text_and_thoughts_by_either_name() -> None:
    parts = reader_chunk({"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "a"}]}}]})
    thought = reader_chunk({"choices": [{"index": 0, "delta": {"reasoning": "hm"}}]})
    events = [(event.kind, event.text) for chunk in (parts, thought) for event in events_of(chunk)]
    assert events == [("text", "a"), ("reasoning", "hm")]


def test_a_lone_surrogate_is_replaced_and_noted_once() -> None:
    reader = reader_of("chat")
    lone = b'data: {"choices": [{"index": 0, "delta": {"content": "a\\ud83d"}}]}\n\n'
    chunks = [chunk for _ in range(2) for chunk in reader.feed(lone)]
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["a\ufffd", "a\ufffd"]
    assert reader.partial()["choices"][0]["message"]["content"] == "a\ufffda\ufffd"
    assert [entry.action for entry in reader.ledger] == ["replaced"]


@pytest.mark.parametrize("empty", [b"data:\n\n", b"data: \n\n", b"event: ping\ndata:\n\n", b"data\ndata:\n\n"])
def test_an_event_without_data_is_no_event(empty: bytes) -> None:
    reader = reader_of("chat")
    body = encoded(STREAMS["chat"][:1])
    assert len([*reader.feed(body + empty + body), *reader.feed(empty + body)]) == 3


def test_usage_before_the_last_event_is_kept() -> None:
    events = copy.deepcopy(STREAMS["responses"])
    events[2]["usage"] = {"input_tokens": 7}
    del events[-1]["response"]["usage"]
    reader = reader_of("responses")
    list(reader.feed(encoded(events)))
    assert reader.usage == {"input_tokens": 7}
    assert reader.partial()["usage"] == {"input_tokens": 7}


def test_a_whole_answer_as_the_first_event_is_read_as_a_chunk() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "all of it", "tool_calls": [call]}
    answer = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    reader = reader_of("chat")
    [chunk] = reader.feed(f"data: {json.dumps(answer)}\n\ndata: [DONE]\n\n".encode())
    assert (chunk.choices[0].delta.text, chunk.choices[0].delta.tool_calls[0].id) == ("all of it", "c1")
    assert reader.partial()["choices"][0]["message"] == {"refusal": None, **message}
    assert [entry.action for entry in reader.ledger] == ["emulated"]


def test_a_message_after_the_deltas_repeats_them_and_is_not_read_as_a_chunk() -> None:
    reader = reader_of("chat")
    deque(reader.feed(b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'))
    deque(reader.feed(b'data: {"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}\n\n'))
    assert reader.partial()["choices"][0]["message"]["content"] == "a"


def test_a_typed_event_with_choices_is_still_one_event() -> None:
    reader = reader_of("responses")
    chunks = list(reader.feed(encoded([{"choices": [{"index": 0}], "usage": {"input_tokens": 1}}])))
    assert [event.kind for chunk in chunks for event in events_of(chunk)] == ["usage"]
