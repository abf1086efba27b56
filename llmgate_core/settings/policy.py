"""What to do with a parameter that an upstream does not take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Policy"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with a parameter that is known to be unsupported.

    Attributes:
        unsupported: `error`, `drop` or `forward`. always_drop: names of parameters that are always dropped.
    """

    unsupported: str = "error"
    always_drop: frozenset[str] = frozenset()
