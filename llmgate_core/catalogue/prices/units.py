"""What a response costs that is not counted in tokens: characters, seconds, images, and web searches of any response.

Source: the field `pricing` of `data/openai.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.catalogue.prices.amounts import (
    MILLION,
    NOTHING,
    NotKnownError,
    as_count,
    as_number,
    as_pixels,
    as_seconds,
)
from llmgate_core.catalogue.prices.tier import STANDARD, TierPrices

__all__ = ["add_searches", "has_unseen_searches", "second_parts", "unit_parts"]

PRICED_VIDEO_PIXELS = 1280 * 720  # a row has one price; larger sizes of the same model have another


def unit_parts(prices: TierPrices, units: Mapping[str, Any]) -> dict[str, float]:
    """Price a response without usage, by characters, seconds or images.

    Raises:
        NotKnownError: a price or an amount is not known.
    """
    pricing, of_text = prices.pricing, prices.pricing.get(prices.tier) or NOTHING
    if of_text.get("input") == 0 and of_text.get("output") == 0:
        return {}  # free, whatever the count
    if prices.tier != STANDARD:
        raise NotKnownError
    if pricing.get("usd_per_million_characters") is not None:
        usd = as_number(pricing["usd_per_million_characters"])
        return {"characters": as_count(units.get("characters")) * usd / MILLION}
    if pricing.get("usd_per_video_second") is not None:
        if units.get("size") is not None and as_pixels(units["size"]) > PRICED_VIDEO_PIXELS:
            raise NotKnownError
        return {"video": as_seconds(units.get("seconds")) * as_number(pricing["usd_per_video_second"])}
    if pricing.get("per_image"):
        return {"images": as_count(units.get("n", 1)) * _image_price(pricing["per_image"], units)}
    return second_parts(prices, units.get("seconds"))


def second_parts(prices: TierPrices, seconds: Any) -> dict[str, float]:
    """Price audio input. The price of audio output (`_out`) is not used, since its text input has a price too.

    Raises:
        NotKnownError: the price or the seconds are not known.
    """
    price = prices.pricing.get("usd_per_audio_second")
    if price is None:
        price = prices.pricing.get("usd_per_audio_second_in")
    return {"audio": as_seconds(seconds) * as_number(price)}


def _image_price(rows: Any, units: Mapping[str, Any]) -> float:
    quality = units.get("quality") or "auto"
    wanted = ("default", "auto") if quality == "auto" else (quality,)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("size") == units.get("size") and row.get("quality") in wanted:
            if row.get("usd") is not None:
                return as_number(row["usd"])
            return as_number(row.get("usd_per_pixel")) * as_pixels(row["size"])
    raise NotKnownError


def has_unseen_searches(prices: TierPrices) -> bool:
    """Return whether the model is one of the chat endpoint that searches by itself and does not say how often."""
    searches = prices.pricing.get("web_search_usd_per_call")
    return bool(searches) and "responses" not in (prices.facts.get("endpoints") or ("responses",))


def add_searches(parts: dict[str, float], prices: TierPrices, units: Mapping[str, Any]) -> None:
    """Add what the web searches of a response cost to `parts`.

    Raises:
        NotKnownError: their price or their number is not known.
    """
    calls = units.get("web_search_calls")
    if calls is None:
        if has_unseen_searches(prices):
            raise NotKnownError
    elif as_count(calls):
        rates = prices.pricing.get("web_search_usd_per_call") or NOTHING
        parts["web_search"] = calls * as_number(rates.get(str(units.get("search_context_size", "medium"))))
