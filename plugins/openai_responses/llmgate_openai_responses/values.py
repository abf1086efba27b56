"""What values the parameters of POST /responses take. Data.

Source: OpenAPI 2.3.0, `CreateResponse`. Enums that grow (service_tier, include) are not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.plugin import ValueRule

SOURCE = "OpenAPI 2.3.0"
_BOOLEAN = ValueRule(("boolean",))
_STRING = ValueRule(("string",))
_OBJECT = ValueRule(("object",))

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "background": _BOOLEAN,
        "context_management": ValueRule(("list",), 1, items=_OBJECT),
        "conversation": ValueRule(("string", "object")),
        "include": ValueRule(("list",), items=_STRING),
        "instructions": _STRING,
        "max_output_tokens": ValueRule(("integer",)),
        "max_tool_calls": ValueRule(("integer",)),
        "metadata": _OBJECT,
        "moderation": _OBJECT,
        "parallel_tool_calls": _BOOLEAN,
        "previous_response_id": _STRING,
        "prompt_cache_key": _STRING,
        "prompt_cache_options": _OBJECT,
        "prompt_cache_retention": _STRING,
        "reasoning": _OBJECT,
        "safety_identifier": ValueRule(("string",), longest=64),
        "service_tier": _STRING,
        "store": _BOOLEAN,
        "stream": _BOOLEAN,
        "stream_options": _OBJECT,
        "temperature": ValueRule(("number",), 0, 2),
        "text": _OBJECT,
        "tool_choice": ValueRule(("string", "object")),
        "tools": ValueRule(("list",), items=_OBJECT),
        "top_logprobs": ValueRule(("integer",), 0, 20),
        "top_p": ValueRule(("number",), 0, 1),
        "truncation": ValueRule(("string",), choices=("auto", "disabled")),
        "user": _STRING,
    }
)
