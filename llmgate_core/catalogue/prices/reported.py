"""The cost that a provider itself reports in the usage of an answer. Pure."""

from __future__ import annotations

import math
from typing import Any

from llmgate_core.catalogue.prices.cost import Cost
from llmgate_core.contract.provider import ProviderInfo

__all__ = ["reported_cost"]


def reported_cost(info: ProviderInfo, usage: Any) -> Cost | None:
    """Return what a provider says that a call cost; None: it says nothing, or no amount of dollars."""
    value = usage.get(info.cost_field) if hasattr(usage, "get") else None
    is_amount = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    return Cost(float(value), source=f"{info.name}, in the answer") if is_amount and value is not None else None
