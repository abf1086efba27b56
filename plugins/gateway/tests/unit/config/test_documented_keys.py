"""Every key that LiteLLM documents or declares is known here: it works, differs, is ignored or is refused, and says so.

Source: `tests/data/litellm_keys.json`, which names its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway.config import ConfigProblems, GatewayConfig, load_config, load_config_dict
from llmgate_gateway.config.litellm.fates import environment_fate, fate_of, request_params
from llmgate_gateway.config.schema.deployment import ModelInfo

DOCUMENTED = json.loads(Path(__file__).parents[2].joinpath("data", "litellm_keys.json").read_bytes())
SECTIONS: dict[str, list[str]] = DOCUMENTED["sections"]
SPELLED = {"general_settings": "general_settings", "settings": "litellm_settings", "router_settings": "router_settings"}
VALUES: dict[str, Any] = {
    "base_model": "gpt-4o",
    "model": "openai/m",
    "model_name": "m",
    "api_key": "sk-bbbb",
    "organization": "org",
    "project": "project",
    "id": "one",
    "model_info": {"mode": "chat"},
    "api_base": "http://host/v1",
    "additional_drop_params": ["user"],
    "extra_headers": {"x": "y"},
    "master_key": "sk-aaaa",
    "mode": "chat",
    "model_group_alias": {"a": "m"},
    "default_litellm_params": {"seed": 1},
    "model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m"}}],
    "litellm_params": {"model": "openai/m"},
    "environment_variables": {"A": "b"},
    **{section: {} for section in ("general_settings", "litellm_settings", "router_settings")},
    **dict.fromkeys(("drop_params", "set_verbose", "json_logs", "enable_preview_features"), True),
    **dict.fromkeys(("use_chat_completions_api", "forward_openai_org_id"), True),
}
"""Of keys that have a meaning here and take no number."""
OWN = ("my_custom_param", "my_custom_key")


def content_with(section: str, keys: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {"model_name": "m", "litellm_params": {"model": "openai/m"}}
    content: dict[str, Any] = {"model_list": [entry]}
    if section == "params":
        entry["litellm_params"] |= keys
    elif section == "model_info":
        entry["model_info"] = keys
    elif section == "model_list":
        entry |= keys
    elif section in SPELLED:
        content[SPELLED[section]] = keys
    else:
        content |= keys
    return content


def load_with(section: str, keys: dict[str, Any]) -> GatewayConfig:
    return load_config_dict(content_with(section, keys), environment={})


def wrong_with(section: str, name: str) -> str:
    """Return what is wrong with the treatment of a documented key, else an empty string."""
    fate = fate_of(section, name)
    refused = name == "callbacks" or (fate is not None and fate.what == "refused")
    try:
        warnings = load_with(section, {name: VALUES.get(name, 1)}).warnings
    except ConfigProblems as error:
        return "" if refused and "is refused: " in str(error) else str(error)
    if fate is not None and fate.what == "refused":
        return "is not refused"
    is_price = section in ("params", "model_info") and name in ModelInfo.model_fields  # has its meaning in both
    is_silent = not any(name in line for line in warnings)
    return "passes in silence" if is_silent and (fate is not None or name in OWN) and not is_price else ""


@pytest.mark.parametrize("section", SECTIONS)
def test_every_documented_key_starts_or_is_refused_with_a_reason(section: str) -> None:
    wrong = {name: problem for name in SECTIONS[section] if (problem := wrong_with(section, name))}
    assert wrong == {}


@pytest.mark.parametrize("section", SECTIONS)
def test_all_keys_of_a_section_that_are_not_refused_start_together(section: str) -> None:
    keys = {}
    for name in SECTIONS[section]:
        fate = fate_of(section, name)
        if name not in ("base_url", "request_timeout") and (fate is None or fate.what != "refused"):
            keys[name] = VALUES.get(name, 1)
    if section == "params":
        del keys["num_retries"]  # means the same as max_retries
    if section == "router_settings":
        del keys["num_retries"]
    load_with(section, keys)


def test_there_are_hundreds_of_keys() -> None:
    assert {section: len(names) > 10 for section, names in SECTIONS.items()} == dict.fromkeys(SECTIONS, True)
    assert sum(map(len, SECTIONS.values())) > 1000


@pytest.mark.parametrize("mode", DOCUMENTED["modes"])
def test_a_model_of_any_documented_mode_starts(mode: str) -> None:
    config = load_with("model_info", {"mode": mode})
    assert config.deployments[0].model_info.mode == mode


def test_variables_of_litellms_environment_are_taken_and_reported(write: Callable[[str], Path]) -> None:
    lines = "".join(f"  {name}: x\n" for name in DOCUMENTED["environment"])
    path = write(f"model_list:\n- model_name: m\n  params: {{model: openai/m}}\nenvironment_variables:\n{lines}")
    assert len(load_config(path, environment={}).warnings) == 201  # 200, and the number of the others
    assert {environment_fate(name).what for name in DOCUMENTED["environment"]} == {"works", "differs", "ignored"}


def test_the_master_key_of_litellms_environment_is_not_taken_in_silence() -> None:
    content = content_with("", {})
    (warning,) = load_config_dict(content, environment={"LITELLM_MASTER_KEY": "sk-x"}).warnings
    assert "general_settings.master_key: os.environ/LITELLM_MASTER_KEY" in warning
    content["general_settings"] = {"master_key": "os.environ/LITELLM_MASTER_KEY"}
    assert load_config_dict(content, environment={"LITELLM_MASTER_KEY": "sk-x"}).warnings == ()


PROTECTIONS = [
    ("", "guardrails"),
    ("", "policies"),
    ("settings", "max_budget"),
    ("settings", "pre_call_rules"),
    ("settings", "block_requests_for_models_without_pricing"),
    ("settings", "overwrite_user_with_key_hash"),
    ("settings", "validate_end_user_id_in_db"),
    ("general_settings", "enable_jwt_auth"),
    ("general_settings", "enforce_rbac"),
    ("general_settings", "allowed_ips"),
    ("general_settings", "enforce_user_param"),
    ("router_settings", "enable_tag_filtering"),
    ("router_settings", "provider_budget_config"),
    ("params", "guardrails"),
    ("params", "max_budget"),
    ("model_info", "blocked"),
]


@pytest.mark.parametrize(("section", "name"), PROTECTIONS)
def test_a_protection_is_never_ignored_unless_it_is_off(section: str, name: str) -> None:
    with pytest.raises(ConfigProblems, match="is refused"):
        load_with(section, {name: True})
    assert "switched off" in load_with(section, {name: False}).warnings[0]


@pytest.mark.parametrize("name", ["access_groups", "team_id", "access_windows", "supported_environments"])
def test_a_limit_on_who_may_use_a_model_is_said_to_be_missing(name: str) -> None:
    (warning,) = load_with("model_info", {name: "x"}).warnings
    assert "this limit on who may use the model is not kept" in warning


@pytest.mark.parametrize(("value", "refused"), [("reject", True), ("generate", False), ("omit", False)])
def test_a_rule_on_sessions_is_refused_only_where_it_refuses_requests(value: str, refused: bool) -> None:
    if refused:
        with pytest.raises(ConfigProblems):
            load_with("general_settings", {"missing_session_id": value})
    else:
        load_with("general_settings", {"missing_session_id": value})


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("params", "timeout"),
        ("settings", "request_timeout"),
        ("router_settings", "timeout"),
        ("params", "num_retries"),
        ("settings", "num_retries"),
        ("router_settings", "num_retries"),
        ("general_settings", "max_parallel_requests"),
    ],
)
def test_a_setting_with_another_meaning_is_named(section: str, key: str) -> None:
    (warning,) = load_with(section, {key: 3}).warnings
    assert f"LiteLLM's {key!r} differs: " in warning


@pytest.mark.parametrize("key", ["stream_timeout", "ttft_timeout"])
@pytest.mark.parametrize("section", ["params", "settings", "router_settings"])
def test_a_timeout_of_streams_is_not_taken_for_the_total(section: str, key: str) -> None:
    (warning,) = load_with(section, {key: 3}).warnings
    assert key in warning
    assert "did you mean" not in warning


def test_a_setting_in_our_spelling_means_what_our_pages_say() -> None:
    entry = {"model_name": "m", "params": {"model": "openai/m", "timeout": 3, "max_retries": 1}}
    assert load_config_dict({"model_list": [entry], "settings": {"timeout": 5}}, environment={}).warnings == ()
    assert load_with("params", {"timeout": {"total": 60, "idle": 5}}).warnings == ()


def test_a_key_with_another_meaning_or_none_is_reported_once_however_many_entries_have_it() -> None:
    params = {"model": "openai/m", "timeout": 3, "rpm": 5}
    entries = [{"model_name": f"m{n}", "litellm_params": params, "tpm": 1} for n in range(300)]
    warnings = load_config_dict({"model_list": entries}, environment={}).warnings
    assert [warning.endswith("(here and in 299 more places)") for warning in warnings] == [True] * 3


@pytest.mark.parametrize(
    ("key", "near"),
    [("input_cost_per_tokn", "input_cost_per_token"), ("moode", "mode"), ("acces_groups", "access_groups")],
)
def test_a_misspelt_fact_is_a_mistake_with_the_near_name(key: str, near: str) -> None:
    with pytest.raises(ConfigProblems, match=f"did you mean '{near}'"):
        load_with("model_info", {key: 1})


def test_a_note_of_ones_own_about_a_model_is_said_to_have_no_effect() -> None:
    (warning,) = load_with("model_info", {"owner_of_this": "sales"}).warnings
    assert "it has no effect" in warning


def test_every_request_parameter_of_the_table_works_without_a_warning() -> None:
    for name in request_params():
        assert load_with("params", {name: 1}).warnings == (), name
