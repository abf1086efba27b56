"""The blocks of an earlier answer that must go back unchanged: signed thoughts, and what server tools did.

Pure. An answer's message carries them as `reasoning_items`, and where their order among the text matters as the whole
`content_blocks` of `provider_specific_fields`. LiteLLM's `thinking_blocks` are read too. What another provider has made
is left out: this upstream refuses a turn with it.

Source: Anthropic API reference, extended thinking and server tools; docs/guide/bridges.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger

__all__ = ["BLOCKS", "CALL_FIELDS", "OWN", "is_carried", "kept_blocks", "signed_items"]

OWN = "provider_specific_fields"
CALL_FIELDS = frozenset({"type", "id", "name", "input"})
"""The fields of a `tool_use` block that a tool call has too; others are in its `provider_specific_fields`."""

BLOCKS = "content_blocks"
"""The field of `provider_specific_fields` with all blocks of an answer, as they came."""

THOUGHTS = frozenset({"thinking", "redacted_thinking"})
SERVER_BLOCKS = frozenset({"server_tool_use", "container_upload", "mcp_tool_use", "compaction", "fallback"})
OURS = "llmgate:"
"""Begins a signature that llmgate has made for a model of another provider, which signs nothing."""


def is_carried(block: Mapping[str, Any]) -> bool:
    """Return whether a block of an answer goes into `reasoning_items`."""
    kind = block.get("type")
    return isinstance(kind, str) and (kind in THOUGHTS or kind in SERVER_BLOCKS or kind.endswith("_tool_result"))


def signed_items(message: Mapping[str, Any], items: Sequence[Any], ledger: Ledger) -> list[JsonObject]:
    """Return the carried blocks of a message: of its `reasoning_items`, else of LiteLLM's `thinking_blocks`."""
    given = items or _list(message.get("thinking_blocks"))
    own = [item for item in given if isinstance(item, dict) and is_carried(item) and _is_signed(item)]
    if len(own) < len(given):
        ledger.dropped("messages", "reasoning of another provider, or without its signature, can only be read there")
    if not given and message.get("reasoning_content"):
        ledger.dropped("messages", "reasoning_content without a signature cannot be sent back")
    return own


def kept_blocks(message: Mapping[str, Any], text: str, call_ids: Iterable[str]) -> list[JsonObject] | None:
    """Return the blocks of the answer that a message was, if it still says the same; None: build them from its fields.

    Args:
        message: of the assistant, as it came back.
        text: its text, all parts joined.
        call_ids: the ids of its tool calls.
    """
    own = message.get(OWN)
    blocks = own.get(BLOCKS) if isinstance(own, Mapping) else None
    if not isinstance(blocks, list) or not blocks or not all(map(_is_block, blocks)):
        return None
    said = "".join(block["text"] for block in blocks if block["type"] == "text")
    made = [block.get("id") for block in blocks if block["type"] == "tool_use"]
    return blocks if said == text and made == list(call_ids) else None


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return False
    return block["type"] != "text" or isinstance(block.get("text"), str)


def _is_signed(item: Mapping[str, Any]) -> bool:
    if item["type"] != "thinking":
        return item["type"] != "redacted_thinking" or isinstance(item.get("data"), str)
    signature = item.get("signature")
    return isinstance(signature, str) and bool(signature) and not signature.startswith(OURS)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
