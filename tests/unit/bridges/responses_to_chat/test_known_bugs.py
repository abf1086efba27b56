"""One test for each bug that other bridges of this direction had: 23, 25 to 32 and 41 of the catalogue of cases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmgate_core.bridges.responses_to_chat import ResponsesStream, response_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.errors import RateLimitError, UnsupportedParamsError

Ask = Callable[..., Call]
At = Callable[..., Route]
HI = {"role": "user", "content": "hi"}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object"}}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}
CHUNK = {"id": "chatcmpl-A1", "created": 7, "model": "m"}


def chunk(finish: str | None = None, **delta: object) -> JsonObject:
    return {**CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_bug_23_encrypted_reasoning_never_goes_to_an_upstream_that_cannot_read_it(ask: Ask, at: At) -> None:
    secret = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
    call, entries = to_chat(ask(input=[HI, CALL, secret, {**CALL, "call_id": "c2"}, OUTPUT]), at())
    assert "gAAAA" not in str(call.body)
    assert [message["role"] for message in call.body["messages"]] == ["user", "assistant", "tool"]
    assert [call["id"] for call in call.body["messages"][1]["tool_calls"]] == ["c1", "c2"]
    assert [(entry.action, entry.lossy) for entry in entries if "encrypted" in entry.reason] == [("dropped", False)]


def test_bug_25_a_forced_function_stays_that_function(ask: Ask, at: At) -> None:
    call, _ = to_chat(ask(tools=[FLAT], tool_choice={"type": "function", "name": "f"}), at())
    assert call.body["tool_choice"] == {"type": "function", "function": {"name": "f"}}


def test_bug_26_names_survive_nesting_and_custom_or_shell_tools_are_never_forwarded_raw(ask: Ask, at: At) -> None:
    call, _ = to_chat(
        ask(tools=[{"type": "function", "function": {"name": "f"}}, {"type": "custom", "name": "g"}]), at()
    )
    assert [(tool["type"], tool["function"]["name"]) for tool in call.body["tools"]] == [
        ("function", "f"),
        ("function", "g"),
    ]
    for kind in ("shell", "local_shell", "apply_patch", "computer"):
        with pytest.raises(UnsupportedParamsError, match=kind):
            to_chat(ask(tools=[{"type": kind}]), at())


def test_bug_27_names_that_the_endpoint_does_not_know_go_out_as_they_are_and_win(ask: Ask, at: At) -> None:
    call, _ = to_chat(ask(top_k=5, chat_template_kwargs={"a": 1}, max_output_tokens=9, max_tokens=7), at())
    assert call.body == {"messages": [HI], "max_tokens": 7, "top_k": 5, "chat_template_kwargs": {"a": 1}}


def test_bug_28_one_setting_puts_all_system_and_developer_messages_into_one_that_leads(ask: Ask, at: At) -> None:
    late = {"role": "developer", "content": [{"type": "input_text", "text": "c"}]}
    given = ask(instructions="a", input=[{"role": "system", "content": "b"}, HI, late])
    assert [message["role"] for message in to_chat(given, at())[0].body["messages"]] == [
        "system",
        "system",
        "user",
        "developer",
    ]
    merged, entries = to_chat(given, at(), merge_system=True)
    assert merged.body["messages"] == [{"role": "system", "content": "a\n\nb\n\nc"}, HI]
    assert "merged" in entries[1].reason
    image = {"type": "image_url", "image_url": {"url": "https://e.test/a.png"}}
    given = ask(instructions="a", input=[HI, {"role": "system", "content": [image]}])
    parts = to_chat(given, at(), merge_system=True)[0].body["messages"][0]["content"]
    assert parts == [{"type": "text", "text": "a"}, image]
    assert len(to_chat(ask(instructions="a"), at(), merge_system=True)[1]) == 1


def test_bug_29_outputs_stand_right_behind_the_message_that_calls(ask: Ask, at: At) -> None:
    between = {"role": "user", "content": "wait"}
    items = [HI, CALL, {**CALL, "call_id": "c2"}, between, {**OUTPUT, "call_id": "c2"}, OUTPUT]
    messages = to_chat(ask(input=items), at())[0].body["messages"]
    assert [message.get("tool_call_id", message["role"]) for message in messages] == [
        "user",
        "assistant",
        "c2",
        "c1",
        "user",
    ]


def test_bug_30_reasoning_is_neither_dropped_nor_visible_text(ask: Ask, at: At) -> None:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
    call, _ = to_chat(ask(input=[HI, thought, {"role": "assistant", "content": "x"}]), at())
    assert call.body["messages"][1] == {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    call, entries = to_chat(ask(input=[thought, HI]), at())
    assert call.body["messages"] == [HI]
    assert [(entry.action, entry.lossy) for entry in entries[1:]] == [("dropped", False)]
    message = {"role": "assistant", "content": "x", "reasoning_content": "hm"}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    output = response_object(ask(), at(), answer).body["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    assert output[1]["content"][0]["text"] == "x"


def test_bug_31_no_parameter_of_the_responses_api_reaches_the_provider_untranslated(ask: Ask, at: At) -> None:
    given = ask(
        instructions="a",
        include=["reasoning.encrypted_content"],
        max_output_tokens=20,
        max_tool_calls=1,
        reasoning={"effort": "low", "summary": "auto"},
        store=True,
        text={"format": {"type": "text"}},
        truncation="auto",
        background=False,
    )
    body = to_chat(given, at())[0].body
    assert set(body) == {"messages", "max_tokens", "reasoning_effort", "response_format"}


def test_bug_32_the_stream_has_call_events_and_fails_in_its_own_shape(ask: Ask, at: At) -> None:
    stream = ResponsesStream(ask(tools=[FLAT]), at())
    piece = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    kinds = [event["type"] for event in stream.feed_chunk(chunk(tool_calls=[piece]))]
    assert kinds[2:] == ["response.output_item.added", "response.function_call_arguments.delta"]
    [failed] = stream.failed(RateLimitError("slow down", status_code=429))
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}


def test_bug_41_the_summary_part_is_added_numbers_have_no_gaps_and_the_id_is_a_responses(ask: Ask, at: At) -> None:
    stream = ResponsesStream(ask(), at())
    events = stream.feed_chunk(chunk(reasoning_content="hm")) + stream.feed_chunk(chunk("stop", content="x"))
    events += stream.close(True)
    kinds = [event["type"] for event in events]
    added = kinds.index("response.reasoning_summary_part.added")
    assert added < kinds.index("response.reasoning_summary_text.delta")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert {event["response"]["id"] for event in events if "response" in event} == {"resp_A1"}
