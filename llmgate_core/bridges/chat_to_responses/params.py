"""Which chat parameters a call served by POST /responses takes: by the catalogue's row and this wire's own gaps.

Pure. What has no counterpart is unsupported for every model; for the rest a model that the catalogue does not
hold is not judged, and null, which stands for the default, never is.

Source: the user's page; OpenAPI 2.3.0; rulings in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.bridges.chat_to_responses.values import DOCUMENTED, NO_COUNTERPART, SOURCE, VALUES
from llmgate_core.catalogue.rules import judge
from llmgate_core.catalogue.values import judge_value
from llmgate_core.contract.call import ModelFacts, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.contract.provider import ParamRule
from llmgate_core.errors import BadRequestError

__all__ = ["NEUTRAL_REASON", "is_neutral", "supports_param"]

PAGE = "provider page"
NEUTRAL_REASON = "this value is what POST /responses does by itself"
ABOUT_TOOLS_OF_RESPONSES = ("capabilities", "sources", "unverified")


def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one chat parameter of a bridged call.

    Raises:
        UnsupportedParamsError: `stream` on a model that does not stream, whatever the policy: without it
            the caller would be handed something else than chunks.
        BadRequestError: metadata that is no object, or that would go upstream with something that is no text.
    """
    if param == "metadata":
        return _judge_metadata(route, value)
    if param in NO_COUNTERPART:
        return _judge_without_counterpart(param, value)
    facts = route.facts
    if facts is None or value is None:
        return None
    if (refused := judge_value(param, value, VALUES.get(param), SOURCE)) is not None:
        return refused
    if param == "stream":
        return _judge_stream(route, facts, value)
    if param == "web_search_options":
        return _judge_web_search(facts, value)
    if param in ("reasoning", "text") and isinstance(value, Mapping):
        return _judge_reasoning(facts, value) if param == "reasoning" else _judge_text(facts, value)
    return judge(facts, param, value, judged=DOCUMENTED)


def is_neutral(param: str, value: Any) -> bool:
    """Return whether leaving out `value`, of a parameter without a counterpart, changes nothing."""
    if value is None:
        return True
    if param == "n":
        return bool(value == 1) and value is not True
    if param == "modalities":
        return isinstance(value, (list, tuple)) and all(item == "text" for item in value)
    return not value and not isinstance(value, (bool, str))


def _judge_without_counterpart(param: str, value: Any) -> ParamRule:
    if is_neutral(param, value):
        return ParamRule(replaces=True, replace=None, reason=NEUTRAL_REASON, source=SOURCE)
    return ParamRule(supported=False, reason=NO_COUNTERPART[param], source=SOURCE)


def _judge_metadata(route: Route, value: Any) -> ParamRule | None:
    """As on plain chat: the caller's own labels, until the preview switch sends them."""
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


def _bad_metadata(message: str, route: Route) -> BadRequestError:
    return BadRequestError(
        message, status_code=400, param="metadata", provider=route.provider, model=route.model, attempts=0
    )


def _judge_stream(route: Route, facts: ModelFacts, value: Any) -> ParamRule | None:
    rule = judge(facts, "stream", value, judged=DOCUMENTED)
    if rule is None:
        return None
    raise Ledger(route, rule.source).refuse("stream", rule.reason)


def _judge_web_search(facts: ModelFacts, value: Any) -> ParamRule | None:
    """Judge by the capability alone: the lists of the row speak of POST /chat/completions, which has no such tool."""
    about_tools = {name: facts[name] for name in ABOUT_TOOLS_OF_RESPONSES if name in facts}
    return judge(about_tools, "web_search_options", value, judged=DOCUMENTED)


def _judge_reasoning(facts: ModelFacts, value: Mapping[str, Any]) -> ParamRule | None:
    """Judge effort and summary of the object of POST /responses as the chat parameter that they equal."""
    judged = {name: value[name] for name in ("effort", "summary") if value.get(name) is not None}
    rule = judge(facts, "reasoning_effort", judged, judged=DOCUMENTED) if judged else None
    if rule is None:
        return None
    rest = {name: item for name, item in value.items() if name not in judged} | (rule.replace or {})
    return replace(rule, replace=rest or None, replaces=bool(rest))


def _judge_text(facts: ModelFacts, value: Mapping[str, Any]) -> ParamRule | None:
    rule = judge(facts, "verbosity", value.get("verbosity"), judged=DOCUMENTED)
    if rule is None:
        return None
    rest = {name: item for name, item in value.items() if name != "verbosity"}
    return replace(rule, replace=rest or None, replaces=bool(rest))
