"""Fields of the wrong type, missing or invented, over both bridges: a usable result or a typed error, never Python's.

A stream that can be read without a bridge can be read over it. Nothing is sent.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmgate_core.bridges.bridge import bridge_stream
from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.bridges.responses_to_chat import response_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import APIResponseValidationError, LLMGateError
from llmgate_core.json_codec import encode
from llmgate_core.reading.readers.chunks import chunk_reader
from llmgate_core.types.chat import ChatCompletion
from llmgate_core.types.loose import validated
from llmgate_core.types.responses import ResponseObject
from tests.support.examples import examples
from tests.support.strategies.chat_answers import answers, chunks_of
from tests.support.strategies.chat_requests import bodies
from tests.support.strategies.responses import events_of, responses

PROPERTY = examples(200)
THERE = Route("openai", "openai/responses", "chat", "m", "https://a.example.test/v1", param_policy="drop")
BACK = Route("acme", "acme", "chat", "m", "https://b.example.test/v1", param_policy="drop")
CHAT = Call("chat", "openai/responses/m", {"messages": [], "stream_options": {"include_usage": True}}, True)
ASKED = Call("responses", "acme/m", {"input": "hi"}, True)

odd = st.sampled_from(
    [None, 0, -1, 7, 1.5, True, "", "x", "4" * 5000, [], [None], ["x"], [[]], {}, {"type": 3}, {"x": {}}]
)
MISSING = "a value that is left out"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    """Yield the path of every value inside `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*path, name)
        yield from places(item, (*path, name))


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """Draw a copy in which one to three values are of another type, missing or added."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(value), key=str) or [()]))
        if path:
            change(value, path, copy.deepcopy(draw(odd | st.just(MISSING))), draw(st.booleans()))
    return value


def change(value: Any, path: tuple[Any, ...], new: Any, is_added: bool) -> None:
    for name in path[:-1]:
        value = value[name]
    if isinstance(value, dict) and is_added:
        value["made_up"] = None if new == MISSING else new
    elif new == MISSING:
        del value[path[-1]]
    else:
        value[path[-1]] = new


@PROPERTY
@given(st.data(), bodies())
def test_an_odd_chat_request_is_bridged_or_refused(data: st.DataObject, body: JsonObject) -> None:
    body = data.draw(spoilt(body))
    try:
        sent, _ = ChatOverResponses.request_body(Call("chat", "m", body, bool(body.get("stream"))), THERE)
    except LLMGateError:
        return
    encode(sent)


@PROPERTY
@given(st.data(), responses(), bodies())
def test_an_odd_responses_request_is_bridged_or_refused(
    data: st.DataObject, response: JsonObject, body: JsonObject
) -> None:
    sent, _ = ChatOverResponses.request_body(Call("chat", "m", body, False), THERE)
    asked = data.draw(spoilt({**sent, "input": [*sent["input"], *response["output"]]}))
    try:
        made, _ = to_chat(Call("responses", "acme/m", asked, data.draw(st.booleans())), BACK)
    except LLMGateError:
        return
    encode(made.body)


@PROPERTY
@given(st.data(), responses())
def test_an_odd_response_is_a_completion_or_a_typed_error(data: st.DataObject, response: JsonObject) -> None:
    response = data.draw(spoilt(response))
    try:
        done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    except LLMGateError:
        return
    validated(ChatCompletion, done.body)


@PROPERTY
@given(st.data(), answers())
def test_an_odd_completion_is_a_response_if_it_has_a_choice(data: st.DataObject, answer: JsonObject) -> None:
    answer = data.draw(spoilt(answer))
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        with pytest.raises(APIResponseValidationError, match="has no choice"):
            response_object(ASKED, BACK, answer)
        return
    done = response_object(ASKED, BACK, answer)
    validated(ResponseObject, done.body)


def as_frame(event: Any) -> bytes:
    """Return an event as the bytes of SSE; those of the Responses API have their type as the name too."""
    kind = event.get("type") if isinstance(event, dict) else None
    name = f"event: {kind}\n".encode() if isinstance(kind, str) else b""
    return name + b"data: " + encode(event) + b"\n\n"


def failure_of(family: str, frames: list[Any], parser: StreamParser | None, *, done: bool) -> str | None:
    """Return the class of the error that reading the stream ends in; None: it ends well."""
    head = UpstreamResponse(200, (), b"")
    reader = chunk_reader(FAMILIES[family], parser, head, max_event_bytes=1 << 20, secrets=())
    ends = [b"data: [DONE]\n\n"] if done else []
    try:
        for frame in [*map(as_frame, frames), *ends]:
            list(reader.feed(frame))
        if not reader.end.is_over:
            list(reader.close())
    except LLMGateError as error:
        return type(error).__name__
    return None


@PROPERTY
@given(st.data(), responses())
def test_a_stream_of_responses_that_can_be_read_can_be_read_as_chat(data: st.DataObject, response: JsonObject) -> None:
    events = data.draw(spoilt(data.draw(events_of(response))))
    assume(all(isinstance(event, dict) and isinstance(event.get("type"), str) for event in events))
    unbridged = failure_of("responses", events, None, done=False)
    bridged = failure_of("chat", events, ChatOverResponses.ChatStream(CHAT, THERE), done=False)
    assert bridged is None or unbridged is not None, bridged


@PROPERTY
@given(st.data(), answers())
def test_a_stream_of_chat_that_can_be_read_can_be_read_as_responses(data: st.DataObject, answer: JsonObject) -> None:
    chunks = data.draw(spoilt(data.draw(chunks_of(answer))))
    unbridged = failure_of("chat", chunks, None, done=True)
    bridged = failure_of("responses", chunks, bridge_stream(ASKED, BACK, None), done=True)
    assert bridged is None or unbridged is not None, bridged
