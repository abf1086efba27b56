"""Convert the usage of a message to that of a chat completion.

Pure. The Messages API counts what was read from the cache and what was written to it beside `input_tokens`; chat's
`prompt_tokens` has all of it. Counts that chat has no place for stay under their own names.

Source: Anthropic API reference, `Usage`; docs/plugins/facts-and-prices.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_anthropic.wire.fields import objects
from llmgate_core.plugin import JsonObject, count_of

__all__ = ["chat_usage", "merged_usage"]

LIFETIMES = ("5m", "1h")
COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
ANYWHERE = frozenset({"global", "not_available"})
"""Values of `inference_geo` without a price of their own."""
CONVERTED = frozenset({*COUNTS, "cache_creation", "output_tokens_details"})


def chat_usage(counted: Any) -> JsonObject | None:
    """Return the usage of a chat completion; None: the upstream counted nothing."""
    if not isinstance(counted, Mapping) or not any(name in counted for name in COUNTS):
        return None
    total = _over_iterations(counted)
    read, written = total["cache_read_input_tokens"], total["cache_creation_input_tokens"]
    prompt, output = total["input_tokens"] + read + written, total["output_tokens"]
    details: JsonObject = {"cached_tokens": read, "cache_write_tokens": written}
    kept = counted.get("cache_creation")
    for lifetime in LIFETIMES:
        tokens = count_of(kept.get(f"ephemeral_{lifetime}_input_tokens")) if isinstance(kept, Mapping) else 0
        if tokens:
            details[f"cache_write_{lifetime}_tokens"] = tokens
    usage: JsonObject = {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": details,
    }
    thinking = counted.get("output_tokens_details")
    if isinstance(thinking, Mapping) and "thinking_tokens" in thinking:
        usage["completion_tokens_details"] = {"reasoning_tokens": count_of(thinking["thinking_tokens"])}
    usage |= _charged(counted)
    further = {name: value for name, value in counted.items() if name not in CONVERTED and value is not None}
    return {**further, **usage}


def _charged(counted: Mapping[str, Any]) -> JsonObject:
    """Return what prices depend on besides tokens: searches, the region of the inference, and the fast mode."""
    charged: JsonObject = {}
    tools = counted.get("server_tool_use")
    if isinstance(tools, Mapping) and count_of(tools.get("web_search_requests")):
        charged["web_search_calls"] = tools["web_search_requests"]
    region = counted.get("inference_geo")
    if isinstance(region, str) and region not in ANYWHERE:
        charged["region"] = region
    if counted.get("speed") == "fast":
        charged["service_tier"] = "fast"
    return charged


def _over_iterations(counted: Mapping[str, Any]) -> dict[str, int]:
    """Return the four counts; those of a request that compacted its context are the sums of its iterations."""
    iterations = objects(counted.get("iterations"))
    parts = iterations if len(iterations) > 1 else [counted]
    return {name: sum(count_of(part.get(name)) for part in parts) for name in COUNTS}


def merged_usage(first: Mapping[str, Any], later: Any) -> JsonObject:
    """Return a usage with the later, cumulative counts over the first; null says nothing."""
    if not isinstance(later, Mapping):
        return dict(first)
    return {**first, **{name: value for name, value in later.items() if value is not None}}
