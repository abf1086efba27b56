"""Arguments that are nearly the name of a parameter, and probably a slip. They are sent all the same.

Pure. An upstream may take parameters that the OpenAI API does not have, so no name is refused for being unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.parameters import OPENAI_INPUTS, OPENAI_PARAMETERS
from llmgate_core.settings.near_name import near_name

__all__ = ["known_names", "near_misses"]

ALWAYS_KNOWN = frozenset({"stream", "response_format", "text_format"})
SENT_AS_THEY_ARE = frozenset({"images"})
"""Parameters of the API that the tables do not judge: the references to images of an edit."""

CONVERTED_TO: Mapping[str, str] = MappingProxyType({"chat": "messages"})
"""Family -> one that its calls may be converted to, whose parameters they may have too."""


def near_misses(family: str, operation: str, arguments: Iterable[str]) -> tuple[LedgerEntry, ...]:
    """Return an entry for each argument whose name is nearly that of a parameter of the operation."""
    known = known_names(family, operation)
    unknown = [name for name in arguments if name not in known]
    entries = (_near_miss(family, operation, name) for name in unknown)
    return tuple(entry for entry in entries if entry is not None)


@lru_cache(maxsize=64)
def known_names(family: str, operation: str) -> frozenset[str]:
    """Return the names of the inputs and parameters that the API has for an operation of a family."""
    key = family if operation == "create" else f"{family}.{operation}"
    return (ALWAYS_KNOWN | SENT_AS_THEY_ARE).union(
        OPENAI_PARAMETERS.get(key, ()),
        OPENAI_PARAMETERS.get(CONVERTED_TO.get(key, ""), ()),
        OPENAI_INPUTS.get(family, ()),
        FAMILIES[family].inputs,
    )


@lru_cache(maxsize=1024)  # bounded, because callers choose the names
def _near_miss(family: str, operation: str, name: str) -> LedgerEntry | None:
    near = near_name(name, known_names(family, operation))
    if near is None:
        return None
    reason = f"the API has no parameter of this name; did you mean {near}?"
    return LedgerEntry(name, "forwarded", reason, "OpenAI API reference", lossy=True)
