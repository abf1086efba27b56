"""A model's thoughts: from Converse as `reasoning_content` and `reasoning_items`, and back with the next turn.

Pure. An item is the block itself, so text and signature come back as they were sent. Thoughts in Anthropic's shape are
taken too: the signatures of Claude are the same there.

Source: service model `bedrock-runtime`, `ReasoningContentBlock`; AWS, "Extended thinking".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, given_list

__all__ = ["REASONING", "text_of_thought", "thoughts_of"]

MESSAGES = "messages"
REASONING = "reasoningContent"


def thoughts_of(message: Mapping[str, Any], route: Route, ledger: Ledger) -> Iterator[JsonObject]:
    """Yield the thoughts of an assistant's message as blocks.

    Raises:
        BadRequestError: they are not a list.
    """
    items = given_list(message, "reasoning_items", route)
    for item in items or given_list(message, "thinking_blocks", route):
        block = _block_of(item)
        if block is None:
            ledger.lost(MESSAGES, "thoughts of another provider can only be read by that provider")
        else:
            yield block
    if message.get("reasoning_content") and not items and not message.get("thinking_blocks"):
        ledger.dropped(MESSAGES, "reasoning_content without its signature is not sent back; send reasoning_items")


def _block_of(item: Any) -> JsonObject | None:
    if not isinstance(item, Mapping):
        return None
    if isinstance(item.get(REASONING), Mapping):
        return {REASONING: item[REASONING]}
    if item.get("type") == "thinking" and isinstance(item.get("thinking"), str):
        signature = item.get("signature")
        signed = {"signature": signature} if isinstance(signature, str) and signature else {}
        return {REASONING: {"reasoningText": {"text": item["thinking"], **signed}}}
    if item.get("type") == "redacted_thinking" and isinstance(item.get("data"), str):
        return {REASONING: {"redactedContent": item["data"]}}
    return None


def text_of_thought(block: Any) -> str:
    """Return the text of a block `reasoningContent`; empty if it is redacted or malformed."""
    text = block.get("reasoningText") if isinstance(block, Mapping) else None
    said = text.get("text") if isinstance(text, Mapping) else None
    return said if isinstance(said, str) else ""
