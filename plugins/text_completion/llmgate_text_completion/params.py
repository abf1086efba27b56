"""What POST /completions takes, for text-completion calls and for chat calls that end there.

Pure. A model that the catalogue does not hold is not judged, but for a chat call's `metadata`.

Source: OpenAPI 2.3.0, CreateCompletionRequest, and the rulings of docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import ParamRule, Route, ValueRule, errors, hookimpl, judge_by_catalogue, judge_value

__all__ = ["supports_param"]

SOURCE = "OpenAPI 2.3.0"
RULING = "docs/architecture.md, rulings"

_BOOLEAN = ValueRule(("boolean",))
_TEXT = ValueRule(("string",))
_PENALTY = ValueRule(("number",), -2, 2)

VALUES: Mapping[str, ValueRule | None] = MappingProxyType(
    {
        "best_of": ValueRule(("integer",), 0, 20),
        "echo": _BOOLEAN,
        "frequency_penalty": _PENALTY,
        "logit_bias": ValueRule(("object",), items=ValueRule(("number",), -100, 100)),
        "logprobs": ValueRule(("integer",), 0, 5),
        "max_tokens": ValueRule(("integer",), 0),
        "n": ValueRule(("integer",), 1, 128),
        "presence_penalty": _PENALTY,
        "seed": ValueRule(("integer",)),
        "stop": ValueRule(("string", "list"), 1, 4, items=_TEXT),
        "stream": _BOOLEAN,
        "stream_options": ValueRule(("object",)),
        "suffix": _TEXT,
        "temperature": ValueRule(("number",), 0, 2),
        "top_p": ValueRule(("number",), 0, 1),
        "user": _TEXT,
    }
)
JUDGED = frozenset(VALUES)

CHAT_ONLY = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logprobs",
        "metadata",
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
    }
)
"""Chat's parameters without a counterpart; its `logprobs` is a flag, the one here a count."""


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter; None: not known, or fine as it is.

    Raises:
        BadRequestError: a chat call's metadata that is no object.
    """
    is_chat = route.family == "chat"
    if is_chat and param == "metadata" and not route.preview_features:
        return _keep_metadata(value)
    facts = route.facts
    if facts is None:
        return None
    if is_chat and param in CHAT_ONLY:
        return ParamRule(supported=False, reason="text completions have no counterpart to it", source=SOURCE)
    name = "max_tokens" if is_chat and param == "max_completion_tokens" else param
    rule = judge_value(param, value, VALUES.get(name), SOURCE)
    rule = rule or judge_by_catalogue(facts, name, value, judged=JUDGED)
    if rule is None and name != param:
        return ParamRule(rename=name, reason="the name that text completions know", source=SOURCE)
    return rule


def _keep_metadata(value: Any) -> ParamRule:
    if not isinstance(value, Mapping):
        message = f"metadata must be an object, not {type(value).__name__}"
        raise errors.BadRequestError(message, status_code=400, param="metadata", attempts=0)
    return ParamRule(keep_local=True, replaces=True, reason="stays here for observers", source=RULING)
