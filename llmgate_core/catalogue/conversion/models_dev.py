"""The shape of models.dev's list: providers with models, prices in US dollars for a million tokens.

Pure.

Source: https://models.dev/api.json
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.conversion.rows import Converted, SkippedModel, count, dollars, without_nothing, words

__all__ = ["models_dev_rows"]

CAPABILITIES: Mapping[str, str] = MappingProxyType(
    {"tool_call": "function_calling", "reasoning": "reasoning", "structured_output": "response_schema"}
)
PRICES: Mapping[str, str] = MappingProxyType(
    {"input": "input", "output": "output", "cached_input": "cache_read", "cache_write": "cache_write"}
)
LONG_CONTEXT, ABOVE = "context_over_200k", 200_000
NO_ENTRY: Mapping[str, Any] = MappingProxyType({})


def models_dev_rows(data: Mapping[str, Any]) -> Iterator[Converted | SkippedModel]:
    """Yield the models of a list."""
    for provider, entry in data.items():
        for name, model in _object(_object(entry).get("models")).items():
            mode = _mode(name, _object(model))
            if mode is None:
                yield SkippedModel(provider, "without text in its answers")
            else:
                yield Converted(provider, name, _row(_object(model), mode))


def _mode(name: str, model: Mapping[str, Any]) -> str | None:
    """Return the mode. The list does not state it: embedding models are known by their names."""
    outputs = _object(model.get("modalities")).get("output")
    if isinstance(outputs, list) and "text" not in outputs:
        return None
    return "embedding" if "embed" in name.lower() else "chat"


def _row(model: Mapping[str, Any], mode: str) -> dict[str, Any]:
    limit, cost = _object(model.get("limit")), _object(model.get("cost"))
    modalities = _object(model.get("modalities"))
    has_images = "image" in (words(modalities.get("input")) or ())
    capabilities = {ours: True for theirs, ours in CAPABILITIES.items() if model.get(theirs) is True}
    standard = _prices(cost)
    if long := _prices(_object(cost.get(LONG_CONTEXT))):
        standard["long_context"] = {**long, "above_input_tokens": ABOVE}
    return without_nothing(
        {
            "mode": mode,
            "sources": ["models.dev"],
            "status": "deprecated" if model.get("status") == "deprecated" else None,
            "limits": without_nothing(
                {
                    "context_window": count(limit.get("context")),
                    "max_input_tokens": count(limit.get("input")),
                    "max_output_tokens": None if mode == "embedding" else count(limit.get("output")),
                }
            ),
            "modalities": without_nothing({side: words(modalities.get(side)) for side in ("input", "output")}),
            "capabilities": {**capabilities, **({"vision": True} if has_images else {})},
            "pricing": {"standard": standard} if standard else None,
        }
    )


def _prices(cost: Mapping[str, Any]) -> dict[str, Any]:
    return without_nothing({ours: dollars(cost.get(theirs)) for ours, theirs in PRICES.items()})


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else NO_ENTRY
