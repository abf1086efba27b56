"""Who a request belongs to, once its key was checked."""

from __future__ import annotations

from dataclasses import dataclass

from llmgate_gateway.config import allows

__all__ = ["ANYBODY", "Caller"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a key belongs to.

    Attributes:
        name: for log and metrics; None where no keys are set.
        models: names and patterns that it may ask for; None: all.
        max_in_flight: requests under way at once; None: the general limit.
    """

    name: str | None = None
    models: tuple[str, ...] | None = None
    max_in_flight: int | None = None

    def may_use(self, model: str) -> bool:
        """Return whether this client may ask for a model by this name."""
        return self.models is None or allows(self.models, model)


ANYBODY = Caller()
"""Every client of a gateway that has no keys."""
