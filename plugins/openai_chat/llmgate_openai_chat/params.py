"""What POST /chat/completions takes of a model: by the catalogue's row, the value table, and this wire's own rules.

Pure. A model that the catalogue does not hold is not judged at all, and null, which stands for the default, never is.

Source: the user's page; OpenAPI 2.3.0; rulings in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    ModelFacts,
    ParamRule,
    Route,
    effort_of,
    errors,
    hookimpl,
    judge_by_catalogue,
    judge_value,
)
from llmgate_openai_chat.values import SOURCE, VALUES

JUDGED = frozenset(VALUES)
RESPONSES_PREFIX = "openai/responses/"
CHAT_TOOLS = frozenset({"function", "custom"})


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a chat call.

    Raises:
        BadRequestError: metadata that is no object, or that would go upstream with something that is no text.
    """
    if param == "metadata":
        return _judge_metadata(route, value)
    facts = route.facts
    if facts is None or value is None:
        return None
    refused = judge_value(param, value, VALUES.get(param), SOURCE)
    refused = refused or judge_by_catalogue(facts, param, value, judged=JUDGED)
    if param == "tools":
        return _judge_tools(facts, value, refused)
    if param == "reasoning_effort":
        return _judge_effort(facts, value) if refused is None else _with_effort_as_text(refused)
    if param == "max_tokens" and refused is None:
        return _judge_max_tokens(facts)
    return refused


def _judge_metadata(route: Route, value: Any) -> ParamRule | None:
    if value is not None and not isinstance(value, Mapping):
        raise _bad_metadata(f"metadata must be an object of texts, not {type(value).__name__}", route)
    if not route.preview_features:
        return ParamRule(
            keep_local=True, reason="observers see it; enable_preview_features = True sends it", source="page"
        )
    for key, item in (value or {}).items():
        if not (isinstance(key, str) and isinstance(item, str)):
            raise _bad_metadata(f"metadata maps text to text, but [{key!r:.80}] is {type(item).__name__}", route)
    return None


def _bad_metadata(message: str, route: Route) -> errors.BadRequestError:
    return errors.BadRequestError(
        message, status_code=400, param="metadata", provider=route.provider, model=route.model, attempts=0
    )


def _judge_max_tokens(facts: ModelFacts) -> ParamRule | None:
    name = (facts.get("params") or {}).get("max_tokens_param")
    if name in (None, "max_tokens"):
        return None
    return ParamRule(rename=name, reason="what this model calls it", source=_sources(facts))


def _judge_tools(facts: ModelFacts, value: Any, refused: ParamRule | None) -> ParamRule | None:
    """Refuse built-in tools where chat serves the model; what the catalogue refuses too does not remain either."""
    if facts.get("mode") != "chat" or (refused is not None and not refused.replaces):
        return refused
    built_in = [str(tool.get("type"))[:80] for tool in value if str(tool.get("type")) not in CHAT_TOOLS]
    if not built_in:
        return refused
    remaining = [tool for tool in (refused.replace if refused else value) if str(tool.get("type")) in CHAT_TOOLS]
    return ParamRule(
        supported=False,
        reason=f"built-in tools ({', '.join(built_in)}) need the Responses API: use the prefix {RESPONSES_PREFIX}",
        source="page",
        replaces=True,
        replace=remaining or None,
    )


def _judge_effort(facts: ModelFacts, value: Any) -> ParamRule | None:
    as_text = _effort_as_text(value) if isinstance(value, Mapping) else None
    if (facts.get("params") or {}).get("function_tools_with_reasoning_on_chat") != "drop_effort":
        return as_text
    return ParamRule(
        replaces=True,
        reason=f"this model takes no effort together with function tools on chat; use the prefix {RESPONSES_PREFIX}",
        source="page",
        lossy=True,
        applies=lambda body: effort_of(value) != "none" and _has_functions(body),
        otherwise=as_text,
    )


def _with_effort_as_text(refused: ParamRule) -> ParamRule:
    """Give what a drop leaves of a refused object chat's form too."""
    if not isinstance(refused.replace, Mapping):
        return refused
    return replace(refused, replace=effort_of(refused.replace))


def _effort_as_text(value: Mapping[str, Any]) -> ParamRule:
    lost = [str(key) for key, item in value.items() if key != "effort" and item is not None]
    kept = "chat sends the effort as text"
    alone = f"chat sends the effort alone; reasoning {', '.join(lost)} comes with the prefix {RESPONSES_PREFIX}"
    return ParamRule(
        replaces=True, replace=effort_of(value), reason=alone if lost else kept, source="page", lossy=bool(lost)
    )


def _has_functions(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    if not isinstance(tools, (list, tuple)):
        return False
    return any(isinstance(tool, Mapping) and tool.get("type") == "function" for tool in tools)


def _sources(facts: ModelFacts) -> str:
    return "catalogue: " + ", ".join(facts.get("sources", ()))
