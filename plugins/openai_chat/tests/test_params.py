"""What values POST /chat/completions takes, whatever the model; models are in the tests across packages."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_openai_chat.params import VALUES, supports_param

from llmgate_core.plugin import ParamRule, Route

FUNCTION = {"type": "function", "function": {"name": "get_weather"}}
ROUTE = Route("openai", "openai", "chat", "a-model", "https://api.openai.com/v1", facts={"mode": "chat"})


def test_a_row_that_knows_only_its_mode_refuses_built_in_tools_and_nothing_else() -> None:
    rule = supports_param(ROUTE, "tools", [FUNCTION, {"type": "mcp"}])
    assert isinstance(rule, ParamRule)
    assert (rule.supported, rule.replaces, rule.replace) == (False, True, [FUNCTION])
    given = {"temperature": 0.2, "max_tokens": 5, "reasoning_effort": "low", "verbosity": "low", "stream": True}
    assert {param: supports_param(ROUTE, param, value) for param, value in given.items()} == dict.fromkeys(given)


@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("temperature", [0, 1.5, 2], [-0.1, 2.1, "1", True, [1]]),
        ("top_p", [0, 1], [1.1, -1, "x"]),
        ("n", [1, 128], [0, 129, 1.5, True]),
        ("top_logprobs", [0, 20], [21, -1]),
        ("stop", ["a", ["a"], ["a"] * 4], [[], ["a"] * 5, [1], 7]),
        ("presence_penalty", [-2, 2], [2.1, "0"]),
        ("frequency_penalty", [-2, 2], [-2.1]),
        ("seed", [0, -7, 2**62], [1.5, "7", True]),
        ("stream", [True, False], [1, "true"]),
        ("logprobs", [True], [1]),
        ("logit_bias", [{}, {"50256": -100}], [{"1": 101}, {"1": "x"}, [], 5]),
        ("tool_choice", ["none", "auto", "required", {"type": "function"}], ["maybe", {"type": "mcp"}, {}, 1]),
        ("response_format", [{"type": "json_object"}, {"type": "json_schema"}], [{"type": "xml"}, "json", {}]),
        ("modalities", [["text"], ["text", "audio"]], [["video"], "text"]),
        ("safety_identifier", ["x" * 64], ["x" * 65, 3]),
        ("service_tier", ["auto", "brand-new-tier"], []),
        ("max_tokens", [0, 10], [1.5, "10"]),
        ("tools", [[], [FUNCTION]], ["function", [1], {}]),
        ("functions", [[{"name": "f"}]], [[], [1]]),
    ],
)
def test_values_are_judged_by_the_description(param: str, good: list[Any], bad: list[Any]) -> None:
    at = ROUTE
    assert [value for value in good if supports_param(at, param, value) is not None] == []
    for value in bad:
        rule = supports_param(at, param, value)
        assert isinstance(rule, ParamRule)
        assert not rule.supported
        assert param in rule.reason


def test_a_refused_value_names_parameter_value_and_what_is_allowed() -> None:
    rule = supports_param(ROUTE, "temperature", 7)
    assert rule == ParamRule(
        supported=False, reason="temperature must be a number from 0 to 2, not 7", source="OpenAI API reference"
    )


def test_every_documented_parameter_has_a_row_in_the_table() -> None:
    assert set(VALUES) == {
        "metadata",
        "top_logprobs",
        "temperature",
        "top_p",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "prompt_cache_options",
        "service_tier",
        "modalities",
        "verbosity",
        "reasoning_effort",
        "max_completion_tokens",
        "frequency_penalty",
        "presence_penalty",
        "web_search_options",
        "response_format",
        "audio",
        "store",
        "moderation",
        "stream",
        "stop",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "n",
        "prediction",
        "seed",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "function_call",
        "functions",
    }
