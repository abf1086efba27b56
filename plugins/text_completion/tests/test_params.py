"""What POST /completions takes, called as text completion and as chat."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_text_completion.params import CHAT_ONLY, VALUES, supports_param

from llmgate_core.plugin import ParamRule, Route

FACTS = {"gpt-3.5-turbo-instruct": {"mode": "completion", "sources": ["seed"]}}


def route(family: str, model: str = "gpt-3.5-turbo-instruct", *, preview: bool = False) -> Route:
    return Route(
        provider="openai",
        prefix="text-completion-openai",
        family=family,
        model=model,
        base_url="https://api.openai.com/v1",
        facts=FACTS.get(model),
        preview_features=preview,
    )


def is_refused(at: Route, param: str, value: Any) -> bool:
    rule = supports_param(at, param, value)
    return isinstance(rule, ParamRule) and not rule.supported


@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("best_of", [0, 20], [21, -1, True]),
        ("logprobs", [0, 5], [6, True]),
        ("n", [1, 128], [0]),
        ("max_tokens", [0, 16], [-1, "16"]),
        ("stop", ["a", ["a"] * 4], [["a"] * 5]),
        ("temperature", [0, 2], [3]),
        ("echo", [True], [1]),
        ("suffix", ["x"], [1]),
        ("brand_new", [object], []),
    ],
)
def test_values_are_judged_by_the_description(param: str, good: list[Any], bad: list[Any]) -> None:
    at = route("text_completion")
    assert [value for value in [*good, None] if supports_param(at, param, value) is not None] == []
    assert [value for value in bad if not is_refused(at, param, value)] == []


@pytest.mark.parametrize("param", sorted(CHAT_ONLY))
def test_what_only_chat_knows_is_refused_on_a_chat_call(param: str) -> None:
    assert supports_param(route("chat"), param, "low") == ParamRule(
        supported=False, reason="a text completion has no such parameter", source="OpenAI API reference"
    )


@pytest.mark.parametrize(
    ("param", "value"), [("response_format", {}), ("store", True), ("tools", []), ("metadata", {}), ("top_logprobs", 3)]
)
def test_a_text_completion_call_passes_on_what_it_does_not_document(param: str, value: Any) -> None:
    assert param not in VALUES
    assert supports_param(route("text_completion"), param, value) is None


def test_max_completion_tokens_of_a_chat_call_is_renamed() -> None:
    rule = supports_param(route("chat"), "max_completion_tokens", 5)
    assert isinstance(rule, ParamRule)
    assert (rule.supported, rule.rename, rule.lossy) == (True, "max_tokens", False)
    assert is_refused(route("chat"), "max_completion_tokens", "5")
    assert supports_param(route("chat"), "max_tokens", 5) is None


def test_metadata_of_a_chat_call_stays_here() -> None:
    for model in ("gpt-3.5-turbo-instruct", "your-model-name"):
        rule = supports_param(route("chat", model), "metadata", {"a": 1})
        assert isinstance(rule, ParamRule)
        assert (rule.supported, rule.keep_local, rule.lossy) == (True, True, False)
    assert is_refused(route("chat", preview=True), "metadata", {"a": "b"})


@pytest.mark.parametrize("family", ["chat", "text_completion"])
def test_a_model_that_the_catalogue_does_not_hold_is_not_judged(family: str) -> None:
    at = route(family, "your-model-name")
    given = [("n", 0), ("temperature", 99), ("brand_new", 5)]
    assert [supports_param(at, param, value) for param, value in given] == [None] * 3


def test_chat_parameters_without_a_counterpart_are_refused_whatever_the_model() -> None:
    assert is_refused(route("chat", "your-model-name"), "tools", [])
    assert supports_param(route("chat", "your-model-name"), "tools", None) is None
    assert supports_param(route("text_completion", "your-model-name"), "response_format", {}) is None
