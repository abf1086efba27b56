"""A config's own prices of a model, in the form of the catalogue's. Pure.

Source: the key `pricing` of the catalogue; LiteLLM's price keys in `model_info`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.serving import ModelPrices, ResolvedModel
from llmgate_gateway.config import ModelInfo

__all__ = ["own_prices"]

MILLION = 1_000_000
TOKEN_PRICES: Mapping[str, str] = MappingProxyType(
    {
        "input_cost_per_token": "input",
        "output_cost_per_token": "output",
        "cache_read_input_token_cost": "cached_input",
        "cache_creation_input_token_cost": "cache_write",
    }
)
AUDIO_PRICES: Mapping[str, str] = MappingProxyType(
    {"input_cost_per_audio_token": "input", "output_cost_per_audio_token": "output"}
)
DEFAULTS = {"input": 0.0, "output": 0.0}


def own_prices(info: ModelInfo, targets: Mapping[str, ResolvedModel]) -> ModelPrices | None:
    """Return the prices of a deployment whose config gives any, over those of the catalogue; None if it gives none."""
    tokens, audio = _prices(info, TOKEN_PRICES), _prices(info, AUDIO_PRICES)
    others: dict[str, Any] = {}
    if info.input_cost_per_character is not None:
        others["usd_per_million_characters"] = info.input_cost_per_character * MILLION
    if info.input_cost_per_second is not None:
        others["usd_per_audio_second"] = info.input_cost_per_second
    if not (tokens or audio or others):
        return None
    row = next((target.row for target in targets.values() if target.row is not None), None)
    known: Mapping[str, Any] = (row.facts.get("pricing") or {}) if row is not None else {}
    standard = {**(known.get("standard") or DEFAULTS)}
    if "input" in tokens:
        standard.pop("long_context", None)
        caches = ("cached_input", "cache_write", *(name for name in standard if name.startswith("cache_write_")))
        standard.update(dict.fromkeys(caches, tokens["input"]))  # unless they have prices of their own
    pricing = {**known, **others, "standard": {**standard, **tokens}}
    if audio:
        pricing["audio_tokens"] = {**(known.get("audio_tokens") or {}), **audio}
    return ModelPrices({"pricing": pricing}, as_of="")


def _prices(info: ModelInfo, names: Mapping[str, str]) -> dict[str, float]:
    return {ours: price * MILLION for name, ours in names.items() if (price := getattr(info, name)) is not None}
