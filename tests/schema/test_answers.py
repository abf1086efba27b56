"""Every answer that we build is valid: bridged ones and their streams, repaired, folded and fake streams.

Where the description knows less than the wire, the gap stands in `GAPS` with its reason, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgate_core.chat_over_responses import ChatOverResponses
from llmgate_core.contracts import Call, JsonObject, Route, UpstreamResponse
from llmgate_core.event_folding import fold_events
from llmgate_core.folding import fold, unfold
from llmgate_core.json_codec import encode
from llmgate_core.responses_over_chat import ResponsesStream, StreamRepair, response_object
from llmgate_core.sse import SSEDecoder, SSEEvent
from tests.properties.answers import answers, chunks_of
from tests.properties.outputs import events_of, responses
from tests.schema.description import wrong, wrong_event

MANY = settings(max_examples=100, deadline=None, database=None)
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


@MANY
@given(st.data(), answers(), responses())
def test_what_the_tests_take_for_an_upstreams_answer_is_valid(
    data: st.DataObject, answer: JsonObject, response: JsonObject
) -> None:
    assert_valid("CreateChatCompletionResponse", [answer])
    assert_valid("CreateChatCompletionStreamResponse", chunks_of(data.draw, answer))
    assert_valid("Response", [response])
    assert_events("ResponseStreamEvent", events_of(data.draw, response))


# --- chat over POST /responses ---


@MANY
@given(responses())
def test_a_bridged_chat_completion_is_valid(response: JsonObject) -> None:
    done = ChatOverResponses.chat_completion(CHAT, ROUTE, UpstreamResponse(200, (), encode(response)))
    assert_valid("CreateChatCompletionResponse", [done.body])


@MANY
@given(st.data(), responses())
def test_bridged_chat_chunks_are_valid(data: st.DataObject, response: JsonObject) -> None:
    stream = ChatOverResponses.ChatStream(CHAT, ROUTE)
    chunks = [chunk for event in events_of(data.draw, response) for chunk in stream.feed(as_sse(event))]
    assert_valid("CreateChatCompletionStreamResponse", [*chunks, *stream.close()])


# --- Responses over chat ---


@MANY
@given(answers())
def test_a_bridged_response_is_valid(answer: JsonObject) -> None:
    assert_valid("Response", [response_object(ASKED, ROUTE, answer).body])


@MANY
@given(st.data(), answers())
def test_bridged_events_are_valid(data: st.DataObject, answer: JsonObject) -> None:
    stream = ResponsesStream(ASKED, ROUTE)
    events = [event for chunk in chunks_of(data.draw, answer) for event in stream.feed_chunk(chunk)]
    assert_events("ResponseStreamEvent", [*events, *stream.close(True)])
