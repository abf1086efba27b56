"""What chat parameters a bridged call takes, and which ones POST /responses has nothing for. Data.

Source: OpenAPI 2.3.0, `CreateResponse` and `CreateChatCompletionRequest`. Enums that grow are not judged, and
`max_output_tokens` has a minimum of 16 that the upstream answers for itself: nothing is rounded here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.catalogue.values import ValueRule

__all__ = ["DOCUMENTED", "NO_COUNTERPART", "SOURCE", "VALUES"]

SOURCE = "OpenAPI 2.3.0, CreateResponse"

_BOOLEAN = ValueRule(("boolean",))
_STRING = ValueRule(("string",))
_INTEGER = ValueRule(("integer",))
_OBJECT = ValueRule(("object",))
_OBJECTS = ValueRule(("list",), items=_OBJECT)

VALUES: Mapping[str, ValueRule] = MappingProxyType(
    {
        "function_call": ValueRule(("string", "object"), choices=("none", "auto")),
        "functions": _OBJECTS,
        "logprobs": _BOOLEAN,
        "max_completion_tokens": _INTEGER,
        "max_tokens": _INTEGER,
        "moderation": _OBJECT,
        "parallel_tool_calls": _BOOLEAN,
        "prompt_cache_key": _STRING,
        "prompt_cache_options": _OBJECT,
        "prompt_cache_retention": _STRING,
        "reasoning_effort": ValueRule(("string", "object")),
        "response_format": ValueRule(("object",), kinds=("text", "json_object", "json_schema")),
        "safety_identifier": ValueRule(("string",), longest=64),
        "service_tier": _STRING,
        "store": _BOOLEAN,
        "stream": _BOOLEAN,
        "stream_options": _OBJECT,
        "temperature": ValueRule(("number",), 0, 2),
        "tool_choice": ValueRule(("string", "object"), choices=("none", "auto", "required")),
        "tools": _OBJECTS,
        "top_logprobs": ValueRule(("integer",), 0, 20),
        "top_p": ValueRule(("number",), 0, 1),
        "user": _STRING,
        "verbosity": _STRING,
        "web_search_options": _OBJECT,
    }
)

NO_COUNTERPART: Mapping[str, str] = MappingProxyType(
    {
        "n": "POST /responses gives one answer a call",
        "audio": "POST /responses gives no audio",
        "modalities": "POST /responses gives text alone",
        "stop": "POST /responses has no stop sequences",
        "seed": "POST /responses has no seed",
        "logit_bias": "POST /responses has no logit_bias",
        "presence_penalty": "POST /responses has no penalties",
        "frequency_penalty": "POST /responses has no penalties",
        "prediction": "POST /responses takes no predicted output",
    }
)
"""Chat parameter -> why it cannot be bridged, whatever the model."""

DOCUMENTED = frozenset(VALUES) | frozenset(NO_COUNTERPART) | {"metadata"}
"""Every parameter of POST /chat/completions: an allow list of the catalogue judges these and no others."""
