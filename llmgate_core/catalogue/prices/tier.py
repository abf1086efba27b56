"""The prices of one model at one service tier, found in its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.catalogue.prices.amounts import NOTHING, NotKnownError, as_number
from llmgate_core.catalogue.sources import source_names

__all__ = ["KINDS", "STANDARD", "TierPrices", "cached_price"]

STANDARD = "standard"
KINDS = ("audio", "image")  # of tokens, besides text


class TierPrices:
    """The prices of one model at one service tier.

    Attributes:
        facts: the model's row. pricing: its prices, of every tier. tier: the name of this one.
        source: where the prices are from, for `Cost.source`.
    """

    __slots__ = ("facts", "pricing", "source", "tier")

    def __init__(self, facts: Mapping[str, Any], pricing: Mapping[str, Any], tier: str) -> None:
        self.facts = facts
        self.pricing = pricing
        self.tier = tier
        names = source_names(facts.get("sources"))
        self.source = f"catalogue ({names}), {tier} prices" if names else f"catalogue, {tier} prices"

    def of_text(self, input_tokens: int) -> Mapping[str, Any]:
        """Return the prices of text in a call with that much input.

        Raises:
            NotKnownError: the row has none.
        """
        prices: Mapping[str, Any] | None = self.pricing.get(self.tier)
        if prices is None:
            raise NotKnownError
        long = self._of_long_input(prices)
        if not long or input_tokens <= as_number(long.get("above_input_tokens")):
            return prices
        if prices.get("long_context") is None:
            raise NotKnownError  # long input has another price, which is not known for this tier
        return long  # for the whole call, not only for the tokens above the threshold

    def long_input_begins_above(self) -> float | None:
        """Return the number of input tokens above which `of_text` differs; None: it never does.

        Raises:
            NotKnownError: the row has no prices of text, or a threshold that makes no sense.
        """
        long = self._of_long_input(self.of_text(0))
        return as_number(long.get("above_input_tokens")) if long else None

    def _of_long_input(self, prices: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the prices of long input: the tier's or, to know where it begins, those of the standard tier."""
        long: Mapping[str, Any] | None = prices.get("long_context")
        if long is None and self.tier != STANDARD:
            return (self.pricing.get(STANDARD) or NOTHING).get("long_context")
        return long

    def of_kind(self, kind: str, direction: str) -> Any:
        """Return the price of a kind of token; only some tiers have their own, such as `batch_input`.

        Rates without a price for the cache give no discount.
        """
        rates = self.pricing.get(f"{kind}_tokens") or NOTHING
        price = rates.get(direction if self.tier == STANDARD else f"{self.tier}_{direction}")
        return self.of_kind(kind, "input") if price is None and direction == "cached_input" else price


def cached_price(prices: Mapping[str, Any]) -> Any:
    """Return the price of text from the cache; a price list without one gives no discount."""
    price = prices.get("cached_input")
    return prices.get("input") if price is None else price
