"""Every answer that we build is valid: bridged ones and their streams, repaired, folded and fake streams.

Where the description knows less than the wire, the gap stands in `GAPS` with its reason, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_text_completion import plugin as text_completion

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.bridges.responses_to_chat import ResponsesStream, StreamRepair, response_object
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse
from llmgate_core.endpoints.transcripts import read_transcript
from llmgate_core.errors import (
    APIConnectionError,
    APIError,
    BadRequestError,
    InternalServerError,
    LLMGateError,
    RateLimitError,
)
from llmgate_core.json_codec import encode
from llmgate_core.reading.accumulate.chunks import fold, unfold
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.relay.relay import error_object
from tests.support.bridge_rules import STATE
from tests.support.documented_parameters import RESPONSES_PARAMS
from tests.support.examples import examples
from tests.support.openapi_description import wrong, wrong_event
from tests.support.paths import RECORDED_STREAMS
from tests.support.sse_events import sse_events
from tests.support.strategies.chat_answers import answers, chunks_of
from tests.support.strategies.parameters import parameters
from tests.support.strategies.responses import events_of, responses

PROPERTY = examples(100)
ROUTE = Route("acme", "acme", "chat", "m", "https://acme.example.test/v1")
CHAT = Call("chat", "openai/responses/m", {"messages": [], "stream_options": {"include_usage": True}}, True)
ASKED = Call("responses", "acme/m", {"input": "hi"}, True)


def as_function_calls(chunk: JsonObject) -> JsonObject:
    """Return a chunk with its custom calls as functions: deltas of the description know no other type."""
    choices = []
    for choice in chunk["choices"]:
        delta = dict(choice["delta"])
        if "tool_calls" in delta:
            delta["tool_calls"] = [as_function_call(call) for call in delta["tool_calls"]]
        choices.append({**choice, "delta": delta})
    return {**chunk, "choices": choices}


def as_function_call(call: JsonObject) -> JsonObject:
    if "custom" not in call:
        return call
    rest = {name: value for name, value in call.items() if name != "custom"}
    function = {"arguments" if name == "input" else name: value for name, value in call["custom"].items()}
    return {**rest, **({"type": "function"} if "type" in call else {}), "function": function}


GAPS: Mapping[str, Callable[[JsonObject], JsonObject]] = MappingProxyType(
    {"CreateChatCompletionStreamResponse": as_function_calls}
)


def assert_valid(name: str, values: Iterable[JsonObject]) -> None:
    close_gap = GAPS.get(name, dict)
    for value in values:
        assert wrong(name, close_gap(value)) is None, value


def assert_events(name: str, events: Iterable[JsonObject]) -> None:
    for event in events:
        assert wrong_event(name, event) is None, event


def as_sse(event: JsonObject) -> SSEEvent:
    return SSEEvent(encode(event).decode(), event["type"])


# --- what is drawn here and in the round trips ---


@PROPERTY
@given(st.data(), answers(), responses())
def test_what_the_tests_take_for_an_upstreams_answer_is_valid(
    data: st.DataObject, answer: JsonObject, response: JsonObject
) -> None:
    assert_valid("CreateChatCompletionResponse", [answer])
    assert_valid("CreateChatCompletionStreamResponse", data.draw(chunks_of(answer)))
    assert_valid("Response", [response])
    assert_events("ResponseStreamEvent", data.draw(events_of(response)))


# --- chat over POST /responses ---


@PROPERTY
@given(responses())
def test_a_bridged_chat_completion_is_valid(response: JsonObject) -> None:
    done = ChatOverResponses.chat_completion(CHAT, ROUTE, UpstreamResponse(200, (), encode(response)))
    assert_valid("CreateChatCompletionResponse", [done.body])


@PROPERTY
@given(st.data(), responses())
def test_bridged_chat_chunks_are_valid(data: st.DataObject, response: JsonObject) -> None:
    stream = ChatOverResponses.ChatStream(CHAT, ROUTE)
    chunks = [chunk for event in data.draw(events_of(response)) for chunk in stream.feed(as_sse(event))]
    assert_valid("CreateChatCompletionStreamResponse", [*chunks, *stream.close()])


# --- Responses over chat ---


@PROPERTY
@given(answers())
def test_a_bridged_response_is_valid(answer: JsonObject) -> None:
    assert_valid("Response", [response_object(ASKED, ROUTE, answer).body])


@PROPERTY
@given(st.data(), answers())
def test_bridged_events_are_valid(data: st.DataObject, answer: JsonObject) -> None:
    stream = ResponsesStream(ASKED, ROUTE)
    events = [event for chunk in data.draw(chunks_of(answer)) for event in stream.feed_chunk(chunk)]
    assert_events("ResponseStreamEvent", [*events, *stream.close(True)])


@PROPERTY
@given(answers(), parameters({name: values for name, values in RESPONSES_PARAMS.items() if name not in STATE}))
def test_a_bridged_response_is_valid_whatever_it_repeats_of_the_request(
    answer: JsonObject, params: dict[str, Any]
) -> None:
    call = Call("responses", "acme/m", {"input": "hi", **params})
    assert_valid("Response", [response_object(call, ROUTE, answer).body])


@PROPERTY
@given(st.data(), answers(), st.sampled_from([RateLimitError, BadRequestError, InternalServerError]))
def test_bridged_events_are_valid_where_the_stream_breaks(
    data: st.DataObject, answer: JsonObject, error: type[APIError]
) -> None:
    stream = ResponsesStream(ASKED, ROUTE)
    chunks = data.draw(chunks_of(answer))
    broken = data.draw(st.integers(0, len(chunks)))
    events = [event for chunk in chunks[:broken] for event in stream.feed_chunk(chunk)]
    assert_events("ResponseStreamEvent", [*events, *stream.failed(error("no", status_code=500))])


# --- repaired streams ---


@PROPERTY
@given(st.data(), responses())
def test_a_whole_stream_is_left_as_it_is(data: st.DataObject, response: JsonObject) -> None:
    events = data.draw(events_of(response))
    repair = StreamRepair(ASKED, ROUTE)
    assert [made for event in events for made in repair.feed(as_sse(event))] == events
    assert [*repair.close(), *repair.ledger] == []


LEFT_OUT = (
    "annotation_index",
    "content_index",
    "item_id",
    "logprobs",
    "name",
    "output_index",
    "sequence_number",
    "summary_index",
)
"""Fields of events that real servers leave out."""

ECHOED = ("instructions", "metadata", "parallel_tool_calls", "temperature", "tool_choice", "tools", "top_p", "error")
SKIPPED = (
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.in_progress",
    "response.output_text.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
)
"""Events that real servers leave out."""

OF_ITEMS = ("annotations", "id", "logprobs", "status")
"""Fields of items that are no calls of built-in tools, and of their parts, that real servers leave out."""


@PROPERTY
@given(
    st.data(),
    responses(),
    st.sets(st.sampled_from((*LEFT_OUT, *ECHOED))),
    st.sets(st.sampled_from(SKIPPED)),
    st.sets(st.sampled_from(OF_ITEMS)),
)
def test_a_repaired_stream_is_valid_whatever_the_server_leaves_out(
    data: st.DataObject, response: JsonObject, fields: set[str], skipped: set[str], of_items: set[str]
) -> None:
    repair = StreamRepair(ASKED, ROUTE)
    events = [event for event in data.draw(events_of(response)) if event["type"] not in skipped]
    sent = [without(event, fields, of_items) for event in events]
    made = [event for each in sent for event in repair.feed(as_sse(each))]
    assert_events("ResponseStreamEvent", [*made, *repair.close()])


def without(event: JsonObject, fields: set[str], of_items: set[str]) -> JsonObject:
    kept = less(event, fields)
    if "response" in kept:
        output = [less_item(item, of_items) for item in kept["response"]["output"]]
        kept["response"] = {**less(kept["response"], fields & {*ECHOED}), "output": output}
    if "item" in kept:
        kept["item"] = less_item(kept["item"], of_items)
    return kept


def less_item(item: JsonObject, fields: set[str]) -> JsonObject:
    if item["type"] not in ("message", "reasoning", "function_call", "custom_tool_call"):
        return item
    kept = less(item, fields)
    if "content" in kept:
        kept["content"] = [less(part, fields) for part in kept["content"]]
    return kept


def less(value: JsonObject, fields: set[str]) -> JsonObject:
    return {name: item for name, item in value.items() if name not in fields}


@pytest.mark.parametrize("name", ["llama-cpp-call.sse", "llama-cpp-text.sse"])
def test_a_real_servers_stream_is_valid_once_repaired(name: str) -> None:
    repair = StreamRepair(ASKED, ROUTE)
    events = sse_events((RECORDED_STREAMS / name).read_bytes())
    assert_events("ResponseStreamEvent", [made for event in events for made in repair.feed(event)])
    assert repair.close() == []


# --- folded and fake streams ---


@PROPERTY
@given(st.data(), responses())
def test_a_folded_responses_stream_is_valid_wherever_it_ends(data: st.DataObject, response: JsonObject) -> None:
    events = data.draw(events_of(response))
    cut = data.draw(st.integers(1, len(events)))
    folded = fold_events("responses", events[:cut])
    assert folded is not None
    assert_valid("Response", [folded])
    if cut == len(events):
        assert folded == response


@PROPERTY
@given(answers(), st.booleans())
def test_a_fake_chat_stream_is_valid_and_folds_into_the_answer(answer: JsonObject, with_usage: bool) -> None:
    chunks = unfold("chat", answer, with_usage=with_usage)
    assert_valid("CreateChatCompletionStreamResponse", chunks)
    folded = fold("chat", chunks)
    message, whole = folded["choices"][0]["message"], answer["choices"][0]["message"]
    assert {name: value for name, value in message.items() if value} == {
        name: value for name, value in whole.items() if value
    }


@PROPERTY
@given(responses())
def test_a_fake_responses_stream_is_valid_and_folds_into_the_answer(response: JsonObject) -> None:
    events = unfold("responses", response, with_usage=True)
    assert_events("ResponseStreamEvent", events)
    assert fold_events("responses", events) == response


TRANSCRIPT = {
    "text": "Hello there.",
    "usage": {"type": "tokens", "input_tokens": 3, "output_tokens": 4, "total_tokens": 7},
}
TEXT: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "text": "Hi", "logprobs": None, "finish_reason": "stop"}],
}


def test_a_fake_transcription_stream_is_valid_and_folds_into_the_answer() -> None:
    events = unfold("transcription", TRANSCRIPT, with_usage=False)
    assert_events("CreateTranscriptionResponseStreamEvent", events)
    assert fold_events("transcription", events) == TRANSCRIPT


def test_a_transcription_counted_in_seconds_has_an_event_that_the_description_does_not_know() -> None:
    """A gap: models that stream are counted in tokens, and a fake stream is for those that do not."""
    counted = {**TRANSCRIPT, "usage": {"type": "duration", "seconds": 2}}
    (event,) = unfold("transcription", counted, with_usage=False)
    error = wrong_event("CreateTranscriptionResponseStreamEvent", event)
    assert error is not None
    assert error.startswith("$.usage")


def test_a_fake_text_completion_stream_is_valid() -> None:
    chunks = unfold("text_completion", TEXT, with_usage=False)
    assert_valid("CreateCompletionResponse", chunks)
    assert chunks == [TEXT]


# --- plain texts, and errors ---


def test_chunks_of_a_text_completion_as_chat_are_valid() -> None:
    route = Route("text-completion-openai", "text-completion-openai", "chat", "m", "https://api.openai.com/v1")
    parser = text_completion.stream_parser(CHAT, route)
    assert parser is not None
    begun = {**TEXT, "choices": [{**TEXT["choices"][0], "finish_reason": None}]}
    chunks = [chunk for text in (begun, TEXT) for chunk in parser.feed(SSEEvent(encode(text).decode()))]
    assert_valid("CreateChatCompletionStreamResponse", chunks)


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "no", "param": None, "sequence_number": 1},
        {"error": {"code": 500, "message": "no"}},
        {"type": "error", "error": "no"},
        {"type": "error"},
    ],
)
def test_an_error_event_is_valid_once_repaired(error: JsonObject) -> None:
    repair = StreamRepair(ASKED, ROUTE)
    assert_events("ResponseStreamEvent", repair.feed(SSEEvent(encode(error).decode(), "error")))


@pytest.mark.parametrize("form", ["text", "srt", "vtt"])
def test_a_transcript_of_plain_text_becomes_a_valid_transcription(form: str) -> None:
    call = Call("transcription", "openai/whisper-1", {"response_format": form})
    route = Route("openai", "openai", "transcription", "whisper-1", "https://api.openai.com/v1")
    answer = read_transcript(call, route, UpstreamResponse(200, (), b"Hello there.\n"))
    assert answer == {"text": "Hello there.\n"}
    assert_valid("CreateTranscriptionResponseJson", [answer])
    assert_valid("CreateTranslationResponseJson", [answer])


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("slow down", status_code=429, code="rate_limit_exceeded", type="requests", param=None),
        BadRequestError("no", status_code=400, param="input"),
        APIConnectionError("gone"),
        LLMGateError("anything"),
    ],
)
def test_the_error_that_a_server_sends_is_valid(error: LLMGateError) -> None:
    assert_valid("ErrorResponse", [{"error": error_object(error)}])
