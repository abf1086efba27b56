"""The tables of the bridge: parameters, stop reasons, efforts and types of blocks. Data.

Source: Anthropic API reference, `MessageCreateParams`, `StopReason`, `Usage`; the tables of docs/guide/bridges.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "BUDGETS",
    "CONVERTED",
    "LOST",
    "MAX_USER_CHARACTERS",
    "NEUTRAL",
    "SAME_ON_CHAT",
    "SERVER_BLOCKS",
    "SERVICE_TIERS",
    "SOURCE",
    "STOP_REASONS",
    "TIERS_OF_CHAT",
    "UNSUPPORTED",
]

SOURCE = "bridge: a Messages call over chat"

SAME_ON_CHAT = ("temperature", "top_p")

NEUTRAL: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"speed": ("standard",), "service_tier": ("auto",), "mcp_servers": ([],), "betas": ([],)}
)
"""Parameter -> values that ask for nothing."""

LOST: Mapping[str, str] = MappingProxyType(
    {
        "context_management": "chat does not manage the context; the whole conversation is sent",
        "compaction": "chat does not manage the context; the whole conversation is sent",
        "speed": "chat has no fast mode",
        "diagnostics": "chat reports no diagnostics",
        "betas": "they are of the Anthropic API",
    }
)
"""Parameters of which the answer does not depend -> why they are left out, whatever the policy."""

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "container": "chat has no containers",
        "mcp_servers": "chat calls no MCP servers",
        "inference_geo": "chat cannot be asked to compute in one region",
        "fallbacks": "chat has no fallback models of its own; name them in `fallbacks` of the gateway",
        "thread": "chat does not store conversations; send the complete conversation in messages",
        "top_k": "chat has no top_k",
    }
)
"""Parameter -> why chat cannot do what it asks for; the policy decides."""

TIERS_OF_CHAT: Mapping[str, str] = MappingProxyType({"standard_only": "default"})
"""`service_tier` of a Messages call -> of a chat call; `auto` is the default of both."""

SERVICE_TIERS: Mapping[str, str] = MappingProxyType({"default": "standard", "priority": "priority", "batch": "batch"})
"""`service_tier` of a chat answer -> of a message's usage."""

MAX_USER_CHARACTERS = 64
"""A longer `metadata.user_id`, or one that is JSON, is what a client reports of itself, and not the id of a user."""

BUDGETS: tuple[tuple[int, str], ...] = ((2048, "low"), (4096, "medium"))
"""A thinking budget below the number is this effort, any other one `high`.

Source: docs/providers/anthropic.md has the same table the other way round: 1,024 tokens are low, 2,048 medium, 4,096
high.
"""

STOP_REASONS: Mapping[str | None, str] = MappingProxyType(
    {
        "stop": "end_turn",
        "length": "max_tokens",
        "tool_calls": "tool_use",
        "function_call": "tool_use",
        "content_filter": "refusal",
    }
)
"""`finish_reason` -> `stop_reason`."""

SERVER_BLOCKS = frozenset(
    {
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "advisor_tool_result",
        "mcp_tool_use",
        "mcp_tool_result",
        "container_upload",
        "compaction",
        "fallback",
    }
)
"""Blocks of an earlier answer about what Anthropic's own tools did: a chat message has no place for them."""

CONVERTED = frozenset(
    {
        *SAME_ON_CHAT,
        *LOST,
        *UNSUPPORTED,
        "model",
        "messages",
        "system",
        "max_tokens",
        "tools",
        "tool_choice",
        "stop_sequences",
        "metadata",
        "thinking",
        "output_config",
        "output_format",
        "cache_control",
        "service_tier",
        "stream",
    }
)
"""All documented parameters; any other is the caller's own and is forwarded."""
