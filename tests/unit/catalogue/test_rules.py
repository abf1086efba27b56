"""What the catalogue's rows make of parameters: the tables of the acceptance list."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.catalogue.rules import is_verified, judge, judge_parallel_calls
from llmgate_core.catalogue.values import ValueRule, judge_value
from llmgate_core.contract.provider import ParamRule

CATALOGUE = Catalogue.shipped()
JUDGED = frozenset({"temperature", "n", "stream", "tools", "web_search_options", "verbosity"})
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


def facts_of(name: str) -> Any:
    row = CATALOGUE.find(name)
    assert row is not None, name
    return row.facts


def judged(name: str, param: str, value: Any) -> ParamRule | None:
    return judge(facts_of(name), param, value, judged=JUDGED)


def is_refused(name: str, param: str, value: Any, **body: Any) -> bool:
    rule = judged(name, param, value)
    return rule is not None and not rule.supported and (rule.applies is None or rule.applies({param: value, **body}))


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("gpt-5.1", "none low medium high"),
        ("gpt-5", "minimal low medium high"),
        ("gpt-5-mini", "minimal low medium high"),
        ("gpt-5-nano", "none minimal low medium high"),
        ("gpt-5-codex", "low medium high"),
        ("gpt-5.1-codex", "low medium high"),
        ("gpt-5.1-codex-mini", "low medium high"),
        ("gpt-5.1-codex-max", "low medium high xhigh"),
        ("gpt-5.2", "none low medium high xhigh"),
        ("gpt-5.2-pro", "minimal low medium high xhigh"),
        ("gpt-5-pro", "high"),
    ],
)
def test_the_efforts_of_the_page_are_accepted_and_all_others_refused(name: str, accepted: str) -> None:
    assert [effort for effort in EFFORTS if not is_refused(name, "reasoning_effort", effort)] == accepted.split()
    assert [e for e in EFFORTS if not is_refused(name, "reasoning_effort", {"effort": e})] == accepted.split()


def test_a_refused_effort_lists_the_allowed_ones() -> None:
    rule = judged("gpt-5.1", "reasoning_effort", "minimal")
    assert rule is not None
    assert (rule.supported, rule.source) == (False, "LiteLLM's OpenAI page")
    assert "'minimal'" in rule.reason
    assert "none, low, medium, high" in rule.reason


@pytest.mark.parametrize("form", ["{}", "{}-2099-12-31", "ft:{}:org::id"])
def test_xhigh_is_taken_by_the_rows_that_list_it_and_by_no_other(form: str) -> None:
    accepted = set()
    listing = set()
    for name in CATALOGUE.names():
        reasoning = facts_of(name).get("reasoning", {})
        lists = [reasoning.get(key, []) for key in ("efforts", "efforts_only_in_litellm", "efforts_contested")]
        if form != "{}" and name.startswith("ft:"):
            continue
        if any("xhigh" in efforts for efforts in lists):
            listing.add(name)
        if not is_refused(form.format(name), "reasoning_effort", "xhigh"):
            accepted.add(name)
    assert accepted == listing
    assert {"gpt-5.1-codex-max", "gpt-5.2", "gpt-5.2-pro", "gpt-5.2-codex", "gpt-5.2-chat-latest"} <= accepted
    assert not {"gpt-5", "gpt-5.1", "gpt-5-pro", "gpt-4o", "o3", "gpt-5.1-codex"} & accepted


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "max"])
@pytest.mark.parametrize("name", ["o3", "o1", "o4-mini", "gpt-4o", "gpt-5.2-codex", "gpt-3.5-turbo"])
def test_an_assumed_or_missing_effort_table_refuses_only_xhigh(name: str, effort: str) -> None:
    assert judged(name, "reasoning_effort", effort) is None


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("gpt-5", "auto detailed"),
        ("gpt-5.1", "auto detailed"),
        ("gpt-5.4", "auto detailed"),
        ("o3", "auto concise detailed"),
        ("o3-pro", "auto concise detailed"),
        ("o4-mini", "auto concise detailed"),
        ("o3-mini", ""),
        ("o1", ""),
        ("o3-deep-research", "auto concise detailed"),
        ("gpt-4o", "auto concise detailed"),
    ],
)
def test_summaries_are_judged_where_the_page_names_them(name: str, accepted: str) -> None:
    wanted = [s for s in ("auto", "concise", "detailed") if not is_refused(name, "reasoning_effort", {"summary": s})]
    assert wanted == accepted.split()


def test_dropping_a_refused_summary_leaves_the_effort() -> None:
    rule = judged("gpt-5", "reasoning_effort", {"effort": "low", "summary": "concise"})
    assert rule is not None
    assert (rule.supported, rule.replaces, rule.replace) == (False, True, {"effort": "low"})
    assert "'concise'" in rule.reason
    assert "auto, detailed" in rule.reason


@pytest.mark.parametrize(
    "value", [5, True, [], ["low"], {}, {"effort": None}, {"effort": 3}, {"effort": "low", "x": []}]
)
def test_a_malformed_effort_is_refused(value: Any) -> None:
    assert is_refused("gpt-5", "reasoning_effort", value)
    assert is_refused("gpt-4o", "reasoning_effort", value)


@pytest.mark.parametrize("name", ["gpt-5", "gpt-5.1", "gpt-5-mini", "gpt-5-nano", "gpt-5-pro", "ft:gpt-5:org::id"])
def test_verbosity_has_three_values_where_it_is_supported(name: str) -> None:
    assert [v for v in ("low", "medium", "high", "max", 1, []) if not is_refused(name, "verbosity", v)] == [
        "low",
        "medium",
        "high",
    ]


@pytest.mark.parametrize("name", ["gpt-5-codex", "gpt-5.1-codex", "gpt-5.1-codex-mini", "gpt-5.1-codex-max", "gpt-4o"])
def test_verbosity_is_refused_where_it_is_not_supported(name: str) -> None:
    assert is_refused(name, "verbosity", "low")


def test_assumed_verbosity_refuses_nothing() -> None:
    facts = {"mode": "chat", "verbosity": {"supported": False, "source": "assumed"}}
    assert judge(facts, "verbosity", "low", judged=JUDGED) is None


@pytest.mark.parametrize("name", ["gpt-5-search-api", "gpt-4o-search-preview", "gpt-4o-mini-search-preview"])
def test_search_models_take_three_context_sizes(name: str) -> None:
    for size in ("low", "medium", "high"):
        assert judged(name, "web_search_options", {"search_context_size": size}) is None
    assert judged(name, "web_search_options", {}) is None
    location = {"type": "approximate", "approximate": {"country": "NO"}}
    assert judged(name, "web_search_options", {"user_location": location}) is None
    for value in ({"search_context_size": "huge"}, {"search_context_size": []}, {"user_location": "NO"}, "low", []):
        assert is_refused(name, "web_search_options", value)
    rule = judged(name, "web_search_options", {"search_context_size": "huge"})
    assert rule is not None
    assert all(word in rule.reason for word in ("search_context_size", "low", "medium", "high", "'huge'"))


@pytest.mark.parametrize("name", ["gpt-5", "gpt-5.1", "gpt-5.4"])
def test_a_model_known_not_to_search_on_chat_refuses_search_options(name: str) -> None:
    assert is_refused(name, "web_search_options", {"search_context_size": "low"})


def test_an_allow_list_judges_only_what_the_family_documents() -> None:
    assert is_refused("gpt-5-search-api", "n", 1)
    assert is_refused("gpt-5-search-api", "temperature", 1)
    assert judged("gpt-5-search-api", "brand_new", 1) is None
    assert judged("gpt-5-search-api", "verbosity", "low") is None


def test_temperature_is_only_one_on_reasoning_models() -> None:
    assert is_refused("gpt-5", "temperature", 0.2)
    assert judged("gpt-5", "temperature", 1) is None
    assert is_refused("gpt-5", "top_p", 1)
    assert judged("gpt-4o", "temperature", 0.2) is None


@pytest.mark.parametrize("param", ["temperature", "top_p", "logprobs", "top_logprobs"])
@pytest.mark.parametrize(
    ("name", "body", "refused"),
    [
        ("gpt-5.1", {}, False),  # its default effort is none
        ("gpt-5.1", {"reasoning_effort": "none"}, False),
        ("gpt-5.1", {"reasoning_effort": "low"}, True),
        ("gpt-5.1", {"reasoning_effort": {"effort": "low"}}, True),
        ("gpt-5.1", {"reasoning": {"effort": "low"}}, True),
        ("gpt-5.2", {}, True),  # medium
        ("gpt-5.2", {"reasoning_effort": "none"}, False),
        ("gpt-5.5", {}, True),  # not known, so it may reason
        ("gpt-5.5", {"reasoning_effort": "none"}, False),
        ("gpt-5.6", {}, True),
        ("gpt-5.3-codex", {}, True),
        ("gpt-5.5", {"reasoning_effort": "high"}, True),
    ],
)
def test_sampling_goes_with_the_effort_none_only(name: str, body: dict[str, Any], refused: bool, param: str) -> None:
    assert is_refused(name, param, 0.5, **body) is refused


@pytest.mark.parametrize("name", ["gpt-5-pro", "gpt-5-pro-2025-10-06", "o1-pro"])
def test_a_model_without_streaming_refuses_it_and_names_the_way_out(name: str) -> None:
    rule = judged(name, "stream", True)
    assert rule is not None
    assert not rule.supported
    assert rule.option == "fake_stream"
    assert judged(name, "stream", False) is None


@pytest.mark.parametrize(
    ("tool", "accepted"),
    [
        ("web_search", True),
        ("web_search_preview", True),
        ("file_search", True),
        ("image_generation", True),
        ("mcp", True),
        ("function", True),
        ("brand_new", True),
        ("code_interpreter", False),
        ("computer_use_preview", False),
        ("computer", False),
    ],
)
def test_the_tools_of_gpt_5_pro_are_those_of_the_page(tool: str, accepted: bool) -> None:
    assert is_refused("gpt-5-pro", "tools", [{"type": tool}]) is not accepted


def test_dropping_a_refused_tool_leaves_the_others() -> None:
    tools = [{"type": "mcp", "n": 1}, {"type": "code_interpreter"}, {"type": "mcp", "n": 2}]
    rule = judged("gpt-5-pro", "tools", tools)
    assert rule is not None
    assert (rule.replaces, rule.replace) == (True, [tools[0], tools[2]])
    assert "code_interpreter" in rule.reason


def test_function_tools_are_refused_where_the_model_is_known_not_to_call_them() -> None:
    function = {"type": "function", "function": {"name": "f"}}
    assert is_refused("gpt-5-chat", "tools", [function])
    assert is_refused("gpt-5-chat", "functions", [{"name": "f"}])
    assert not is_refused("gpt-4o", "tools", [function])


@pytest.mark.parametrize(
    ("unverified", "verified"),
    [([], True), (["capabilities"], False), (["capabilities.streaming"], False), (["capabilities.vision"], True)],
)
def test_an_unverified_fact_refuses_nothing(unverified: list[str], verified: bool) -> None:
    facts = {"mode": "chat", "capabilities": {"streaming": False}, "unverified": unverified}
    assert is_verified(facts, "capabilities.streaming") is verified
    assert (judge(facts, "stream", True, judged=JUDGED) is not None) is verified


def test_unverified_parameter_facts_refuse_nothing() -> None:
    params = {"temperature": "only_1", "unsupported": ["n"], "allowlist": [], "effort_none_only": ["stream"]}
    facts = {"mode": "chat", "params": params, "unverified": ["params"]}
    for param, value in (("temperature", 0), ("n", 2), ("stream", True), ("tools", [])):
        assert judge(facts, param, value, judged=JUDGED) is None


def test_a_row_with_a_mode_alone_refuses_nothing_but_xhigh() -> None:
    given: dict[str, Any] = {
        "temperature": 0.1,
        "top_p": 0.1,
        "stream": True,
        "verbosity": "x",
        "tools": [{"type": "mcp"}],
        "functions": [{}],
        "web_search_options": {},
        "reasoning_effort": "max",
        "brand_new": 1,
    }
    assert {
        name: judge({"mode": "chat"}, name, value, judged=JUDGED) for name, value in given.items()
    } == dict.fromkeys(given)


def test_no_row_makes_a_rule_raise() -> None:
    odd: list[Any] = [None, True, 0, -1.5, "", "low", [], [1], [{"type": []}], {}, {"effort": []}, {"type": 1}]
    for name in CATALOGUE.names():
        for param in (
            "reasoning_effort",
            "verbosity",
            "temperature",
            "top_p",
            "stream",
            "web_search_options",
            "tools",
            "n",
        ):
            for value in odd:
                rule = judged(name, param, value)
                assert rule is None or rule.reason


@pytest.mark.parametrize(
    ("rule", "good", "bad", "said"),
    [
        (ValueRule(("number",), 0, 2), [0, 1.5, 2], [True, -0.1, 2.1, float("nan"), "1", [1]], "a number from 0 to 2"),
        (ValueRule(("integer",), 1), [1, 10**30, 2.0], [0, 1.5, True, float("inf")], "an integer of 1 or more"),
        (ValueRule(("boolean",)), [True, False], [0, 1, "true", None], "a boolean"),
        (ValueRule(("string",), max_length=3), ["", "abc"], ["abcd", 1], "a string of at most 3 characters"),
        (ValueRule(("string",), choices=("a", "b")), ["a"], ["c", 1, []], "'a' or 'b'"),
        (
            ValueRule(("string", "list"), 1, 2, items=ValueRule(("string",))),
            ["a", ["a"], ("a", "b")],
            [[], ["a", "b", "c"], [1], 1],
            "a string or a list of 1 to 2 strings",
        ),
        (
            ValueRule(("object",), items=ValueRule(("number",), -1, 1)),
            [{}, {"a": 0.5}],
            [{"a": 2}, {"a": True}, []],
            "an object of numbers from -1 to 1",
        ),
        (ValueRule(("list",)), [[], [1]], ["a"], "a list"),
        (ValueRule(("list",), None, 1), [[], [1]], [[1, 2]], "a list of at most 1 items"),
        (
            ValueRule(("list",), items=ValueRule(("list",), items=ValueRule(("integer",)))),
            [[[1]]],
            [[1]],
            "a list of lists of integers",
        ),
        (ValueRule(("object",), kinds=("x",)), [{"type": "x"}], [{}, {"type": []}, "x"], "an object with type 'x'"),
    ],
)
def test_a_value_rule_allows_what_it_says(rule: ValueRule, good: list[Any], bad: list[Any], said: str) -> None:
    assert [value for value in good if not rule.allows(value)] == []
    assert [value for value in bad if rule.allows(value)] == []
    assert str(rule) == said
    assert judge_value("p", None, rule, "") is None


def test_a_refused_value_is_shown_cut() -> None:
    rule = judge_value("n", "x" * 1000, ValueRule(("integer",), 1, 128), "somewhere")
    assert rule == ParamRule(
        supported=False, reason=f"n must be an integer from 1 to 128, not '{'x' * 79}...", source="somewhere"
    )


@pytest.mark.parametrize(
    ("value", "tools", "verdict"),
    [
        (True, 2, (False, False)),
        ("no", 2, (False, False)),
        (False, 2, (False, False)),
        (False, 1, (True, True)),
        (False, 0, (True, True)),
    ],
)
def test_one_call_at_a_time_is_left_out_beside_a_single_tool(value: Any, tools: int, verdict: Any) -> None:
    rule: ParamRule | None = judge_parallel_calls(value, "it cannot", "its reference")
    assert rule is not None
    if rule.applies is not None and not rule.applies({"tools": [{}] * tools}):
        rule = rule.otherwise
    assert rule is not None
    assert (rule.supported, rule.replaces and rule.lossy) == verdict
