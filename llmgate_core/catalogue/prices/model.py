"""The prices of one model, and what an answer of it costs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from llmgate_core.catalogue.prices.amounts import NOTHING, NotKnownError
from llmgate_core.catalogue.prices.cost import Cost
from llmgate_core.catalogue.prices.text import TextPrices
from llmgate_core.catalogue.prices.tier import STANDARD, TierPrices
from llmgate_core.catalogue.prices.tokens import token_parts
from llmgate_core.catalogue.prices.units import add_searches, second_parts, unit_parts
from llmgate_core.catalogue.prices.usage import TIERS, UNITS_IN_USAGE

__all__ = ["ModelPrices", "cost_of", "general_parts"]


def cost_of(
    facts: Mapping[str, Any] | None,
    usage: Any,
    *,
    as_of: str,
    tier: str | None = None,
    units: Mapping[str, Any] | None = None,
) -> Cost | None:
    """Return the cost of one response; None if the price or the usage is not known.

    `ModelPrices` of the same row returns it faster.

    Args:
        facts: the model's row in the catalogue.
        usage: the answer's usage, in the shape of any family; a mapping or a typed result.
        as_of: the date on which the row was checked.
        tier: the answer's `service_tier`.
        units: amounts not in the usage: `characters` of speech, `seconds` and `size` of video, `size`, `quality`
            and `n` of images, `web_search_calls` and `search_context_size`, `cache_ttl`, `region`. A usage may have
            `web_search_calls` and `region` itself.
    """
    return ModelPrices(facts or NOTHING, as_of).cost_of(usage, tier=None if tier is None else str(tier), units=units)


class ModelPrices:
    """The prices of one model. What its row says of a service tier is worked out once, when it is first asked for."""

    __slots__ = ("_as_of", "_facts", "_tiers")

    def __init__(self, facts: Mapping[str, Any], as_of: str) -> None:
        """Keep a model's row, which must not change, and the date on which it was checked."""
        self._facts = facts
        self._as_of = as_of
        self._tiers: dict[str | None, tuple[TierPrices, TextPrices | None]] = {}  # by the names in `TIERS`

    def cost_of(self, usage: Any, *, tier: str | None = None, units: Mapping[str, Any] | None = None) -> Cost | None:
        """Return the cost of one response, see the function `cost_of`; None if the price or the usage is not known."""
        known = self._tiers.get(tier) or self._read(tier)
        if known is None:
            return None
        prices, text = known
        if type(usage) is not dict:
            usage = _as_mapping(usage)
        if usage and not UNITS_IN_USAGE.isdisjoint(usage):
            units = {**(units or NOTHING), **{name: usage[name] for name in UNITS_IN_USAGE if usage.get(name)}}
        parts = text.parts(usage) if text is not None and usage and not units else None
        if parts is None:
            try:
                parts = general_parts(prices, usage, units or NOTHING)
            except NotKnownError:
                return None
        return Cost(sum(parts.values()), source=prices.source, as_of=self._as_of, breakdown=parts)

    def _read(self, tier: str | None) -> tuple[TierPrices, TextPrices | None] | None:
        pricing, name = self._facts.get("pricing"), TIERS.get(tier)
        if not pricing or name is None:
            return None
        prices, text = TierPrices(self._facts, pricing, name), None
        with suppress(NotKnownError):
            text = TextPrices(prices)
        self._tiers[tier] = prices, text
        return prices, text


def _as_mapping(usage: Any) -> Mapping[str, Any] | None:
    if usage is None or isinstance(usage, Mapping):
        return usage
    return usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else {"type": "unknown"}


def general_parts(prices: TierPrices, usage: Mapping[str, Any] | None, units: Mapping[str, Any]) -> dict[str, float]:
    """Return the cost of each part of one response, whatever was used.

    Raises:
        NotKnownError: a price or an amount is not known.
    """
    parts = _used_parts(prices, usage, units)
    add_searches(parts, prices, units)
    return parts


def _used_parts(prices: TierPrices, usage: Mapping[str, Any] | None, units: Mapping[str, Any]) -> dict[str, float]:
    if not usage:
        return unit_parts(prices, units)
    if usage.get("prompt_tokens") is not None or usage.get("input_tokens") is not None:
        return token_parts(prices, usage, units)
    if usage.get("type") == "duration" and prices.tier == STANDARD:
        return second_parts(prices, usage.get("seconds"))
    raise NotKnownError
