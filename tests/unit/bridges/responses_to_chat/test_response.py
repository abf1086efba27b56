"""Line by line: the response that a chat answer makes. Source: OpenAI API reference, `Response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core.bridges.responses_to_chat import response_object
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.errors import APIResponseValidationError

Ask = Callable[..., Call]
At = Callable[..., Route]
Valid = Callable[[JsonObject], JsonObject]


def answer(finish: str | None = "stop", logprobs: Any = None, **message: Any) -> JsonObject:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": logprobs, "finish_reason": finish}
    return {"id": "chatcmpl-A1", "object": "chat.completion", "created": 7, "model": "m-1", "choices": [choice]}


def call_of(id: str | None, name: str, arguments: str) -> JsonObject:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_the_whole_response_of_a_plain_answer(ask: Ask, at: At, valid_response: Valid) -> None:
    converted = response_object(ask(), at(), answer(content="Hi", refusal=None))
    assert converted.ledger == ()
    assert valid_response(converted.body) == {
        "id": "resp_A1",
        "object": "response",
        "created_at": 7,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "model": "m-1",
        "output": [
            {
                "id": "msg_A1_0",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
    }


def test_the_request_is_echoed_in_the_form_that_the_schema_has(ask: Ask, at: At, valid_response: Valid) -> None:
    tools = [
        {"type": "function", "function": {"name": "f"}},
        {"type": "custom", "name": "run"},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", "name": "g"}]},
    ]
    given = ask(
        instructions="a",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=20,
        metadata={"a": "b"},
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
        tool_choice={"type": "function", "function": {"name": "f"}},
        tools=tools,
        user="u",
        prompt_cache_key="k",
        truncation="auto",
        store=True,
    )
    body = valid_response(response_object(given, at(), answer(content="Hi")).body)
    echoed = {name: body[name] for name in ("instructions", "temperature", "top_p", "metadata", "user")}
    assert echoed == {"instructions": "a", "temperature": 0.5, "top_p": 0.9, "metadata": {"a": "b"}, "user": "u"}
    assert body["tools"] == [{"type": "function", "name": "f", "parameters": None, "strict": False}, *tools[1:]]
    assert body["tool_choice"] == {"type": "function", "name": "f"}
    assert body["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (body["reasoning"], body["store"], body["truncation"]) == (
        {"effort": "low", "summary": None},
        False,
        "disabled",
    )
    assert (body["parallel_tool_calls"], body["max_output_tokens"], body["prompt_cache_key"]) == (False, 20, "k")


def test_output_is_reasoning_then_message_then_calls(ask: Ask, at: At, valid_response: Valid) -> None:
    given = answer(
        "tool_calls",
        content="Hi",
        refusal="no",
        reasoning_content="hm",
        tool_calls=[call_of("call_a", "f", "{}"), call_of(None, "g", "[]")],
    )
    output = valid_response(response_object(ask(), at(), given).body)["output"]
    assert output[0] == {"id": "rs_A1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    assert output[1]["content"][1] == {"type": "refusal", "refusal": "no"}
    assert output[2:] == [
        {
            "id": "fc_A1_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_a",
            "name": "f",
            "arguments": "{}",
        },
        {
            "id": "fc_A1_3",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_A1_3",
            "name": "g",
            "arguments": "[]",
        },
    ]


@pytest.mark.parametrize(
    ("finish", "status", "details"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("function_call", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        (None, "incomplete", None),
    ],
)
def test_finish_reasons(finish: Any, status: str, details: Any, ask: Ask, at: At, valid_response: Valid) -> None:
    converted = response_object(ask(), at(), answer(finish, content="Hi"))
    body = valid_response(converted.body)
    assert (body["status"], body["incomplete_details"], body["output"][0]["status"]) == (status, details, status)
    assert converted.ledger == ()


def test_a_finish_reason_that_chat_does_not_have_is_noted(ask: Ask, at: At) -> None:
    converted = response_object(ask(), at(), answer("eos", content="Hi"))
    assert converted.body["status"] == "completed"
    assert [(entry.parameter, entry.action) for entry in converted.ledger] == [("finish_reason", "emulated")]


@pytest.mark.parametrize(
    ("usage", "made"),
    [
        (
            {"prompt_tokens": 2, "completion_tokens": 3},
            {
                "input_tokens": 2,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 3,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 5,
            },
        ),
        (
            {
                "prompt_tokens": 2,
                "completion_tokens": 3,
                "total_tokens": 6,
                "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": None, "image_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            {
                "input_tokens": 2,
                "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0, "image_tokens": 4},
                "output_tokens": 3,
                "output_tokens_details": {"reasoning_tokens": 2},
                "total_tokens": 6,
            },
        ),
    ],
)
def test_usage_has_both_details(usage: JsonObject, made: JsonObject, ask: Ask, at: At, valid_response: Valid) -> None:
    body = valid_response(response_object(ask(), at(), {**answer(content="Hi"), "usage": usage}).body)
    assert body["usage"] == made


@pytest.mark.parametrize("usage", [None, {}, [], "many"])
def test_usage_that_did_not_come_is_absent_and_never_zero(ask: Ask, at: At, usage: Any) -> None:
    assert "usage" not in response_object(ask(), at(), {**answer(content="Hi"), "usage": usage}).body


def test_annotations_are_unnested_and_logprobs_complete(ask: Ask, at: At, valid_response: Valid) -> None:
    nested = {"type": "url_citation", "url_citation": {"url": "https://e.test", "start_index": 0, "end_index": 2}}
    flat = {"type": "file_path", "file_id": "f", "index": 0}
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    converted = response_object(
        ask(), at(), answer(content="Hi", annotations=[nested, flat, {"type": "odd"}], logprobs={"content": [token]})
    )
    [part] = valid_response(converted.body)["output"][0]["content"]
    assert part["annotations"] == [
        {"type": "url_citation", "url": "https://e.test", "title": "", "start_index": 0, "end_index": 2},
        flat,
    ]
    assert part["logprobs"] == [token]
    assert [(entry.parameter, entry.lossy) for entry in converted.ledger] == [("annotations", True)]


@pytest.mark.parametrize("tier", ["flex", "on_demand", None])
def test_a_tier_that_only_the_upstream_knows_is_not_passed_off_as_the_apis(
    tier: str | None, ask: Ask, at: At, valid_response: Valid
) -> None:
    body = valid_response(response_object(ask(), at(), {**answer(content="Hi"), "service_tier": tier}).body)
    assert body["service_tier"] == (tier if tier == "flex" else None)


@pytest.mark.parametrize(
    ("arguments", "input"), [('{"input":"a\\nb"}', "a\nb"), ("bare", "bare"), ('{"x":1}', '{"x":1}')]
)
def test_namespaces_and_custom_tools_come_back_under_their_own_names(
    arguments: str, input: str, ask: Ask, at: At, valid_response: Valid
) -> None:
    inner = [{"type": "function", "name": "find"}, {"type": "custom", "name": "run"}]
    given = ask(tools=[{"type": "namespace", "name": "crm", "description": "d", "tools": inner}])
    calls = [call_of("a", "crm__find", "{}"), call_of("b", "crm__run", arguments)]
    output = valid_response(response_object(given, at(), answer("tool_calls", tool_calls=calls)).body)["output"]
    assert [(item["type"], item["name"], item["namespace"]) for item in output] == [
        ("function_call", "find", "crm"),
        ("custom_tool_call", "run", "crm"),
    ]
    assert output[1] == {
        "id": "ctc_A1_1",
        "type": "custom_tool_call",
        "call_id": "b",
        "name": "run",
        "namespace": "crm",
        "input": input,
    }


def test_a_custom_call_of_chat_and_a_legacy_function_call(ask: Ask, at: At, valid_response: Valid) -> None:
    custom = {"id": "a", "type": "custom", "custom": {"name": "run", "input": '{"input":"x"}'}}
    given = answer("function_call", tool_calls=[custom], function_call={"name": "f", "arguments": "{}"})
    output = valid_response(response_object(ask(tools=[{"type": "custom", "name": "run"}]), at(), given).body)["output"]
    assert output[0]["input"] == '{"input":"x"}'
    assert (output[1]["name"], output[1]["call_id"]) == ("f", "call_A1_1")


@pytest.mark.parametrize("choices", [None, [], "x", [None]])
def test_an_answer_without_a_choice_is_an_error(choices: Any, ask: Ask, at: At) -> None:
    with pytest.raises(APIResponseValidationError):
        response_object(ask(), at(), {**answer(), "choices": choices})


def test_ids_hang_on_the_chat_id_alone_and_are_made_fit(ask: Ask, at: At) -> None:
    def id_of(chat_id: str | None) -> str:
        made: str = response_object(ask(), at(), {**answer(content="Hi"), "id": chat_id}).body["id"]
        return made

    assert id_of("chatcmpl-x") == id_of("x") == "resp_x"
    assert id_of("gen/1 2") == id_of("gen/1 2") != id_of("gen/1 3")
    assert id_of("gen/1 2").removeprefix("resp_").isalnum()
    assert id_of("") != id_of("") != id_of(None)


def test_more_choices_and_what_has_no_item_are_noted_as_lost(ask: Ask, at: At) -> None:
    given = answer(content="Hi", audio={"id": "a"})
    given["choices"].append({"index": 1, "message": {"content": "two"}, "finish_reason": "stop"})
    converted = response_object(ask(), at(), given)
    assert [(entry.parameter, entry.lossy) for entry in converted.ledger] == [("n", True), ("message.audio", True)]


def test_content_that_comes_as_parts_is_read_as_their_text(ask: Ask, at: At, valid_response: Valid) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    body = valid_response(response_object(ask(), at(), answer(content=parts)).body)
    assert body["output"][0]["content"][0]["text"] == "ab"
