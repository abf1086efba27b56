"""Read the process environment, at the time of each call. No other module does."""

from __future__ import annotations

import os
from collections.abc import Iterable

from llmgate_core.secrets import Secret

__all__ = ["first_set", "read", "read_secret"]


def read(name: str) -> str | None:
    """Return the variable's value; an empty value counts as not set."""
    return os.environ.get(name) or None


def first_set(names: Iterable[str]) -> str | None:
    """Return the value of the first of `names` that is set."""
    for name in names:
        if value := os.environ.get(name):
            return value
    return None


def read_secret(name: str) -> Secret | None:
    """Return a key as it is in the environment; None if it is not set."""
    value = read(name)
    return None if value is None else Secret(value)
