"""Files made to hurt: they are refused soon, and run nothing.

Source: row S22 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from llmgate_gateway.config import ConfigProblems, load_config, load_config_dict

LAUGHS = 'a: &a ["lol", "lol", "lol", "lol", "lol", "lol", "lol", "lol", "lol"]\n' + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
)
GOOD = "model_list:\n- model_name: m\n  params: {model: openai/m}\n"
HOSTILE = {
    "billion laughs": (LAUGHS, "values, with aliases counted in full"),
    "many aliases": ("a: &a x\nb: [" + "*a, " * 10_001 + "x]\n", "more than 10,000 aliases"),
    "deep flow": ("a: " + "[" * 100_000, "nested deeper than 50"),
    "deep blocks": ("".join(" " * i + "a:\n" for i in range(200)), "nested deeper than 50"),
    "deep by aliases": (
        "a: &a [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\nb: " + "[" * 30 + "*a" + "]" * 30,
        "nested deeper",
    ),
    "many values": ("a: [" + "x," * 400_000 + "x]\n", "more than 200,000 values"),
    "many keys": ("a: [" + "{}," * 210_000 + "x]\n", "more than 200,000 values"),
    "one megabyte of text": ("a: " + "x" * 1_000_000 + "\n", "unknown key"),
    "one megabyte of key": ("x" * 1_000_000 + ": 1\n", ""),
    "one megabyte of comment": ("#" + "x" * 1_000_000 + "\n", "empty"),
    "one megabyte of open quote": ('"' + "x\n" * 400_000, "never closed"),
    "long digits": (GOOD + "settings: {max_retries: " + "9" * 900_000 + "}\n", ""),
    "many unknown keys": ("".join(f"k{i}: 1\n" for i in range(9_000)), "unknown key"),
    "many unknown parameters": (
        "model_list:\n- model_name: m\n  params:\n    model: openai/m\n"
        + "".join(f"    tempera{i}: 1\n" for i in range(9_000)),
        "too many unknown keys",
    ),
    "many wrong values": ("model_list: [" + "{model_name: 1}, " * 5_000 + "x]\n", "must be a string"),
    "many names that are nowhere": (
        GOOD + "router_settings:\n  model_group_alias:\n" + "".join(f"    a{i}: openai{i}\n" for i in range(9_000)),
        "there is no model_name",
    ),
    "many missing variables": (
        GOOD + "settings:\n  additional_drop_params: [" + "os.environ/NONE, " * 9_000 + "x]\n",
        "is not set",
    ),
    "python object": ("!!python/object/apply:os.system ['exit 3']\n", "tags"),
    "python name": ("a: !!python/name:os.system\n", "tags"),
    "larger than allowed": ("#" * (1024 * 1024 + 1), "larger than 1 MiB"),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_file_is_refused(text: str, words: str, write: Callable[[str], Path]) -> None:
    path = write(text)
    with pytest.raises(ConfigProblems) as caught:
        load_config(path, environment={})
    assert words in str(caught.value)
    assert len(caught.value.problems) <= 200


def test_no_bytes_but_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"model_list:\n- model_name: \xff\n")
    with pytest.raises(ConfigProblems, match=r"config\.yaml:2:15: "):
        load_config(path)


def test_a_byte_order_mark_is_fine(write: Callable[[str], Path]) -> None:
    assert load_config(write("\ufeff" + GOOD), environment={}).deployments[0].model_name == "m"


def test_no_device_pipe_or_folder(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigProblems):
            load_config(path)


def test_a_link_to_a_file_is_followed(write: Callable[[str], Path], tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(write(GOOD))
    assert load_config(link, environment={}).warnings == ()


def test_a_file_that_all_can_write_is_warned_of(write: Callable[[str], Path]) -> None:
    path = write(GOOD)
    path.chmod(0o666)
    assert load_config(path, environment={}).warnings == (
        f"{path}:1:1: every user of this machine can write this file; chmod o-w it",
    )


def test_words_of_yaml_1_1_mean_what_litellm_reads(write: Callable[[str], Path]) -> None:
    text = (
        "model_list:\n- model_name: '1'\n  params: {model: openai/m, user: 2024-08-06, n: 1_0, seed: 12:30, stop: ~}\n"
        "general_settings: {forward_openai_org_id: yes}\nplugins:\n"
    )
    config = load_config(write(text), environment={})
    assert config.general.forward_openai_org_id is True
    assert config.deployments[0].params.request_defaults == {"user": "2024-08-06", "n": 10, "seed": "12:30"}


def test_anchors_work_within_the_limits(write: Callable[[str], Path]) -> None:
    anchored = "- model_name: a\n  litellm_params: &p {model: openai/m, rpm: 6}\n"
    text = f"model_list:\n{anchored}- {{model_name: b, litellm_params: *p}}\n"
    config = load_config(write(text), environment={})
    assert [deployment.params.model for deployment in config.deployments] == ["openai/m", "openai/m"]
    assert len(config.warnings) == 1


def test_a_mapping_that_is_none_of_ours_is_refused_too() -> None:
    with pytest.raises(ConfigProblems, match="model_list: "):
        load_config_dict({})


def test_more_than_200_mistakes_or_warnings_are_counted(write: Callable[[str], Path]) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config(write(GOOD + "".join(f"unknown{i}: 1\n" for i in range(207))), environment={})
    assert len(caught.value.problems) == 200
    assert str(caught.value).split("\n")[200:] == ["and 7 more mistakes"]
    entries = "".join(f"- model_name: m{i}\n  params: {{model: openai/m, api_key: k}}\n" for i in range(203))
    config = load_config(write(f"model_list:\n{entries}"), environment={})
    assert config.warnings[200:] == ("and 3 more warnings",)
