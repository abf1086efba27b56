"""What a program may ask about a model: facts of its row, and None where the row does not say."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import BadRequestError, Client, ConfigError, ModelDescription, Settings, model_facts, supports
from llmgate_core.catalogue.description import CAPABILITIES
from tests.support.paths import ROOT


@pytest.fixture
def client(tmp_path: Path) -> Client:
    rows = {
        "seeing": {"mode": "chat", "modalities": {"input": ["text", "image"], "output": ["text"]}},
        "blind": {"mode": "chat", "capabilities": {"vision": False, "reasoning": True}},
        "thinking": {"mode": "chat", "reasoning": {"efforts": ["low", "high"]}},
        "bare": {"mode": "embedding", "limits": {"embedding_dimensions": 8}},
    }
    (tmp_path / "catalogue.json").write_text(json.dumps({"provider": "openai", "models": rows}))
    return Client(settings=Settings(catalogue_file=str(tmp_path / "catalogue.json")))


@pytest.mark.parametrize(
    ("model", "capability", "answer"),
    [
        ("seeing", "vision", True),
        ("openai/seeing", "audio_input", False),
        ("seeing", "image_output", False),
        ("seeing", "function_calling", None),
        ("blind", "vision", False),
        ("blind", "reasoning", True),
        ("thinking", "reasoning", True),
        ("bare", "vision", None),
        ("openai/not-in-the-catalogue", "vision", None),
        ("not-in-the-catalogue", "vision", None),
    ],
)
def test_a_capability_is_stated_or_follows_from_a_fact_or_is_not_known(
    client: Client, model: str, capability: str, answer: bool | None
) -> None:
    assert supports(model, capability, client=client) is answer


def test_a_capability_that_does_not_exist_is_an_error(client: Client) -> None:
    with pytest.raises(ConfigError, match="did you mean 'vision'"):
        supports("not-in-the-catalogue", "visoin", client=client)


@pytest.mark.parametrize("model", [None, 5, b"gpt-4o"])
def test_a_model_is_named_by_a_string(client: Client, model: Any) -> None:
    with pytest.raises(BadRequestError):
        model_facts(model, client=client)


def test_the_description_has_what_the_row_says(client: Client) -> None:
    description = model_facts("openai/bare", client=client)
    assert description is not None
    assert (description.name, description.prefix, description.embedding_dimensions) == ("bare", "openai", 8)
    assert (description.input_price, description.context_window, description.input_modalities) == (None, None, ())
    assert model_facts("gpt-4o", client=client) == model_facts("openai/gpt-4o", client=client)
    assert model_facts("openai/not-in-the-catalogue", client=client) is None


def test_the_page_lists_every_capability_and_every_field() -> None:
    page = (ROOT / "docs" / "guide" / "models.md").read_text("utf-8")
    tables = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    listed = {name: meaning.strip() for names, meaning in tables for name in re.findall(r"`(\w+)", names)}
    assert {name: listed.get(name) for name in CAPABILITIES} == dict(CAPABILITIES)
    assert {field.name for field in fields(ModelDescription)} <= listed.keys()
