"""What POST /chat/completions takes of a model: by the catalogue's row, the value table, and this wire's own rules.

Pure. A model that the catalogue does not hold is not judged at all.

Source: the user's page; OpenAPI 2.3.0; rulings in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    ModelFacts,
    ParamRule,
    Route,
    effort_of,
    errors,
    hookimpl,
    is_verified,
    judge_by_catalogue,
    judge_summary,
    judge_value,
)
from llmgate_openai_chat.values import SOURCE, VALUES

RESPONSES_PREFIX = "openai/responses/"
CHAT_TOOLS = frozenset({"function", "custom"})


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a chat call."""
    if param == "metadata":
        return _judge_metadata(route, value)
    facts = route.facts
    if facts is None:
        return None
    refused = judge_value(param, value, VALUES.get(param), SOURCE) or judge_by_catalogue(
        facts, param, value, judged=frozenset(VALUES)
    )
    if refused is not None:
        return refused
    own_rule = _OWN_RULES.get(param)
    return own_rule(facts, value) if own_rule is not None else None


def _judge_metadata(route: Route, value: Any) -> ParamRule | None:
    if not isinstance(value, Mapping):
        raise _bad_metadata(f"metadata must be an object of texts, not {type(value).__name__}", route)
    if not route.preview_features:
        return ParamRule(
            keep_local=True, reason="observers see it; enable_preview_features = True sends it", source="page"
        )
    for key, item in value.items():
        if not isinstance(item, str):
            raise _bad_metadata(f"metadata[{key!r}] must be text, not {type(item).__name__}", route)
    return None


def _bad_metadata(message: str, route: Route) -> errors.BadRequestError:
    return errors.BadRequestError(
        message, status_code=400, param="metadata", provider=route.provider, model=route.model, attempts=0
    )


def _judge_max_tokens(facts: ModelFacts, value: Any) -> ParamRule | None:
    name = facts.get("params", {}).get("max_tokens_param", "max_tokens")
    if name == "max_tokens":
        return None
    return ParamRule(rename=name, reason="what this model calls it", source=_sources(facts))


def _judge_tools(facts: ModelFacts, value: Any) -> ParamRule | None:
    if facts["capabilities"].get("function_calling") is False and is_verified(facts, "capabilities.function_calling"):
        return ParamRule(supported=False, reason="this model calls no functions", source=_sources(facts))
    remaining = [tool for tool in value if not isinstance(tool, Mapping) or tool.get("type") in CHAT_TOOLS]
    if len(remaining) == len(value):
        return None
    built_in = next(tool.get("type") for tool in value if tool not in remaining)
    return ParamRule(
        supported=False,
        reason=f"the built-in tool {built_in!r} needs the Responses API: use the prefix {RESPONSES_PREFIX}",
        source="page",
        replaces=True,
        replace=remaining or None,
    )


def _judge_effort(facts: ModelFacts, value: Any) -> ParamRule | None:
    summary = value.get("summary") if isinstance(value, Mapping) else None
    if summary is not None and (refused := judge_summary(facts, summary)) is not None:
        return refused
    as_text = _effort_as_text(value, summary) if isinstance(value, Mapping) else None
    if facts.get("params", {}).get("function_tools_with_reasoning_on_chat") != "drop_effort":
        return as_text
    return ParamRule(
        replaces=True,
        reason=f"this model takes no effort together with function tools on chat; use the prefix {RESPONSES_PREFIX}",
        source="page",
        lossy=True,
        applies=lambda body: effort_of(value) != "none" and _has_functions(body),
        otherwise=as_text,
    )


def _effort_as_text(value: Mapping[str, Any], summary: Any) -> ParamRule:
    without_summary = "chat sends the effort as text"
    with_summary = f"chat sends the effort alone; a reasoning summary comes with the prefix {RESPONSES_PREFIX}"
    return ParamRule(
        replaces=True,
        replace=effort_of(value),
        reason=without_summary if summary is None else with_summary,
        source="page",
        lossy=summary is not None,
    )


def _has_functions(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools") or ()
    return any(isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools)


def _sources(facts: ModelFacts) -> str:
    return "catalogue: " + ", ".join(facts.get("sources", ()))


_OWN_RULES: Mapping[str, Callable[[ModelFacts, Any], ParamRule | None]] = MappingProxyType(
    {"max_tokens": _judge_max_tokens, "tools": _judge_tools, "reasoning_effort": _judge_effort}
)
