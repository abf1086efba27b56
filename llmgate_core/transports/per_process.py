"""What one process keeps for itself, since a fork duplicates everything but sockets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PerProcess"]

T = TypeVar("T")


class PerProcess(Generic[T]):
    """One value per process.

    If parent and child both send on one connection, one gets the other's answer. So a child starts with a new value,
    and with new locks, since a thread that does not exist there may hold the old ones. What it inherited stays
    referenced and untouched: closing it could disturb the parent, or wait for such a lock.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, T] = {os.getpid(): make()}
        self._inherited: list[T] = []

    def get(self) -> T:
        """Return the value of this process."""
        process = os.getpid()
        value = self._values.get(process)
        if value is None:
            value = self._values.setdefault(process, self._make())  # in one step: a lock could be held for ever
            for other in [other for other in list(self._values) if other != process]:
                self._inherit(other)
        return value

    def _inherit(self, other: int) -> None:
        """Put a parent's value aside, so that no later child with its number finds it."""
        value = self._values.pop(other, None)
        if value is not None:
            self._inherited.append(value)
