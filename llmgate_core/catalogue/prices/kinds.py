"""How many of a call's tokens are audio or images, which have prices of their own, and which of them were cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.catalogue.prices.amounts import NOTHING, NotKnownError, add_part, as_count, as_details
from llmgate_core.catalogue.prices.tier import KINDS, TierPrices, cached_price

__all__ = ["add_cached_kinds", "counts_of_kinds"]


def counts_of_kinds(
    prices: TierPrices, of_text: Mapping[str, Any], direction: str, total: int, details: Mapping[str, Any]
) -> dict[str, int]:
    """Return how many of `total` tokens are of each kind that is not text and has its own price.

    `of_text` are the prices of text in this call, and `direction` is `input` or `output`.

    Raises:
        NotKnownError: a kind has no price, or its tokens are not counted and cannot be inferred.
    """
    counts: dict[str, int] = {}
    uncounted = []
    for kind in KINDS:
        rates = prices.pricing.get(f"{kind}_tokens")
        has_price = rates is not None and rates.get(direction) is not None
        count = details.get(f"{kind}_tokens")
        if count is None:
            if has_price and total:
                uncounted.append(kind)
        elif has_price:
            counts[kind] = as_count(count)
        elif count and (kind, direction) != ("image", "input"):  # an image without its own price costs as text does
            raise NotKnownError
    for kind in uncounted:
        rest = total - sum(counts.values())
        alone = len(uncounted) == 1
        counts[kind] = _uncounted_kind(prices, of_text, kind, direction, rest, details, alone=alone)
    return {kind: count for kind, count in counts.items() if count}


def _uncounted_kind(
    prices: TierPrices,
    of_text: Mapping[str, Any],
    kind: str,
    direction: str,
    rest: int,
    details: Mapping[str, Any],
    *,
    alone: bool,
) -> int:
    """Return how many tokens are of a kind that the details do not count, where that can be inferred."""
    modalities = (prices.facts.get("modalities") or NOTHING).get(direction)
    if modalities == [kind] or (alone and of_text.get(direction) is None):
        return rest
    if alone and details.get("text_tokens") is not None:
        return rest - as_count(details["text_tokens"])
    if prices.pricing[f"{kind}_tokens"][direction] == of_text.get(direction):
        return 0  # same price: counted as text
    raise NotKnownError


def add_cached_kinds(
    parts: dict[str, float],
    prices: TierPrices,
    of_text: Mapping[str, Any],
    kinds: dict[str, int],
    text: int,
    cached: int,
    details: Mapping[str, Any],
) -> int:
    """Add what the cached tokens that are not text cost to `parts`, and subtract them from `kinds`.

    `text` is how many of the tokens are text, `cached` how many of all of them came from the cache.

    Returns:
        How many of the text tokens were cached.

    Raises:
        NotKnownError: a price is not known, or it matters which kind was cached and the upstream does not say.
    """
    split = as_details(details.get("cached_tokens_details"))
    if split:
        counts = {kind: as_count(split.get(f"{kind}_tokens") or 0) for kind in kinds}
    elif not text and len(kinds) == 1:
        counts = dict.fromkeys(kinds, cached)
    elif cached <= text + sum(kinds.values()) and not _has_discount(prices, of_text, kinds):
        return 0  # every kind costs the same from the cache, so it does not matter which they are
    else:
        raise NotKnownError
    for kind, count in counts.items():
        add_part(parts, f"cached_{kind}_input", count, prices.of_kind(kind, "cached_input"))
        kinds[kind] -= count
    return cached - sum(counts.values())


def _has_discount(prices: TierPrices, of_text: Mapping[str, Any], kinds: Mapping[str, int]) -> bool:
    """Return whether any of these kinds of token costs less if it comes from the cache."""
    return cached_price(of_text) != of_text.get("input") or any(
        prices.of_kind(kind, "cached_input") != prices.of_kind(kind, "input") for kind in kinds
    )
