"""Line by line: what a Responses call becomes on chat. Source: OpenAI API reference, `CreateResponse`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core.bridges.responses_to_chat import to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.errors import BadRequestError, UnsupportedParamsError

Ask = Callable[..., Call]
At = Callable[..., Route]
HI = {"role": "user", "content": "hi"}
FLAT = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
NESTED = {
    "type": "function",
    "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
CHAT_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


def notes(entries: tuple[LedgerEntry, ...]) -> list[tuple[str, str, bool]]:
    """Return all entries but the one that every bridged call has."""
    assert (entries[0].parameter, entries[0].action) == ("input", "bridged")
    return [(entry.parameter, entry.action, entry.lossy) for entry in entries[1:]]


def test_the_chat_call_keeps_who_asked_and_how(at: At) -> None:
    call = Call("responses", "openai/a-model", {"input": "hi"}, False, {"team": "a"}, "req_1")
    made, entries = to_chat(call, at())
    assert made == Call("chat", "openai/a-model", {"messages": [HI]}, False, {"team": "a"}, "req_1")
    assert notes(entries) == []


@pytest.mark.parametrize(
    ("given", "made", "noted"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, []),
        ({"user": "u", "safety_identifier": "s"}, {"user": "u", "safety_identifier": "s"}, []),
        ({"metadata": {"a": "b"}, "service_tier": "flex"}, {"metadata": {"a": "b"}, "service_tier": "flex"}, []),
        ({"prompt_cache_key": "k"}, {"prompt_cache_key": "k"}, []),
        ({"temperature": None, "include": None, "reasoning": None, "text": None, "tools": None}, {}, []),
        ({"max_output_tokens": 20}, {"max_tokens": 20}, [("max_output_tokens", "bridged", False)]),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}, []),
        (
            {"reasoning": {"effort": "low", "summary": "auto", "mode": None, "context": "auto"}},
            {"reasoning_effort": "low"},
            [("reasoning.summary", "dropped", True), ("reasoning.context", "dropped", True)],
        ),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}, []),
        ({"text": {"format": {"type": "text"}}}, {"response_format": {"type": "text"}}, []),
        (
            {
                "text": {
                    "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True, "description": "d"}
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {}, "strict": True, "description": "d"},
                }
            },
            [],
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": None}}},
            {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}},
            [],
        ),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}, []),
        (
            {"include": ["message.output_text.logprobs"], "top_logprobs": 3},
            {"logprobs": True, "top_logprobs": 3},
            [],
        ),
        ({"top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}, []),
        ({"include": ["reasoning.encrypted_content"]}, {}, [("include", "bridged", False)]),
        ({"store": True}, {}, [("store", "dropped", True)]),
        ({"store": False}, {}, [("store", "dropped", False)]),
        ({"truncation": "auto"}, {}, [("truncation", "dropped", True)]),
        ({"truncation": "disabled"}, {}, [("truncation", "dropped", False)]),
        ({"max_tool_calls": 3}, {}, [("max_tool_calls", "dropped", True)]),
        ({"background": False, "previous_response_id": None}, {}, [("background", "dropped", False)]),
        ({"stream": False}, {"stream": False}, []),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}, []),
        (
            {"stream": True, "stream_options": {"include_obfuscation": False}},
            {"stream": True, "stream_options": {"include_obfuscation": False, "include_usage": True}},
            [("stream_options", "bridged", False)],
        ),
        ({"tools": [], "parallel_tool_calls": False}, {}, [("parallel_tool_calls", "dropped", False)]),
        ({"tool_choice": "auto"}, {}, [("tool_choice", "dropped", False)]),
    ],
)
def test_parameters(given: JsonObject, made: JsonObject, noted: list[Any], ask: Ask, at: At) -> None:
    call, entries = to_chat(ask(**given), at())
    assert call.body == {"messages": [HI], **made}
    assert notes(entries) == noted


def test_the_catalogue_says_what_the_model_calls_its_limit(ask: Ask, at: At) -> None:
    route = at(params={"max_tokens_param": "max_completion_tokens"})
    assert to_chat(ask(max_output_tokens=20), route)[0].body == {"messages": [HI], "max_completion_tokens": 20}


@pytest.mark.parametrize(
    "state",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"background": True},
        {"prompt": {"id": "pmpt_1"}},
        {"context_management": [{"type": "compaction"}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"type": "compaction", "encrypted_content": "x"}]},
    ],
)
@pytest.mark.parametrize("policy", ["error", "drop", "forward"])
def test_state_is_refused_under_every_policy(state: JsonObject, policy: str, ask: Ask, at: At) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        to_chat(ask(**state), at(policy))
    assert (caught.value.param, caught.value.status_code, caught.value.attempts) == (next(iter(state)), 400, 0)


@pytest.mark.parametrize(
    ("given", "param", "forwarded"),
    [
        ({"service_tier": "ultrafast"}, "service_tier", {"service_tier": "ultrafast"}),
        ({"tools": [FLAT, {"type": "mcp"}]}, "tools", {"tools": [NESTED, {"type": "mcp"}]}),
        ({"tools": [FLAT, {"type": "web_search"}]}, "tools", {"tools": [NESTED, {"type": "web_search"}]}),
        (
            {"tools": [FLAT], "tool_choice": {"type": "file_search"}},
            "tool_choice",
            {"tools": [NESTED], "tool_choice": {"type": "file_search"}},
        ),
        ({"image": {"x": 1}}, "image", {}),
    ],
)
def test_what_chat_lacks_goes_by_the_policy(
    given: JsonObject, param: str, forwarded: JsonObject, ask: Ask, at: At
) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        to_chat(ask(**given), at())
    assert caught.value.param == param
    dropped, entries = to_chat(ask(**given), at("drop"))
    rest = {"tools": [NESTED]} if "tools" in given else {}
    assert dropped.body == {"messages": [HI], **rest}
    assert notes(entries) == [(param, "dropped", True)]
    assert to_chat(ask(**given), at("forward"))[0].body == {"messages": [HI], **forwarded}


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (FLAT, NESTED),
        (NESTED, NESTED),
        (
            {"type": "function", "name": "f", "parameters": None, "strict": None},
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}},
        ),
    ],
)
def test_function_tools(given: JsonObject, made: JsonObject, ask: Ask, at: At) -> None:
    assert to_chat(ask(tools=[given]), at())[0].body["tools"] == [made]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ({"type": "custom", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
    ],
)
def test_tool_choice(given: Any, made: Any, ask: Ask, at: At) -> None:
    call, _ = to_chat(ask(tools=[FLAT], tool_choice=given, parallel_tool_calls=False), at())
    assert call.body == {"messages": [HI], "tools": [NESTED], "parallel_tool_calls": False, "tool_choice": made}


def test_a_field_of_a_tool_that_chat_does_not_have_is_noted(ask: Ask, at: At) -> None:
    tool = {**FLAT, "defer_loading": True, "output_schema": None}
    call, entries = to_chat(ask(tools=[tool]), at())
    assert call.body["tools"] == [NESTED]
    assert notes(entries) == [("tools", "dropped", True)]


def test_web_search_becomes_options_where_only_chat_serves_a_model_that_searches(ask: Ask, at: At) -> None:
    route = at(mode="chat", endpoints=["chat.completions"], capabilities={"web_search": True})
    tool = {
        "type": "web_search_preview_2025_03_11",
        "search_context_size": "low",
        "user_location": {"type": "approximate", "country": "NO", "city": None},
        "filters": {"allowed_domains": ["e.test"]},
    }
    call, entries = to_chat(ask(tools=[tool]), route)
    assert call.body == {
        "messages": [HI],
        "web_search_options": {
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"country": "NO"}},
        },
    }
    assert notes(entries) == [("tools", "dropped", True)]
    other = at(mode="chat", endpoints=["chat.completions", "responses"], capabilities={"web_search": True})
    with pytest.raises(UnsupportedParamsError):
        to_chat(ask(tools=[tool]), other)


GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}
CUSTOM = {"type": "custom", "name": "run", "description": "runs it", "format": GRAMMAR}


def test_custom_tools_stay_where_the_catalogue_knows_that_the_model_takes_them(ask: Ask, at: At) -> None:
    route = at(capabilities={"custom_tools": True})
    history = [{"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": "1"}]
    call, entries = to_chat(ask(input=history, tools=[CUSTOM], tool_choice={"type": "custom", "name": "run"}), route)
    assert call.body["tools"] == [
        {
            "type": "custom",
            "custom": {
                "name": "run",
                "description": "runs it",
                "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[0-9]+"}},
            },
        }
    ]
    assert call.body["tool_choice"] == {"type": "custom", "custom": {"name": "run"}}
    made = {"id": "c1", "type": "custom", "custom": {"name": "run", "input": "1"}}
    assert call.body["messages"][0]["tool_calls"] == [made]
    assert notes(entries) == []


def test_custom_tools_become_functions_with_one_text_elsewhere(ask: Ask, at: At) -> None:
    history = [
        {"type": "custom_tool_call", "call_id": "c1", "name": "run", "input": 'a"b'},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "sunny"},
    ]
    call, entries = to_chat(ask(input=history, tools=[CUSTOM]), at())
    [tool] = call.body["tools"]
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert "[0-9]+" in tool["function"]["description"]
    assert call.body["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "run", "arguments": '{"input":"a\\"b"}'}}
            ],
        },
        TOOL,
    ]
    assert notes(entries) == [("tools", "emulated", False), ("tools", "dropped", True)]


def test_tools_of_a_namespace_get_flat_names_in_tools_choice_and_history(ask: Ask, at: At) -> None:
    inner = [{"type": "function", "name": "find", "description": "finds"}, {"type": "custom", "name": "run"}]
    tools = [{"type": "namespace", "name": "crm", "description": "customers", "tools": inner}, FLAT]
    history = [{**CALL, "name": "find", "namespace": "crm"}]
    choice = {"type": "function", "name": "find"}
    call, entries = to_chat(ask(input=history, tools=tools, tool_choice=choice), at())
    functions = [tool["function"] for tool in call.body["tools"]]
    assert [function["name"] for function in functions] == ["crm__find", "crm__run", "f"]
    assert functions[0]["description"] == "customers\n\nfinds"
    assert call.body["tool_choice"] == {"type": "function", "function": {"name": "crm__find"}}
    assert call.body["messages"][0]["tool_calls"][0]["function"]["name"] == "crm__find"
    assert notes(entries) == [("tools", "bridged", False), ("tools", "emulated", False)]


def test_a_flat_name_that_is_too_long_taken_or_illegal_is_made_to_fit(ask: Ask, at: At) -> None:
    def inner(name: str) -> list[JsonObject]:
        return [{"type": "function", "name": name}]

    tools = [
        {"type": "function", "name": "a__b"},
        {"type": "namespace", "name": "a", "description": "", "tools": inner("b")},
        {"type": "namespace", "name": "n.s", "description": "", "tools": inner("b")},
        {"type": "namespace", "name": "n" * 60, "description": "", "tools": inner("find_all")},
    ]
    names = [tool["function"]["name"] for tool in to_chat(ask(tools=tools), at())[0].body["tools"]]
    assert len(set(names)) == 4
    assert all(len(name) <= 64 and name.replace("_", "a").isalnum() for name in names)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([HI], [HI]),
        ([{"type": "message", "role": "developer", "content": "x"}], [{"role": "developer", "content": "x"}]),
        ([{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], [HI]),
        (
            [{"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]}],
            [{"role": "user", "content": "a\nb"}],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "r"}],
                }
            ],
            [{"role": "assistant", "content": "a", "refusal": "r"}],
        ),
        (
            [{"role": "assistant", "content": [{"type": "refusal", "refusal": "r"}]}],
            [{"role": "assistant", "content": None, "refusal": "r"}],
        ),
        (
            [{"role": "assistant", "content": "a"}, CALL, {**CALL, "call_id": "c2"}, OUTPUT],
            [
                {"role": "assistant", "content": "a", "tool_calls": [CHAT_CALL, {**CHAT_CALL, "id": "c2"}]},
                TOOL,
            ],
        ),
        (
            [CALL, OUTPUT, {**CALL, "call_id": "c2"}],
            [
                {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
                TOOL,
                {"role": "assistant", "content": None, "tool_calls": [{**CHAT_CALL, "id": "c2"}]},
            ],
        ),
        (
            [CALL, {**OUTPUT, "output": None}],
            [{"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}, {**TOOL, "content": ""}],
        ),
        (
            [CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "sunny"}]}],
            [{"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]}, TOOL],
        ),
        (
            [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}, {"text": "b"}]},
                {"role": "assistant", "content": "x"},
                CALL,
            ],
            [{"role": "assistant", "content": "x", "reasoning_content": "a\n\nb", "tool_calls": [CHAT_CALL]}],
        ),
        (
            [{"type": "reasoning", "summary": [{"text": "s"}], "content": [{"text": "ra"}, {"text": "w"}]}, CALL],
            [{"role": "assistant", "content": None, "reasoning_content": "raw", "tool_calls": [CHAT_CALL]}],
        ),
        (
            [{"role": "assistant", "content": "x"}, {"type": "reasoning", "summary": [{"text": "hm"}]}, CALL],
            [
                {"role": "assistant", "content": "x"},
                {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CHAT_CALL]},
            ],
        ),
    ],
)
def test_items(items: list[JsonObject], messages: list[JsonObject], ask: Ask, at: At) -> None:
    call, entries = to_chat(ask(input=items), at())
    assert call.body == {"messages": messages}
    assert notes(entries) == []


def test_parts_keep_detail_and_cache_breakpoint(ask: Ask, at: At) -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}
    parts = [
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"type": "explicit"}},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        {"type": "input_file", "file_id": "file_1"},
        audio,
        {"type": "image_url", "image_url": {"url": "https://e.test/a.png"}},
    ]
    call, entries = to_chat(ask(input=[{"role": "user", "content": parts}]), at())
    assert call.body["messages"][0]["content"] == [
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"type": "explicit"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "auto"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        {"type": "file", "file": {"file_id": "file_1"}},
        audio,
        {"type": "image_url", "image_url": {"url": "https://e.test/a.png"}},
    ]
    assert notes(entries) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file_1", "detail": "auto"},
        {"type": "input_file", "file_url": "https://e.test/a.pdf"},
        {"type": "hologram"},
    ],
)
def test_a_part_without_a_form_on_chat_is_refused_or_left_out_and_leaves_no_empty_message(
    part: JsonObject, ask: Ask, at: At
) -> None:
    items = [HI, {"role": "user", "content": [part]}]
    with pytest.raises(UnsupportedParamsError) as caught:
        to_chat(ask(input=items), at())
    assert caught.value.param == "input"
    call, entries = to_chat(ask(input=items), at("drop"))
    assert call.body["messages"] == [HI]
    assert notes(entries) == [("input", "dropped", True)]


def test_an_image_in_an_output_goes_by_the_policy(ask: Ask, at: At) -> None:
    image = {"type": "input_image", "image_url": "https://e.test/a.png"}
    items = [CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "sunny"}, image]}]
    with pytest.raises(UnsupportedParamsError):
        to_chat(ask(input=items), at())
    assert to_chat(ask(input=items), at("drop"))[0].body["messages"][1] == TOOL
    forwarded = to_chat(ask(input=items), at("forward"))[0].body["messages"][1]["content"]
    assert forwarded[1] == {"type": "image_url", "image_url": {"url": "https://e.test/a.png"}}


def test_an_output_without_its_call_is_refused_or_left_out(ask: Ask, at: At) -> None:
    with pytest.raises(UnsupportedParamsError, match="c1"):
        to_chat(ask(input=[HI, OUTPUT]), at())
    assert to_chat(ask(input=[HI, OUTPUT]), at("drop"))[0].body["messages"] == [HI]


def test_built_in_calls_of_the_history_are_left_out_and_noted(ask: Ask, at: At) -> None:
    items = [
        HI,
        {"type": "web_search_call", "id": "ws_1"},
        {"role": "assistant", "content": "x", "phase": "final_answer"},
    ]
    call, entries = to_chat(ask(input=items), at())
    assert call.body["messages"] == [HI, {"role": "assistant", "content": "x"}]
    assert notes(entries) == [("input", "dropped", True)] * 2


def test_an_item_that_nobody_knows_goes_by_the_policy(ask: Ask, at: At) -> None:
    with pytest.raises(UnsupportedParamsError, match="telepathy"):
        to_chat(ask(input=[HI, {"type": "telepathy"}]), at())
    assert to_chat(ask(input=[HI, {"type": "telepathy"}]), at("drop"))[0].body["messages"] == [HI]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["hi"]}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input"),
        ({"input": [{"role": "user", "content": 5}]}, "input"),
        ({"input": [{"role": "user", "content": ["x"]}]}, "input"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input"),
        ({"input": [CALL, {**OUTPUT, "output": 5}]}, "input"),
        ({"instructions": ["x"]}, "instructions"),
        ({"tools": ["f"]}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [{"type": "namespace", "tools": []}]}, "tools"),
        ({"tools": [{"type": "namespace", "name": "n", "tools": ["f"]}]}, "tools"),
        ({"reasoning": "low"}, "reasoning"),
        ({"text": "json"}, "text"),
        ({"include": "x"}, "include"),
    ],
)
def test_what_the_endpoint_does_not_describe_is_a_bad_request(body: JsonObject, param: str, ask: Ask, at: At) -> None:
    with pytest.raises(BadRequestError) as caught:
        to_chat(ask(**body), at())
    assert (caught.value.param, caught.value.attempts) == (param, 0)
