"""How models of Bedrock are asked to think: one row for each family of models, and the fields that an effort becomes.

Pure. Which efforts a model takes is data.

Source: AWS, "Adaptive thinking" and "Extended thinking" (Claude), "Extended thinking in Amazon Nova 2", "OpenAI
models"; budgets as LiteLLM's `DEFAULT_REASONING_EFFORT_*`; read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmgate_core.plugin import JsonObject

__all__ = ["MIN_BUDGET", "ReasoningRow", "reasoning_fields", "reasoning_row"]

MIN_BUDGET = 1024


@dataclass(frozen=True, slots=True)
class ReasoningRow:
    """How the models of one family think.

    Attributes:
        models: matches the beginning of their ids, without the geography of a profile.
        style: `adaptive`, `budget`, `nova` or `openai`.
        efforts: the caller's effort -> the model's; an effort that is missing is not taken.
        always: the model always thinks, so it cannot be switched off.
    """

    models: re.Pattern[str]
    style: str
    efforts: Mapping[str, str]
    always: bool = False


def _row(models: str, style: str, efforts: Mapping[str, str], *, always: bool = False) -> ReasoningRow:
    return ReasoningRow(re.compile(models), style, MappingProxyType(dict(efforts)), always)


_TO_MAX = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "max": "max"}
_TO_XHIGH = {**_TO_MAX, "xhigh": "xhigh"}
_BUDGETS = {"minimal": "1024", "low": "1024", "medium": "2048", "high": "4096", "xhigh": "8192", "max": "16384"}
_TO_HIGH = {"minimal": "low", "low": "low", "medium": "medium", "high": "high"}
ROWS = (
    _row(r"anthropic\.claude-(opus|sonnet)-4-6", "adaptive", _TO_MAX),
    _row(r"anthropic\.claude-(mythos|fable|opus-4-[789])", "adaptive", _TO_XHIGH, always=True),
    _row(r"anthropic\.claude-(opus|sonnet|haiku)-[5-9]", "adaptive", _TO_XHIGH),
    _row(r"anthropic\.claude-((opus|sonnet|haiku)-4|3-7)", "budget", _BUDGETS),
    _row(r"amazon\.nova-2", "nova", _TO_HIGH),
    _row(r"openai\.gpt-oss", "openai", _TO_HIGH, always=True),
)


def reasoning_row(base: str) -> ReasoningRow | None:
    """Return the row of a model, by its id without a geography; None: it is not known to take an effort."""
    return next((row for row in ROWS if row.models.match(base)), None)


def reasoning_fields(row: ReasoningRow, effort: str) -> tuple[JsonObject, str | None]:
    """Return what an effort becomes: additional fields of the model, and the effort in Converse's own field."""
    if effort == "none":
        return ({} if row.style == "budget" else dict(_OFF[row.style])), None
    value = row.efforts[effort]
    if row.style == "adaptive":
        return {"thinking": {"type": "adaptive", "display": "summarized"}}, value
    if row.style == "budget":
        return {"thinking": {"type": "enabled", "budget_tokens": int(value)}}, None
    if row.style == "nova":
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": value}}, None
    return {"reasoning_effort": value}, None


_OFF: Mapping[str, JsonObject] = MappingProxyType(
    {
        "adaptive": {"thinking": {"type": "disabled"}},
        "nova": {"reasoningConfig": {"type": "disabled"}},
    }
)
