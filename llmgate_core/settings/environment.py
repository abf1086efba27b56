"""Read the process environment, at the time of each call. No other module does."""

from __future__ import annotations

import os
from collections.abc import Iterable

from llmgate_core.secrets import Secret

__all__ = ["EnvironmentState", "first_set", "read", "read_secret"]


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


class EnvironmentState:
    """The values of some variables at one moment. Its repr shows none."""

    __slots__ = ("__values",)

    def __init__(self, names: Iterable[str]) -> None:
        self.__values = tuple((name, os.environ.get(name)) for name in names)

    def is_current(self) -> bool:
        """Return whether none of them has changed."""
        for name, value in self.__values:  # noqa: SIM110  # twice as fast as `all`
            if os.environ.get(name) != value:
                return False
        return True
