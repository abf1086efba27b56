"""The shape of LiteLLM's list: one object for each model, prices in US dollars for one token.

Pure.

Source: https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.schema.json
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.conversion.rows import Converted, SkippedModel, count, day, dollars, without_nothing, words

__all__ = ["litellm_rows"]

NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})
MODES = frozenset(
    {
        "chat",
        "responses",
        "completion",
        "embedding",
        "rerank",
        "moderation",
        "image_generation",
        "video_generation",
        "audio_transcription",
        "audio_speech",
    }
)
CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {
        "supports_audio_input": "audio_input",
        "supports_audio_output": "audio_output",
        "supports_computer_use": "computer_use",
        "supports_function_calling": "function_calling",
        "supports_parallel_function_calling": "parallel_tool_calls",
        "supports_pdf_input": "pdf_input",
        "supports_prompt_caching": "prompt_caching",
        "supports_reasoning": "reasoning",
        "supports_response_schema": "response_schema",
        "supports_system_messages": "system_messages",
        "supports_tool_choice": "tool_choice",
        "supports_video_input": "video_input",
        "supports_vision": "vision",
        "supports_web_search": "web_search",
    }
)
PRICES: Mapping[str, str] = MappingProxyType(
    {
        "input": "input_cost_per_token",
        "output": "output_cost_per_token",
        "cached_input": "cache_read_input_token_cost",
        "cache_write": "cache_creation_input_token_cost",
    }
)
TIERS: Mapping[str, str] = MappingProxyType(
    {"standard": "", "batch": "_batches", "flex": "_flex", "priority": "_priority"}
)
LONG_CONTEXT = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")


def litellm_rows(data: Mapping[str, Any]) -> Iterator[Converted | SkippedModel]:
    """Yield the models of a list."""
    for key, entry in data.items():
        if key in NOT_MODELS or not isinstance(entry, Mapping):
            continue
        provider = str(entry.get("litellm_provider", ""))
        mode = entry.get("mode")
        if not isinstance(mode, str) or mode not in MODES:
            yield SkippedModel(provider, f"of the mode {mode!s:.40}")
        else:
            yield Converted(provider, _name(key, provider), _row(entry, mode))


def _name(key: str, provider: str) -> str:
    """Return the upstream's name: a key begins with the provider's prefix, or does not."""
    first, slash, rest = key.partition("/")
    return rest if slash and (first == provider or provider.startswith(first)) else key


def _row(entry: Mapping[str, Any], mode: str) -> dict[str, Any]:
    tiers = {tier: _tier(entry, suffix) for tier, suffix in TIERS.items()}
    modalities = {"input": entry.get("supported_modalities"), "output": entry.get("supported_output_modalities")}
    window = count(entry.get("max_input_tokens"))
    return without_nothing(
        {
            "mode": mode,
            "sources": ["litellm"],
            "shutdown_date": day(entry.get("deprecation_date")),
            "limits": without_nothing(
                {
                    "max_input_tokens": window,
                    "max_output_tokens": None if mode == "embedding" else count(entry.get("max_output_tokens")),
                    "embedding_dimensions": count(entry.get("output_vector_size")),
                }
            ),
            "modalities": without_nothing({side: words(kinds) for side, kinds in modalities.items()}),
            "capabilities": {ours: True for theirs, ours in CAPABILITIES.items() if entry.get(theirs) is True},
            "pricing": {tier: prices for tier, prices in tiers.items() if prices},
        }
    )


def _tier(entry: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    """Return the prices of one service tier; empty: the list has none."""
    prices = {name: dollars(entry.get(key + suffix), each=1) for name, key in PRICES.items()}
    if not suffix:
        prices["cache_write_1h"] = dollars(entry.get("cache_creation_input_token_cost_above_1hr"), each=1)
    stated = without_nothing(prices)
    if not stated:
        return {}
    limits = sorted(int(match[1]) for key in entry if (match := LONG_CONTEXT.fullmatch(key)))
    if limits:
        above = f"_above_{limits[0]}k_tokens{suffix}"
        long = without_nothing({name: dollars(entry.get(key + above), each=1) for name, key in PRICES.items()})
        if long:
            stated["long_context"] = {**long, "above_input_tokens": limits[0] * 1000}
    return stated
