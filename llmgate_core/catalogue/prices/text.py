"""What an ordinary answer costs: text that was read and written, and how much of what was read came from the cache.

The short way, which most answers take. It prices only what it fully understands, to the same sum as `tokens.py`, and
leaves everything else to the general way: audio, images, tokens written to the cache, long input, other units, odd
counts.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.catalogue.prices.amounts import MAX_COUNT, MILLION, NotKnownError, as_number
from llmgate_core.catalogue.prices.tier import KINDS, TierPrices, cached_price
from llmgate_core.catalogue.prices.units import has_unseen_searches
from llmgate_core.catalogue.prices.usage import token_fields

__all__ = ["TextPrices"]


class TextPrices:
    """The prices of text at one service tier, in dollars for a million tokens.

    Raises:
        NotKnownError: the row has no such prices, or others that may apply to the same usage.
    """

    __slots__ = ("cached_input", "input", "max_input", "output")

    def __init__(self, prices: TierPrices) -> None:
        if any(f"{kind}_tokens" in prices.pricing for kind in KINDS) or has_unseen_searches(prices):
            raise NotKnownError
        of_text, above = prices.of_text(0), prices.long_input_begins_above()
        self.input = as_number(of_text.get("input"))
        self.cached_input = as_number(cached_price(of_text))
        self.output = as_number(of_text.get("output"))
        self.max_input = MAX_COUNT if above is None else above

    def parts(self, usage: dict[str, Any]) -> dict[str, float] | None:
        """Return the cost of each part of a usage that counts text only; None: the general way has to decide."""
        read, written, details, written_details = token_fields(usage)
        if type(read) is not int or not 0 <= read <= self.max_input:
            return None
        if type(written) is not int or not 0 <= written <= MAX_COUNT:
            return None
        cached = None
        if details is not None:
            if type(details) is not dict or details.get("audio_tokens") or details.get("cache_write_tokens"):
                return None
            cached = details.get("cached_tokens")
        if written_details is not None:
            made = written_details
            if type(made) is not dict or made.get("audio_tokens") or made.get("image_tokens"):
                return None
        if cached:
            if type(cached) is not int or not 0 < cached <= read:
                return None
            read -= cached
        parts: dict[str, float] = {}
        if read:
            parts["input"] = read * self.input / MILLION
        if cached:
            parts["cached_input"] = cached * self.cached_input / MILLION
        if written:
            parts["output"] = written * self.output / MILLION
        return parts
