"""What a requested model name means.

Source: docs/internal/capabilities.md, A35 to A38 and A56; row S6 of docs/reliability.md.
"""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import ConfigProblems, GatewayConfig, ModelNames, allows, config_for_model, load_config_dict

PREFIXES = ("openai", "openai/responses", "text-completion-openai", "local")


def config_of(*entries: tuple[str, str], **more: Any) -> GatewayConfig:
    listed = [{"model_name": name, "params": {"model": model}} for name, model in entries]
    return load_config_dict({"model_list": listed, **more}, environment={})


def names_of(*entries: tuple[str, str], **more: Any) -> ModelNames:
    return ModelNames(config_of(*entries, **more), PREFIXES)


def models(names: ModelNames, requested: str) -> list[str] | None:
    group = names.find(requested)
    return None if group is None else [member.model for member in group.members]


MIXED = (
    ("gpt-4o", "openai/gpt-4o-2024-08-06"),
    ("my alias", "gpt-4o"),
    ("twice", "openai/first"),
    ("twice", "local/second"),
    ("openai/gpt-5*", "openai/responses/gpt-5*"),
    ("*", "openai/*"),
    ("team-*", "openai/gpt-4o-mini"),
    ("fo::*:static::*", "openai/fo::*:static::*"),
)


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        ("gpt-4o", ["openai/gpt-4o-2024-08-06"]),  # an entry wins over the star
        ("my alias", ["gpt-4o"]),
        ("twice", ["openai/first", "local/second"]),  # all of one name, in order
        ("gpt-4", ["openai/gpt-4"]),
        ("gpt-4-turbo-preview", ["openai/gpt-4-turbo-preview"]),
        ("never-seen", ["openai/never-seen"]),
        ("ft:gpt-4o:org::id", ["openai/ft:gpt-4o:org::id"]),
        ("openai/gpt-4o", ["openai/gpt-4o"]),  # the star's own prefix is not doubled
        ("openai/gpt-5-mini", ["openai/responses/gpt-5-mini"]),  # the longest pattern wins
        ("openai/responses/gpt-5-mini", ["openai/responses/gpt-5-mini"]),  # a longer prefix under the star's own
        ("meta-llama/Llama-3", ["openai/meta-llama/Llama-3"]),  # no plugin's prefix, so a model's name
        ("team-anything", ["openai/gpt-4o-mini"]),  # no star to fill: one model for all
        ("fo::hi:static::ho", ["openai/fo::hi:static::ho"]),
        ("text-completion-openai/gpt-3.5-turbo-instruct", None),  # another plugin than the star leads to
        ("local/anything", None),
        ("openai/", None),
        ("/gpt-4o", None),
        ("openai//gpt-4o", None),
        ("../gpt-4o", None),
        ("openai/../local/x", None),
        ("http://169.254.169.254/x", None),
        ("gpt-4o?x=1", None),
        ("gpt-4o%2e%2e", None),
        ("gpt-4o\n", None),
        ("gpt\x00-4o", None),
        ("gpt 4o", None),
        ("*", None),
        ("openai/*", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_name_finds_what_the_config_routes_and_nothing_else(requested: str, expected: list[str] | None) -> None:
    assert models(names_of(*MIXED), requested) == expected


def test_only_aliases_means_only_aliases() -> None:
    names = names_of(("openai-model", "gpt-4o"))
    assert models(names, "openai-model") == ["gpt-4o"]
    assert [models(names, name) for name in ("gpt-4o", "openai/gpt-4o", "openai-model/x")] == [None, None, None]


def test_a_longer_prefix_is_not_left_for_a_shorter_one() -> None:
    names = names_of(("*", "openai/responses/*"))
    assert models(names, "openai/responses/gpt-5") == ["openai/responses/gpt-5"]
    assert models(names, "gpt-5") == ["openai/responses/gpt-5"]
    assert models(names, "openai/gpt-5") is None


def test_a_pattern_without_prefix_lets_no_client_add_one() -> None:
    names = names_of(("gpt-*", "gpt-*"))
    assert models(names, "gpt-4o") == ["gpt-4o"]
    assert models(names, "gpt-4o/x") is None


def test_names_are_listed_once_with_aliases_and_patterns() -> None:
    aliases = {"best": "gpt-4o", "old": {"model": "gpt-4o", "hidden": True}}
    names = names_of(*MIXED, router_settings={"model_group_alias": aliases})
    assert set(names.names()) == {*(name for name, _ in MIXED), "best"}
    assert len(names.names()) == len(set(names.names()))
    assert models(names, "best") == models(names, "old") == ["openai/gpt-4o-2024-08-06"]


def test_an_alias_of_a_pattern_is_no_name_to_ask_for() -> None:
    names = names_of(("*", "openai/*"), router_settings={"model_group_alias": {"any": "*"}})
    assert models(names, "any") is None


def test_an_alias_may_name_what_a_pattern_serves() -> None:
    names = names_of(("openai/*", "openai/*"), router_settings={"model_group_alias": {"fast": "openai/gpt-4o-mini"}})
    assert models(names, "fast") == ["openai/gpt-4o-mini"]


def test_two_stars_use_the_first_and_warn() -> None:
    config = config_of(("*", "openai/*"), ("*", "local/*"))
    assert models(ModelNames(config, PREFIXES), "x") == ["openai/x"]
    assert len(config.warnings) == 1
    assert "not load-balanced" in config.warnings[0]


def test_a_star_cannot_choose_the_plugin() -> None:
    with pytest.raises(ConfigProblems):
        config_of(("*", "*"))


def test_prefixes_are_those_of_installed_plugins() -> None:
    names = ModelNames(config_of(("*", "local/*")))
    assert models(names, "openai/gpt-4o") is None
    assert models(names, "x") == ["local/x"]


def test_one_model_answers_to_every_name() -> None:
    names = ModelNames(config_for_model("openai/gpt-4o"), PREFIXES)
    assert models(names, "gpt-3.5-turbo") == models(names, "openai/gpt-4o") == ["openai/gpt-4o"]
    assert names.names() == ("openai/gpt-4o", "*")


@pytest.mark.parametrize(
    ("listed", "requested", "allowed"),
    [
        (None, "anything", True),
        ((), "anything", False),
        (("gpt-4o",), "gpt-4o", True),
        (("gpt-4o",), "gpt-4o-mini", False),
        (("openai/*",), "openai/x", True),
        (("openai/*",), "local/x", False),
        (("*",), "x", True),
    ],
)
def test_a_keys_list_covers_names_and_patterns(listed: tuple[str, ...] | None, requested: str, allowed: bool) -> None:
    assert allows(listed, requested) is allowed


def test_odd_names_are_no_bomb() -> None:
    names = names_of(("a*a*", "openai/a*a*"))
    for _ in range(200):
        assert names.find("a" * 255 + "b") is not None
        assert names.find("b" * 1_000_000) is None
