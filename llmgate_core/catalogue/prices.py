"""What a call cost in US dollars: the catalogue's prices times the usage that the upstream counted.

Pure. Never a guess: if a price or a count is not known, the cost is None and not zero.
Fees beyond tokens, characters, seconds, images and web searches are not included.

Source: the field `pricing` of `data/openai.json`; OpenAI API reference, `CompletionUsage`, `ResponseUsage`,
`TranscriptTextUsage...` and `ImageGenUsage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.catalogue.sources import source_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    Prices = Mapping[str, Any]
    Units = Mapping[str, Any]

__all__ = ["Cost", "billed_tier", "cost_of", "units_of"]

MILLION = 1_000_000
MAX_COUNT = 10**12
"""No call uses more tokens, characters or seconds; a larger count is an upstream's mistake."""

TIERS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in ("standard", "batch", "flex", "priority", "ultrafast", "decisions")},
        "default": "standard",
        "auto": "standard",
        "fast": "priority",  # two names of one tier
    }
)
"""`service_tier` of an answer -> the tier whose prices apply. Source: OpenAI API reference, `ServiceTier`."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
KINDS = ("audio", "image")  # of tokens, besides text
PRICED_VIDEO_PIXELS = 1280 * 720  # a row has one price; larger sizes of the same model have another


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
        cls, usd: float = 0.0, *, source: str = "", as_of: str = "", breakdown: Mapping[str, float] = NOTHING
    ) -> Cost:
        """Return `usd` dollars."""
        cost = super().__new__(cls, usd)
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


class _NotKnownError(Exception):
    """A price or a count is missing or makes no sense. Never leaves this module."""


def cost_of(
    facts: Mapping[str, Any] | None,
    usage: Any,
    *,
    as_of: str,
    tier: str | None = None,
    units: Mapping[str, Any] | None = None,
) -> Cost | None:
    """Return the cost of one response; None if the price or the usage is not known.

    Args:
        facts: the model's row in the catalogue.
        usage: the answer's usage, in the shape of any family; a mapping or a typed result.
        as_of: the date on which the row was checked.
        tier: the answer's `service_tier`.
        units: amounts not in the usage: `characters` of speech, `seconds` and `size` of video, `size`, `quality`
            and `n` of images, `web_search_calls` and `search_context_size`, `cache_ttl`, `region`.
    """
    pricing = facts.get("pricing") if facts else None
    name = "standard" if tier is None else TIERS.get(str(tier))
    if facts is None or not pricing or name is None:
        return None
    if usage is not None and not isinstance(usage, Mapping):
        usage = usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else {"type": "unknown"}
    units = units or NOTHING
    try:
        parts = _used_parts(facts, pricing, name, usage, units)
        _add_searches(parts, facts, pricing, units)
    except _NotKnownError:
        return None
    names = source_names(facts.get("sources"))
    source = f"catalogue ({names}), {name} prices" if names else f"catalogue, {name} prices"
    return Cost(sum(parts.values()), source=source, as_of=as_of, breakdown=parts)


def billed_tier(answered: Any, usage: Any, asked: Any) -> str | None:
    """Return the service tier whose prices apply: the answer's, or the one in its usage, or else the one asked for."""
    in_usage = usage.get("service_tier") if hasattr(usage, "get") else None
    for tier in (answered, in_usage, asked):
        if isinstance(tier, str) and tier:
            return tier
    return None


def units_of(family: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the units that a request asks for, for `cost_of`."""
    if family == "speech":
        text = body.get("input")
        return {"characters": len(text)} if isinstance(text, str) else {}
    if family in ("video", "image"):
        names = ("seconds", "size") if family == "video" else ("size", "quality", "n")
        return {name: body[name] for name in names if body.get(name) is not None}
    units: dict[str, Any] = {}
    options = body.get("prompt_cache_options")
    if isinstance(options, Mapping) and options.get("ttl") is not None:
        units["cache_ttl"] = options["ttl"]
    search_options, tools = body.get("web_search_options"), body.get("tools")
    if search_options is not None or tools is not None:
        for holder in _search_tools(search_options, tools):
            if holder.get("search_context_size") is not None:
                units["search_context_size"] = holder["search_context_size"]
    return units


def _search_tools(options: Any, tools: Any) -> Iterator[Mapping[str, Any]]:
    for holder in (options, *(tools if isinstance(tools, list) else ())):
        if isinstance(holder, Mapping) and (holder is options or str(holder.get("type")).startswith("web_search")):
            yield holder


def _used_parts(facts: Prices, pricing: Prices, tier: str, usage: Prices | None, units: Units) -> dict[str, float]:
    if not usage:
        return _unit_parts(pricing, tier, units)
    if usage.get("prompt_tokens") is not None or usage.get("input_tokens") is not None:
        return _token_parts(facts, pricing, tier, usage, units)
    if usage.get("type") == "duration" and tier == "standard":
        return _second_parts(pricing, usage.get("seconds"))
    raise _NotKnownError


# --- tokens ---


def _token_parts(facts: Prices, pricing: Prices, tier: str, usage: Prices, units: Units) -> dict[str, float]:
    prompt_tokens = usage.get("prompt_tokens")
    is_chat = prompt_tokens is not None
    total = _count(prompt_tokens if is_chat else usage["input_tokens"])
    prices = _tier_prices(pricing, tier, total)
    output_tokens = usage.get("completion_tokens" if is_chat else "output_tokens")
    output = _uncounted_output(usage, prices, total) if output_tokens is None else _count(output_tokens)
    input_details = usage.get("prompt_tokens_details" if is_chat else "input_tokens_details")
    if input_details is None:
        input_details = usage.get("input_token_details")  # of a transcription
    output_details = usage.get("completion_tokens_details" if is_chat else "output_tokens_details")
    parts: dict[str, float] = {}
    _add_input(parts, facts, pricing, prices, tier, total, _details(input_details), units)
    kinds = _kinds(facts, pricing, prices, "output", output, _details(output_details))
    _add(parts, "output", output - sum(kinds.values()) if kinds else output, prices.get("output"))
    for kind, count in kinds.items():
        _add(parts, f"{kind}_output", count, _kind_price(pricing, kind, tier, "output"))
    region = units.get("region")
    if region is not None:
        uplift = _number((pricing.get("regional_uplift") or NOTHING).get(str(region)))
        for name in parts:
            parts[name] *= uplift
    return parts


def _add_input(
    parts: dict[str, float],
    facts: Prices,
    pricing: Prices,
    prices: Prices,
    tier: str,
    total: int,
    details: Prices,
    units: Units,
) -> None:
    kinds = _kinds(facts, pricing, prices, "input", total, details)
    text = total - sum(kinds.values()) if kinds else total
    cached, stored = details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    if cached or stored:
        cached, stored = _count(cached), _count(stored)
    if cached and kinds:
        text, cached = _add_cached_kinds(parts, pricing, prices, tier, kinds, text, cached, details)
    if stored:
        if kinds:
            raise _NotKnownError  # the upstream does not say which kind of tokens was stored
        lifetime = units.get("cache_ttl", "30m")
        _add(
            parts, "cache_write", stored, prices.get("cache_write" if lifetime == "30m" else f"cache_write_{lifetime}")
        )
    _add(parts, "input", text - cached - stored, prices.get("input"))
    if cached:
        _add(parts, "cached_input", cached, _cached_price(prices))
    for kind, count in kinds.items():
        _add(parts, f"{kind}_input", count, _kind_price(pricing, kind, tier, "input"))


def _cached_price(prices: Prices) -> Any:
    """Return the price of text from the cache; a price list without one gives no discount."""
    cached_price = prices.get("cached_input")
    return prices.get("input") if cached_price is None else cached_price


def _add_cached_kinds(
    parts: dict[str, float],
    pricing: Prices,
    prices: Prices,
    tier: str,
    kinds: dict[str, int],
    text: int,
    cached: int,
    details: Prices,
) -> tuple[int, int]:
    """Price the cached tokens that are not text and subtract them from `kinds`.

    Returns:
        The text tokens, and how many of them were cached.
    """
    split = _details(details.get("cached_tokens_details"))
    if split:
        counts = {kind: _count(split.get(f"{kind}_tokens") or 0) for kind in kinds}
    elif not text and len(kinds) == 1:
        counts = dict.fromkeys(kinds, cached)
    elif cached <= text + sum(kinds.values()) and not _has_discount(pricing, prices, tier, kinds):
        return text, 0  # every kind costs the same from the cache, so it does not matter which they are
    else:
        raise _NotKnownError  # the upstream does not say which kind of tokens came from the cache
    for kind, count in counts.items():
        _add(parts, f"cached_{kind}_input", count, _kind_price(pricing, kind, tier, "cached_input"))
        kinds[kind] -= count
    return text, cached - sum(counts.values())


def _has_discount(pricing: Prices, prices: Prices, tier: str, kinds: Mapping[str, int]) -> bool:
    """Return whether any of these kinds of token costs less if it comes from the cache."""
    return _cached_price(prices) != prices.get("input") or any(
        _kind_price(pricing, kind, tier, "cached_input") != _kind_price(pricing, kind, tier, "input") for kind in kinds
    )


def _kinds(
    facts: Prices, pricing: Prices, prices: Prices, direction: str, total: int, details: Prices
) -> dict[str, int]:
    """Return how many of `total` tokens are of each kind that is not text and has its own price."""
    counts: dict[str, int] = {}
    is_text = not details.get("audio_tokens") and (direction == "input" or not details.get("image_tokens"))
    if is_text and "audio_tokens" not in pricing and "image_tokens" not in pricing:
        return counts  # a short cut for the usual case
    uncounted = []
    for kind in KINDS:
        rates = pricing.get(f"{kind}_tokens")
        has_price = rates is not None and rates.get(direction) is not None
        count = details.get(f"{kind}_tokens")
        if count is None:
            if has_price and total:
                uncounted.append(kind)
        elif has_price:
            counts[kind] = _count(count)
        elif count and (kind, direction) != ("image", "input"):  # an image without its own price costs as text does
            raise _NotKnownError
    for kind in uncounted:
        rest = total - sum(counts.values())
        alone = len(uncounted) == 1
        counts[kind] = _uncounted_kind(facts, pricing, prices, kind, direction, rest, details, alone=alone)
    return {kind: count for kind, count in counts.items() if count} if counts else counts


def _uncounted_kind(
    facts: Prices,
    pricing: Prices,
    prices: Prices,
    kind: str,
    direction: str,
    rest: int,
    details: Prices,
    *,
    alone: bool,
) -> int:
    """Return how many tokens are of a kind that the details do not count, where that can be inferred."""
    modalities = (facts.get("modalities") or NOTHING).get(direction)
    if modalities == [kind] or (alone and prices.get(direction) is None):
        return rest
    if alone and details.get("text_tokens") is not None:
        return rest - _count(details["text_tokens"])
    if pricing[f"{kind}_tokens"][direction] == prices.get(direction):
        return 0  # same price: counted as text
    raise _NotKnownError


def _kind_price(pricing: Prices, kind: str, tier: str, direction: str) -> Any:
    """Return the price of a kind of token; only some tiers have their own, such as `batch_input`.

    Rates without a price for the cache give no discount.
    """
    rates = pricing.get(f"{kind}_tokens") or NOTHING
    price = rates.get(direction if tier == "standard" else f"{tier}_{direction}")
    return _kind_price(pricing, kind, tier, "input") if price is None and direction == "cached_input" else price


def _tier_prices(pricing: Prices, tier: str, input_tokens: int) -> Prices:
    prices: Prices | None = pricing.get(tier)
    if prices is None:
        raise _NotKnownError
    long: Prices | None = prices.get("long_context")
    if long is None and tier != "standard":
        usual = (pricing.get("standard") or NOTHING).get("long_context")
        if usual and input_tokens > _number(usual.get("above_input_tokens")):
            raise _NotKnownError  # long input has another price, which is not known for this tier
    if long and input_tokens > _number(long.get("above_input_tokens")):
        return long  # for the whole call, not only for the tokens above the threshold
    return prices


def _uncounted_output(usage: Prices, prices: Prices, input_tokens: int) -> int:
    """Return the output tokens of usage that counts only input, such as an embedding's."""
    if usage.get("total_tokens") is not None:
        return _count(_count(usage["total_tokens"]) - input_tokens)
    if prices.get("output") == 0:
        return 0
    raise _NotKnownError


def _details(value: Any) -> Prices:
    if value is None:
        return NOTHING
    if not isinstance(value, Mapping):
        raise _NotKnownError
    return value


# --- other units ---


def _unit_parts(pricing: Prices, tier: str, units: Units) -> dict[str, float]:
    """Price a response without usage, by characters, seconds or images."""
    prices = pricing.get(tier) or NOTHING
    if prices.get("input") == 0 and prices.get("output") == 0:
        return {}  # free, whatever the count
    if tier != "standard":
        raise _NotKnownError
    if pricing.get("usd_per_million_characters") is not None:
        usd = _number(pricing["usd_per_million_characters"])
        return {"characters": _count(units.get("characters")) * usd / MILLION}
    if pricing.get("usd_per_video_second") is not None:
        if units.get("size") is not None and _pixels(units["size"]) > PRICED_VIDEO_PIXELS:
            raise _NotKnownError
        return {"video": _seconds(units.get("seconds")) * _number(pricing["usd_per_video_second"])}
    if pricing.get("per_image"):
        return {"images": _count(units.get("n", 1)) * _image_price(pricing["per_image"], units)}
    return _second_parts(pricing, units.get("seconds"))


def _second_parts(pricing: Prices, seconds: Any) -> dict[str, float]:
    """Price audio input. The price of audio output (`_out`) is not used, since its text input has a price too."""
    price = pricing.get("usd_per_audio_second")
    if price is None:
        price = pricing.get("usd_per_audio_second_in")
    return {"audio": _seconds(seconds) * _number(price)}


def _image_price(rows: Any, units: Units) -> float:
    quality = units.get("quality") or "auto"
    wanted = ("default", "auto") if quality == "auto" else (quality,)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and row.get("size") == units.get("size") and row.get("quality") in wanted:
            if row.get("usd") is not None:
                return _number(row["usd"])
            return _number(row.get("usd_per_pixel")) * _pixels(row["size"])
    raise _NotKnownError


def _add_searches(parts: dict[str, float], facts: Prices, pricing: Prices, units: Units) -> None:
    prices = pricing.get("web_search_usd_per_call")
    calls = units.get("web_search_calls")
    if calls is None:
        # a search model on the chat endpoint searches by itself, and its response does not say how often
        if prices and "responses" not in (facts.get("endpoints") or ("responses",)):
            raise _NotKnownError
    elif _count(calls):
        size = units.get("search_context_size", "medium")
        parts["web_search"] = calls * _number((prices or NOTHING).get(str(size)))


# --- numbers ---


def _add(parts: dict[str, float], name: str, count: int, price: Any) -> None:
    if count:
        if count < 0 or price is None:
            raise _NotKnownError
        parts[name] = parts.get(name, 0.0) + count * price / MILLION


def _count(value: Any) -> int:
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    raise _NotKnownError


def _number(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT and isfinite(value):
        return value
    raise _NotKnownError


def _seconds(value: Any) -> float:
    """Return a number of seconds; the videos API sends it as a string."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return _number(value)


def _pixels(size: Any) -> int:
    width, _, height = str(size).partition("x")
    return _count(int(_seconds(width) * _seconds(height)))
