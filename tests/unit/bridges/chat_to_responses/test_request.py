"""Chat body -> the body of POST /responses: parameters, tools and the policy."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from tests.support.bridge_data import HI, HI_ITEM, UNKNOWN_MODEL, WEATHER, call, lossy, request, route

LOGPROBS = "message.output_text.logprobs"
NO_COUNTERPART = {
    "n": 2,
    "audio": {"voice": "alloy", "format": "wav"},
    "modalities": ["text", "audio"],
    "stop": ["END"],
    "seed": 7,
    "logit_bias": {"1": 5},
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "prediction": {"type": "content", "content": "x"},
}
NEUTRAL = {
    "n": [1, None],
    "audio": [None],
    "modalities": [["text"], [], None],
    "stop": [[], None],
    "seed": [None],
    "logit_bias": [{}, None],
    "presence_penalty": [0, 0.0, None],
    "frequency_penalty": [0, None],
    "prediction": [None, {}],
}


def sent(**params: Any) -> dict[str, Any]:
    body, _ = request(**params)
    assert body.pop("input") == [HI_ITEM]
    return body


def test_the_model_is_the_routes_and_the_call_is_left_as_it_was() -> None:
    asked = call(HI, tools=[WEATHER], reasoning_effort={"effort": "low"}, include=["x"], logprobs=True, text={})
    before = copy.deepcopy(asked.body)
    body, _ = ChatOverResponses.request_body(asked, route("ft:gpt-4o:org::id"))
    assert body["model"] == "ft:gpt-4o:org::id"
    assert asked.body == before


@pytest.mark.parametrize(
    "same",
    [
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"parallel_tool_calls": False},
        {"stream": True},
        {"store": False},
        {"service_tier": "flex"},
        {"safety_identifier": "s"},
        {"prompt_cache_key": "k"},
        {"prompt_cache_retention": "24h"},
        {"prompt_cache_options": {"ttl": "30m"}},
        {"user": "u" * 200},
        {"moderation": {"model": "omni-moderation-latest"}},
        {"previous_response_id": "resp_0"},
        {"include": ["reasoning.encrypted_content"]},
        {"truncation": "auto"},
        {"background": True},
        {"max_tool_calls": 3},
        {"conversation": "conv_1"},
        {"context_management": [{"type": "compaction"}]},
        {"reasoning": {"effort": "low", "summary": "auto"}},
        {"text": {"verbosity": "low"}},
        {"prompt": {"id": "pmpt_1"}},
        {"max_output_tokens": 9},
        {"a_parameter_of_tomorrow": {"x": None}},
    ],
    ids=lambda same: next(iter(same)),
)
def test_what_both_endpoints_call_the_same_goes_as_it_is(same: dict[str, Any]) -> None:
    body, ledger = request(**same)
    assert body == {"input": [HI_ITEM], **same}
    assert ledger == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"max_tokens": 5}, {"max_output_tokens": 5}),
        ({"max_completion_tokens": 5}, {"max_output_tokens": 5}),
        ({"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}),
        (
            {"reasoning_effort": {"effort": "low", "summary": "auto", "mode": "pro", "context": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto", "mode": "pro", "context": "auto"}},
        ),
        ({"reasoning_effort": {"effort": "low", "summary": None}}, {"reasoning": {"effort": "low"}}),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
        ({"response_format": {"type": "json_object"}}, {"text": {"format": {"type": "json_object"}}}),
        ({"logprobs": True}, {"include": [LOGPROBS]}),
        ({"top_logprobs": 3}, {"top_logprobs": 3, "include": [LOGPROBS]}),
        ({"top_logprobs": 3, "logprobs": True}, {"top_logprobs": 3, "include": [LOGPROBS]}),
        ({"stream_options": {"include_usage": True}}, {}),
        ({"stream_options": {"include_obfuscation": False}}, {"stream_options": {"include_obfuscation": False}}),
        (
            {"stream_options": {"include_usage": True, "include_obfuscation": True}},
            {"stream_options": {"include_obfuscation": True}},
        ),
        ({"web_search_options": {}}, {"tools": [{"type": "web_search"}]}),
        (
            {
                "web_search_options": {
                    "search_context_size": "low",
                    "user_location": {"type": "approximate", "city": "X"},
                }
            },
            {
                "tools": [
                    {
                        "type": "web_search",
                        "search_context_size": "low",
                        "user_location": {"type": "approximate", "city": "X"},
                    }
                ]
            },
        ),
        ({"function_call": "auto"}, {"tool_choice": "auto"}),
        ({"function_call": {"name": "f"}}, {"tool_choice": {"type": "function", "name": "f"}}),
    ],
)
def test_a_parameter_of_another_name_or_form_is_converted_and_noted(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    body, ledger = request(**given)
    assert body == {"input": [HI_ITEM], **expected}
    assert {entry.parameter for entry in ledger} <= set(given)
    assert not any(entry.lossy for entry in ledger)


@pytest.mark.parametrize("name", ["max_tokens", "reasoning_effort", "verbosity", "functions", "logprobs"])
def test_a_conversion_leaves_an_entry(name: str) -> None:
    values = {"max_tokens": 5, "reasoning_effort": "low", "verbosity": "low", "functions": [], "logprobs": True}
    _, ledger = request(**{name: values[name]})
    assert [(entry.parameter, entry.action, entry.lossy) for entry in ledger] == [(name, "bridged", False)]


def test_max_completion_tokens_wins_over_max_tokens_and_max_output_tokens_over_both() -> None:
    body, ledger = request(max_tokens=5, max_completion_tokens=6)
    assert body["max_output_tokens"] == 6
    assert lossy(ledger) == ["max_tokens"]
    body, ledger = request(max_tokens=7, max_completion_tokens=6, max_output_tokens=7)
    assert body["max_output_tokens"] == 7
    assert lossy(ledger) == ["max_completion_tokens"]


@pytest.mark.parametrize("names", [("response_format", "verbosity"), ("verbosity", "response_format")])
def test_format_and_verbosity_merge_in_any_order(names: tuple[str, str]) -> None:
    values = {"response_format": {"type": "json_object"}, "verbosity": "high"}
    assert sent(**{name: values[name] for name in names}) == {
        "text": {"format": {"type": "json_object"}, "verbosity": "high"}
    }


def test_what_is_given_in_the_words_of_responses_wins_and_merges() -> None:
    body = sent(
        reasoning_effort="low",
        reasoning={"effort": "high", "summary": "auto"},
        verbosity="low",
        response_format={"type": "json_object"},
        text={"verbosity": "high"},
        logprobs=True,
        include=["reasoning.encrypted_content", LOGPROBS],
    )
    assert body == {
        "reasoning": {"effort": "high", "summary": "auto"},
        "text": {"format": {"type": "json_object"}, "verbosity": "high"},
        "include": ["reasoning.encrypted_content", LOGPROBS],
    }
    assert sent(reasoning_effort={"summary": "auto"}, reasoning={"effort": "low"}) == {
        "reasoning": {"effort": "low", "summary": "auto"}
    }
    assert sent(top_logprobs=1, include=["reasoning.encrypted_content"])["include"] == [
        "reasoning.encrypted_content",
        LOGPROBS,
    ]


def test_an_input_of_the_callers_own_is_sent_and_the_messages_are_noted_as_lost() -> None:
    body, ledger = request(input="Hello")
    assert body == {"input": "Hello"}
    assert lossy(ledger) == ["messages"]


@pytest.mark.parametrize("param", NO_COUNTERPART)
def test_what_has_no_counterpart_is_refused_for_every_model(param: str) -> None:
    value = NO_COUNTERPART[param]
    for model in (UNKNOWN_MODEL, "gpt-4o", "gpt-5-pro"):
        rule: Any = ChatOverResponses.supports_param(route(model), param, value)
        assert not rule.supported
        assert rule.reason.startswith("POST /responses")
    with pytest.raises(UnsupportedParamsError) as caught:
        request(**{param: value})
    assert (caught.value.param, caught.value.status_code, caught.value.attempts) == (param, 400, 0)


@pytest.mark.parametrize("param", NO_COUNTERPART)
def test_what_has_no_counterpart_is_left_out_or_sent_as_the_policy_says(param: str) -> None:
    value = NO_COUNTERPART[param]
    body, ledger = request(**{param: value}, policy="drop")
    assert body == {"input": [HI_ITEM]}
    assert lossy(ledger) == [param]
    body, ledger = request(**{param: value}, policy="forward")
    assert body == {param: value, "input": [HI_ITEM]}
    assert [(entry.parameter, entry.action, entry.lossy) for entry in ledger] == [(param, "forwarded", False)]


@pytest.mark.parametrize(("param", "value"), [(param, value) for param, values in NEUTRAL.items() for value in values])
def test_a_neutral_value_of_what_has_no_counterpart_is_left_out_without_loss(param: str, value: Any) -> None:
    rule: Any = ChatOverResponses.supports_param(route("gpt-5"), param, value)
    assert (rule.supported, rule.replaces, rule.replace, rule.lossy) == (True, True, None, False)
    body, ledger = request(**{param: value})
    assert body == {"input": [HI_ITEM]}
    assert [(entry.parameter, entry.action, entry.lossy) for entry in ledger] == [(param, "dropped", False)]


def test_metadata_goes_upstream_only_with_preview_features() -> None:
    labels = {"team": "a"}
    kept: Any = ChatOverResponses.supports_param(route(), "metadata", labels)
    assert kept.keep_local
    assert request(metadata=labels)[0] == {"input": [HI_ITEM]}
    at = route(preview=True)
    assert ChatOverResponses.supports_param(at, "metadata", labels) is None
    assert request(metadata=labels, preview=True)[0] == {"input": [HI_ITEM], "metadata": labels}
    with pytest.raises(BadRequestError, match="'team'") as caught:
        ChatOverResponses.supports_param(at, "metadata", {"team": 1})
    assert caught.value.param == "metadata"
    with pytest.raises(BadRequestError, match="metadata"):
        ChatOverResponses.supports_param(at, "metadata", "team")


# --- by the catalogue ---


def judged(model: str, param: str, value: Any) -> Any:
    return ChatOverResponses.supports_param(route(model), param, value)


@pytest.mark.parametrize(
    ("model", "param", "value"),
    [
        ("gpt-5", "temperature", 0.3),
        ("gpt-5", "logprobs", True),
        ("gpt-5-pro", "reasoning_effort", "low"),
        ("gpt-5-pro", "reasoning", {"effort": "low"}),
        ("gpt-5-mini", "reasoning_effort", {"effort": "low", "summary": "concise"}),
        ("gpt-5-mini", "reasoning", {"summary": "concise"}),
        ("o1", "reasoning_effort", {"effort": "low", "summary": "auto"}),
        ("gpt-5.1-codex", "verbosity", "low"),
        ("gpt-5.1-codex", "text", {"verbosity": "low"}),
        ("gpt-5", "verbosity", "loud"),
        ("o3-deep-research", "functions", [{"name": "f"}]),
        ("gpt-4o", "temperature", 7),
        ("gpt-4o", "tool_choice", 7),
        ("gpt-4o", "safety_identifier", "x" * 65),
        ("gpt-5-mini", "web_search_options", {"search_context_size": "huge"}),
    ],
)
def test_what_the_row_or_the_table_knows_to_be_refused_is_refused(model: str, param: str, value: Any) -> None:
    rule = judged(model, param, value)
    assert rule is not None
    assert not rule.supported
    assert judged(UNKNOWN_MODEL, param, value) is None


@pytest.mark.parametrize(
    ("model", "param", "value"),
    [
        ("gpt-5", "max_tokens", 5),
        ("gpt-5-pro", "web_search_options", {"search_context_size": "low"}),
        ("gpt-5-pro", "verbosity", "high"),
        ("gpt-5.1-codex-max", "reasoning_effort", "xhigh"),
        ("gpt-5.4", "reasoning_effort", "low"),
        ("o3", "reasoning_effort", {"effort": "low", "summary": "concise"}),
        ("gpt-4o", "tools", [{"type": "web_search_preview"}, WEATHER]),
        ("gpt-4o", "tool_choice", {"type": "web_search_preview"}),
        ("o3-deep-research-2025-06-26", "tools", [{"type": "code_interpreter", "container": {"type": "auto"}}]),
        ("gpt-5", "reasoning", {"summary": None, "context": "auto"}),
        ("gpt-5", "text", {"verbosity": "low", "format": {"type": "text"}}),
        ("gpt-4o", "user", "u" * 100),
        ("gpt-5", "temperature", None),
    ],
)
def test_what_the_bridge_takes_is_not_judged_by_what_chat_lacks(model: str, param: str, value: Any) -> None:
    assert judged(model, param, value) is None


def test_gpt_5_pro_takes_four_built_in_tools_and_refuses_two() -> None:
    taken = [{"type": kind} for kind in ("web_search", "file_search", "image_generation", "mcp")]
    assert judged("gpt-5-pro", "tools", [*taken, WEATHER]) is None
    for kind in ("code_interpreter", "computer_use_preview"):
        rule = judged("gpt-5-pro", "tools", [*taken, {"type": kind}])
        assert not rule.supported
        assert kind in rule.reason
        assert rule.replace == taken


def test_of_a_refused_object_the_other_keys_remain() -> None:
    rule = judged("gpt-5-mini", "reasoning", {"effort": "low", "summary": "concise", "context": "auto"})
    assert (rule.replaces, rule.replace) == (True, {"context": "auto", "effort": "low"})
    rule = judged("gpt-5.1-codex", "text", {"verbosity": "low", "format": {"type": "text"}})
    assert (rule.replaces, rule.replace) == (True, {"format": {"type": "text"}})


def test_drop_params_does_not_let_a_model_that_does_not_stream_be_asked_for_a_stream() -> None:
    for policy in ("error", "drop", "forward"):
        with pytest.raises(UnsupportedParamsError, match="fake_stream"):
            ChatOverResponses.supports_param(route("gpt-5-pro", policy=policy), "stream", True)
    assert judged("gpt-5-pro", "stream", False) is None
    assert judged("gpt-5", "stream", True) is None


# --- tools ---


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (
            {"type": "function", "function": {"name": "f"}},
            {"type": "function", "name": "f", "parameters": None, "strict": False},
        ),
        (
            {"type": "function", "function": {"name": "f", "description": None, "strict": True, "parameters": {}}},
            {"type": "function", "name": "f", "parameters": {}, "strict": True},
        ),
        (
            {"type": "function", "function": {"name": "f", "strict": None}, "defer_loading": True},
            {"type": "function", "name": "f", "parameters": None, "strict": False, "defer_loading": True},
        ),
        ({"type": "function", "name": "f", "parameters": {}}, {"type": "function", "name": "f", "parameters": {}}),
        (
            {
                "type": "custom",
                "custom": {
                    "name": "c",
                    "description": "d",
                    "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: A"}},
                },
            },
            {
                "type": "custom",
                "name": "c",
                "description": "d",
                "format": {"type": "grammar", "syntax": "lark", "definition": "start: A"},
            },
        ),
        (
            {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
            {"type": "custom", "name": "c", "format": {"type": "text"}},
        ),
        ({"type": "custom", "name": "c"}, {"type": "custom", "name": "c"}),
        ({"type": "mcp", "server_label": "x"}, {"type": "mcp", "server_label": "x"}),
    ],
)
def test_a_tool_becomes_flat_without_null_padding(tool: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(tools=[tool]) == {"tools": [expected]}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "f"}),
        ({"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ({"type": "custom", "custom": {"name": "c"}}, {"type": "custom", "name": "c"}),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "custom", "custom": {"name": "c"}},
                        {"type": "web_search"},
                    ],
                },
            },
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [
                    {"type": "function", "name": "f"},
                    {"type": "custom", "name": "c"},
                    {"type": "web_search"},
                ],
            },
        ),
        ({"type": "web_search_preview"}, {"type": "web_search_preview"}),
        ({"type": "mcp", "server_label": "x"}, {"type": "mcp", "server_label": "x"}),
    ],
)
def test_a_tool_choice_becomes_flat(choice: Any, expected: Any) -> None:
    assert sent(tool_choice=choice) == {"tool_choice": expected}


def test_functions_become_tools_beside_the_others() -> None:
    body = sent(functions=[{"name": "old", "parameters": {}}], tools=[{"type": "web_search"}])
    assert body == {
        "tools": [{"type": "function", "name": "old", "parameters": {}, "strict": False}, {"type": "web_search"}]
    }
    body, ledger = request(function_call="none", tool_choice="required")
    assert body["tool_choice"] == "required"
    assert lossy(ledger) == ["function_call"]


@pytest.mark.parametrize("tools", ["f", [1], {"type": "function"}])
def test_malformed_tools_are_refused_before_sending(tools: Any) -> None:
    with pytest.raises(BadRequestError, match="tools"):
        request(tools=tools)
    with pytest.raises(BadRequestError, match="web_search_options"):
        request(web_search_options="low")
