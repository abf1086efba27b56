"""The names of the sources of facts, as a ledger entry or an error shows them. Data.

The catalogue's rows refer to their sources by the keys of this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["LITELLM_PAGE", "OPENAI_REFERENCE", "source_name", "source_names"]

OPENAI_REFERENCE = "OpenAI API reference"
LITELLM_PAGE = "LiteLLM's OpenAI page"

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "seed": LITELLM_PAGE,
        "seed (alias)": f"{LITELLM_PAGE}, of the model behind this name",
        "litellm": "LiteLLM's model list",
        "openapi": OPENAI_REFERENCE,
    }
)
"""Key of a source in the catalogue -> its name; a key that is not here is used as the name."""


def source_name(key: str) -> str:
    """Return the full name of one source."""
    return NAMES.get(key, key)


def source_names(keys: Iterable[str] | None) -> str:
    """Return the full names of a row's sources, separated by commas; empty if it names none."""
    return ", ".join([NAMES.get(key, key) for key in keys or ()])
