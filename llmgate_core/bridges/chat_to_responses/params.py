"""Which chat parameters a call served by POST /responses takes: by the catalogue's row and this wire's own gaps.

Pure. What has no counterpart is unsupported for every model; for the rest a model that the catalogue does not
hold is not judged, and null, which stands for the default, never is.

Source: OpenAI API reference; docs/decisions/judging-parameters.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.chat_to_responses.values import CHAT, DOCUMENTED, NO_COUNTERPART, SOURCE, VALUES
from llmgate_core.catalogue.rules import judge, judge_metadata, judge_reasoning, judge_text
from llmgate_core.catalogue.values import judge_value
from llmgate_core.contract.call import ModelFacts, Route
from llmgate_core.contract.provider import ParamRule

__all__ = ["NEUTRAL_REASON", "is_neutral", "supports_param"]

NEUTRAL_REASON = "POST /responses does the same without it"
ABOUT_TOOLS_OF_RESPONSES = ("capabilities", "sources", "unverified")


def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one chat parameter of a bridged call.

    Raises:
        UnsupportedParamsError: `stream` on a model that does not stream, whatever the policy: without it
            the caller would get something other than chunks.
        BadRequestError: metadata that is not an object, or would be sent with a value that is not a string.
    """
    if param == "metadata":
        return judge_metadata(route, value)
    if param == "include":
        return True  # chat does not have it, this wire does
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
    if param == "reasoning" and isinstance(value, Mapping):
        return judge_reasoning(facts, value, judged=DOCUMENTED)
    if param == "text" and isinstance(value, Mapping):
        return judge_text(facts, value, judged=DOCUMENTED)
    return judge(facts, param, value, judged=DOCUMENTED)


def is_neutral(param: str, value: Any) -> bool:
    """Return whether leaving out `value`, of a parameter without a counterpart, changes nothing."""
    return CHAT[param].is_neutral(value)


def _judge_without_counterpart(param: str, value: Any) -> ParamRule:
    if is_neutral(param, value):
        return ParamRule(replaces=True, replace=None, reason=NEUTRAL_REASON, source=SOURCE)
    return ParamRule(supported=False, reason=NO_COUNTERPART[param], source=SOURCE)


def _judge_stream(route: Route, facts: ModelFacts, value: Any) -> ParamRule | None:
    rule = judge(facts, "stream", value, judged=DOCUMENTED)
    if rule is None:
        return None
    error = route.refuse("stream", f"{rule.reason} [{rule.source}]")
    error.options = (rule.option,)
    raise error


def _judge_web_search(facts: ModelFacts, value: Any) -> ParamRule | None:
    """Judge by the capability alone: the lists of the row speak of POST /chat/completions, which has no such tool."""
    about_tools = {name: facts[name] for name in ABOUT_TOOLS_OF_RESPONSES if name in facts}
    return judge(about_tools, "web_search_options", value, judged=DOCUMENTED)
