"""Read what an upstream sent, in which every field may have any type: what is wrong counts as missing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate_core.plugin import JsonObject, decode

__all__ = ["count", "objects", "parsed_object", "table"]


def count(value: Any) -> int | None:
    """Return a count of the upstream's; None for anything else."""
    return value if type(value) is int and value >= 0 else None


def table(value: Any) -> JsonObject:
    """Return an object of the upstream's; empty for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Sequence[JsonObject]:
    """Return the objects of a list of the upstream's; nothing for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def parsed_object(text: str) -> JsonObject | None:
    """Return the JSON object that a string holds; None: it holds something else."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = decode(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
