"""Section by section: the events that a chat stream makes. Source: OpenAI API reference, `ResponseStreamEvent`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from llmgate_core import errors
from llmgate_core.bridges.responses_to_chat import ResponsesStream
from llmgate_core.contract.call import Call, JsonObject, Route

Ask = Callable[..., Call]
At = Callable[..., Route]
Checked = Callable[[list[JsonObject]], list[JsonObject]]
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def chunk(finish: str | None = None, logprobs: Any = None, **delta: Any) -> JsonObject:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return {"id": "chatcmpl-A1", "object": "chat.completion.chunk", "created": 7, "model": "m-1", "choices": [choice]}


def call_piece(index: int, arguments: str, **first: Any) -> JsonObject:
    name = {"name": first.pop("name")} if "name" in first else {}
    return {"index": index, **first, "function": {**name, "arguments": arguments}}


def events_of(stream: ResponsesStream, chunks: list[JsonObject], *, done: bool = True) -> list[JsonObject]:
    return [event for one in chunks for event in stream.feed_chunk(one)] + stream.close(done)


def shown(events: list[JsonObject]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_answer_makes_exactly_the_events_of_the_reference(ask: Ask, at: At, checked: Checked) -> None:
    chunks = [chunk(role="assistant", content=""), chunk(content="Hi"), chunk(content="!"), chunk("stop")]
    chunks.append({**chunk(), "choices": [], "usage": USAGE, "service_tier": "default"})
    events = checked(events_of(ResponsesStream(ask(stream=True), at()), chunks))
    at_message = {"item_id": "msg_A1_0", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "Hi!", "annotations": [], "logprobs": []}
    message = {"id": "msg_A1_0", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    assert events[2:-1] == [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
            "sequence_number": 2,
        },
        {
            "type": "response.content_part.added",
            **at_message,
            "part": {**part, "text": ""},
            "sequence_number": 3,
        },
        {"type": "response.output_text.delta", **at_message, "delta": "Hi", "logprobs": [], "sequence_number": 4},
        {"type": "response.output_text.delta", **at_message, "delta": "!", "logprobs": [], "sequence_number": 5},
        {"type": "response.output_text.done", **at_message, "text": "Hi!", "logprobs": [], "sequence_number": 6},
        {"type": "response.content_part.done", **at_message, "part": part, "sequence_number": 7},
        {"type": "response.output_item.done", "output_index": 0, "item": message, "sequence_number": 8},
    ]
    assert shown(events[:2]) == ["created", "in_progress"]
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["id"], first["status"], first["output"], first["usage"]) == ("resp_A1", "in_progress", [], None)
    assert events[-1]["type"] == "response.completed"
    assert (last["id"], last["status"], last["created_at"], last["model"]) == ("resp_A1", "completed", 7, "m-1")
    assert last["service_tier"] == "default"
    assert last["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 13,
    }


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_closes_when_the_text_begins(field: str, ask: Ask, at: At, checked: Checked) -> None:
    chunks = [chunk(**{field: "Need"}), chunk(**{field: " it"}), chunk(content="Hi"), chunk("stop")]
    events = checked(events_of(ResponsesStream(ask(), at()), chunks))
    assert shown(events)[2:10] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
    ]
    assert events[6]["text"] == "Need it"
    assert events[7]["part"] == {"type": "summary_text", "text": "Need it"}
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning", "message"]


def test_calls_stay_open_while_their_pieces_interleave_and_close_in_index_order(
    ask: Ask, at: At, checked: Checked
) -> None:
    chunks = [
        chunk(content="Let me see."),
        chunk(tool_calls=[call_piece(0, "", id="call_a", type="function", name="get_weather")]),
        chunk(tool_calls=[call_piece(1, "{", id="call_b", type="function", name="get_time")]),
        chunk(tool_calls=[call_piece(0, '{"city":'), call_piece(1, "}")]),
        chunk(tool_calls=[call_piece(0, '"Oslo"}')]),
        chunk("tool_calls"),
    ]
    events = checked(events_of(ResponsesStream(ask(tools=[WEATHER]), at()), chunks))
    calls = [event for event in events if event.get("output_index") in (1, 2)]
    assert [(event["output_index"], event["type"].removeprefix("response.")) for event in calls] == [
        (1, "output_item.added"),
        (2, "output_item.added"),
        (2, "function_call_arguments.delta"),
        (1, "function_call_arguments.delta"),
        (2, "function_call_arguments.delta"),
        (1, "function_call_arguments.delta"),
        (1, "function_call_arguments.done"),
        (1, "output_item.done"),
        (2, "function_call_arguments.done"),
        (2, "output_item.done"),
    ]
    assert calls[0]["item"] == {
        "id": "fc_A1_1",
        "type": "function_call",
        "status": "in_progress",
        "call_id": "call_a",
        "name": "get_weather",
        "arguments": "",
    }
    assert (calls[6]["name"], calls[6]["arguments"]) == ("get_weather", '{"city":"Oslo"}')
    assert events[-1]["response"]["status"] == "completed"
    assert shown(events).index("output_text.done") < shown(events).index("function_call_arguments.delta")


def test_an_answer_without_text_has_no_message_item(ask: Ask, at: At, checked: Checked) -> None:
    chunks = [chunk(role="assistant", content=None), chunk(tool_calls=[call_piece(0, "{}", id="c", name="f")])]
    events = checked(events_of(ResponsesStream(ask(), at()), [*chunks, chunk("tool_calls")]))
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["function_call"]


def test_a_refusal_has_events_and_a_part_of_its_own(ask: Ask, at: At, checked: Checked) -> None:
    chunks = [chunk(content="Well, "), chunk(refusal="I can"), chunk(refusal="not."), chunk("stop")]
    events = checked(events_of(ResponsesStream(ask(), at()), chunks))
    assert [(event["type"], event["content_index"]) for event in events if "content_index" in event] == [
        ("response.content_part.added", 0),
        ("response.output_text.delta", 0),
        ("response.output_text.done", 0),
        ("response.content_part.done", 0),
        ("response.content_part.added", 1),
        ("response.refusal.delta", 1),
        ("response.refusal.delta", 1),
        ("response.refusal.done", 1),
        ("response.content_part.done", 1),
    ]
    assert events[-1]["response"]["output"][0]["content"][1] == {"type": "refusal", "refusal": "I cannot."}


def test_annotations_come_unnested_and_wait_for_the_text_that_they_are_of(ask: Ask, at: At, checked: Checked) -> None:
    citation = {"url": "https://e.test", "title": "E", "start_index": 0, "end_index": 2}
    nested = {"type": "url_citation", "url_citation": citation}
    chunks = [chunk(annotations=[nested]), chunk(content="Hi"), chunk(annotations=[nested], content=""), chunk("stop")]
    events = checked(events_of(ResponsesStream(ask(), at()), chunks))
    added = [event for event in events if event["type"].endswith("annotation.added")]
    assert [(event["annotation_index"], event["annotation"]) for event in added] == [
        (0, {"type": "url_citation", **citation}),
        (1, {"type": "url_citation", **citation}),
    ]
    assert (
        events[-1]["response"]["output"][0]["content"][0]["annotations"] == [{"type": "url_citation", **citation}] * 2
    )


def test_annotations_that_no_text_follows_are_lost_and_the_ledger_says_so(ask: Ask, at: At, checked: Checked) -> None:
    nested = {"type": "url_citation", "url_citation": {"url": "https://e.test"}}
    stream = ResponsesStream(ask(), at())
    checked(events_of(stream, [chunk(annotations=[nested, {"type": "odd"}]), chunk("stop")]))
    assert [(entry.parameter, entry.lossy) for entry in stream.ledger] == [("annotations", True)] * 2


def test_logprobs_are_in_the_delta_the_done_and_the_part(ask: Ask, at: At, checked: Checked) -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Yo", "logprob": -1.0}]}
    empty = {"content": [{"token": "", "logprob": 0.0}]}
    chunks = [chunk(logprobs=empty, content=""), chunk(logprobs={"content": [token]}, content="Hi"), chunk("stop")]
    events = checked(events_of(ResponsesStream(ask(), at()), chunks))
    want = [
        {"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []},
        {"token": "Hi", "logprob": -0.5, "bytes": [], "top_logprobs": [{"token": "Yo", "logprob": -1.0, "bytes": []}]},
    ]
    found = {event["type"]: event["logprobs"] for event in events if "logprobs" in event}
    assert found == {"response.output_text.delta": want, "response.output_text.done": want}
    assert events[-1]["response"]["output"][0]["content"][0]["logprobs"] == want


@pytest.mark.parametrize(
    ("finish", "type", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("function_call", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        (None, "incomplete", None),
    ],
)
def test_the_finish_reason_decides_the_last_event(
    finish: str | None, type: str, details: Any, ask: Ask, at: At, checked: Checked
) -> None:
    events = checked(events_of(ResponsesStream(ask(), at()), [chunk(content="Hi"), chunk(finish)]))
    response = events[-1]["response"]
    assert (events[-1]["type"], response["status"]) == (f"response.{type}", type)
    assert response["incomplete_details"] == details
    assert response["output"][0]["status"] == type


def test_only_the_last_item_of_a_cut_answer_is_incomplete(ask: Ask, at: At, checked: Checked) -> None:
    calls = [call_piece(0, "{}", id="a", name="f"), call_piece(1, '{"ci', id="b", name="f")]
    events = checked(events_of(ResponsesStream(ask(), at()), [chunk(content="x"), chunk("length", tool_calls=calls)]))
    assert [item["status"] for item in events[-1]["response"]["output"]] == ["completed", "completed", "incomplete"]


def test_a_name_that_comes_after_the_id_delays_the_item_but_loses_nothing(ask: Ask, at: At, checked: Checked) -> None:
    pieces = [{"index": 0, "id": "call_a", "type": "function"}, call_piece(0, "{", name="f"), call_piece(0, "}")]
    events = checked(events_of(ResponsesStream(ask(), at()), [*(chunk(tool_calls=[p]) for p in pieces), chunk("stop")]))
    call = events[-1]["response"]["output"][0]
    assert (call["call_id"], call["name"], call["arguments"]) == ("call_a", "f", "{}")
    deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
    assert "".join(deltas) == "{}"


def test_a_call_without_an_id_gets_one_and_one_without_index_begins_or_goes_on(
    ask: Ask, at: At, checked: Checked
) -> None:
    def piece(arguments: str, **name: str) -> JsonObject:
        return {"function": {**name, "arguments": arguments}}

    given = [piece("{", name="f"), piece("}"), piece("[]", name="g")]
    events = checked(events_of(ResponsesStream(ask(), at()), [*(chunk(tool_calls=[p]) for p in given), chunk("stop")]))
    output = events[-1]["response"]["output"]
    assert [(one["call_id"], one["name"], one["arguments"]) for one in output] == [
        ("call_A1_0", "f", "{}"),
        ("call_A1_1", "g", "[]"),
    ]


def test_a_legacy_function_call_becomes_a_call(ask: Ask, at: At, checked: Checked) -> None:
    chunks = [chunk(function_call={"name": "f", "arguments": "{"}), chunk(function_call={"arguments": "}"})]
    events = checked(events_of(ResponsesStream(ask(), at()), [*chunks, chunk("function_call")]))
    call = events[-1]["response"]["output"][0]
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "f", "{}")


def test_a_custom_call_that_chat_knows_streams_its_input(ask: Ask, at: At, checked: Checked) -> None:
    def piece(text: str, **first: Any) -> JsonObject:
        return {"index": 0, **first, "custom": {"name": "run", "input": text}}

    chunks = [chunk(tool_calls=[piece("print(", id="call_a", type="custom")]), chunk(tool_calls=[piece("1)")])]
    events = checked(events_of(ResponsesStream(ask(), at()), [*chunks, chunk("tool_calls")]))
    assert [event["type"].removeprefix("response.") for event in events[2:-1]] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[-1]["response"]["output"] == [
        {"id": "ctc_A1_0", "type": "custom_tool_call", "call_id": "call_a", "name": "run", "input": "print(1)"}
    ]


def test_a_custom_tool_that_went_as_a_function_comes_back_as_one(ask: Ask, at: At, checked: Checked) -> None:
    call = ask(tools=[{"type": "custom", "name": "run"}])
    pieces = [call_piece(0, '{"inp', id="call_a", name="run"), call_piece(0, 'ut":"a\\nb"}')]
    events = checked(events_of(ResponsesStream(call, at()), [*(chunk(tool_calls=[p]) for p in pieces), chunk("stop")]))
    assert [event["delta"] for event in events if event["type"].endswith("input.delta")] == ["a\nb"]
    assert events[-1]["response"]["output"][0]["input"] == "a\nb"


def test_a_stream_that_just_ends_is_truncated_and_keeps_what_came(ask: Ask, at: At) -> None:
    stream = ResponsesStream(ask(), at())
    stream.feed_chunk(chunk(content="Hal"))
    with pytest.raises(errors.StreamTruncatedError) as caught:
        stream.close(False)
    assert caught.value.partial["output"][0]["content"][0]["text"] == "Hal"
    assert caught.value.partial["status"] == "incomplete"


@pytest.mark.parametrize("chunks", [[], [{"choices": []}]])
def test_a_stream_that_says_nothing_is_no_empty_answer(chunks: list[JsonObject], ask: Ask, at: At) -> None:
    with pytest.raises(errors.StreamTruncatedError):
        events_of(ResponsesStream(ask(), at()), chunks, done=False)
    with pytest.raises(errors.APIResponseValidationError):
        events_of(ResponsesStream(ask(), at()), chunks)


def test_a_finish_reason_without_the_end_marker_is_an_end(ask: Ask, at: At, checked: Checked) -> None:
    stream = ResponsesStream(ask(), at())
    assert checked(events_of(stream, [chunk("stop", content="x")], done=False))[-1]["type"] == "response.completed"
    assert stream.close(True) == []
    assert stream.failed(errors.APIError("late")) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RateLimitError("slow down", code="tokens"), "rate_limit_exceeded"),
        (errors.BadRequestError("bad"), "invalid_prompt"),
        (errors.APIStatusError("no", code="bio_policy"), "bio_policy"),
        (errors.APITimeoutError("idle"), "server_error"),
        (errors.InternalServerError("boom", code="brand_new"), "server_error"),
    ],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_broken_stream_ends_in_response_failed_with_a_code_of_the_reference(
    error: errors.APIError, code: str, begun: bool, ask: Ask, at: At
) -> None:
    stream = ResponsesStream(ask(), at())
    events = stream.feed_chunk(chunk(content="Hal", tool_calls=[call_piece(0, "{", id="a")])) if begun else []
    events += stream.failed(error)
    for event in events:
        TypeAdapter(ResponseStreamEvent).validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert shown(events)[:2] == ["created", "in_progress"]
    last = events[-1]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"] == {"code": code, "message": str(error)}
    assert [item["status"] for item in last["response"]["output"]] == (["completed", "incomplete"] if begun else [])
    assert stream.close(True) == []


def test_other_choices_and_what_has_no_item_are_noted_as_lost(ask: Ask, at: At, checked: Checked) -> None:
    other = chunk(content="two")
    other["choices"][0]["index"] = 1
    stream = ResponsesStream(ask(), at())
    events = checked(events_of(stream, [chunk(content="one", audio={"data": "x"}), other, chunk("stop")]))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "one"
    assert [(entry.parameter, entry.lossy) for entry in stream.ledger] == [("message.audio", True), ("n", True)]


def test_a_first_chunk_that_names_nothing_does_not_begin_the_stream(ask: Ask, at: At, checked: Checked) -> None:
    stream = ResponsesStream(ask(), at())
    filters: JsonObject = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    assert stream.feed_chunk(filters) == []
    assert checked(events_of(stream, [chunk("stop", content="x")]))[0]["response"]["id"] == "resp_A1"


def test_the_official_sdks_accumulator_reads_the_stream(ask: Ask, at: At, checked: Checked) -> None:
    chunks = [
        chunk(reasoning_content="hm"),
        chunk(content="Hi"),
        chunk(refusal="no"),
        chunk(tool_calls=[call_piece(0, "{", id="a", name="f"), call_piece(1, "{", id="b", name="g")]),
        chunk(tool_calls=[call_piece(0, "}"), call_piece(1, "}")]),
        chunk("tool_calls"),
    ]
    from openai import omit

    state: Any = ResponseStreamState(input_tools=omit, text_format=omit)
    seen = [
        made
        for event in checked(events_of(ResponsesStream(ask(), at()), chunks))
        for made in state.handle_event(TypeAdapter(ResponseStreamEvent).validate_python(event))
    ]
    assert seen[-1].response.output_text == "Hi"
    assert [item.arguments for item in seen[-1].response.output[2:]] == ["{}", "{}"]


@pytest.mark.parametrize("last", [None, {}, []])
def test_usage_that_comes_with_every_chunk_is_that_of_the_response(ask: Ask, at: At, last: Any) -> None:
    chunks = [{**chunk(content="Hi"), "usage": {**USAGE, "completion_tokens": 1}}, {**chunk("stop"), "usage": USAGE}]
    chunks.append({**chunk(), "choices": [], "usage": last})
    usage = events_of(ResponsesStream(ask(stream=True), at()), chunks)[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (9, 4, 13)
