"""What tokens of text, audio and images cost, read, written or kept in a cache. The general way, with every rule.

Source: the field `pricing` of `data/openai.json`; docs/plugins/facts-and-prices.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate_core.catalogue.prices.amounts import NOTHING, NotKnownError, add_part, as_count, as_details, as_number
from llmgate_core.catalogue.prices.kinds import add_cached_kinds, counts_of_kinds
from llmgate_core.catalogue.prices.tier import TierPrices, cached_price
from llmgate_core.catalogue.prices.usage import token_fields

__all__ = ["token_parts"]

USUAL_LIFETIME = "30m"
OF_LIFETIME = re.compile(r"cache_write_([1-9][0-9]{0,3}[smhd])_tokens").fullmatch
"""Which of the `cache_write_tokens` are kept how long, such as `cache_write_1h_tokens`."""


def token_parts(prices: TierPrices, usage: Mapping[str, Any], units: Mapping[str, Any]) -> dict[str, float]:
    """Price the tokens of a usage.

    Raises:
        NotKnownError: a price or a count is not known.
    """
    read, written, details, written_details = token_fields(usage)
    total = as_count(read)
    of_text = prices.of_text(total)
    output = _uncounted_output(usage, of_text, total) if written is None else as_count(written)
    parts: dict[str, float] = {}
    _add_input(parts, prices, of_text, total, as_details(details), units)
    _add_output(parts, prices, of_text, output, as_details(written_details))
    region = units.get("region")
    if region is not None:
        uplift = as_number((prices.pricing.get("regional_uplift") or NOTHING).get(str(region)))
        for name in parts:
            parts[name] *= uplift
    return parts


def _add_input(
    parts: dict[str, float],
    prices: TierPrices,
    of_text: Mapping[str, Any],
    total: int,
    details: Mapping[str, Any],
    units: Mapping[str, Any],
) -> None:
    kinds = counts_of_kinds(prices, of_text, "input", total, details)
    text = total - sum(kinds.values())
    cached, stored = as_count(details.get("cached_tokens") or 0), as_count(details.get("cache_write_tokens") or 0)
    if cached and kinds:
        cached = add_cached_kinds(parts, prices, of_text, kinds, text, cached, details)
    if stored:
        if kinds:
            raise NotKnownError  # the upstream does not say which kind of tokens was stored
        _add_stored(parts, of_text, stored, details, units)
    add_part(parts, "input", text - cached - stored, of_text.get("input"))
    add_part(parts, "cached_input", cached, cached_price(of_text))
    for kind, count in kinds.items():
        add_part(parts, f"{kind}_input", count, prices.of_kind(kind, "input"))


def _add_stored(
    parts: dict[str, float],
    of_text: Mapping[str, Any],
    stored: int,
    details: Mapping[str, Any],
    units: Mapping[str, Any],
) -> None:
    """Price tokens written to the cache: those of which the usage says for how long, and the rest of them."""
    counts = {found[1]: as_count(count) for name, count in details.items() if count and (found := OF_LIFETIME(name))}
    for lifetime, count in counts.items():
        add_part(parts, f"cache_write_{lifetime}", count, of_text.get(f"cache_write_{lifetime}"))
    lifetime = units.get("cache_ttl", USUAL_LIFETIME)
    price = of_text.get("cache_write" if lifetime == USUAL_LIFETIME else f"cache_write_{lifetime}")
    add_part(parts, "cache_write", as_count(stored - sum(counts.values())), price)


def _add_output(
    parts: dict[str, float], prices: TierPrices, of_text: Mapping[str, Any], total: int, details: Mapping[str, Any]
) -> None:
    kinds = counts_of_kinds(prices, of_text, "output", total, details)
    add_part(parts, "output", total - sum(kinds.values()), of_text.get("output"))
    for kind, count in kinds.items():
        add_part(parts, f"{kind}_output", count, prices.of_kind(kind, "output"))


def _uncounted_output(usage: Mapping[str, Any], of_text: Mapping[str, Any], input_tokens: int) -> int:
    """Return the output tokens of usage that counts only input, such as an embedding's."""
    if usage.get("total_tokens") is not None:
        return as_count(as_count(usage["total_tokens"]) - input_tokens)
    if of_text.get("output") == 0:
        return 0
    raise NotKnownError
