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
        "function_call": ValueRule(("string", "object")),
        "functions": ValueRule(("list",), 1, 128),
        "logit_bias": _OBJECT,
        "logprobs": _BOOLEAN,
        "max_completion_tokens": ValueRule(("integer",)),
        "max_tokens": ValueRule(("integer",)),
        "metadata": _OBJECT,
        "modalities": ValueRule(("list",)),
        "moderation": _OBJECT,
        "n": ValueRule(("integer",), 1, 128),
        "parallel_tool_calls": _BOOLEAN,
        "prediction": _OBJECT,
        "presence_penalty": ValueRule(("number",), -2, 2),
        "prompt_cache_key": _STRING,
        "prompt_cache_options": _OBJECT,
        "prompt_cache_retention": _STRING,
        "reasoning_effort": ValueRule(("string", "object")),
        "response_format": _OBJECT,
        "safety_identifier": _STRING,
        "seed": ValueRule(("integer",)),
        "service_tier": _STRING,
        "stop": ValueRule(("string", "list"), 1, 4),
        "store": _BOOLEAN,
        "stream": _BOOLEAN,
        "stream_options": _OBJECT,
        "temperature": ValueRule(("number",), 0, 2),
        "tool_choice": ValueRule(("string", "object")),
        "tools": ValueRule(("list",)),
        "top_logprobs": ValueRule(("integer",), 0, 20),
        "top_p": ValueRule(("number",), 0, 1),
        "user": _STRING,
        "verbosity": _STRING,
        "web_search_options": _OBJECT,
    }
)
