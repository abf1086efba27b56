"""LiteLLM files that are not quite ours and load all the same, and what is said of those that do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmgate_gateway.config import ConfigProblems, check_routes, load_config, load_config_dict
from llmgate_gateway.server.reload import Source

DEFAULTS = "x-defaults: &defaults\n  api_key: os.environ/KEY\n  num_retries: 1\n  timeout: 5\n"
FAMILIAR = f"""\
{DEFAULTS}model_list:
- model_name: a
  litellm_params:
    num_retries: 4
    <<: *defaults
    model: openai/a
- model_name: b
  litellm_params: {{<<: [{{timeout: 7}}, *defaults], model: openai/b}}
"""


def test_merge_keys_are_read_as_yaml_says(write: Callable[[str], Path]) -> None:
    config = load_config(write(FAMILIAR), environment={"KEY": "k"})
    first, second = (entry.params for entry in config.deployments)
    assert (first.api_key and first.api_key.reveal(), first.max_retries, first.timeout and first.timeout.total) == (
        "k",
        4,
        5,
    )
    assert (second.model, second.max_retries, second.timeout and second.timeout.total) == ("openai/b", 1, 7)
    assert [line.split(": ")[1] for line in config.warnings] == [
        "x-defaults",
        "model_list[0].litellm_params.timeout",
        "model_list[0].litellm_params.num_retries",
    ]
    assert config.warnings[0].endswith("not a setting; only its anchors are read")


def test_merging_counts_in_full(write: Callable[[str], Path]) -> None:
    lines = ["a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8]}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 8)}]}}" for n in range(1, 9)]
    with pytest.raises(ConfigProblems, match="200,000"):
        load_config(write("\n".join(lines)))


def test_an_unset_variable_is_told_at_the_path_that_the_file_has() -> None:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/m", "api_key": "os.environ/NOT_SET"}}
    content = {"model_list": [entry], "litellm_settings": {"num_retries": "os.environ/NONE"}}
    with pytest.raises(ConfigProblems) as caught:
        load_config_dict(content, environment={})
    assert str(caught.value).splitlines() == [
        "litellm_settings.num_retries: the environment variable NONE is not set",
        "model_list[0].litellm_params.api_key: the environment variable NOT_SET is not set",
    ]


def test_a_variable_that_refers_to_another_matters_only_where_it_is_read() -> None:
    entry = {"model_name": "m", "litellm_params": {"model": "openai/m"}}
    variables = {"LANGFUSE_PUBLIC_KEY": "os.environ/LF"}
    config = load_config_dict({"model_list": [entry], "environment_variables": variables}, environment={"LF": "x"})
    assert [line.partition(":")[0] for line in config.warnings] == ["environment_variables.LANGFUSE_PUBLIC_KEY"]
    entry["litellm_params"]["api_key"] = "os.environ/LANGFUSE_PUBLIC_KEY"  # type: ignore[index]
    with pytest.raises(ConfigProblems, match="LANGFUSE_PUBLIC_KEY"):
        load_config_dict({"model_list": [entry], "environment_variables": variables}, environment={"LF": "x"})


@pytest.mark.parametrize("mode", ["image_generation", None])
def test_a_bare_name_that_is_not_known_is_shown_with_a_prefix(mode: str | None) -> None:
    entry = {"model_name": "m", "litellm_params": {"model": "dall-e-3"}, "model_info": {"mode": mode}}
    with pytest.raises(ConfigProblems, match="'openai/dall-e-3'"):
        check_routes(load_config_dict({"model_list": [entry]}))


def test_a_wrong_model_flag_is_told_once_and_as_what_was_written() -> None:
    with pytest.raises(ConfigProblems) as caught:
        Source(None, "dall-e-3").load()
    (line,) = str(caught.value).splitlines()
    assert line.startswith("--model: no plugin serves 'dall-e-3'")


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ("https://app.example/", "write https://app.example$"),
        ("https://App.example:8443/page?x", "write https://app.example:8443$"),
        ("app.example", "must be an origin such as"),
        ("https://a*.app.example", "or [*] alone"),
        ("http://[::1", "must be an origin such as"),
    ],
)
def test_an_origin_that_would_never_match_is_refused(origin: str, said: str) -> None:
    entry = {"model_name": "m", "params": {"model": "openai/m"}}
    with pytest.raises(ConfigProblems, match=said):
        load_config_dict({"model_list": [entry], "general_settings": {"cors": {"allow_origins": [origin]}}})


@pytest.mark.parametrize("origin", ["*", "http://localhost:3000", "http://[::1]:3000", "chrome-extension://abc"])
def test_an_origin_may_be(origin: str) -> None:
    entry = {"model_name": "m", "params": {"model": "openai/m"}}
    content = {"model_list": [entry], "general_settings": {"cors": {"allow_origins": origin}}}
    assert load_config_dict(content).general.cors.allow_origins == (origin,)
