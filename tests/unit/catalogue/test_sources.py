"""Every source that a shipped row names has a full name, and every provider row makes a `ProviderInfo`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from llmgate_core import ConfigError
from llmgate_core.catalogue.rules import ASSUMED
from llmgate_core.catalogue.sources import NAMES, source_names
from llmgate_core.plugin import decode, provider_info

DATA = files("llmgate_core") / "catalogue" / "data"


def sources_in(value: Any, key: str = "") -> Iterator[str]:
    """Yield what the keys `sources`, `source` and `…_source` of a row hold."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from sources_in(item, name)
    elif key == "sources":
        yield from value
    elif key == "source" or key.endswith("_source"):
        yield value


def test_every_source_of_a_row_has_a_name() -> None:
    rows = decode((DATA / "openai.json").read_bytes())["models"]
    assert set(sources_in({"models": rows})) - {ASSUMED} == set(NAMES)


def test_a_source_of_another_file_is_its_own_name() -> None:
    assert source_names(["openapi", "Acme's page"]) == "OpenAI API reference, Acme's page"
    assert source_names(None) == ""


def test_a_provider_is_a_row_and_the_plugin_adds_its_operations() -> None:
    info = provider_info("openai", operations=["image.edit"])
    assert (info.api, info.name, info.env_key, info.operations) == ((1, 0), "openai", "OPENAI_API_KEY", {"image.edit"})
    assert info.env_base_url == ("OPENAI_BASE_URL", "OPENAI_API_BASE")
    assert hash(info)


def test_an_unknown_provider_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="openai"):
        provider_info("acme")
