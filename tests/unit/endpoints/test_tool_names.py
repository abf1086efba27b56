"""Names of tools that an upstream does not take: always the same other name, which fits, and is restored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.responses_to_chat.tools import ToolNames as NamespacedNames
from llmgate_core.plugin import NameRule, ToolNames, function_names

RULES = [
    NameRule("a-zA-Z0-9_-", 64),
    NameRule("a-zA-Z0-9_-", 128),
    NameRule("A-Za-z0-9_.:-", 128, start="A-Za-z_"),
    NameRule(r"\s\S", 64),
]


@given(st.text(st.characters() | st.sampled_from("\ud800\udfff"), max_size=200), st.sampled_from(RULES))
def test_the_other_name_fits_and_is_restored(name: str, rule: NameRule) -> None:
    names = ToolNames([name], rule)
    sent = names.sent(name)
    assert rule.fits(sent)
    assert sent == ToolNames([], rule).sent(name), "the name alone decides"
    assert names.given(sent) == name
    assert (sent == name) == (not names.renamed)


@pytest.mark.parametrize(
    ("rule", "name", "head"),
    [
        (RULES[0], "get.weather", "get_weather_"),
        (RULES[2], "3d", "_3d_"),
        (RULES[0], "x" * 65, "x" * 55 + "_"),
        (RULES[3], "a b" * 40, ("a b" * 40)[:55] + "_"),
    ],
)
def test_the_other_name_has_what_is_legal_of_the_given_one(rule: NameRule, name: str, head: str) -> None:
    assert rule.fitted(name).startswith(head)
    assert len(rule.fitted(name)) == len(head) + 8


@pytest.mark.parametrize(
    ("rule", "name"), [(RULES[0], "get_weather"), (RULES[0], "3d"), (RULES[2], "get.weather"), (RULES[3], "a b")]
)
def test_a_name_that_fits_stays(rule: NameRule, name: str) -> None:
    assert rule.fitted(name) == name


def test_names_that_differ_in_illegal_characters_alone_stay_apart() -> None:
    names = ToolNames(["a.b", "a b", "a_b"], RULES[0])
    sent = [names.sent(name) for name in ("a.b", "a b", "a_b")]
    assert len(set(sent)) == 3
    assert [names.given(name) for name in sent] == ["a.b", "a b", "a_b"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, []),
        (
            {"tools": [{"type": "function", "function": {"name": "a"}}, {"name": "b"}], "functions": [{"name": "c"}]},
            "abc",
        ),
        ({"tools": "x", "functions": 1}, []),
        ({"tools": [1, None, {"function": 1}, {"function": {"name": 2}}, {"name": None}]}, []),
    ],
)
def test_names_are_found_as_far_as_they_are_well_formed(body: dict[str, Any], found: Any) -> None:
    assert list(function_names(body)) == list(found)


def test_a_namespace_of_responses_may_have_half_a_character() -> None:
    tools = [{"type": "namespace", "name": "\ud800", "tools": [{"type": "function", "name": "a"}]}]
    names = NamespacedNames(tools)
    assert names.chat_name("a", "\ud800").startswith("___a_")
