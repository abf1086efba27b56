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


PROTECTED = f"""\
model_list:
- model_name: "*"
  litellm_params: {{model: "*"}}
- model_name: q
  litellm_params: {{model: hosted_vllm/org/qwen, api_base: "http://10.0.0.1/v1", api_key: {CANARY}}}
guardrails: [{{guardrail_name: x, litellm_params: {{api_key: {CANARY}}}}}]
litellm_settings: {{callbacks: [my.guard], max_budget: 10}}
general_settings: {{enable_jwt_auth: true, master_kee: {CANARY}}}
router_settings: {{enable_tag_filtering: true}}
"""
PLACES = [
    "guardrails",
    "settings.callbacks",
    "settings.max_budget",
    "general_settings.enable_jwt_auth",
    "general_settings.master_kee",
    "router_settings.enable_tag_filtering",
]


def test_a_migrated_config_is_refused_until_each_missing_protection_is_deleted(
    write: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "ours.yaml"
    assert run(migrate_module, str(write(PROTECTED)), "-o", str(target)) == 1
    assert "canary" not in target.read_text(encoding="utf-8")
    lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    for missing in range(len(PLACES), -1, -1):
        target.write_text("".join(lines), encoding="utf-8")
        capsys.readouterr()
        status = run(config_module, "check", str(target), "--no-env", "--json")
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        mistakes = [row for row in rows if row.get("severity") == "error"]
        assert (status, [row["path"] for row in mistakes]) == (2 if missing else 0, PLACES[len(PLACES) - missing :])
        if mistakes:
            del lines[mistakes[0]["line"] - 1]
            if mistakes[0]["path"] == "router_settings.enable_tag_filtering":
                lines.remove("router_settings:\n")
            if mistakes[0]["path"] == "settings.max_budget":
                lines.remove("settings:\n")


def test_a_report_has_losses_first_and_the_verdict_last(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(migrate_module, str(write(PROTECTED))) == 1
    report = capsys.readouterr().err.splitlines()
    words = [line.split(": ")[2] for line in report if line.startswith("line ")]
    order = ["refused", "not understood", "differs", "ignored", "spelled differently"]
    assert words == sorted(words, key=order.index)
    assert not [line for line in report if line.endswith(": carried over")]
    assert report[-1] == "The gateway refuses the written config until this is settled."


def test_a_star_and_compatible_prefixes_are_rewritten_where_no_key_could_go_astray(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run(migrate_module, str(write(PROTECTED)))
    entries = yaml.safe_load(capsys.readouterr().out)["model_list"]
    assert [entry["params"]["model"] for entry in entries] == ["openai/*", "openai/org/qwen"]
    without_key = PROTECTED.replace(f", api_key: {CANARY}}}}}\nguard", "}\nguard").replace(
        f'"http://10.0.0.1/v1", api_key: {CANARY}', '"http://10.0.0.1/v1"'
    )
    run(migrate_module, str(write(without_key)))
    output = capsys.readouterr()
    assert yaml.safe_load(output.out)["model_list"][1]["params"]["model"] == "hosted_vllm/org/qwen"


def test_the_status_is_that_of_a_check_of_the_result(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = "model_list:\n- model_name: m\n  litellm_params: {model: nobody/m}\n"
    assert run(migrate_module, str(write(text))) == 1
    assert "the written config is refused: the written config:4:12: model_list[0].params.model: no plugin" in (
        capsys.readouterr().err
    )


WARNED = (
    "model_list:\n- model_name: m\n  litellm_params: {rpm: 1, model: openai/gpt-4o, api_base: 'http://localhost/v1'}\n"
)


def test_a_check_shows_warnings_beside_mistakes(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(WARNED + "guardrails: [a]\n"))
    assert run(config_module, "check", path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{path}:4:1: guardrails: ")
    assert lines[1].startswith(f"warning: {path}:3:20: model_list[0].litellm_params.rpm: ")
    assert run(config_module, "check", path, "--json") == 2
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["severity"], row["line"]) for row in rows][:2] == [("error", 4), ("warning", 3)]


def test_json_of_a_good_config_has_its_warnings(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config_module, "check", str(write(WARNED)), "--json") == 0
    first, second, *_ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["model_name"], second["severity"], second["path"]) == (
        "m",
        "warning",
        "model_list[0].litellm_params.rpm",
    )


WITH_VARIABLES = """\
model_list:
- model_name: os.environ/NAME
  params: {model: openai/gpt-4o, api_key: os.environ/KEY, timeout: {total: os.environ/S}, drop_params: os.environ/D}
- model_name: n
  params: {model: os.environ/MODEL}
general_settings: {master_key: os.environ/MASTER, limits: {max_body: os.environ/SIZE}, keys: os.environ/KEYS}
"""


def test_a_check_without_the_environment_takes_every_variable_to_be_right(
    write: Callable[[str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    path = str(write(WITH_VARIABLES))
    assert run(config_module, "check", path) == 2
    assert capsys.readouterr().err.count("is not set") == 8
    assert run(config_module, "check", path, "--no-env") == 0
    output = capsys.readouterr()
    assert output.out.startswith(f"{path}: OK, 2 deployments")
    assert "warning" not in output.out
    assert run(config_module, "check", str(write(WITH_VARIABLES + "plugins: {blok: [a]}\n")), "--no-env") == 2
    assert "did you mean 'block'" in capsys.readouterr().err
