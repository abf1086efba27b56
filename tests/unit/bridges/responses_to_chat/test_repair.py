"""The repair of streams that leave things out, on what real servers sent and on what they may send.

`recorded/llama-cpp-*.sse` came from llama.cpp's own server, build 11549.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from llmgate_core.bridges.responses_to_chat import ResponsesStream, StreamRepair
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import APIResponseValidationError, StreamTruncatedError
from tests.support.examples import examples
from tests.support.paths import RECORDED_STREAMS
from tests.support.sse_events import sse_events

Ask = Callable[..., Call]
At = Callable[..., Route]
Checked = Callable[[list[JsonObject]], list[JsonObject]]
ROUTE = Route("acme", "acme", "responses", "a-model", "https://acme.example.test/v1")
CALL = Call("responses", "acme/a-model", {"input": "hi", "stream": True}, True)
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def repaired(events: list[SSEEvent], call: Call = CALL) -> list[JsonObject]:
    repair = StreamRepair(call, ROUTE)
    return [made for event in events for made in repair.feed(event)] + repair.close()


def sent(*events: JsonObject, named: bool = True) -> list[SSEEvent]:
    return [SSEEvent(json.dumps(event), event["type"] if named else "message") for event in events]


def recorded(name: str) -> list[SSEEvent]:
    return sse_events((RECORDED_STREAMS / f"{name}.sse").read_bytes())


def accumulated(events: list[JsonObject]) -> Any:
    """Return the response that the official SDK's accumulator makes of the events."""
    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    seen = [made for event in events for made in state.handle_event(EVENT.validate_python(event))]
    return seen[-1].response


def complete_stream() -> list[JsonObject]:
    """Return a stream with every kind of item, as the bridge makes it: complete in every field."""
    tools = [{"type": "custom", "name": "run"}]
    stream = ResponsesStream(Call("responses", "m", {"input": "hi", "tools": tools}, True), ROUTE)
    call = {"index": 0, "id": "call_a", "function": {"name": "f", "arguments": "{}"}}
    custom = {"index": 1, "id": "call_b", "custom": {"name": "run", "input": "x"}}
    citation = {"type": "url_citation", "url_citation": {"url": "https://e.test", "title": "E"}}
    deltas: list[JsonObject] = [
        {"reasoning_content": "hm"},
        {"content": "Hi", "annotations": [citation]},
        {"content": "!"},
        {"refusal": "no"},
        {"tool_calls": [call, custom]},
    ]
    head = {"id": "chatcmpl-A1", "created": 7, "model": "m-1"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    chunks.append({**head, "choices": [], "usage": usage})
    made = [event for chunk in chunks for event in stream.feed_chunk(chunk)] + stream.close(True)
    copy: list[JsonObject] = json.loads(json.dumps(made))
    return copy


@pytest.mark.parametrize("named", [True, False])
def test_a_complete_stream_comes_out_as_it_went_in(named: bool) -> None:
    repair = StreamRepair(CALL, ROUTE)
    made = [one for event in sent(*complete_stream(), named=named) for one in repair.feed(event)]
    assert made == complete_stream()
    assert (repair.close(), repair.ledger) == ([], [])


def test_what_llama_cpp_streams_as_text_becomes_a_stream_that_the_sdk_accumulates(checked: Checked) -> None:
    events = checked(repaired(recorded("llama-cpp-text")))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert {event["content_index"] for event in events if "content_index" in event} == {0}
    assert (events[0]["response"]["model"], events[0]["response"]["tools"]) == ("a-model", [])
    assert events[-1]["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 0}
    assert accumulated(events).output_text == "I'm glad to"
    assert "timings" in events[-1], "what a server adds of its own is kept"


def test_what_llama_cpp_streams_as_a_call_gets_its_arguments_done(checked: Checked) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": None}]
    call = Call("responses", "acme/a-model", {"input": "hi", "tools": tools}, True)
    repair = StreamRepair(call, ROUTE)
    events = [made for event in recorded("llama-cpp-call") for made in repair.feed(event)]
    checked(events)
    [done] = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    [added] = [event for event in events if event["type"] == "response.output_item.added"]
    assert (done["name"], done["item_id"]) == ("get_weather", added["item"]["id"])
    assert json.loads(done["arguments"]) == {"city": "Paris"}
    assert accumulated(events).output[0].arguments == done["arguments"]
    assert events[0]["response"]["tools"][0]["name"] == "get_weather"
    _, left_out = repair.ledger
    assert "response.function_call_arguments.done" in left_out.reason


def test_ids_and_items_that_never_came_are_made(checked: Checked) -> None:
    events = checked(
        repaired(
            sent(
                {"type": "response.created", "response": {}},
                {"type": "response.output_text.delta", "delta": "Hi"},
                {"type": "response.output_text.delta", "delta": "!"},
                {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": "{}"},
                {"type": "response.completed", "response": {}},
            )
        )
    )
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_item.added",
        "function_call_arguments.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    response = accumulated(events)
    assert (response.output_text, response.output[1].arguments) == ("Hi!", "{}")
    assert response.id == events[0]["response"]["id"] != ""


def test_a_stream_without_its_first_event_gets_one(checked: Checked) -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}
    events = checked(
        repaired(
            sent(
                {"type": "response.output_item.done", "item": item},
                {"type": "response.completed", "response": {"output": None}},
            )
        )
    )
    assert events[0]["type"] == "response.created"
    assert accumulated(events).output_text == "Hi"


def test_raw_reasoning_keeps_its_events_and_gets_its_places(checked: Checked) -> None:
    added = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [], "encrypted_content": ""}
    done = {**added, "content": [{"type": "reasoning_text", "text": "hmm"}]}
    events = checked(
        repaired(
            sent(
                {"type": "response.created", "response": {"id": "resp_1"}},
                {"type": "response.output_item.added", "item": added},
                {"type": "response.reasoning_text.delta", "item_id": "rs_1", "delta": "hmm"},
                {"type": "response.output_item.done", "item": done},
                {"type": "response.completed", "response": {"id": "resp_1"}},
            )
        )
    )
    assert [event["type"].removeprefix("response.") for event in events[2:5]] == [
        "reasoning_text.delta",
        "reasoning_text.done",
        "output_item.done",
    ]
    assert (events[2]["content_index"], events[3]["text"]) == (0, "hmm")


def test_events_of_built_in_tools_and_of_days_to_come_pass_through() -> None:
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
    given: list[JsonObject] = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.added", "item": {**item, "status": "in_progress"}},
        {"type": "response.web_search_call.searching", "item_id": "ws_1", "output_index": 0},
        {"type": "response.brand_new.delta", "x": 1},
        {"type": "keepalive"},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.completed", "response": {"id": "resp_1"}},
    ]
    events = repaired(sent(*given))
    assert [event["type"] for event in events] == [event["type"] for event in given]
    assert events[3] == {"type": "response.brand_new.delta", "x": 1, "sequence_number": 3}
    assert events[-1]["response"]["output"] == [item]


@pytest.mark.parametrize(
    ("name", "data", "made"),
    [
        ("error", {"type": "error", "code": "c", "message": "m", "param": None}, ("c", "m", None)),
        ("error", {"error": {"code": 400, "message": "m", "type": "t"}}, ("400", "m", None)),
        ("message", {"error": {"message": "m", "type": "t", "param": "p"}}, ("t", "m", "p")),
        ("error", {"code": 500, "message": "m", "type": "server_error"}, ("500", "m", None)),
        ("message", {"error": "m"}, (None, "m", None)),
    ],
)
def test_errors_come_in_the_flat_form_and_end_the_stream(name: str, data: JsonObject, made: Any) -> None:
    [event] = repaired([SSEEvent(json.dumps(data), name)])
    assert (event["type"], event["code"], event["message"], event["param"]) == ("error", *made)
    EVENT.validate_python(event)


@pytest.mark.parametrize("data", ["{", "[]", "7", "NaN"])
def test_data_that_is_no_object_is_the_servers_fault(data: str) -> None:
    with pytest.raises(APIResponseValidationError):
        StreamRepair(CALL, ROUTE).feed(SSEEvent(data))


def test_an_end_marker_of_chat_says_nothing_here() -> None:
    repair = StreamRepair(CALL, ROUTE)
    repair.feed(recorded("llama-cpp-text")[0])
    assert repair.feed(SSEEvent("[DONE]")) == []
    with pytest.raises(StreamTruncatedError):
        repair.close()


TIES = ("sequence_number", "output_index", "content_index", "summary_index", "annotation_index", "logprobs", "item_id")


@examples(200)
@given(st.data())
def test_whatever_is_left_out_the_sdk_accumulates_the_same_answer(data: st.DataObject) -> None:
    """Fields that tie, `done` events, parts and the echo may all be missing; items that interleave need their ids."""
    whole = complete_stream()
    dropped = data.draw(st.sets(st.sampled_from(TIES[:-1])), label="fields")
    closings = data.draw(st.booleans(), label="closings")
    bare = data.draw(st.booleans(), label="bare response")
    unnamed = data.draw(st.booleans(), label="no item_id")
    given_events = []
    for event in whole:
        kind = event["type"]
        if closings and kind.endswith(("_text.done", "_part.done", "_part.added", "arguments.done", "input.done")):
            continue
        lean = {name: value for name, value in event.items() if name not in dropped}
        if unnamed:
            lean.pop("item_id", None)
        if bare and "response" in lean:
            kept = ("id", "output") if kind == "response.completed" else ("id",)
            lean["response"] = {name: lean["response"][name] for name in kept}
        given_events.append(lean)
    made = accumulated(repaired(sent(*given_events, named=data.draw(st.booleans(), label="event lines"))))
    want = accumulated(whole)
    assert made.output_text == want.output_text
    assert [item.to_dict() for item in made.output] == [item.to_dict() for item in want.output]


@pytest.mark.parametrize(
    "missing", ["output_text.done", "refusal.done", "reasoning_summary_text.done", "function_call_arguments.done"]
)
def test_one_event_left_out_of_a_numbered_stream_is_put_back_in_its_place_with_its_number(missing: str) -> None:
    whole = complete_stream()
    kept = [event for event in whole if event["type"] != f"response.{missing}"]
    lean = [{**event, "sequence_number": number} for number, event in enumerate(kept)]
    assert repaired(sent(*lean)) == whole


def test_annotations_without_an_index_are_counted_and_a_sign_of_life_begins_nothing() -> None:
    annotation = {"type": "url_citation", "url": "https://e.test", "title": "E", "start_index": 0, "end_index": 1}
    added = {"type": "response.output_text.annotation.added", "annotation": annotation}
    events = repaired(
        sent(
            {"type": "keepalive"},
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_text.delta", "delta": "Hi"},
            added,
            added,
            {"type": "response.completed", "response": {"id": "resp_1"}},
        )
    )
    assert [event["type"] for event in events[:2]] == ["keepalive", "response.created"]
    assert [event["annotation_index"] for event in events if "annotation" in event] == [0, 1]
