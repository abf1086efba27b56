"""Names of tools and ids of their calls, in the characters that Bedrock takes.

Pure.

Source: service model `bedrock-runtime`, `ToolName` and `ToolUseId`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.plugin import NameRule, ToolNames, function_names

__all__ = ["names_of", "tool_use_id"]

RULE = NameRule("a-zA-Z0-9_-", 64)
IDENTIFIERS = NameRule("a-zA-Z0-9_.:-", 64)


def names_of(body: Mapping[str, Any]) -> ToolNames:
    """Return the names of the tools of a chat call: those offered, and those called before, which are declared too."""
    return ToolNames((*function_names(body), *_called(body.get("messages"))), RULE)


def tool_use_id(identifier: str) -> str:
    """Return the id of a call as Bedrock takes it: the same one for a call and its result."""
    return IDENTIFIERS.fitted(identifier)


def _called(messages: Any) -> Iterator[str]:
    for message in messages if isinstance(messages, (list, tuple)) else ():
        calls = message.get("tool_calls") if isinstance(message, Mapping) else None
        yield from function_names({"tools": calls})
