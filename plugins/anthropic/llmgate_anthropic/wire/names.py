"""Names of tools and ids of their calls, in the characters that the Messages API takes.

Pure.

Source: Anthropic API reference, `Tool.name` and `ToolUseBlock.id`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import NameRule, ToolNames, function_names

__all__ = ["names_of", "sent_id"]

LEGAL = "a-zA-Z0-9_-"
RULE = NameRule(LEGAL, 128)
_ID = re.compile(f"[{LEGAL}]+").fullmatch


def names_of(body: Mapping[str, Any]) -> ToolNames:
    """Return the names of the tools of a chat call."""
    return ToolNames(function_names(body), RULE)


def sent_id(call_id: str) -> str:
    """Return the id of a call as it is sent: that of another provider may have characters that are not taken."""
    return call_id if _ID(call_id) else RULE.other(call_id)
