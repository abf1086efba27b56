"""`llmgate models update` writes a catalogue file from a list, and keeps what the user has written there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Settings
from llmgate_core.cli import main

LIST = {
    "gpt-9": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
        "max_input_tokens": 500_000,
    },
    "groq/llama": {"litellm_provider": "groq", "mode": "chat"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text(json.dumps(LIST))
    return tmp_path


def test_the_rows_of_installed_providers_are_used_by_a_client(folder: Path) -> None:
    assert main(["models", "update", "list.json", "--provider", "openai", "--as-of", "2026-11-29"]) == 0
    client = Client(settings=Settings(catalogue_file="catalogue.json"))
    row = client.preparer.catalogue.find("gpt-9")
    assert row is not None
    assert row.facts["pricing"]["standard"] == {"input": 1.0, "output": 2.0}
    assert row.as_of == "2026-11-29"


def test_the_users_own_facts_stay(folder: Path) -> None:
    own = {"provider": "openai", "models": {"gpt-9": {"mode": "chat", "notes": ["mine"]}}}
    (folder / "own.json").write_text(json.dumps(own))
    assert main(["models", "update", "list.json", "--provider", "openai", "--output", "own.json"]) == 0
    (part,) = json.loads((folder / "own.json").read_text())
    assert part["models"]["gpt-9"]["notes"] == ["mine"]
    assert part["models"]["gpt-9"]["limits"] == {"max_input_tokens": 500_000}


def test_split_writes_one_file_a_provider(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "models",
        "update",
        "list.json",
        "--provider",
        "openai",
        "--provider",
        "groq",
        "--split",
        "rows",
        "--json",
    ]
    assert main(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"provider": "groq", "models": 1}, {"provider": "openai", "models": 1}]
    assert json.loads((folder / "rows" / "groq.json").read_text())["prefix_by_mode"] == {"chat": "groq"}


@pytest.mark.parametrize(
    "words",
    [
        ["update"],
        ["update", "missing.json"],
        ["update", "broken.json"],
        ["update", "list.json", "--as-of", "today"],
        ["update", "list.json", "--provider", "acme"],
        ["update", "list.json", "--provider", "groq", "--output", "missing/rows.json"],
        ["update", "list.json", "--provider", "groq", "--output", "broken.json"],
    ],
)
def test_what_cannot_be_done_is_an_error_and_writes_nothing(
    folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.json").write_text("{")
    before: dict[str, Any] = {path.name: path.read_text() for path in folder.iterdir()}
    assert main(["models", *words]) == 2
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert capsys.readouterr().err.startswith("llmgate: ")
