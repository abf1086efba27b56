"""What POST /completions takes. Pure.

Source: OpenAPI 2.3.0, `CreateCompletionRequest`. Chat parameters without a counterpart are
unsupported whatever the model: this endpoint has no place for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import ParamRule, Route, ValueRule, hookimpl, judge_by_catalogue, judge_value

SOURCE = "OpenAPI 2.3.0"
_NUMBER = ("number",)

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "best_of": ValueRule(("integer",), 0, 20),
        "echo": ValueRule(("boolean",)),
        "frequency_penalty": ValueRule(_NUMBER, -2, 2),
        "logit_bias": ValueRule(("object",)),
        "logprobs": ValueRule(("integer",), 0, 5),
        "max_tokens": ValueRule(("integer",), 0),
        "n": ValueRule(("integer",), 1, 128),
        "presence_penalty": ValueRule(_NUMBER, -2, 2),
        "seed": ValueRule(("integer",)),
        "stop": ValueRule(("string", "list"), 1, 4),
        "stream": ValueRule(("boolean",)),
        "stream_options": ValueRule(("object",)),
        "suffix": ValueRule(("string",)),
        "temperature": ValueRule(_NUMBER, 0, 2),
        "top_p": ValueRule(_NUMBER, 0, 1),
        "user": ValueRule(("string",)),
    }
)

CHAT_ONLY = frozenset(
    [
        "audio",
        "function_call",
        "functions",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "reasoning_effort",
        "response_format",
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
    if param == "metadata":
        return _judge_metadata(route)
    if param in CHAT_ONLY:
        return ParamRule(supported=False, reason="a text completion has no such parameter", source=SOURCE)
    if param == "max_completion_tokens":
        return ParamRule(rename="max_tokens", reason="what /completions calls it", source=SOURCE)
    if route.facts is None:
        return None
    return judge_value(param, value, VALUES.get(param), SOURCE) or judge_by_catalogue(
        route.facts, param, value, judged=frozenset(VALUES)
    )


def _judge_metadata(route: Route) -> ParamRule:
    if route.preview_features:
        return ParamRule(supported=False, reason="a text completion has no metadata", source=SOURCE)
    return ParamRule(keep_local=True, reason="observers see it", source="page")
