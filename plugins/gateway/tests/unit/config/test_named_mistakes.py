"""Mistakes as people make them in a config, each named for what it is; and files larger than most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmgate_gateway.config import ConfigProblems, load_config

ENTRY = "model_list:\n- model_name: m\n  params:\n    model: openai/m\n"
NAMED = {
    "no-break space in a key": (
        ENTRY + "general_settings:\n  master\u00a0key: x\n",
        "general_settings.master\\xa0key: character 7 of the key cannot be seen: it is NO-BREAK SPACE (U+00A0)",
    ),
    "no-break space after a key": (
        ENTRY + "    timeout\u00a0: 5\n",
        "model_list[0].params.timeout\\xa0: character 8 of the key cannot be seen: it is NO-BREAK SPACE (U+00A0)",
    ),
    "zero width space in a section": (ENTRY + "plug\u200bins: {}\n", "ZERO WIDTH SPACE (U+200B)"),
    "true for a timeout": (ENTRY + "    timeout: true\n", "must be a number of seconds, or limits such as"),
    "a list for a timeout": (ENTRY + "    timeout: [5]\n", "must be a number of seconds, or limits such as"),
    "a list for a string": (
        ENTRY + "    organization: [a]\n",
        "model_list[0].params.organization: must be a string, not a list",
    ),
    "a mapping for a name": (
        "model_list:\n- model_name: {a: b}\n  params: {model: openai/m}\n",
        "model_list[0].model_name: must be a string, not a mapping",
    ),
    "a list for a key": (
        ENTRY + "general_settings: {master_key: [a]}\n",
        "general_settings.master_key: must be a string, not a list",
    ),
    **{
        f"reference {written}": (ENTRY + f"    api_key: {written!r}\n", "api_key: this is not how a variable")
        for written in (
            "os.environ.OPENAI_API_KEY",
            "os.environ['OPENAI_API_KEY']",
            'os.environ.get("OPENAI_API_KEY")',
            "os.getenv('OPENAI_API_KEY')",
            "env.OPENAI_API_KEY",
            "env:OPENAI_API_KEY",
            "$env:OPENAI_API_KEY",
            "${env:OPENAI_API_KEY}",
        )
    },
}


@pytest.mark.parametrize(("text", "words"), NAMED.values(), ids=list(NAMED))
def test_a_mistake_is_named_for_what_it_is(text: str, words: str, write: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config(write(text), environment={"OPENAI_API_KEY": "sk-canary"})
    (problem,) = caught.value.problems
    assert words in f"{problem.path}: {problem.message}"


@pytest.mark.parametrize("model", ["environ/os", "os.environment", "env", "my.env.file"])
def test_a_name_that_only_looks_like_a_reference_is_a_name(model: str, write: Callable[[str], Path]) -> None:
    text = f"model_list:\n- model_name: {model}\n  params: {{model: openai/m}}\n"
    assert load_config(write(text), environment={}).deployments[0].model_name == model


@pytest.mark.parametrize(
    "anchors",
    [
        "x-common: &c {api_key: sk-cccc}\n",
        "x-common:\n  first: &c {api_key: sk-cccc}\n",
        "x-common:\n- &c {api_key: sk-cccc}\n",
        "common:\n  deep:\n    deeper: &c {api_key: sk-cccc}\n",
    ],
)
def test_anchors_may_be_below_a_key_that_is_no_setting(anchors: str, write: Callable[[str], Path]) -> None:
    text = f"{anchors}model_list:\n- model_name: m\n  params: {{<<: *c, model: openai/m}}\n"
    config = load_config(write(text), environment={})
    assert config.deployments[0].params.api_key is not None
    assert [line for line in config.warnings if "only its anchors are read" in line]


def test_anchors_of_single_values_and_keys_for_other_programs_are_no_mistakes(write: Callable[[str], Path]) -> None:
    text = "x-model: &name openai/m\nx-note: for humans\nmodel_list:\n- model_name: m\n  params: {model: *name}\n"
    config = load_config(write(text), environment={})
    assert config.deployments[0].params.model == "openai/m"
    assert len(config.warnings) == 2


def test_thousands_of_deployments_with_shared_anchors_are_taken(write: Callable[[str], Path]) -> None:
    entry = (
        "- model_name: model-{n}\n  litellm_params: {{<<: *c, model: openai/model-{n}, max_retries: 2, seed: 1}}\n"
        "  model_info: {{id: id-{n}, mode: chat, input_cost_per_token: 0.1}}\n"
    )
    text = "x-common: &c {api_base: 'http://h/v1', user: u, top_p: 1}\nmodel_list:\n" + "".join(
        entry.format(n=n) for n in range(3_000)
    )
    assert len(load_config(write(text), environment={}).deployments) == 3_000
