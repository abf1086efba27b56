"""What values the parameters of POST /chat/completions take. Data.

Source: OpenAPI 2.3.0, `CreateChatCompletionRequest`. Enums that grow (service_tier) are not judged.
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
        "audio": _OBJECT,
        "frequency_penalty": ValueRule(("number",), -2, 2),
        "function_call": ValueRule(("string", "object"), choices=("none", "auto")),
        "functions": ValueRule(("list",), 1, 128, items=_OBJECT),
        "logit_bias": ValueRule(("object",), items=ValueRule(("number",), -100, 100)),
        "logprobs": _BOOLEAN,
        "max_completion_tokens": ValueRule(("integer",)),
        "max_tokens": ValueRule(("integer",)),
        "metadata": _OBJECT,
        "modalities": ValueRule(("list",), items=ValueRule(("string",), choices=("text", "audio"))),
        "moderation": _OBJECT,
        "n": ValueRule(("integer",), 1, 128),
        "parallel_tool_calls": _BOOLEAN,
        "prediction": ValueRule(("object",), kinds=("content",)),
        "presence_penalty": ValueRule(("number",), -2, 2),
        "prompt_cache_key": _STRING,
        "prompt_cache_options": _OBJECT,
        "prompt_cache_retention": _STRING,
        "reasoning_effort": ValueRule(("string", "object")),
        "response_format": ValueRule(("object",), kinds=("text", "json_object", "json_schema")),
        "safety_identifier": ValueRule(("string",), longest=64),
        "seed": ValueRule(("integer",)),
        "service_tier": _STRING,
        "stop": ValueRule(("string", "list"), 1, 4, items=_STRING),
        "store": _BOOLEAN,
        "stream": _BOOLEAN,
        "stream_options": _OBJECT,
        "temperature": ValueRule(("number",), 0, 2),
        "tool_choice": ValueRule(
            ("string", "object"),
            choices=("none", "auto", "required"),
            kinds=("function", "custom", "allowed_tools"),
        ),
        "tools": ValueRule(("list",), items=_OBJECT),
        "top_logprobs": ValueRule(("integer",), 0, 20),
        "top_p": ValueRule(("number",), 0, 1),
        "user": _STRING,
        "verbosity": _STRING,
        "web_search_options": _OBJECT,
    }
)
