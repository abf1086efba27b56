"""One model of a list, converted or left out, and the arithmetic of its prices. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

__all__ = ["Converted", "SkippedModel", "count", "day", "dollars", "without_nothing", "words"]

MILLION = 1_000_000
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Converted:
    """A model: the list's name of its provider, the upstream's name of the model, and its row."""

    provider: str
    name: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SkippedModel:
    """A model that has no row, and why."""

    provider: str
    reason: str


def dollars(value: Any, *, each: int = MILLION) -> float | None:
    """Return a price for a million, rounded to what a price list can mean; None: not stated. `each`: of how many."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        return None
    return float(f"{value * MILLION / each:.9g}")


def count(value: Any) -> int | None:
    """Return a number of tokens; None: not stated."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < inf:
        return None
    return int(value)


def day(value: Any) -> str | None:
    """Return a date as `YYYY-MM-DD`; None: not stated."""
    return value if isinstance(value, str) and DAY.fullmatch(value) else None


def words(value: Any) -> list[str] | None:
    """Return a list of names; None: not stated."""
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return list(value)
    return None


def without_nothing(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are stated: neither None nor empty."""
    return {name: fact for name, fact in facts.items() if fact is not None and fact not in ({}, [], ())}
