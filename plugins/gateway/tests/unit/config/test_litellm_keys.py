"""LiteLLM's keys: those with a meaning here have it, all others are listed.

Source: issue row "LiteLLM keys that we do not serve are listed at start"; LiteLLM's reference of config.yaml.
"""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_gateway.config import ConfigProblems, GatewayConfig, load_config_dict, options_for
from llmgate_gateway.config.litellm.fates import fate_of, litellm_keys, request_params

VALUES = {"timeout": 1, "request_timeout": 1, "num_retries": 1, "max_parallel_requests": 1}
"""Of the keys that have a meaning here; of all others any value does."""
ENTRY = {"model_name": "m", "litellm_params": {"model": "openai/m"}}


def load(content: dict[str, Any], **params: Any) -> GatewayConfig:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/m", **params}}
    return load_config_dict({"model_list": [entry], **content}, environment={})


def test_each_key_of_the_table_has_a_fate_and_a_reason() -> None:
    for part, fates in litellm_keys().items():
        for key, fate in fates.items():
            assert fate.what in ("differs", "ignored", "refused", "moved"), (part, key)
            assert fate.why, (part, key)


@pytest.mark.parametrize(
    ("part", "section"),
    [
        ("", None),
        ("general_settings", "general_settings"),
        ("settings", "litellm_settings"),
        ("router_settings", "router_settings"),
    ],
)
def test_no_key_of_the_table_passes_in_silence(part: str, section: str | None) -> None:
    for key, fate in litellm_keys()[part].items():
        name = key.replace("*", "x")
        value = VALUES.get(key, 1 if "cost" in key else "on")
        content = {section: {name: value}} if section else {name: value}
        if fate.what == "refused":
            with pytest.raises(ConfigProblems):
                load(content)
        else:
            assert [name in warning for warning in load(content).warnings] == [True], name


def test_no_parameter_of_the_table_goes_upstream() -> None:
    for key, fate in litellm_keys()["params"].items():
        name = key.replace("*", "x")
        if fate.what == "refused":
            with pytest.raises(ConfigProblems):
                load({}, **{name: "on"})
        else:
            assert (
                load({}, **{name: VALUES.get(key, 1 if "cost" in key else "on")}).deployments[0].params.request_defaults
                == {}
            )


@pytest.mark.parametrize("value", [None, False, [], {}, ""])
def test_what_is_switched_off_takes_nothing_away(value: Any) -> None:
    config = load({"general_settings": {"custom_auth": value}})
    assert [warning.endswith("is ignored: it is switched off") for warning in config.warnings] == [True]


@pytest.mark.parametrize(
    ("callbacks", "refused"),
    [
        (["langfuse", "prometheus"], False),
        ("otel", False),
        (["my_module.handler"], True),
        (["hide_secrets"], True),
        (["langfuse", "presidio"], True),
    ],
)
def test_a_callback_that_may_guard_is_refused(callbacks: Any, refused: bool) -> None:
    content = {"litellm_settings": {"callbacks": callbacks}}
    if refused:
        with pytest.raises(ConfigProblems):
            load(content)
    else:
        assert len(load(content).warnings) == 1


def test_litellms_limits_and_log_settings_are_merged_into_ours() -> None:
    general = {"max_request_size_mb": 2, "global_max_parallel_requests": 7, "max_parallel_requests": 3}
    config = load({"general_settings": general, "litellm_settings": {"set_verbose": True, "json_logs": False}})
    limits, log = config.general.limits, config.general.log
    assert (limits.max_body, limits.max_in_flight, limits.per_client_concurrency) == (2 * 1024 * 1024, 7, 3)
    assert (log.level, log.format) == ("debug", "text")
    both = load({"general_settings": {**general, "limits": {"max_body": "1MB"}, "log": {"level": "error"}}})
    assert (both.general.limits.max_body, both.general.log.level) == (1_000_000, "error")


def test_the_router_wins_over_settings_and_the_deployment_over_both() -> None:
    sections = {
        "litellm_settings": {"num_retries": 1, "request_timeout": 10, "drop_params": True, "organization": "org-a"},
        "router_settings": {
            "num_retries": 2,
            "timeout": {"idle": 5},
            "default_litellm_params": {"temperature": 1, "seed": 4},
        },
    }
    config = load(sections)
    options = options_for(config, config.deployments[0])
    assert (options.max_retries, options.timeouts.total, options.timeouts.idle) == (2, 10, 5)
    assert (options.timeouts.connect, options.param_policy, options.organization) == (5.0, "drop", "org-a")
    assert options.request_defaults == {"temperature": 1, "seed": 4}
    config = load(sections, max_retries=0, timeout=2, drop_params=False, organization="org-b", temperature=0)
    options = options_for(config, config.deployments[0])
    assert (options.max_retries, options.timeouts.total, options.timeouts.connect) == (0, 2, 2)
    assert (options.param_policy, options.organization) == ("error", "org-b")
    assert options.request_defaults == {"temperature": 0, "seed": 4}


def test_prices_among_the_parameters_are_facts_of_the_model() -> None:
    config = load({}, input_cost_per_token=0.1)
    assert config.deployments[0].params.request_defaults == {}
    assert config.deployments[0].model_info.input_cost_per_token == 0.1


def test_known_request_parameters_are_defaults_and_unknown_ones_are_told() -> None:
    config = load({}, temperature=0.2, reasoning_effort={"effort": "high"}, brand_new=1)
    assert set(config.deployments[0].params.request_defaults) == {"temperature", "reasoning_effort", "brand_new"}
    assert [("brand_new" in warning, "with every request" in warning) for warning in config.warnings] == [(True, True)]
    assert all(fate_of("params", name) is None for name in request_params())


def test_default_params_of_the_router_are_no_way_around() -> None:
    with pytest.raises(ConfigProblems):
        load({"router_settings": {"default_litellm_params": {"api_base": "http://other/v1"}}})


def test_relayed_resources_are_named_or_the_usual_ones() -> None:
    relay = load({"general_settings": {"passthrough": "m"}}).general.passthrough
    assert relay is not None
    assert (relay.deployment, "files" in relay.paths, "responses" in relay.paths) == ("m", True, False)
    relay = load({"general_settings": {"passthrough": {"deployment": "m", "paths": ["batches"]}}}).general.passthrough
    assert relay is not None
    assert relay.paths == ("batches",)
