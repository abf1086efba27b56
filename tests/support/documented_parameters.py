"""The parameters of the two large endpoints, with values that the description takes.

Data; calls nothing.

Source: OpenAI API reference, `CreateChatCompletionRequest` and `CreateResponse`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["CHAT_PARAMS", "RESPONSES_PARAMS"]

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
GRAMMAR = {"syntax": "lark", "definition": "start: /a+/"}
LOCATION = {"country": "NL", "city": "Delft", "region": "ZH", "timezone": "Europe/Amsterdam"}
CACHE = {"mode": "explicit", "ttl": "30m"}
MODERATION = {"model": "omni-moderation-latest"}

CHAT_PARAMS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "audio": ({"voice": "alloy", "format": "wav"},),
        "frequency_penalty": (-2, 0, 1.5),
        "function_call": ("none", "auto", {"name": "f"}),
        "functions": ([{"name": "f", "description": "d", "parameters": SCHEMA}],),
        "logit_bias": ({}, {"50256": -100}),
        "logprobs": (True, False),
        "max_completion_tokens": (16, 4096),
        "max_tokens": (16, 4096),
        "metadata": ({"team": "search"},),
        "modalities": (["text"], ["text", "audio"]),
        "moderation": (MODERATION,),
        "n": (1, 3),
        "parallel_tool_calls": (True, False),
        "prediction": ({"type": "content", "content": "x = 1"},),
        "presence_penalty": (0, -0.5),
        "prompt_cache_key": ("key",),
        "prompt_cache_options": (CACHE,),
        "prompt_cache_retention": ("in_memory", "24h"),
        "reasoning_effort": ("none", "minimal", "low", "medium", "high", "xhigh"),
        "response_format": (
            {"type": "text"},
            {"type": "json_object"},
            {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}},
            {"type": "json_schema", "json_schema": {"name": "s", "description": "d", "schema": SCHEMA}},
        ),
        "safety_identifier": ("u" * 64,),
        "seed": (0, 7),
        "service_tier": ("auto", "default", "flex", "priority"),
        "stop": ("END", ["a", "b"]),
        "store": (True, False),
        "stream": (True, False),
        "stream_options": ({"include_usage": True}, {"include_obfuscation": False}),
        "temperature": (0, 0.7, 2),
        "tool_choice": (
            "none",
            "auto",
            "required",
            {"type": "function", "function": {"name": "f"}},
            {"type": "custom", "custom": {"name": "c"}},
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
        "tools": (
            [{"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}],
            [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}],
            [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}],
            [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar", "grammar": GRAMMAR}}}],
        ),
        "top_logprobs": (0, 20),
        "top_p": (0, 0.5, 1),
        "user": ("u-1",),
        "verbosity": ("low", "medium", "high"),
        "web_search_options": (
            {},
            {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": LOCATION}},
        ),
    }
)

RESPONSES_PARAMS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "background": (True, False),
        "context_management": ([{"type": "compaction", "compact_threshold": 2000}],),
        "conversation": ("conv_1", {"id": "conv_1"}),
        "include": (["reasoning.encrypted_content"], ["message.output_text.logprobs", "web_search_call.results"]),
        "instructions": ("Be brief.",),
        "max_output_tokens": (16, 4096),
        "max_tool_calls": (3,),
        "metadata": ({}, {"team": "search"}),
        "moderation": (MODERATION,),
        "parallel_tool_calls": (True, False),
        "previous_response_id": ("resp_1",),
        "prompt": ({"id": "pmpt_1", "version": "2", "variables": {"city": "Delft"}},),
        "prompt_cache_key": ("key",),
        "prompt_cache_options": (CACHE,),
        "prompt_cache_retention": ("in_memory", "24h"),
        "reasoning": ({"effort": "low"}, {"effort": "high", "summary": "auto"}, {"summary": "detailed"}),
        "safety_identifier": ("u-1",),
        "service_tier": ("auto", "flex", "priority"),
        "store": (True, False),
        "stream": (True, False),
        "stream_options": ({"include_obfuscation": False},),
        "temperature": (0, 1.5),
        "text": (
            {"format": {"type": "text"}, "verbosity": "low"},
            {"format": {"type": "json_object"}},
            {"format": {"type": "json_schema", "name": "s", "schema": SCHEMA, "strict": True}},
        ),
        "tool_choice": (
            "required",
            {"type": "function", "name": "f"},
            {"type": "custom", "name": "c"},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
            {"type": "mcp", "server_label": "docs"},
            {"type": "file_search"},
        ),
        "tools": (
            [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}],
            [{"type": "function", "name": "f", "description": "d", "parameters": None, "strict": False}],
            [{"type": "custom", "name": "c", "format": {"type": "grammar", **GRAMMAR}}],
            [
                {
                    "type": "web_search",
                    "search_context_size": "low",
                    "user_location": {"type": "approximate", **LOCATION},
                }
            ],
            [{"type": "web_search_preview"}, {"type": "file_search", "vector_store_ids": ["vs_1"]}],
            [{"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "image_generation"}],
            [
                {
                    "type": "mcp",
                    "server_label": "docs",
                    "server_url": "https://mcp.example.test",
                    "require_approval": "never",
                }
            ],
            [{"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]}],
            [{"type": "shell"}, {"type": "apply_patch"}, {"type": "local_shell"}],
        ),
        "top_logprobs": (0, 5),
        "top_p": (0, 1),
        "truncation": ("auto", "disabled"),
        "user": ("u-1",),
    }
)
