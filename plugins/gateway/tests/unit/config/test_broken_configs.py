"""A corpus of broken configs: every mistake is found, each with the line it is in.

Source: row R35 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmgate_gateway.config import ConfigProblems, load_config

ENVIRONMENT = {"OPENAI_API_KEY": "sk-canary-0123456789", "WORDS": "three words here", "EMPTY": ""}
GOOD = "model_list:\n- model_name: m\n  params:\n    model: openai/m\n"
"""Four lines, so that what follows begins in line 5."""

Expected = list[tuple[int, str]]
"""Line and a piece of the message of each mistake, in order."""

BROKEN: dict[str, tuple[str, Expected]] = {
    # YAML itself
    "empty file": ("", [(1, "empty")]),
    "only a comment": ("# nothing\n", [(1, "empty")]),
    "a list": ("- a\n- b\n", [(1, "a config must be a mapping")]),
    "tab": ("model_list:\n\t- model_name: m\n", [(2, "a tab")]),
    "tab after spaces": ("model_list:\n- model_name: m\n  \tparams: {}\n", [(3, "a tab")]),
    "duplicate key": (GOOD + "plugins:\n  block: [a]\n  block: [b]\n", [(7, "twice, first in line 6")]),
    "duplicate section": (GOOD + "plugins: {}\nplugins: {}\n", [(6, "twice, first in line 5")]),
    "open quote": ('model_list:\n- model_name: "m\n  params:\n', [(2, "never closed")]),
    "open list": ("model_list:\n- model_name: [m\n  params: x\n", [(2, "never closed")]),
    "open list at the end": (GOOD + "plugins:\n  allow: [\n", [(6, "never closed")]),
    "open mapping": (GOOD + "plugins: {allow: [a]\n", [(5, "never closed")]),
    "bare star": ("model_list:\n- model_name: *\n", [(2, "quotes")]),
    "star and text": ("model_list:\n- model_name: *openai\n  params: {model: openai/m}\n", [(2, "quotes")]),
    "two colons": ("model_list:\n- model_name: a: b\n", [(2, "a ':'")]),
    "no colon": ("model_list:\n- model_name m\n  params:\n    model: openai/m\n", [(3, "a ':'")]),
    "word alone": (GOOD + "plugins\ngeneral_settings: {}\n", [(5, "no ':'")]),
    "odd first character": ("model_list:\n- model_name: @m\n", [(2, "cannot begin with this character")]),
    "wrong indentation": ("model_list:\n  - model_name: m\n   params: {}\n", [(3, "")]),
    "second document": (GOOD + "---\nplugins: {}\n", [(5, "a second document")]),
    "tag": (GOOD + "plugins: !!python/object:os.system {}\n", [(5, "tags")]),
    "harmless tag": ("model_list:\n- model_name: !!str m\n  params: {model: openai/m}\n", [(2, "tags")]),
    "merge of text": (GOOD + "plugins:\n  <<: a\n", [(6, "'<<' takes a mapping")]),
    "merge of a list of text": (GOOD + "plugins:\n  <<: [{allow: [a]}, b]\n", [(6, "'<<' takes a mapping")]),
    "merge twice": (GOOD + "plugins:\n  <<: {block: [a]}\n  <<: {block: [b]}\n", [(7, "is here twice")]),
    "anchor at a slip": (GOOD + "genral_settings: &g {}\n", [(5, "did you mean 'general_settings'?")]),
    "alias without anchor": (GOOD + "plugins: *none\n", [(5, "without an anchor")]),
    "alias in itself": (GOOD + "plugins: &a\n  allow: [*a]\n", [(6, "a value that contains it")]),
    "list as key": (GOOD + "? [a]\n: b\n", [(5, "a key must be a string")]),
    "control character": (GOOD + "plugins: \x07\n", [(5, "control character")]),
    "unknown escape": ('model_list:\n- model_name: "\\q"\n', [(2, "")]),
    "list as mode of a model with a key that only a plugin knows": (
        GOOD + "    region: eu\n  model_info: {mode: [chat]}\n",
        [(6, "mode")],
    ),
    # keys
    "unknown section": (GOOD + "genral_settings: {}\n", [(5, "did you mean 'general_settings'?")]),
    "unknown key": (GOOD + "general_settings:\n  master_kee: x\n", [(6, "did you mean 'master_key'?")]),
    "unknown key far from all": (
        GOOD + "plugins:\n  zzz: 1\n",
        [(6, "unknown key; the keys here are allow, block, prefer")],
    ),
    "key in the wrong section": (GOOD + "general_settings:\n  num_retries: 1\n  plugin: 1\n", [(6, ""), (7, "")]),
    "misspelt parameter": (
        "model_list:\n- model_name: m\n  litellm_params:\n    model: openai/m\n    api_kee: x\n",
        [(5, "did you mean 'api_key'?")],
    ),
    "misspelt request parameter": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    temprature: 1\n",
        [(5, "did you mean 'temperature'?")],
    ),
    "secret as request parameter": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    admin_password: x\n",
        [(5, "looks like a secret")],
    ),
    "both spellings": (
        "model_list:\n- model_name: m\n  params: {model: openai/m}\n  litellm_params: {model: openai/n}\n",
        [(4, "means the same as 'params' in line 3")],
    ),
    "no model_list": ("general_settings: {}\n", [(1, "model_list: is missing")]),
    "empty model_list": ("general_settings: {}\nmodel_list: []\n", [(2, "is empty")]),
    "no model_name": ("model_list:\n- params:\n    model: openai/m\n", [(2, "model_name: is missing")]),
    "no params": ("model_list:\n- model_name: m\n", [(2, "params: is missing")]),
    "no model": (
        "model_list:\n- model_name: m\n  litellm_params:\n    api_base: http://h/v1\n",
        [(3, "model: is missing")],
    ),
    # values
    "number for text": ("model_list:\n- model_name: 4\n  params: {model: openai/m}\n", [(2, "put it in quotes")]),
    "text for mapping": (GOOD + "general_settings: yes please\n", [(5, "must be a mapping")]),
    "mapping for list": ("model_list:\n  m: openai/m\n", [(1, "must be a list")]),
    "text for list": ("general_settings: {}\nmodel_list: openai/m\n", [(2, "must be a list")]),
    "text for number": (GOOD + "settings:\n  max_retries: many\n", [(6, "must be a whole number")]),
    "flag for number": (GOOD + "settings:\n  max_retries: true\n", [(6, "not true or false")]),
    "below zero": (GOOD + "router_settings:\n  num_retries: -1\n", [(6, "must be at least 0")]),
    "no time at all": (GOOD + "settings:\n  timeout: 0\n", [(6, "must be greater than 0")]),
    "endless time": (GOOD + "settings:\n  timeout: .inf\n", [(6, "finite")]),
    "text for flag": (GOOD + "settings:\n  drop_params: maybe\n", [(6, "must be true or false")]),
    "unknown mode": (
        "model_list:\n- model_name: m\n  params: {model: openai/m}\n  model_info:\n    mode: chatt\n",
        [(5, "did you mean 'chat'?")],
    ),
    "list for mode": (
        "model_list:\n- model_name: m\n  params: {model: openai/gpt-4o}\n  model_info:\n    mode: [chat]\n",
        [(5, "must be 'chat', 'responses'")],
    ),
    "unknown size": (GOOD + "general_settings:\n  limits:\n    max_body: 10 sheep\n", [(7, "must be a size")]),
    "base URL without scheme": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    api_base: localhost:8000\n",
        [(5, "must be a URL")],
    ),
    "password in the base URL": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    api_base: http://u:canary@h/v1\n",
        [(5, "user or password")],
    ),
    "header of the gateway": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    extra_headers: {Authorization: x}\n",
        [(5, "cannot set authorization")],
    ),
    "shell variable": (GOOD + "general_settings:\n  master_key: ${KEY}\n", [(6, "write os.environ/NAME")]),
    "path as model": (
        "model_list:\n- model_name: m\n  params: {model: openai/../m}\n",
        [(3, "must be a model string")],
    ),
    "URL as model": (
        "model_list:\n- model_name: m\n  params: {model: 'http://h/m'}\n",
        [(3, "must be a model string")],
    ),
    # variables
    "variable not set": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    api_key: os.environ/OPENAI_API_KEI\n",
        [(5, "OPENAI_API_KEI is not set, did you mean 'OPENAI_API_KEY'?")],
    ),
    "variable empty": (GOOD + "general_settings:\n  master_key: os.environ/EMPTY\n", [(6, "EMPTY is empty")]),
    "variable without name": (GOOD + "general_settings:\n  master_key: os.environ/\n", [(6, "followed by the name")]),
    "variable of the wrong type": (GOOD + "settings:\n  timeout: os.environ/WORDS\n", [(6, "(the value of WORDS)")]),
    # what must fit together
    "two stars for one": ('model_list:\n- model_name: "*"\n  params: {model: openai/*-*}\n', [(3, "must be equal")]),
    "star without prefix": ('model_list:\n- model_name: "*"\n  params: {model: "*"}\n', [(3, "needs a prefix")]),
    "id twice": (
        GOOD.replace("m\n", "m\n  model_info: {id: a}\n", 1)
        + "- model_name: n\n  params: {model: openai/n}\n  model_info: {id: a}\n",
        [(8, "is also the id of model_list[0]")],
    ),
    "alias of nothing": (
        GOOD + "router_settings:\n  model_group_alias:\n    a: gpt-5\n    m: m\n",
        [(7, "there is no model_name 'gpt-5'"), (8, "is also a model_name")],
    ),
    "key for unknown model": (
        GOOD + "general_settings:\n  keys:\n  - name: a\n    key: sk-aaaa\n    models: [nn]\n",
        [(9, "there is no model_name 'nn'")],
    ),
    "one key twice": (
        GOOD + "general_settings:\n  master_key: sk-aaaa\n  keys:\n  - name: a\n    key: sk-aaaa\n",
        [(9, "is the same as another key")],
    ),
    "relay to nowhere": (GOOD + "general_settings:\n  passthrough: files\n", [(6, "no model_name or model_info.id")]),
    "contested route without family": (GOOD + "plugins:\n  prefer:\n    openai: a\n", [(7, "FAMILY:PREFIX")]),
    "both policies": (
        GOOD + "settings:\n  drop_params: true\n  param_policy: error\n",
        [(6, "contradicts param_policy")],
    ),
    # LiteLLM's keys that protect
    "custom auth": (GOOD + "general_settings:\n  custom_auth: auth.check\n", [(6, "refused")]),
    "guardrails": (GOOD + "guardrails:\n- guardrail_name: a\n", [(5, "refused")]),
    "budget": (GOOD + "litellm_settings:\n  max_budget: 10\n", [(6, "refused")]),
    "moderating callback": (GOOD + "litellm_settings:\n  callbacks: [my_guard.check]\n", [(6, "refused")]),
    # plugins
    "unknown plugin": ("model_list:\n- model_name: m\n  params:\n    model: nobody/m\n", [(4, "no plugin serves")]),
    "plugin switched off": (
        GOOD + "plugins:\n  allow: [llmgate-local]\n",
        [(4, "is switched off by")],
    ),
    # all at once
    "many at once": (
        (
            "model_list:\n- model_name: 1\n  litellm_params:\n    model: openai/m\n    api_key: os.environ/NONE\n"
            "    timeout: soon\n- model_name: n\n  params: {model: nobody/n}\ngeneral_setings: {}\n"
            "litellm_settings: {guardrails: [a], max_retries: x}\n"
        ),
        [
            (2, "put it in quotes"),
            (5, "NONE is not set"),
            (6, "must be a number"),
            (8, "no plugin serves"),
            (9, "did you mean"),
            (10, "refused"),
            (10, "must be a whole number"),
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=list(BROKEN))
def test_each_mistake_is_told_with_its_line(text: str, expected: Expected, write: Callable[[str], Path]) -> None:
    path = write(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment=ENVIRONMENT, plugins=True)
    problems = caught.value.problems
    assert [problem.line for problem in problems] == [line for line, _ in expected], str(caught.value)
    for problem, (_, words) in zip(problems, expected, strict=True):
        assert words in f"{problem.path}: {problem.message}"
    lines = str(caught.value).split("\n")
    assert [line.startswith(f"{path}:{p.line}:{p.column}: ") for line, p in zip(lines, problems, strict=True)] == [
        True
    ] * len(problems)
    assert "canary" not in str(caught.value)


def test_the_corpus_is_large() -> None:
    assert len(BROKEN) >= 40


def test_columns_point_at_the_value_or_the_key(write: Callable[[str], Path]) -> None:
    text = "model_list:\n- model_name: m\n  params:\n    model: openai/m\n    timeout:    soon\n    api_kee: x\n"
    with pytest.raises(ConfigProblems) as caught:
        load_config(write(text), environment={})
    assert [(problem.line, problem.column, problem.path) for problem in caught.value.problems] == [
        (5, 17, "model_list[0].params.timeout"),
        (6, 5, "model_list[0].params.api_kee"),
    ]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config(tmp_path / "none.yaml")
    assert str(caught.value).endswith(f"{tmp_path / 'none.yaml'}: No such file or directory")
