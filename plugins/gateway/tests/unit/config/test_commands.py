"""`llmgate config` and `llmgate migrate`, run as the command line runs them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from llmgate_gateway.commands import config as config_module
from llmgate_gateway.commands import migrate as migrate_module
from llmgate_gateway.config import load_config

CANARY = "sk-canary-7f3a9c5e1b"
LITELLM = f"""\
model_list:
- model_name: gpt-4o
  litellm_params:
    model: openai/gpt-4o
    api_key: os.environ/OPENAI_API_KEY
    num_retries: 3
    rpm: 100
    input_cost_per_token: 0.1
- model_name: "*"
  litellm_params:
    model: openai/*
    api_key: {CANARY}
    extra_headers: {{x-api-key: {CANARY}, x-team: blue}}
litellm_settings:
  drop_params: true
  callbacks: ["langfuse"]
general_settings:
  master_key: {CANARY}-master
  database_url: os.environ/DATABASE_URL
environment_variables:
  OPENAI_API_KEY: {CANARY}
"""


def run(module: Any, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    module.command.add_arguments(parser)
    status: int = module.command.run(parser.parse_args(arguments))
    return status


def test_a_good_config_is_summed_up(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("DATABASE_URL", "postgres://canary")
    assert run(config_module, "check", str(write(LITELLM))) == 0
    output = capsys.readouterr()
    assert "config.yaml: OK, 2 deployments" in output.out
    assert "  gpt-4o -> openai/gpt-4o (any mode): chat" in output.out
    assert "llmgate-openai-chat" in output.out
    assert "keys for clients: 1" in output.out
    assert "warning: " in output.out
    assert "canary" not in output.out + output.err


def test_a_bad_config_tells_all_and_exits_with_2(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("model_list:\n- model_name: m\n  litellm_params:\n    model: nobody/m\n    api_kee: x\n")
    assert run(config_module, "check", str(path)) == 2
    output = capsys.readouterr()
    lines = output.err.splitlines()
    assert [line.startswith(f"{path}:{place}: ") for line, place in zip(lines, ("4:12", "5:5"), strict=True)] == [
        True
    ] * 2
    assert output.out == ""
    assert run(config_module, "check", str(path), "--json") == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["line"], row["column"]) for row in rows] == [(4, 12), (5, 5)]


def test_a_file_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config_module, "check") == 2
    assert "FILE" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config_module, "schema") == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_a_migrated_config_means_the_same(
    write: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write(LITELLM), tmp_path / "ours.yaml"
    assert run(migrate_module, str(source), "-o", str(target)) == 0
    output = capsys.readouterr()
    text = target.read_text(encoding="utf-8")
    assert "canary" not in text + output.out + output.err
    assert target.stat().st_mode & 0o777 == 0o600
    assert yaml.safe_load(text)["model_list"][0] == {
        "model_name": "gpt-4o",
        "params": {"model": "openai/gpt-4o", "api_key": "os.environ/OPENAI_API_KEY", "max_retries": 3},
        "model_info": {"input_cost_per_token": 0.1},
    }
    variables = {"OPENAI_API_KEY": CANARY, "LLMGATE_API_KEY": CANARY, "LLMGATE_MASTER_KEY": f"{CANARY}-master"}
    ours = load_config(target, environment=variables)
    theirs = load_config(source, environment={"OPENAI_API_KEY": CANARY, "DATABASE_URL": "x"})
    assert (ours.deployments, ours.general, ours.settings) == (theirs.deployments, theirs.general, theirs.settings)
    assert ours.warnings == ()


def test_every_line_of_the_old_config_is_accounted_for(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(migrate_module, str(write(LITELLM)), "--all") == 0
    output = capsys.readouterr()
    assert yaml.safe_load(output.out)["settings"] == {"drop_params": True}
    *report, verdict = output.err.splitlines()
    assert verdict == "The gateway takes the written config; llmgate config check warns 0 times."
    said = {line.split(":")[0] for line in report}
    assert said == {f"line {number}" for number in range(1, len(LITELLM.splitlines()) + 1)}
    for expected in (
        "line 3: model_list[0].litellm_params: spelled differently: params",
        "line 4: model_list[0].litellm_params.model: carried over",
        "line 13: model_list[1].litellm_params.extra_headers: carried over",
    ):
        assert expected in report
    assert [
        line for line in report if line.startswith("line 8: ") and line.endswith(": model_info.input_cost_per_token")
    ]
    assert [line for line in report if line.startswith("line 7: ") and "ignored: limits and weights" in line]
    assert [line for line in report if line.startswith("line 18: ") and "set LLMGATE_MASTER_KEY" in line]
    assert [line for line in report if line.startswith("line 21: ") and "in the environment" in line]


def test_what_cannot_be_carried_over_ends_with_1(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = "model_list:\n- model_name: m\n  litellm_params: {model: openai/m}\nguardrails: [a]\nfoo: 1\n"
    assert run(migrate_module, str(write(text))) == 1
    report = capsys.readouterr().err.splitlines()
    assert report[0].startswith("line 4: guardrails: refused: ")
    assert report[1].startswith("line 5: foo: not understood: unknown key")
    assert [line.split(": ")[:3] for line in report if line.startswith("the written config")] == [
        ["the written config is refused", "the written config:5:1", "guardrails"],
        ["the written config is refused", "the written config:6:1", "foo"],
    ]
    assert report[-1] == "The gateway refuses the written config until this is settled."


def test_no_file_is_written_over(write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = write(LITELLM)
    assert run(migrate_module, str(path), "-o", str(path)) == 2
    assert path.read_text(encoding="utf-8") == LITELLM
    assert "cannot write" in capsys.readouterr().err


def test_what_is_no_yaml_ends_with_2(write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(migrate_module, str(write("a: [\n"))) == 2
    assert ":1:4: " in capsys.readouterr().err
