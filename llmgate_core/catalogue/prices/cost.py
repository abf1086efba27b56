"""A cost: a number of US dollars that says where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["Cost"]

NO_PARTS: Mapping[str, float] = MappingProxyType({})


class Cost(float):
    """US dollars.

    Attributes:
        source: the source of the prices. as_of: the date on which they were checked; empty: not known.
        breakdown: the parts of the sum, such as `input`, `cached_input`, `output`, in dollars.
    """

    __slots__ = ("as_of", "breakdown", "source")

    source: str
    as_of: str
    breakdown: Mapping[str, float]

    def __new__(
        cls, usd: float = 0.0, *, source: str = "", as_of: str = "", breakdown: Mapping[str, float] = NO_PARTS
    ) -> Cost:
        """Return `usd` dollars."""
        cost = float.__new__(cls, usd)
        cost.source = source
        cost.as_of = as_of
        cost.breakdown = breakdown
        return cost

    def __str__(self) -> str:
        return float.__repr__(self)

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {usd:.10g}" for name, usd in self.breakdown.items())
        date = f", prices of {self.as_of}" if self.as_of else ""
        return f"Cost({float(self):.10g} USD{': ' if parts else ''}{parts}; {self.source}{date})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _cost, (float(self), self.source, self.as_of, dict(self.breakdown))


def _cost(usd: float, source: str, as_of: str, breakdown: Mapping[str, float]) -> Cost:
    return Cost(usd, source=source, as_of=as_of, breakdown=breakdown)
