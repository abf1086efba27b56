"""The ids of tool calls in both directions: an upstream's id is inside ours, so the next turn has it again.

Pure. Clients of the Messages API expect ids that begin with `toolu_`, are unique in an answer, and have no characters
but letters, digits, `_` and `-`.

Source: Anthropic API reference, `ToolUseBlock.id`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

__all__ = ["ToolIds", "call_id_of", "tool_use_id"]

NATIVE, OURS, ENCODED = "toolu_", "toolu_llmgate_", "toolu_llmgate64_"
LEGAL = re.compile(r"[A-Za-z0-9_-]+")


def tool_use_id(call_id: str) -> str:
    """Return the id of a `tool_use` block for the id of a chat call; `call_id_of` returns the latter again."""
    if not LEGAL.fullmatch(call_id):
        return ENCODED + urlsafe_b64encode(call_id.encode("utf-8", "surrogatepass")).decode().rstrip("=")
    is_native = call_id.startswith(NATIVE) and not call_id.startswith((OURS, ENCODED))
    return call_id if is_native else OURS + call_id


def call_id_of(block_id: str) -> str:
    """Return the id of the chat call that a `tool_use` block stands for; an id that is not ours is the call's."""
    if block_id.startswith(OURS):
        return block_id.removeprefix(OURS) or block_id
    if block_id.startswith(ENCODED):
        encoded = block_id.removeprefix(ENCODED)
        try:
            return urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8", "surrogatepass") or block_id
        except ValueError:
            return block_id
    return block_id


class ToolIds:
    """Gives the calls of one answer their ids; some servers send the same for several calls, or none."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, call_id: object, otherwise: str) -> str:
        """Return an id of a chat call that no earlier one of the answer has; `otherwise`, where the server has none."""
        wanted = call_id if isinstance(call_id, str) and call_id else otherwise
        unique, number = wanted, 1
        while unique in self._taken:
            number += 1
            unique = f"{wanted}_{number}"
        self._taken.add(unique)
        return unique
