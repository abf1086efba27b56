"""Section by section: the chat call that a Messages call makes. Source: Anthropic API reference, POST /v1/messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core.bridges.messages_to_chat import to_chat
from llmgate_core.bridges.messages_to_chat.tools import names_of
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.errors import BadRequestError, UnsupportedParamsError

Ask = Callable[..., Call]
At = Callable[..., Route]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "get_weather", "description": "The weather.", "input_schema": SCHEMA}
PIXEL = {"type": "base64", "media_type": "image/png", "data": "aGk="}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
REASONS: JsonObject = {
    "capabilities": {"reasoning": True},
    "reasoning": {"efforts": ["minimal", "low", "medium", "high"]},
}


def nothing(name: str, value: Any) -> bool:  # what the hook of a plugin is asked
    return False


def everything(name: str, value: Any) -> bool:
    return True


def converted(call: Call, route: Route, takes: Callable[[str, Any], bool] = nothing) -> JsonObject:
    return to_chat(call, route, takes)[0].body


def noted(call: Call, route: Route, takes: Callable[[str, Any], bool] = nothing) -> list[tuple[str, str]]:
    return [(entry.parameter, entry.action) for entry in to_chat(call, route, takes)[1][1:]]


def text(value: str, **more: Any) -> JsonObject:
    return {"type": "text", "text": value, **more}


def user(*blocks: Any) -> list[Any]:
    return [{"role": "user", "content": list(blocks)}]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"system": "Be brief."}, {"role": "system", "content": "Be brief."}),
        ({"system": [text("One."), text("Two.")]}, {"role": "system", "content": "One.\n\nTwo."}),
        ({"messages": user(text("Hi"))}, {"role": "user", "content": "Hi"}),
        (
            {"messages": [{"role": "system", "content": "Now."}, *user(text("Hi"))]},
            {"role": "system", "content": "Now."},
        ),
        (
            {"messages": user(text("See"), {"type": "image", "source": PIXEL})},
            {"role": "user", "content": [text("See"), PICTURE]},
        ),
        (
            {"messages": user({"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}})},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}]},
        ),
        (
            {
                "messages": user(
                    {"type": "document", "title": "a.pdf", "source": {**PIXEL, "media_type": "application/pdf"}}
                )
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "file",
                        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
                    }
                ],
            },
        ),
        (
            {
                "messages": user(
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "T"}}
                )
            },
            {"role": "user", "content": "T"},
        ),
        (
            {"messages": user({"type": "search_result", "source": "s", "title": "t", "content": [text("found")]})},
            {"role": "user", "content": "t\n\ns\n\nfound"},
        ),
    ],
)
def test_a_turn_becomes_a_message(given: JsonObject, sent: JsonObject, ask: Ask, at: At) -> None:
    assert converted(ask(**given), at())["messages"][0] == sent


def test_calls_and_results_keep_their_order_and_the_rest_follows(ask: Ask, at: At) -> None:
    history = [
        {"role": "user", "content": "Where?"},
        {
            "role": "assistant",
            "content": [
                text("Two calls."),
                {"type": "tool_use", "id": "toolu_llmgate_call_1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "toolu_01", "name": "g", "input": {}},
            ],
        },
        *user(
            text("And?"),
            {"type": "tool_result", "tool_use_id": "toolu_llmgate_call_1", "content": "18"},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_01",
                "is_error": True,
                "content": [text("no"), {"type": "image", "source": PIXEL}],
            },
        ),
    ]
    assert converted(ask(messages=history), at())["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Two calls.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "toolu_01", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "18"},
        {"role": "tool", "tool_call_id": "toolu_01", "content": "Error: no"},
        {"role": "user", "content": [text("(The tool has returned the following.) toolu_01"), PICTURE, text("And?")]},
    ]
    assert noted(ask(messages=history), at()) == [("messages", "emulated")] * 2


def test_empty_turns_and_empty_text_are_left_out(ask: Ask, at: At) -> None:
    messages = [*user(text("")), {"role": "assistant", "content": []}, *user(text("Hi"), text(""))]
    assert converted(ask(messages=messages), at())["messages"] == [{"role": "user", "content": "Hi"}]
    with pytest.raises(BadRequestError):
        converted(ask(messages=user(text(""))), at())


def test_tools_and_the_choice_among_them(ask: Ask, at: At) -> None:
    tools = [TOOL, {"type": "custom", "name": "g", "input_schema": SCHEMA, "strict": True, "defer_loading": True}]
    choice = {"type": "tool", "name": "g", "disable_parallel_tool_use": True}
    body = converted(ask(tools=tools, tool_choice=choice), at())
    assert body["tools"] == [
        {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": SCHEMA}},
        {"type": "function", "function": {"name": "g", "parameters": SCHEMA, "strict": True}},
    ]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "g"}}
    assert body["parallel_tool_calls"] is False
    assert noted(ask(tools=tools), at()) == [("tools", "dropped")]


@pytest.mark.parametrize(("kind", "sent"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_each_choice(kind: str, sent: str, ask: Ask, at: At) -> None:
    assert converted(ask(tools=[TOOL], tool_choice={"type": kind}), at())["tool_choice"] == sent


def test_a_long_name_is_cut_and_can_be_restored(ask: Ask, at: At) -> None:
    names = [f"mcp__{'a' * 70}__{number}" for number in range(2)]
    tools = [{**TOOL, "name": name} for name in names]
    sent = [tool["function"]["name"] for tool in converted(ask(tools=tools), at())["tools"]]
    assert len(set(sent)) == 2
    assert max(map(len, sent)) == 64
    assert [names_of({"tools": tools}).given(name) for name in sent] == names


def test_a_web_search_is_chats_own(ask: Ask, at: At) -> None:
    place = {"type": "approximate", "city": "Oslo", "country": "NO"}
    tool = {"type": "web_search_20250305", "name": "web_search", "user_location": place, "max_uses": 2}
    body = converted(ask(tools=[tool]), at())
    assert body["web_search_options"]["user_location"]["approximate"] == {"city": "Oslo", "country": "NO"}
    assert "tools" not in body
    assert ("tools", "dropped") in noted(ask(tools=[tool]), at())


@pytest.mark.parametrize(
    "given",
    [
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"mcp_servers": [{"type": "url", "url": "https://a.test", "name": "a"}]},
        {"container": "c"},
        {"top_k": 4},
        {"inference_geo": "eu"},
        {"messages": user({"type": "container_upload", "file_id": "f"})},
        {"messages": user({"type": "image", "source": {"type": "file", "file_id": "f"}}, text("Hi"))},
        {"messages": user({"type": "document", "source": {"type": "url", "url": "https://a.test/b.pdf"}}, text("Hi"))},
    ],
)
def test_what_chat_does_not_have_is_refused_or_dropped_by_the_policy(given: JsonObject, ask: Ask, at: At) -> None:
    call = ask(**given)
    with pytest.raises(UnsupportedParamsError) as caught:
        converted(call, at())
    assert caught.value.param == next(iter(given))
    if given.keys() != {"messages"} or len(given["messages"][0]["content"]) > 1:
        assert (next(iter(given)), "dropped") in noted(call, at("drop"))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}),
        ({"metadata": {"user_id": "u-1"}}, {"user": "u-1"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "auto", "speed": "standard", "mcp_servers": []}, {}),
        ({"my_own": 1}, {"my_own": 1}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
                }
            },
        ),
        ({"output_config": {"effort": "low"}}, {"reasoning_effort": "low"}),
    ],
)
def test_each_parameter(given: JsonObject, sent: JsonObject, ask: Ask, at: At) -> None:
    body = converted(ask(**given), at())
    assert {name: value for name, value in body.items() if name not in ("messages", "max_tokens")} == sent


@pytest.mark.parametrize(
    "given",
    [
        {"context_management": {"edits": []}},
        {"speed": "fast"},
        {"betas": ["a"]},
        {"metadata": {"user_id": '{"device_id":"d"}'}},
        {"metadata": {"user_id": "user_" + "0" * 64}},
        {"thinking": {"type": "adaptive"}},
        {"system": [text("Be brief.", cache_control={"type": "ephemeral"})]},
    ],
)
def test_what_the_answer_does_not_depend_on_is_dropped_with_one_entry(given: JsonObject, ask: Ask, at: At) -> None:
    name = "cache_control" if "system" in given else next(iter(given))
    assert noted(ask(**given), at()) == [(name, "dropped")]
    assert not {*given, "user", "reasoning_effort"} & converted(ask(**given), at()).keys()


def test_cache_markers_stay_where_the_plugin_takes_them(ask: Ask, at: At) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    call = ask(system=[text("Be brief.", **mark)], tools=[{**TOOL, **mark}], **mark)
    body = converted(call, at(), lambda name, _: name == "cache_control")
    assert body["messages"][0]["content"] == [text("Be brief.", **mark)]
    assert body["tools"][0]["cache_control"] == body["cache_control"] == {"type": "ephemeral"}
    assert noted(call, at()) == [("cache_control", "dropped")]


@pytest.mark.parametrize(
    ("thinking", "effort", "sent"),
    [
        ({"type": "adaptive"}, None, None),
        ({"type": "adaptive"}, "medium", "medium"),
        ({"type": "adaptive"}, "max", "high"),
        ({"type": "enabled", "budget_tokens": 1024}, None, "low"),
        ({"type": "enabled", "budget_tokens": 2048}, None, "medium"),
        ({"type": "enabled", "budget_tokens": 31999}, None, "high"),
        ({"type": "disabled"}, None, None),
        (None, "low", "low"),
    ],
)
def test_efforts_of_a_model_that_reasons(thinking: Any, effort: Any, sent: Any, ask: Ask, at: At) -> None:
    given = {"thinking": thinking, "output_config": {"effort": effort}}
    assert converted(ask(**given), at(facts=REASONS)).get("reasoning_effort") == sent


def test_a_model_with_summaries_is_asked_for_them_where_thinking_is_shown(ask: Ask, at: At) -> None:
    facts = {**REASONS, "reasoning": {**REASONS["reasoning"], "summaries": ["auto"]}}
    call = ask(thinking={"type": "adaptive"}, output_config={"effort": "low"})
    assert converted(call, at(facts=facts))["reasoning_effort"] == {"effort": "low", "summary": "auto"}
    hidden = ask(thinking={"type": "adaptive", "display": "omitted"}, output_config={"effort": "low"})
    assert converted(hidden, at(facts=facts))["reasoning_effort"] == "low"


def test_thinking_goes_back_to_its_own_provider_alone(ask: Ask, at: At) -> None:
    ours = "llmgate:acme:eyJpdGVtcyI6W3siaWQiOiJyMSJ9XX0="
    foreign = ["llmgate:other:e30=", "EqMBCkgIBRABGAIiQ", ""]
    blocks = [{"type": "thinking", "thinking": f"t{index}", "signature": sign} for index, sign in enumerate(foreign)]
    blocks += [{"type": "thinking", "thinking": "mine", "signature": ours}, text("Hi")]
    blocks.append({"type": "redacted_thinking", "data": "EmwKAhgB"})
    call = ask(messages=[{"role": "assistant", "content": blocks}, *user(text("And?"))])
    assert converted(call, at())["messages"][0] == {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "mine",
        "reasoning_items": [{"id": "r1"}],
    }
    assert set(noted(call, at())) == {("messages", "dropped")}


def test_a_stream_asks_for_its_usage_and_a_count_for_neither(ask: Ask, at: At) -> None:
    assert converted(ask(stream=True), at())["stream_options"] == {"include_usage": True}
    body = converted(ask(operation="count_tokens", tools=[TOOL], stop_sequences=["a"]), at(), everything)
    assert body.keys() == {"messages", "tools"}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages"),
        ({"messages": ["x"]}, "messages"),
        ({"messages": user("x")}, "messages"),
        ({"messages": user({"type": "text"})}, "messages"),
        ({"messages": user({"type": "image", "source": "x"})}, "messages"),
        ({"messages": user({"type": "image", "source": {"type": "base64"}})}, "messages"),
        ({"messages": user({"type": "image", "source": {"type": "url"}})}, "messages"),
        ({"messages": user({"type": "tool_result"})}, "messages"),
        ({"messages": user({"type": "tool_result", "tool_use_id": "t", "content": 1})}, "messages"),
        ({"messages": [{"role": "assistant", "content": [{"type": "tool_use"}]}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": [1]}]}, "messages"),
        ({"system": 1}, "system"),
        ({"tools": 1}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools"),
        ({"tools": [{"name": "f", "input_schema": 1}]}, "tools"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"metadata": 1}, "metadata"),
        ({"thinking": 1}, "thinking"),
        ({"thinking": {"type": "x"}}, "thinking"),
        ({"output_config": 1}, "output_config"),
        ({"output_config": {"effort": 1}}, "output_config"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config"),
    ],
)
def test_a_malformed_request_names_its_parameter(given: JsonObject, param: str, ask: Ask, at: At) -> None:
    with pytest.raises(BadRequestError) as caught:
        converted(ask(**given), at())
    assert caught.value.param == param
