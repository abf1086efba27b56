"""Whole answers and streams: both make the same message. Source: Anthropic API reference, `RawMessageStreamEvent`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.messages_to_chat import MessagesStream, message_object, to_chat
from llmgate_core.bridges.messages_to_chat.tool_ids import ToolIds, call_id_of, tool_use_id
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.endpoints.sealed_reasoning import SEAL, without_sealed_blocks
from llmgate_core.errors import APIResponseValidationError, StreamTruncatedError
from llmgate_core.reading.accumulate.chunks import fold, unfold
from llmgate_core.reading.accumulate.events import fold_events
from tests.support.examples import examples

Ask = Callable[..., Call]
At = Callable[..., Route]
CheckedEvents = Callable[[list[JsonObject]], list[JsonObject]]
CheckedMessage = Callable[[JsonObject], JsonObject]
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "prompt_tokens_details": {"cached_tokens": 4}}
ROUTE = Route("acme", "acme", "chat", "m-1", "https://acme.test/v1")
CALL = Call("messages", "acme/m-1", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9})


def function(call_id: str | None, arguments: str, name: str = "f", **more: Any) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def completion(finish: str | None = "stop", usage: Any = USAGE, **message: Any) -> JsonObject:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    return {"id": "chatcmpl-A1", "created": 7, "model": "m-1", "choices": [choice], "usage": usage}


def chunk(finish: str | None = None, **delta: Any) -> JsonObject:
    return {"id": "chatcmpl-A1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def streamed(chunks: list[JsonObject], call: Call = CALL, *, done: bool = True) -> list[JsonObject]:
    stream = MessagesStream(call, ROUTE)
    return [event for one in chunks for event in stream.feed_chunk(one)] + stream.close(done)


def whole(answer: JsonObject, call: Call = CALL) -> JsonObject:
    return message_object(call, ROUTE, answer).body


ANSWERS = [
    completion(content="Hi"),
    completion(content="Hi", reasoning_content="Hm."),
    completion(content="Hi", reasoning_content="Hm.", reasoning_items=[{"id": "r1", "signature": "s"}]),
    completion("tool_calls", reasoning_items=[{"id": "r1"}], tool_calls=[function("call_1", '{"a": 1}')]),
    completion("tool_calls", content="Two.", tool_calls=[function("a", "{}"), function("b", '{"x": [1]}', "g")]),
    completion("tool_calls", tool_calls=[function("a", "{}", extra_content={"google": {"thought_signature": "s"}})]),
    completion("tool_calls", tool_calls=[function("a.b/c", "")]),
    completion("length", content="and so"),
    completion("content_filter", refusal="No."),
    completion("stop", tool_calls=[function("same", "{}"), function("same", "{}")]),
    completion("stop"),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stream_makes_the_message_of_the_whole_answer(
    answer: JsonObject, checked_events: CheckedEvents, checked_message: CheckedMessage
) -> None:
    message = checked_message(whole(answer))
    events = checked_events(streamed(unfold("chat", answer, with_usage=True)))
    assert fold_events("messages", events) == message
    assert fold_events("messages", checked_events(unfold("messages", message, with_usage=True))) == message


def test_the_events_of_an_answer_with_everything() -> None:
    answer = completion("tool_calls", content="Hi", reasoning_content="Hm.", tool_calls=[function("c", '{"a":1}')])
    events = streamed(unfold("chat", answer, with_usage=True))
    assert [event["type"] for event in events] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop") * 2,
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"] == {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }
    assert events[3]["delta"] == {"type": "signature_delta", "signature": f"{SEAL}acme:e30="}
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 6,
            "output_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
        },
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "end_turn"),
        ("function_call", "end_turn"),
        ("content_filter", "refusal"),
        ("weird", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_each_finish_reason(finish: str | None, reason: str) -> None:
    assert whole(completion(finish, content="x"))["stop_reason"] == reason
    delta = streamed([chunk(content="x"), chunk(finish)])[-2]["delta"]
    assert delta["stop_reason"] == reason


@pytest.mark.parametrize("finish", ["tool_calls", "function_call", "stop", None])
def test_tool_use_is_the_reason_if_there_is_a_call(finish: str | None) -> None:
    """Without one a client has no result to send, and its loop never ends."""
    call = function("call_1", "{}")
    assert whole(completion(finish, tool_calls=[call]))["stop_reason"] == "tool_use"
    chunks = [chunk(tool_calls=[{"index": 0, **call}]), chunk(finish)]
    assert streamed(chunks)[-2]["delta"]["stop_reason"] == "tool_use"
    assert "finish_reason" in [
        entry.parameter for entry in message_object(CALL, ROUTE, completion("tool_calls")).ledger
    ]


def test_a_stop_sequence_is_named_where_the_server_says_which() -> None:
    call = Call("messages", "acme/m-1", {**CALL.body, "stop_sequences": ["END"]})
    answer = completion(content="x")
    answer["choices"][0]["stop_reason"] = "END"
    assert whole(answer, call)["stop_sequence"] == "END"
    assert whole(answer, call)["stop_reason"] == "stop_sequence"
    assert whole(answer)["stop_reason"] == "end_turn"


def test_usage_is_never_missing_and_counts_each_token_once() -> None:
    details = {"cached_tokens": 4, "cache_write_tokens": 3, "cache_write_1h_tokens": 1}
    usage = {**USAGE, "prompt_tokens_details": details, "completion_tokens_details": {"reasoning_tokens": 2}}
    answer = {**completion(content="x", usage=usage), "service_tier": "priority"}
    assert whole(answer)["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 3,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
        "service_tier": "priority",
    }
    without = message_object(CALL, ROUTE, completion(content="x", usage=None))
    assert without.body["usage"]["input_tokens"] == without.body["usage"]["output_tokens"] == 0
    assert [entry.parameter for entry in without.ledger] == ["usage"]


def test_pieces_of_several_calls_may_be_mixed(checked_events: CheckedEvents) -> None:
    first, second = {"index": 0, "id": "a"}, {"index": 1, "id": "b"}
    pieces = [
        {**first, "function": {"name": "f", "arguments": '{"x":'}},
        {**second, "function": {"name": "g", "arguments": '{"y"'}},
        {"index": 0, "function": {"arguments": "1}"}},
        {"index": 1, "function": {"arguments": ":2}"}},
    ]
    events = checked_events(streamed([*(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls")]))
    message = fold_events("messages", events)
    assert message is not None
    assert [(block["name"], block["input"]) for block in message["content"]] == [("f", {"x": 1}), ("g", {"y": 2})]


def test_a_call_without_arguments_has_an_empty_object(checked_events: CheckedEvents) -> None:
    events = checked_events(streamed([chunk(tool_calls=[{"index": 0, **function("a", "")}]), chunk("tool_calls")]))
    pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {}


def test_arguments_that_are_no_object_are_kept_inside_one() -> None:
    answer = message_object(CALL, ROUTE, completion("tool_calls", tool_calls=[function("a", "[1")]))
    assert answer.body["content"][0]["input"] == {"_raw": "[1"}
    assert [entry.parameter for entry in answer.ledger] == ["tool_calls"]


def test_reasoning_that_comes_late_gets_a_block_of_its_own(checked_events: CheckedEvents) -> None:
    events = checked_events(streamed([chunk(content="Hi"), chunk(reasoning_items=[{"id": "r"}]), chunk("stop")]))
    message = fold_events("messages", events)
    assert message is not None
    assert [block["type"] for block in message["content"]] == ["text", "thinking"]
    assert message["content"][1]["thinking"] == ""


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_next_turn_has_what_the_provider_needs_back(answer: JsonObject) -> None:
    message = whole(answer)
    call = Call("messages", "acme/m-1", {"messages": [{"role": "assistant", "content": message["content"]}]})
    original = answer["choices"][0]["message"]
    if not message["content"]:
        return
    sent = to_chat(call, ROUTE, lambda *_: False)[0].body["messages"][0]
    assert sent.get("reasoning_items") == original.get("reasoning_items")
    assert sent.get("reasoning_content") == original.get("reasoning_content")
    calls = original.get("tool_calls") or []
    assert [call["function"]["name"] for call in sent.get("tool_calls", ())] == [c["function"]["name"] for c in calls]
    extras = [call.get("extra_content") for call in sent.get("tool_calls", ())]
    assert extras == [call.get("extra_content") for call in calls]


def test_an_upstream_of_messages_never_gets_what_was_sealed_for_another_one() -> None:
    sealed = whole(completion(content="Hi", reasoning_content="Hm.", reasoning_items=[{"id": "r"}]))["content"]
    native = {"type": "thinking", "thinking": "t", "signature": "EqMB"}
    messages = [
        {"role": "assistant", "content": [native, *sealed]},
        {"role": "assistant", "content": sealed[:1]},
        {"role": "user", "content": "And?"},
    ]
    call, entries = without_sealed_blocks(Call("messages", "m", {"messages": messages}))
    assert call.body["messages"] == [{"role": "assistant", "content": [native, sealed[1]]}, messages[2]]
    assert [entry.parameter for entry in entries] == ["messages"]
    untouched = Call("messages", "m", {"messages": messages[2:]})
    assert without_sealed_blocks(untouched) == (untouched, ())


@examples(300)
@given(st.text(min_size=1))
def test_every_id_of_a_call_comes_back(call_id: str) -> None:
    block_id = tool_use_id(call_id)
    assert block_id.startswith("toolu_")
    assert block_id.replace("_", "").replace("-", "").isalnum()
    assert block_id.isascii()
    assert call_id_of(block_id) == call_id


@given(st.lists(st.sampled_from(["a", "a_2", "", None])))
def test_no_two_calls_of_an_answer_share_an_id(ids: list[str | None]) -> None:
    taken = ToolIds()
    given_ids = [taken.take(call_id, f"call_{index}") for index, call_id in enumerate(ids)]
    assert len(set(given_ids)) == len(given_ids)


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [1]}, {"choices": None}])
def test_an_answer_without_a_choice_is_an_error(answer: JsonObject) -> None:
    with pytest.raises(APIResponseValidationError):
        whole(answer)


def test_a_stream_that_breaks_off_is_an_error_and_never_a_message() -> None:
    stream = MessagesStream(CALL, ROUTE)
    stream.feed_chunk(chunk(content="Hi"))
    with pytest.raises(StreamTruncatedError):
        stream.close(done=False)
    with pytest.raises(APIResponseValidationError):
        MessagesStream(CALL, ROUTE).close(done=True)


def test_a_piece_behind_the_end_of_its_call_is_an_error() -> None:
    stream = MessagesStream(CALL, ROUTE)
    stream.feed_chunk(chunk(tool_calls=[{"index": 0, **function("a", "{}")}]))
    stream.feed_chunk(chunk(content="text"))
    with pytest.raises(APIResponseValidationError):
        stream.feed_chunk(chunk(tool_calls=[{"index": 0, "function": {"arguments": "x"}}]))


TEXTS = st.text(min_size=1, max_size=8)
INPUTS = st.dictionaries(TEXTS, st.one_of(st.integers(), TEXTS, st.none()), max_size=2)
USES = st.lists(INPUTS, max_size=3)


@examples(200)
@given(TEXTS, st.one_of(st.none(), TEXTS), USES, st.data())
def test_a_message_that_goes_to_chat_and_back_is_the_same(
    text: str, thought: str | None, inputs: list[JsonObject], data: st.DataObject
) -> None:
    uses = [
        {"type": "tool_use", "id": tool_use_id(f"call_{index}"), "name": "f", "input": given_input}
        for index, given_input in enumerate(inputs)
    ]
    thinking = [{"type": "thinking", "thinking": thought, "signature": f"{SEAL}acme:e30="}] if thought else []
    content = [*thinking, {"type": "text", "text": text}, *uses]
    call = Call("messages", "acme/m-1", {"messages": [{"role": "assistant", "content": content}]})
    chat = to_chat(call, ROUTE, lambda *_: False)[0].body["messages"][0]
    answer = completion("tool_calls" if uses else "stop", **chat)
    assert whole(answer)["content"] == content
    chunks = unfold("chat", answer, with_usage=True)
    cut = [piece for one in chunks for piece in _cut(one, data)]
    assert fold("chat", cut)["choices"][0]["message"]["content"] == text
    message = fold_events("messages", streamed(cut))
    assert message is not None
    assert message["content"] == content


def _cut(one: JsonObject, data: st.DataObject) -> list[JsonObject]:
    """Return a chunk whose text or arguments come in two pieces."""
    if not one["choices"]:
        return [one]
    choice = one["choices"][0]
    delta = choice["delta"]
    for name in ("content", "reasoning_content"):
        if delta.get(name):
            at = data.draw(st.integers(0, len(delta[name])))
            halves = [{name: delta[name][:at]}, {name: delta[name][at:]}]
            return [{**one, "choices": [{**choice, "delta": {**delta, **half}}]} for half in halves]
    return [one]
