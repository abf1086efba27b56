"""What POST /responses takes of a model: by the catalogue's row and the value table. Pure.

A model that the catalogue does not hold is not judged at all, and null never is. A chat call is judged by
the bridge, which knows what has a counterpart here.

Source: the user's page; OpenAPI 2.3.0; rulings in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.plugin import (
    ChatOverResponses,
    ModelFacts,
    ParamRule,
    Route,
    hookimpl,
    judge_by_catalogue,
    judge_value,
)
from llmgate_openai_responses.values import SOURCE, VALUES

NO_LIST: frozenset[str] = frozenset()  # the catalogue's allow lists name chat's parameters


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a Responses call, or of a chat that is bridged to one."""
    if route.family == "chat":
        return ChatOverResponses.supports_param(route, param, value)
    facts = route.facts
    if facts is None or value is None:
        return None
    if (refused := judge_value(param, value, VALUES.get(param), SOURCE)) is not None:
        return refused
    if param == "reasoning":
        return judge_by_catalogue(facts, "reasoning_effort", value, judged=NO_LIST)
    if param == "text":
        return _judge_text(facts, value)
    return judge_by_catalogue(facts, param, value, judged=NO_LIST)


def _judge_text(facts: ModelFacts, text: Mapping[str, Any]) -> ParamRule | None:
    refused = judge_by_catalogue(facts, "verbosity", text.get("verbosity"), judged=NO_LIST)
    if refused is None:
        return None
    remains = {name: item for name, item in text.items() if name != "verbosity"}
    return replace(refused, replaces=True, replace=remains or None)
