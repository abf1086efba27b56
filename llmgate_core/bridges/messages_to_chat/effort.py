"""Convert `thinking` and `output_config.effort` to chat's `reasoning_effort`.

Pure. Clients such as Claude Code ask every model to think, whether it can or not. So thinking is passed on only to a
model that is known to reason, and left out with an entry for any other.

Source: Anthropic API reference, `ThinkingConfigParam` and `OutputConfig`; the facts of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.bridges.fields import list_of, object_of
from llmgate_core.bridges.messages_to_chat.values import BUDGETS
from llmgate_core.catalogue.values import shown
from llmgate_core.contract.call import JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["add_effort"]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From the least to the most."""
KINDS = ("enabled", "adaptive", "disabled", "between_tools")


def add_effort(chat: JsonObject, body: Mapping[str, Any], route: Route, ledger: Ledger) -> None:
    """Add `reasoning_effort` to a chat body.

    Raises:
        BadRequestError: `thinking` or the effort is malformed.
    """
    thinking, effort = body.get("thinking"), object_of(body.get("output_config")).get("effort")
    if thinking is not None and object_of(thinking).get("type") not in KINDS:
        raise bad_request("thinking", f"thinking must be an object whose type is one of {', '.join(KINDS)}")
    if effort is not None and not isinstance(effort, str):
        raise bad_request("output_config", f"output_config.effort must be a string, not {shown(effort)}")
    facts = route.facts or {}
    reasons = object_of(facts.get("capabilities")).get("reasoning")
    if reasons is not True and thinking is not None:
        ledger.dropped("thinking", "this model is not known to reason")
    if reasons is False and effort is not None:
        ledger.dropped("output_config", "this model does not reason, so it has no effort")
    elif reasons is True:
        _add_known(chat, effort or _effort_of(object_of(thinking)), object_of(facts.get("reasoning")), ledger, thinking)
    elif effort is not None:
        chat["reasoning_effort"] = effort


def _add_known(
    chat: JsonObject, wanted: str | None, reasoning: Mapping[str, Any], ledger: Ledger, thinking: Any
) -> None:
    """Add the effort that the model has nearest to the one that is asked for, and ask for a summary if it has one."""
    kind = object_of(thinking).get("type")
    if kind == "disabled":
        wanted = "none"
    efforts = [effort for effort in list_of(reasoning.get("efforts")) if effort in EFFORTS]
    effort = _nearest(wanted, efforts) if wanted in EFFORTS and efforts else wanted
    if effort != wanted:
        ledger.emulated("thinking", f"this model has no effort {wanted}; {effort or 'its default'} is used")
    shows = kind in ("enabled", "adaptive") and object_of(thinking).get("display") != "omitted"
    if shows and "auto" in list_of(reasoning.get("summaries")):
        chat["reasoning_effort"] = {**({"effort": effort} if effort else {}), "summary": "auto"}
    elif effort is not None:
        chat["reasoning_effort"] = effort


def _effort_of(thinking: Mapping[str, Any]) -> str | None:
    """Return the effort that a thinking budget stands for; None: the model's default."""
    budget = thinking.get("budget_tokens")
    if thinking.get("type") != "enabled" or not isinstance(budget, int):
        return None
    return next((effort for limit, effort in BUDGETS if budget < limit), "high")


def _nearest(wanted: str, efforts: Sequence[str]) -> str | None:
    """Return the nearest effort that a model has, the lower one of two; None: it cannot do without thinking."""
    if wanted in efforts:
        return wanted
    if wanted == "none":
        return None
    place = EFFORTS.index(wanted)
    known = [effort for effort in efforts if effort != "none"]
    return min(known, key=lambda effort: (abs(EFFORTS.index(effort) - place), EFFORTS.index(effort)), default=None)
