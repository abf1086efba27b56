"""Counts of upstreams and prices of rows, checked before they are multiplied."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import Any

__all__ = [
    "MAX_COUNT",
    "MILLION",
    "NOTHING",
    "NotKnownError",
    "add_part",
    "as_count",
    "as_details",
    "as_number",
    "as_pixels",
    "as_seconds",
]

MILLION = 1_000_000
MAX_COUNT = 10**12
"""No call uses more tokens, characters or seconds; a larger count is an upstream's mistake."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class NotKnownError(Exception):
    """A price or a count is missing or makes no sense. Never leaves this folder."""


def as_count(value: Any) -> int:
    """Return the value if it is a count.

    Raises:
        NotKnownError: it is not.
    """
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    raise NotKnownError


def as_number(value: Any) -> float:
    """Return the value if it is a price or an amount.

    Raises:
        NotKnownError: it is not.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT and isfinite(value):
        return value
    raise NotKnownError


def as_seconds(value: Any) -> float:
    """Return a number of seconds; the videos API sends it as a string.

    Raises:
        NotKnownError: the value is not such a number.
    """
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return as_number(value)


def as_pixels(size: Any) -> int:
    """Return how many pixels a size such as `1024x1024` has.

    Raises:
        NotKnownError: it is not a size.
    """
    width, _, height = str(size).partition("x")
    return as_count(int(as_seconds(width) * as_seconds(height)))


def as_details(value: Any) -> Mapping[str, Any]:
    """Return the details of a count, which may be empty.

    Raises:
        NotKnownError: they are not an object.
    """
    if value is None:
        return NOTHING
    if not isinstance(value, Mapping):
        raise NotKnownError
    return value


def add_part(parts: dict[str, float], name: str, count: int, price: Any) -> None:
    """Add what a number of tokens costs to a part; `price` is for a million of them.

    Raises:
        NotKnownError: there is no price, or more tokens were subtracted from the count than it had.
    """
    if count:
        if count < 0 or price is None:
            raise NotKnownError
        parts[name] = parts.get(name, 0.0) + count * price / MILLION
