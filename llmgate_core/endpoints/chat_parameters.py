"""What POST /chat/completions takes of a model: by the tables, the catalogue's row, and this endpoint's own rules.

Pure. A model that the catalogue does not hold is not judged at all, and null, which stands for the default, never is.

Source: OpenAI API reference; LiteLLM's OpenAI page; docs/decisions/judging-parameters.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.catalogue.rules import effort_of, judge, judge_metadata, source_of
from llmgate_core.catalogue.sources import LITELLM_PAGE, OPENAI_REFERENCE
from llmgate_core.catalogue.values import judge_value
from llmgate_core.contract.call import ModelFacts, Route
from llmgate_core.contract.provider import ParamRule
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS

__all__ = ["judge_chat"]

VALUES = OPENAI_PARAMETERS["chat"]
CHAT_TOOLS = frozenset({"function", "custom"})


def judge_chat(route: Route, param: str, value: Any) -> ParamRule | None:
    """Judge one parameter of a chat call.

    Raises:
        BadRequestError: metadata that is not an object, or would be sent with a value that is not a string.
    """
    if param == "metadata":
        return judge_metadata(route, value)
    facts = route.facts
    if facts is None or value is None:
        return None
    refusal = judge_value(param, value, VALUES.get(param), OPENAI_REFERENCE)
    refusal = refusal or judge(facts, param, value, judged=VALUES)
    if param == "tools":
        return _judge_tools(route, facts, value, refusal)
    if param == "reasoning_effort":
        if refusal is not None:  # what a drop leaves of an object has chat's form too
            return replace(refusal, replace=effort_of(refusal.replace))
        return _judge_effort(route, facts, value)
    if param == "max_tokens" and refusal is None:
        return _rename_max_tokens(facts)
    return refusal


def _rename_max_tokens(facts: ModelFacts) -> ParamRule | None:
    name = (facts.get("params") or {}).get("max_tokens_param")
    if name in (None, "max_tokens"):
        return None
    return ParamRule(rename=name, reason="what this model calls it", source=source_of(facts))


def _judge_tools(route: Route, facts: ModelFacts, value: Any, refusal: ParamRule | None) -> ParamRule | None:
    """Refuse built-in tools where chat serves the model; what the catalogue refuses does not remain either."""
    if facts.get("mode") != "chat" or (refusal is not None and not refusal.replaces):
        return refusal
    built_in = [str(tool.get("type"))[:80] for tool in value if str(tool.get("type")) not in CHAT_TOOLS]
    if not built_in:
        return refusal
    remaining = [tool for tool in (refusal.replace if refusal else value) if str(tool.get("type")) in CHAT_TOOLS]
    return ParamRule(
        supported=False,
        reason=f"built-in tools ({', '.join(built_in)}) need the Responses API: use the prefix {_bridge(route)}",
        source=LITELLM_PAGE,
        replaces=True,
        replace=remaining or None,
    )


def _judge_effort(route: Route, facts: ModelFacts, value: Any) -> ParamRule | None:
    as_string = _effort_as_string(route, value) if isinstance(value, Mapping) else None
    if (facts.get("params") or {}).get("function_tools_with_reasoning_on_chat") != "drop_effort":
        return as_string
    return ParamRule(
        replaces=True,
        reason=f"this model takes no effort together with function tools on chat; use the prefix {_bridge(route)}",
        source=LITELLM_PAGE,
        lossy=True,
        applies=lambda body: effort_of(value) != "none" and _has_functions(body),
        otherwise=as_string,
    )


def _effort_as_string(route: Route, value: Mapping[str, Any]) -> ParamRule:
    lost = [str(key) for key, item in value.items() if key != "effort" and item is not None]
    reason = "chat sends the effort as a string"
    if lost:
        reason = f"chat sends the effort alone; reasoning {', '.join(lost)} comes with the prefix {_bridge(route)}"
    return ParamRule(replaces=True, replace=effort_of(value), reason=reason, source=LITELLM_PAGE, lossy=bool(lost))


def _bridge(route: Route) -> str:
    """Return the prefix with which chat goes over the provider's Responses API."""
    return f"{route.prefix}/responses/"


def _has_functions(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    kinds = (
        [tool.get("type") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, (list, tuple)) else ()
    )
    return "function" in kinds
