"""Convert `usageMetadata`: cached tokens are part of the prompt, thoughts are counted beside the answer.

Pure. What was not counted is left out, never zero.

Source: Gemini API reference, `UsageMetadata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, string_of
from llmgate_gemini.wire.fields import count, objects, table

__all__ = ["searches_of", "usage_of"]

READ = frozenset(
    {
        "promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount",
        "cachedContentTokenCount", "promptTokensDetails", "candidatesTokensDetails", "responseTokenCount",
    }
)  # fmt: skip


def usage_of(metadata: Any, searches: int = 0) -> JsonObject | None:
    """Return the canonical usage; None: nothing was counted. What it has no field for keeps Google's name.

    `searches` of the web are `web_search_calls`, which have a price of their own.
    """
    counted = table(metadata)
    prompt = _sum(counted, "promptTokenCount", "toolUsePromptTokenCount")
    written = _sum(counted, "candidatesTokenCount", "thoughtsTokenCount")
    total = count(counted.get("totalTokenCount"))
    if prompt is None and written is None and total is None:
        return None
    if written is None and prompt is not None:
        written = max(0, total - prompt) if total is not None else 0
    usage: JsonObject = {name: value for name, value in counted.items() if name not in READ}
    usage.update(_given(prompt_tokens=prompt, completion_tokens=written, total_tokens=total))
    if searches:
        usage["web_search_calls"] = searches
    cached, thought = count(counted.get("cachedContentTokenCount")), count(counted.get("thoughtsTokenCount"))
    read = {**_by_modality(counted.get("promptTokensDetails")), **_given(cached_tokens=cached)}
    made = {**_by_modality(counted.get("candidatesTokensDetails")), **_given(reasoning_tokens=thought)}
    details = {"prompt_tokens_details": read, "completion_tokens_details": made}
    return {**usage, **{name: value for name, value in details.items() if value}}


def searches_of(grounding: Any) -> int:
    """Return how many times the web was searched, by a `groundingMetadata`; newer models are billed by that."""
    queries = table(grounding).get("webSearchQueries")
    return len(queries) if isinstance(queries, list) else 0


def _sum(counted: Mapping[str, Any], *names: str) -> int | None:
    counts = [value for name in names if (value := count(counted.get(name))) is not None]
    return sum(counts) if counts else None


def _given(**counts: int | None) -> JsonObject:
    return {name: value for name, value in counts.items() if value is not None}


def _by_modality(details: Any) -> JsonObject:
    counts: JsonObject = {}
    for row in objects(details):
        modality, tokens = string_of(row.get("modality")).lower(), count(row.get("tokenCount"))
        if modality and tokens is not None:
            counts[f"{modality}_tokens"] = counts.get(f"{modality}_tokens", 0) + tokens
    return counts
