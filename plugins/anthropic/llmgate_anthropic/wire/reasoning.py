"""Convert chat's `reasoning_effort` to `thinking` and `output_config.effort`, by what the model takes. Tables first.

Pure. Newer models think adaptively, by an effort; older ones by a budget of tokens, which must be less than
`max_tokens`: a limit of the caller's is never raised.

Source: Anthropic API reference, thinking and effort; LiteLLM's `DEFAULT_REASONING_EFFORT_…_THINKING_BUDGET`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.traits import Traits
from llmgate_core.plugin import JsonObject, Ledger, ParamRule, effort_of

__all__ = ["BUDGETS", "judge_effort", "thinking_of"]

PARAM = "reasoning_effort"
MIN_BUDGET = 1_024
BUDGETS: Mapping[str, int] = MappingProxyType(
    {"minimal": 1_024, "low": 1_024, "medium": 2_048, "high": 4_096, "xhigh": 8_192, "max": 16_384}
)
"""Effort -> budget in tokens, for models that think by a budget. A budget below 1,024 is refused upstream."""

EFFORTS: Mapping[str, str] = MappingProxyType(
    {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
)
"""Effort of chat -> `output_config.effort`. Source: Anthropic API reference, `OutputConfig`."""

SUMMARIZED = "summarized"
"""The `display` without which adaptive thinking comes back blank."""


def judge_effort(traits: Traits, value: Any, source: str) -> ParamRule | None:
    """Return a refusal of an effort that the model does not take; None: it is converted."""
    if value is None:
        return None
    effort = effort_of(value)
    if not isinstance(effort, (str, type(None))) or (effort is None and not isinstance(value, Mapping)):
        return _refused("it must be a string, or an object with an effort", source)
    if effort is not None and effort != "none" and effort not in EFFORTS:
        return _refused(f"it must be none, {', '.join(EFFORTS)}", source)
    if not traits.known:
        return None
    if effort == "none":
        needs = traits.off is None
        return _refused("this model always thinks", source) if needs else None
    if traits.thinking == "none":
        return _refused("this model does not think", source)
    sent = EFFORTS.get(effort or "high")
    if traits.thinking == "adaptive" and sent not in traits.efforts:
        return _refused(f"this model takes the efforts {', '.join(traits.efforts)}", source)
    return None


def _refused(reason: str, source: str) -> ParamRule:
    return ParamRule(supported=False, reason=reason, source=source)


def thinking_of(value: Any, traits: Traits, max_tokens: Any, ledger: Ledger) -> JsonObject:
    """Return `thinking`, and where there is an effort to send `output_config`, for a `reasoning_effort`.

    Args:
        value: a string, or an object with `effort` and `summary`.
        traits: of the model.
        max_tokens: what is sent as the limit of the answer.
        ledger: receives what was changed.
    """
    effort = effort_of(value)
    if effort == "none":
        return _off(traits, ledger)
    if traits.thinking == "budget":
        return _by_budget(effort or "medium", max_tokens, ledger)
    display = _display(value, ledger)
    sent: JsonObject = {"thinking": {"type": "adaptive", **display}}
    if effort is not None:
        ledger.bridged(PARAM, "sent as adaptive thinking and output_config.effort")
        if effort == "minimal":
            ledger.emulated(PARAM, "the least effort of the Messages API is low")
        sent["output_config"] = {"effort": EFFORTS.get(effort, effort)}
    return sent


def _off(traits: Traits, ledger: Ledger) -> JsonObject:
    if traits.thinks_by_default and traits.off is not None:
        ledger.bridged(PARAM, f"sent as thinking of the type {traits.off}")
        return {"thinking": {"type": traits.off}}
    ledger.dropped(PARAM, "this model does not think unless it is asked to")
    return {}


def _by_budget(effort: str, max_tokens: Any, ledger: Ledger) -> JsonObject:
    budget = BUDGETS.get(effort, MIN_BUDGET)
    if type(max_tokens) is int and max_tokens <= budget:
        budget = max_tokens - 1
        if budget < MIN_BUDGET:
            ledger.lost(PARAM, f"thinking needs max_tokens above {MIN_BUDGET}")
            return {}
        ledger.emulated(PARAM, "the thinking budget is lowered to stay below max_tokens")
    ledger.bridged(PARAM, f"sent as a thinking budget of {budget} tokens")
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _display(value: Any, ledger: Ledger) -> JsonObject:
    summary = value.get("summary") if isinstance(value, Mapping) else None
    if summary in _HIDDEN:
        return {"display": "omitted"}
    if summary not in (None, "auto"):
        ledger.emulated(PARAM, "thoughts are summarized in one way alone")
    return {"display": SUMMARIZED}


_HIDDEN: Sequence[str] = ("none", "omitted")
