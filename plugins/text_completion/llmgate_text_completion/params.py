"""What POST /completions takes. Pure.

Source: OpenAPI 2.3.0, `CreateCompletionRequest`. Chat parameters without a counterpart are
unsupported on a chat call whatever the model: their effect would be lost in silence. A text
completion call is the caller's own wire, so what it does not document is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import ModelFacts, ParamRule, Route, ValueRule, hookimpl, judge_by_catalogue, judge_value

SOURCE = "OpenAPI 2.3.0"
_NUMBER = ("number",)

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "best_of": ValueRule(("integer",), 0, 20),
        "echo": ValueRule(("boolean",)),
        "frequency_penalty": ValueRule(_NUMBER, -2, 2),
        "logit_bias": ValueRule(("object",), items=ValueRule(_NUMBER, -100, 100)),
        "logprobs": ValueRule(("integer",), 0, 5),
        "max_tokens": ValueRule(("integer",), 0),
        "n": ValueRule(("integer",), 1, 128),
        "presence_penalty": ValueRule(_NUMBER, -2, 2),
        "seed": ValueRule(("integer",)),
        "stop": ValueRule(("string", "list"), 1, 4, items=ValueRule(("string",))),
        "stream": ValueRule(("boolean",)),
        "stream_options": ValueRule(("object",)),
        "suffix": ValueRule(("string",)),
        "temperature": ValueRule(_NUMBER, 0, 2),
        "top_p": ValueRule(_NUMBER, 0, 1),
        "user": ValueRule(("string",)),
    }
)
JUDGED = frozenset(VALUES)

CHAT_ONLY = frozenset(
    [
        "audio",
        "function_call",
        "functions",
        "logprobs",  # a flag there, a count here
        "modalities",
        "moderation",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "service_tier",
        "store",
        "tool_choice",
        "tools",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    ]
)


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a text completion, called as such or as a chat."""
    is_chat = route.family == "chat"
    if is_chat and param == "metadata":
        return _judge_metadata(route)
    if value is None:
        return None
    if is_chat and param in CHAT_ONLY:
        return ParamRule(supported=False, reason="a text completion has no such parameter", source=SOURCE)
    name = "max_tokens" if is_chat and param == "max_completion_tokens" else param
    refused = None if route.facts is None else _judge(route.facts, name, value)
    if refused is None and name != param:
        return ParamRule(rename=name, reason="what /completions calls it", source=SOURCE)
    return refused


def _judge(facts: ModelFacts, param: str, value: Any) -> ParamRule | None:
    refused = judge_value(param, value, VALUES.get(param), SOURCE)
    return refused or judge_by_catalogue(facts, param, value, judged=JUDGED)


def _judge_metadata(route: Route) -> ParamRule:
    if route.preview_features:
        return ParamRule(supported=False, reason="a text completion has no metadata", source=SOURCE)
    return ParamRule(keep_local=True, reason="observers see it", source="page")
