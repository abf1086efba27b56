"""What POST /completions takes. Pure.

Chat parameters without a counterpart are unsupported on a chat call whatever the model: their effect would be lost
silently. What the endpoint does not document is passed on where it was called as such.

Source: OpenAI API reference, POST /completions.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import (
    LITELLM_PAGE,
    OPENAI_PARAMETERS,
    OPENAI_REFERENCE,
    ParamRule,
    Route,
    hookimpl,
    judge_by_catalogue,
    judge_value,
)

VALUES = OPENAI_PARAMETERS["text_completion"]
CONVERTED = {*VALUES, "max_completion_tokens", "metadata"} - {"logprobs"}  # which is a flag there and a count here
CHAT_ONLY = frozenset(OPENAI_PARAMETERS["chat"]) - CONVERTED


@hookimpl
def supports_param(route: Route, param: str, value: Any) -> ParamRule | bool | None:
    """Judge one parameter of a text completion, called as such or as a chat."""
    is_chat = route.family == "chat"
    if is_chat and param == "metadata":
        return _judge_metadata(route)
    if value is None:
        return None
    if is_chat and param in CHAT_ONLY:
        return ParamRule(supported=False, reason="a text completion has no such parameter", source=OPENAI_REFERENCE)
    name = "max_tokens" if is_chat and param == "max_completion_tokens" else param
    refusal = None
    if route.facts is not None:
        refusal = judge_value(name, value, VALUES.get(name), OPENAI_REFERENCE)
        refusal = refusal or judge_by_catalogue(route.facts, name, value, judged=VALUES)
    if refusal is None and name != param:
        return ParamRule(rename=name, reason="what /completions calls it", source=OPENAI_REFERENCE)
    return refusal


def _judge_metadata(route: Route) -> ParamRule:
    if route.preview_features:
        return ParamRule(supported=False, reason="a text completion has no metadata", source=OPENAI_REFERENCE)
    return ParamRule(keep_local=True, reason="observers see it", source=LITELLM_PAGE)
