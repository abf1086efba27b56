"""What a chat call's parameters become: the body that goes on, and the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_openai_chat.params import VALUES, supports_param

from llmgate_core.calls.parameters import apply_params
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import BadRequestError, UnsupportedParamsError
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.settings.policy import Policy

CATALOGUE = Catalogue.shipped()
FUNCTION = {"type": "function", "function": {"name": "get_weather"}}
SEARCH = {"type": "web_search_preview"}


def route(model: str, *, preview: bool = False) -> Route:
    row = CATALOGUE.find(model)
    return Route(
        provider="openai",
        prefix="openai",
        family="chat",
        model=model,
        base_url="https://api.openai.com/v1",
        facts=None if row is None else row.facts,
        preview_features=preview,
    )


def applied(
    model: str, policy: str = "error", *, preview: bool = False, **body: Any
) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    plugin = BoundPlugin(ProviderInfo((1, 0), "openai", "https://api.openai.com/v1"), "test", None, None)
    plugin.supports_param = supports_param
    call, ledger = apply_params(Call("chat", model, body), route(model, preview=preview), plugin, Policy(policy))
    return call.body, ledger


def test_max_tokens_is_renamed_where_the_row_says_so() -> None:
    body, ledger = applied("gpt-5", max_tokens=300)
    assert body == {"max_completion_tokens": 300}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("max_tokens", "renamed", False)]
    assert applied("gpt-4o", max_tokens=300) == ({"max_tokens": 300}, ())


def test_max_completion_tokens_wins_over_max_tokens() -> None:
    body, ledger = applied("gpt-5", max_tokens=300, max_completion_tokens=200)
    assert body == {"max_completion_tokens": 200}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("max_tokens", "dropped", True)]


def test_temperature_is_refused_on_a_reasoning_model_and_can_be_dropped() -> None:
    with pytest.raises(UnsupportedParamsError, match="temperature") as caught:
        applied("gpt-5", temperature=0.2)
    assert (caught.value.status_code, caught.value.param) == (400, "temperature")
    body, ledger = applied("gpt-5", "drop", temperature=0.2)
    assert body == {}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("temperature", "dropped", True)]


def test_an_effort_as_text_goes_on_as_it_is() -> None:
    assert applied("gpt-5-mini", reasoning_effort="low") == ({"reasoning_effort": "low"}, ())


def test_an_effort_object_is_reduced_to_its_effort() -> None:
    body, ledger = applied("gpt-5.1", reasoning_effort={"effort": "high", "summary": "auto"})
    assert body == {"reasoning_effort": "high"}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("reasoning_effort", "replaced", True)]
    assert "reasoning summary" in ledger[0].reason
    assert "openai/responses/" in ledger[0].reason


def test_an_effort_object_without_a_summary_loses_nothing() -> None:
    body, ledger = applied("gpt-5.1", reasoning_effort={"effort": "high", "summary": None})
    assert body == {"reasoning_effort": "high"}
    assert [(e.action, e.lossy) for e in ledger] == [("replaced", False)]


def test_a_summary_without_an_effort_is_dropped() -> None:
    body, ledger = applied("gpt-5.1", reasoning_effort={"summary": "auto"})
    assert body == {}
    assert [(e.action, e.lossy) for e in ledger] == [("dropped", True)]


def test_dropping_a_refused_summary_keeps_the_effort_as_text() -> None:
    with pytest.raises(UnsupportedParamsError, match="concise"):
        applied("gpt-5.1", reasoning_effort={"effort": "high", "summary": "concise"})
    body, ledger = applied("gpt-5.1", "drop", reasoning_effort={"effort": "high", "summary": "concise"})
    assert body == {"reasoning_effort": "high"}
    assert [(e.action, e.lossy) for e in ledger] == [("dropped", True)]
    assert applied("gpt-5.1", "drop", reasoning_effort={"summary": "concise"})[0] == {}


@pytest.mark.parametrize("effort", ["low", {"effort": "low"}, {"effort": "low", "summary": "auto"}])
@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-5.4-2026-03-05", "ft:gpt-5.4:org::id"])
def test_gpt_5_4_drops_the_effort_beside_function_tools(model: str, effort: Any) -> None:
    body, ledger = applied(model, tools=[FUNCTION], reasoning_effort=effort)
    assert body == {"tools": [FUNCTION]}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("reasoning_effort", "dropped", True)]
    assert "openai/responses/" in ledger[0].reason


@pytest.mark.parametrize("tools", [[], [{"type": "custom", "custom": {"name": "c"}}]])
def test_gpt_5_4_keeps_the_effort_without_function_tools(tools: list[Any]) -> None:
    assert applied("gpt-5.4", tools=tools, reasoning_effort="low") == ({"tools": tools, "reasoning_effort": "low"}, ())
    body, ledger = applied("gpt-5.4", tools=tools, reasoning_effort={"effort": "low", "summary": "auto"})
    assert body == {"tools": tools, "reasoning_effort": "low"}
    assert [(e.action, e.lossy) for e in ledger] == [("replaced", True)]


def test_the_effort_none_goes_with_function_tools() -> None:
    given = {"tools": [FUNCTION], "reasoning_effort": "none"}
    assert applied("gpt-5.4", **given) == (given, ())
    given = {"tools": [FUNCTION], "reasoning_effort": "low"}
    assert applied("gpt-5.5", **given) == (given, ())  # a bridge row: routing's affair
    assert applied("gpt-5.2", **given) == (given, ())


def test_malformed_tools_beside_an_effort_are_a_refusal_and_no_crash() -> None:
    with pytest.raises(UnsupportedParamsError, match=r"tools.*5"):
        applied("gpt-5.4", reasoning_effort="low", tools=5)


def test_a_built_in_tool_is_refused_and_the_prefix_named() -> None:
    with pytest.raises(UnsupportedParamsError, match="openai/responses/") as caught:
        applied("gpt-4o", tools=[SEARCH])
    assert caught.value.param == "tools"


def test_dropping_built_in_tools_leaves_the_others() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    body, ledger = applied("gpt-4o", "drop", tools=[FUNCTION, SEARCH, custom])
    assert body == {"tools": [FUNCTION, custom]}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [("tools", "dropped", True)]
    assert applied("gpt-4o", "drop", tools=[SEARCH])[0] == {}


def test_the_policy_forward_sends_built_in_tools() -> None:
    body, ledger = applied("gpt-4o", "forward", tools=[SEARCH])
    assert body == {"tools": [SEARCH]}
    assert [(e.parameter, e.action) for e in ledger] == [("tools", "forwarded")]


def test_dropping_leaves_neither_functions_nor_built_in_tools_where_both_are_refused() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    assert applied("gpt-5-chat", "drop", tools=[FUNCTION, SEARCH, custom])[0] == {"tools": [custom]}
    assert applied("gpt-5-chat", "drop", tools=[FUNCTION, SEARCH])[0] == {}


def test_metadata_stays_here_unless_preview_features_are_on() -> None:
    for model in ("gpt-4o", "never-heard-of"):
        body, ledger = applied(model, metadata={"key": 1})
        assert body == {}
        assert [(e.parameter, e.action, e.source, e.lossy) for e in ledger] == [
            ("metadata", "kept local", "LiteLLM's OpenAI page", False)
        ]


def test_metadata_goes_upstream_as_given_with_preview_features() -> None:
    for model in ("gpt-4o", "gpt-5-search-api", "never-heard-of"):
        assert applied(model, preview=True, metadata={"key": "value"}) == ({"metadata": {"key": "value"}}, ())


def test_a_metadata_value_that_is_no_text_is_an_error_that_names_the_key_and_not_the_value() -> None:
    with pytest.raises(BadRequestError) as caught:
        applied("gpt-4o", preview=True, metadata={"fine": "x", "user_id": 4711})
    assert "['user_id']" in str(caught.value)
    assert "4711" not in str(caught.value)
    assert (caught.value.param, caught.value.status_code, caught.value.attempts) == ("metadata", 400, 0)


@pytest.mark.parametrize("preview", [True, False])
def test_metadata_must_be_an_object(preview: bool) -> None:
    with pytest.raises(BadRequestError) as caught:
        applied("gpt-4o", preview=preview, metadata=["a"])
    assert caught.value.param == "metadata"


ODD: dict[str, Any] = {
    "temperature": "hot",
    "max_tokens": 9,
    "reasoning_effort": {"effort": "xhigh", "summary": "x"},
    "tools": [SEARCH],
    "verbosity": 5,
    "stream": True,
    "n": 0,
    "brand_new": object,
}


def test_a_model_that_the_catalogue_does_not_hold_is_not_judged() -> None:
    assert applied("your-model-name", **ODD) == (ODD, ())


def test_an_unknown_parameter_is_passed_on() -> None:
    assert applied("gpt-4o", brand_new={"x": 1}) == ({"brand_new": {"x": 1}}, ())


def test_null_is_never_judged() -> None:
    given = dict.fromkeys([name for name in VALUES if name != "metadata"])
    assert applied("gpt-4o", **given) == (given, ())
    assert applied("gpt-4o", metadata=None)[0] == {}


NEUTRAL = {
    "presence_penalty": 0,
    "frequency_penalty": 0.0,
    "top_p": 1,
    "logprobs": False,
    "top_logprobs": 0,
    "logit_bias": {},
    "stop": [],
    "modalities": ["text"],
    "audio": {},
    "prediction": {},
}


@pytest.mark.parametrize("policy", ["error", "drop"])
def test_a_value_that_asks_for_nothing_is_left_out_without_loss(policy: str) -> None:
    body, ledger = applied("gpt-5", policy, **NEUTRAL)
    assert body == {}
    assert [(e.parameter, e.action, e.lossy) for e in ledger] == [(name, "dropped", False) for name in NEUTRAL]


@pytest.mark.parametrize(("name", "value"), [("presence_penalty", 0.1), ("presence_penalty", False), ("logprobs", 0)])
def test_a_value_that_asks_for_something_is_refused(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        applied("gpt-5", **{name: value})
    assert caught.value.param == name


def test_a_neutral_value_is_forwarded_where_everything_is() -> None:
    assert applied("gpt-5", "forward", presence_penalty=0)[0] == {"presence_penalty": 0}
