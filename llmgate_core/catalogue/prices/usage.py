"""What an answer and its request say about what is charged: the service tier, counts of tokens, other units.

Source: OpenAI API reference, `CompletionUsage`, `ResponseUsage`, `TranscriptTextUsage...`, `ImageGenUsage` and
`ServiceTier`; Anthropic API reference, `Usage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TIERS", "UNITS_IN_USAGE", "billed_tier", "token_counts", "token_fields", "units_of"]

TIERS: Mapping[str | None, str] = MappingProxyType(
    {
        None: "standard",
        **{name: name for name in ("standard", "batch", "flex", "priority", "ultrafast", "decisions")},
        "default": "standard",
        "auto": "standard",
        "fast": "priority",  # two names of one tier
    }
)
"""`service_tier` of an answer -> the tier whose prices apply. Source: OpenAI API reference, `ServiceTier`."""

UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"video": ("seconds", "size"), "image": ("size", "quality", "n")}
)
"""Family -> the parameters whose values are units."""

OF_MESSAGES = frozenset({"cache_creation_input_tokens", "cache_read_input_tokens"})
"""Counts that only the usage of a message has."""
UNITS_IN_USAGE = frozenset({"web_search_calls", "region"})
"""Units that a usage may count itself, where a plugin's upstream does."""

TEXT_UNITS = frozenset({"prompt_cache_options", "tools", "web_search_options"})
"""Parameters of other families that may contain units."""


def billed_tier(answered: Any, usage: Any, asked: Any) -> str | None:
    """Return the service tier whose prices apply: the answer's, or the one in its usage, or else the one asked for."""
    if answered and isinstance(answered, str):
        return answered
    in_usage = usage.get("service_tier") if hasattr(usage, "get") else None
    if in_usage and isinstance(in_usage, str):
        return in_usage
    return asked if asked and isinstance(asked, str) else None


def token_counts(usage: Any) -> tuple[int | None, int | None]:
    """Return how many tokens an answer has read, cached ones included, and written; None for what is not known."""
    if not isinstance(usage, Mapping):
        return None, None
    read, written = token_fields(usage)[:2]
    return _count_of(read), _count_of(written)


def _count_of(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def token_fields(usage: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return the tokens that were read and written, and the details of both, each as the upstream sent it."""
    read = usage.get("prompt_tokens")
    if read is not None:
        details, written_details = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
        return read, usage.get("completion_tokens"), details, written_details
    if OF_MESSAGES & usage.keys():
        return _fields_of_message(usage)
    details = usage.get("input_tokens_details")
    if details is None:
        details = usage.get("input_token_details")  # of a transcription
    return usage.get("input_tokens"), usage.get("output_tokens"), details, usage.get("output_tokens_details")


def _fields_of_message(usage: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return the fields of a message's usage, whose `input_tokens` has neither what was cached nor what was stored.

    Without any count the tokens are not known: an answer has at least one.
    """
    counts = [usage.get(name) or 0 for name in ("input_tokens", *sorted(OF_MESSAGES))]
    if not all(type(count) is int for count in counts) or not (any(counts) or usage.get("output_tokens")):
        return None, None, None, None
    fresh, stored, cached = counts
    kept = usage.get("cache_creation")
    longer = kept.get("ephemeral_1h_input_tokens") if isinstance(kept, Mapping) else None
    details = {"cached_tokens": cached, "cache_write_tokens": stored}
    if longer:
        details["cache_write_1h_tokens"] = longer
    return fresh + stored + cached, usage.get("output_tokens"), details, None


def units_of(family: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the units that a request asks for, for `cost_of`."""
    if family == "speech":
        text = body.get("input")
        return {"characters": len(text)} if isinstance(text, str) else {}
    if family in UNITS:
        return {name: body[name] for name in UNITS[family] if body.get(name) is not None}
    return {} if TEXT_UNITS.isdisjoint(body) else _text_units(body)


def _text_units(body: Mapping[str, Any]) -> dict[str, Any]:
    units: dict[str, Any] = {}
    options = body.get("prompt_cache_options")
    if isinstance(options, Mapping) and options.get("ttl") is not None:
        units["cache_ttl"] = options["ttl"]
    for holder in _search_tools(body.get("web_search_options"), body.get("tools")):
        if holder.get("search_context_size") is not None:
            units["search_context_size"] = holder["search_context_size"]
    return units


def _search_tools(options: Any, tools: Any) -> Iterator[Mapping[str, Any]]:
    for holder in (options, *(tools if isinstance(tools, list) else ())):
        if isinstance(holder, Mapping) and (holder is options or str(holder.get("type")).startswith("web_search")):
            yield holder
