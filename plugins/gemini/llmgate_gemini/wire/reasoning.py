"""Convert `reasoning_effort` to the `thinkingConfig` that a model takes: a level or a budget, never both.

Pure; the values are in `traits`.

Source: https://ai.google.dev/gemini-api/docs/thinking, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, effort_of
from llmgate_gemini.wire.traits import EFFORTS, Thinking, Traits

__all__ = ["thinking_config"]

EFFORT = "reasoning_effort"


def thinking_config(given: Any, traits: Traits, route: Route, ledger: Ledger) -> JsonObject:
    """Return `thinkingConfig` for an effort; nothing where the model has none to set.

    Raises:
        BadRequestError: it is not an effort. UnsupportedParamsError: the model cannot be asked to think.
    """
    effort = effort_of(given)
    if effort is None:
        return {"includeThoughts": True} if isinstance(given, Mapping) and given.get("summary") else {}
    if effort not in EFFORTS:
        raise route.bad_request(EFFORT, f"{EFFORT} must be one of {', '.join(EFFORTS)}")
    if traits.thinking is None:
        _note_unable(effort, ledger)
        return {}
    value = _value_for(effort, traits.thinking, ledger)
    return {traits.thinking.field: value, "includeThoughts": effort != "none"}


def _note_unable(effort: str, ledger: Ledger) -> None:
    if effort == "none":
        ledger.dropped(EFFORT, "this model does not think")
    else:
        ledger.unsupported(EFFORT, "this model cannot be asked to think")


def _value_for(effort: str, thinking: Thinking, ledger: Ledger) -> str | int:
    """Return the model's value for an effort, the nearest one if it has none."""
    taken = effort if effort in thinking.values else _nearest(effort, thinking)
    value = thinking.values[taken]
    if effort == "none" and not thinking.can_stop:
        ledger.emulated(EFFORT, f"this model always thinks: {thinking.field} {value} is its least, without showing it")
    elif taken != effort:
        ledger.emulated(EFFORT, f"this model has no effort {effort}: sent as {thinking.field} {value}")
    else:
        ledger.bridged(EFFORT, f"sent as {thinking.field} {value}")
    return value


def _nearest(effort: str, thinking: Thinking) -> str:
    place = EFFORTS.index(effort)
    lower = [name for name in EFFORTS[1:place] if name in thinking.values]
    return lower[-1] if lower else next(name for name in EFFORTS[place:] if name in thinking.values)
