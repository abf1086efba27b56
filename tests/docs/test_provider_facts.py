"""The page of a provider's facts has every field of `ProviderInfo` and `Option`, with its default."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

from llmgate_core.plugin import Option, ProviderInfo
from tests.support.pages import named, rows
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "plugins" / "provider-facts.md"


def default_of(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return repr(field.default_factory())
    if field.default is MISSING:
        return "required"
    return repr(field.default).replace("'", '"')


def told(first: str) -> list[tuple[str, str]]:
    return [(named(row[0])[0], row[1].strip("`")) for row in rows(PAGE, first)]


def test_the_table_of_facts_is_the_class() -> None:
    assert told("field") == [(field.name, default_of(field)) for field in fields(ProviderInfo)]


def test_the_table_of_options_is_the_class() -> None:
    assert told("of an `Option`") == [(field.name, default_of(field)) for field in fields(Option)]
