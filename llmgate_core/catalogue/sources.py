"""The names of the sources that facts rest on, as a ledger entry or an error shows them. Data.

The catalogue's rows name their sources by the keys of this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["LITELLM_PAGE", "OPENAI_REFERENCE", "catalogue_source", "source_name"]

OPENAI_REFERENCE = "OpenAI API reference"
LITELLM_PAGE = "LiteLLM's OpenAI page"

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "seed": LITELLM_PAGE,
        "seed (alias)": f"{LITELLM_PAGE}, of the model that this name stands for",
        "litellm": "LiteLLM's model list",
        "openapi": OPENAI_REFERENCE,
    }
)
"""Key of a source in the catalogue -> its name; a key that is missing here is its own name."""


def source_name(key: str) -> str:
    """Return the full name of one source."""
    return NAMES.get(key, key)


def catalogue_source(keys: tuple[str, ...] | list[str] | None) -> str:
    """Return how an entry names the catalogue's row that has these sources."""
    return "catalogue: " + (", ".join(map(source_name, keys or ())) or "no source named")
