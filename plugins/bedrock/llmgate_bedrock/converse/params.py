"""What Converse takes of chat's parameters, by the endpoint and by the model.

Pure. The endpoint's own service model says the same of every model, so these rules do not depend on the catalogue.

Source: service model `bedrock-runtime`, `ConverseRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.model_ids import model_id_of
from llmgate_bedrock.reasoning import reasoning_row
from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    ParamRule,
    Route,
    ValueRule,
    effort_of,
    judge_by_catalogue,
    judge_metadata,
    judge_parallel_calls,
    judge_value,
)

__all__ = ["CHAT", "CONVERTED", "OWN_FIELDS", "SOURCE", "TIERS", "supports_param"]

SOURCE = "AWS, Converse API reference"
CONVERTED = frozenset(
    {
        *("messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice"),
        *("parallel_tool_calls", "reasoning_effort", "response_format", "service_tier", "metadata", "stream"),
        *("stream_options",),
    }
)
"""Parameters of chat that become something of Converse."""
OWN_FIELDS = frozenset(
    {
        *("additionalModelRequestFields", "additionalModelResponseFieldPaths", "guardrailConfig", "inferenceConfig"),
        *("outputConfig", "performanceConfig", "promptVariables", "projectIdentifier", "requestMetadata"),
        "serviceTier",
    }
)
"""Fields of Converse that a caller may set by their own names."""
TIERS = frozenset({"default", "flex", "priority", "reserved"})
VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "temperature": ValueRule(("number",), 0, 1),
        "top_p": ValueRule(("number",), 0, 1),
        "stop": ValueRule(("string", "list"), 0, 2500, items=ValueRule(("string",))),
        "max_tokens": ValueRule(("integer",), 1, limit="ceiling"),
        "max_completion_tokens": ValueRule(("integer",), 1, limit="ceiling"),
        "response_format": ValueRule(("object",), kinds=("text", "json_schema")),
        "service_tier": ValueRule(("string",), choices=("auto", *sorted(TIERS))),
    }
)
CHAT = OPENAI_PARAMETERS["chat"]
OF_OBSERVERS = "Converse has no field for an end user; observers see it"
LABELS = frozenset({"user", "safety_identifier"})
"""Parameters that change no answer, and that Converse has no field for."""
REFUSED = frozenset(CHAT) - CONVERTED - LABELS
REASON = "Converse has no such parameter"
CLAUDE = "anthropic."


def supports_param(route: Route, param: str, value: Any) -> ParamRule | None:
    """Judge one parameter of a chat call.

    Raises:
        BadRequestError: metadata that is not an object, or would be sent with a value that is not a string.
    """
    if param == "metadata":
        return judge_metadata(route, value)
    if value is None or (param in CHAT and CHAT[param].is_neutral(value)):
        return None
    if param in LABELS:
        return ParamRule(
            keep_local=True, reason="Converse has no field for an end user; observers see it", source=SOURCE
        )
    if param in REFUSED:
        return ParamRule(supported=False, reason=REASON, source=SOURCE)
    if param == "reasoning_effort":
        return _judge_effort(route, value)
    if param == "parallel_tool_calls" and not model_id_of(route).base.startswith(CLAUDE):
        return judge_parallel_calls(value, "only Claude can be kept from several calls at once", SOURCE)
    refusal = judge_value(param, value, VALUES.get(param), SOURCE)
    if refusal is not None or route.facts is None:
        return refusal
    return judge_by_catalogue(route.facts, param, value, judged=CHAT)


def _judge_effort(route: Route, value: Any) -> ParamRule | None:
    effort, row = effort_of(value), reasoning_row(model_id_of(route).base)
    if row is None:
        return ParamRule(supported=False, reason="this model is not known to take an effort", source=SOURCE)
    if isinstance(effort, str) and (effort in row.efforts or (effort == "none" and not row.always)):
        return None
    taken = ", ".join(row.efforts if row.always else ("none", *row.efforts))
    return ParamRule(supported=False, reason=f"this model takes {taken}, not {effort!r:.40}", source=SOURCE)
