"""`os.environ/NAME`: whole values, once, never recursively, and only in the config.

Source: docs/internal/capabilities.md, A33; row S21 of docs/reliability.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway.config import ConfigProblems, GatewayConfig, load_config, load_config_dict, options_for


def with_params(*, environment: dict[str, str], **params: Any) -> GatewayConfig:
    entry = {"model_name": "m", "params": {"model": "openai/m", **params}}
    return load_config_dict({"model_list": [entry]}, environment=environment)


def test_a_reference_stands_for_any_value() -> None:
    environment = {"MODEL": "openai/gpt-4o", "SECONDS": "12.5", "TRIES": "0", "ON": "true", "TEMPERATURE": "0.5"}
    entry = {
        "model_name": "os.environ/MODEL",
        "params": {
            "model": "os.environ/MODEL",
            "timeout": "os.environ/SECONDS",
            "max_retries": "os.environ/TRIES",
            "drop_params": "os.environ/ON",
        },
    }
    config = load_config_dict({"model_list": [entry]}, environment=environment)
    options = options_for(config, config.deployments[0])
    assert (config.deployments[0].model_name, config.deployments[0].params.model) == ("openai/gpt-4o", "openai/gpt-4o")
    assert (options.timeouts.total, options.max_retries, options.param_policy) == (12.5, 0, "drop")


def test_what_a_variable_holds_is_not_looked_at_again() -> None:
    config = with_params(environment={"A": "os.environ/B", "B": "secret"}, user="os.environ/A")
    assert config.deployments[0].params.request_defaults == {"user": "os.environ/B"}


def test_an_anchor_is_expanded_once_too(write: Callable[[str], Path]) -> None:
    anchored = "- model_name: a\n  params: &p {model: openai/m, user: os.environ/A}\n"
    text = f"model_list:\n{anchored}- model_name: b\n  params: *p\n"
    config = load_config(write(text), environment={"A": "os.environ/B", "B": "secret"})
    assert [d.params.request_defaults["user"] for d in config.deployments] == ["os.environ/B", "os.environ/B"]


def test_a_part_of_a_value_stays_text_and_is_warned_of() -> None:
    config = with_params(environment={"A": "secret"}, user="user-os.environ/A", suffix="${A}")
    assert config.deployments[0].params.request_defaults == {"user": "user-os.environ/A", "suffix": "${A}"}
    assert len(config.warnings) == 1
    assert config.warnings[0].startswith("model_list[0].params.user: ")


def test_a_missing_variable_names_path_and_variable() -> None:
    with pytest.raises(ConfigProblems) as caught:
        with_params(environment={}, api_key="os.environ/OPENAI_API_KEY", timeout="os.environ/SECONDS")
    assert str(caught.value).split("\n") == [
        "model_list[0].params.api_key: the environment variable OPENAI_API_KEY is not set",
        "model_list[0].params.timeout: the environment variable SECONDS is not set",
    ]


def test_variables_of_the_file_count_where_the_process_has_none() -> None:
    content = {
        "environment_variables": {"A": "of-the-file", "B": "of-the-file", "C": True},
        "model_list": [
            {"model_name": "m", "params": {"model": "openai/m", "user": "os.environ/A", "suffix": "os.environ/B"}}
        ],
    }
    config = load_config_dict(content, environment={"A": "of-the-process", "B": ""})
    assert config.deployments[0].params.request_defaults == {"user": "of-the-process", "suffix": "of-the-file"}
    assert [warning for warning in config.warnings if warning.startswith("environment_variables.C: ")]


def test_the_process_environment_is_read_by_default_and_never_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TEST_USER", "someone")
    before = dict(os.environ)
    content = {
        "environment_variables": {"GATEWAY_TEST_OTHER": "x"},
        "model_list": [{"model_name": "m", "params": {"model": "openai/m", "user": "os.environ/GATEWAY_TEST_USER"}}],
    }
    assert load_config_dict(content).deployments[0].params.request_defaults == {"user": "someone"}
    assert dict(os.environ) == before
