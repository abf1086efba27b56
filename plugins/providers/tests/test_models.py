"""The facts and prices that ship with the rows: valid files, of providers that have a row, which lead no bare name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import llmgate_providers
import pytest
from llmgate_providers.rows import row_names

from llmgate_core import BadRequestError, Client, Settings, model_facts

FILES = sorted((Path(llmgate_providers.__file__).parent / "models").glob("*.json"))


@pytest.fixture(scope="module")
def client() -> Client:
    return Client(settings=Settings())


def content(file: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return parsed


def test_every_file_is_valid_and_has_its_providers_name(client: Client) -> None:
    notices = [notice.message for notice in client.plugin_notices() if "llmgate-providers" in notice.message]
    assert notices == []
    assert [content(file)["provider"] for file in FILES] == [file.stem for file in FILES]
    assert {file.stem for file in FILES} <= set(row_names())


def test_prices_are_sane_and_dated() -> None:
    for file in FILES:
        assert content(file)["as_of"] >= "2026-11-29"
        for name, row in content(file)["models"].items():
            for tier, prices in row.get("pricing", {}).items():
                for kind, price in prices.items():
                    if kind != "long_context":
                        assert 0 <= price <= 1000, (file.stem, name, tier, kind)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_the_facts_of_a_model_are_found_under_its_prefix(file: Path, client: Client) -> None:
    name, row = next(iter(content(file)["models"].items()))
    facts = model_facts(f"{file.stem}/{name}", client=client)
    assert facts is not None
    assert (facts.provider, facts.mode) == (file.stem, row["mode"])


def test_a_bare_name_is_not_guessed(client: Client) -> None:
    with pytest.raises(BadRequestError, match="write 'deepseek/deepseek-coder'"):
        client.resolve("chat", "deepseek-coder")
    with pytest.raises(BadRequestError, match=r"with \d+ other prefixes"):
        client.resolve("chat", "openai/gpt-oss-120b".removeprefix("openai/"))
