"""Reasoning of a chat provider inside an item of the Responses API, or a block of the Messages API, by core.

Pure. A bridged answer has the chat message's `reasoning_items` in the `encrypted_content` of a reasoning item, or in
the `signature` of a thinking block, as `llmgate:<provider>:<base64 of JSON>`. They are for the plugin of that provider
alone, so an upstream with such an API of its own never gets them.

Source: docs/guide/bridges.md, "Keep the model's reasoning".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["SEAL", "has_sealed_items", "is_sealed", "without_sealed_blocks", "without_sealed_items"]

SEAL = "llmgate:"
NOT_OURS = LedgerEntry(
    "input", "dropped", "reasoning of another provider can only be read by that provider", "extension of llmgate"
)
NOT_THEIRS = LedgerEntry(
    "messages", "dropped", "thinking of another provider can only be read by that provider", "extension of llmgate"
)
TURN = "assistant"


def is_sealed(value: Any) -> bool:
    """Return whether an `encrypted_content` was written by a bridge of llmgate, for whichever provider."""
    return isinstance(value, str) and value.startswith(SEAL)


def has_sealed_items(call: Call) -> bool:
    """Return whether `without_sealed_items` would leave anything out."""
    items = call.body.get("input")
    return isinstance(items, list) and any(_is_sealed_item(item) for item in items)


def without_sealed_items(call: Call) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without the reasoning items that hold another provider's reasoning, and the entry for them.

    `call.body` itself without such items. An item is left out as a whole: the upstream does not know its id either.
    """
    if not has_sealed_items(call):
        return call.body, ()
    items = [item for item in call.body["input"] if not _is_sealed_item(item)]
    return {**call.body, "input": items}, (NOT_OURS,)


def _is_sealed_item(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning" and is_sealed(item.get("encrypted_content"))


def without_sealed_blocks(call: Call) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return a Messages call without the thinking that was sealed for a chat provider, and the entry for it.

    The same call without such blocks. A turn of which nothing else is left is left out.
    """
    messages = call.body.get("messages")
    if not isinstance(messages, list) or not any(map(_has_sealed_block, messages)):
        return call, ()
    cleaned = [_without_sealed(message) if _has_sealed_block(message) else message for message in messages]
    body = {**call.body, "messages": [message for message in cleaned if message["content"] != []]}
    return replace(call, body=body), (NOT_THEIRS,)


def _has_sealed_block(message: Any) -> bool:
    if not isinstance(message, dict) or message.get("role") != TURN:
        return False
    content = message.get("content")
    return isinstance(content, list) and any(map(_is_sealed_block, content))


def _is_sealed_block(block: Any) -> bool:
    return isinstance(block, dict) and (is_sealed(block.get("signature")) or is_sealed(block.get("data")))


def _without_sealed(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [block for block in message["content"] if not _is_sealed_block(block)]}
