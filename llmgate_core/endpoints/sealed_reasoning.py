"""Reasoning of a chat provider inside a reasoning item of the Responses API: `encrypted_content` that core has written.

Pure. A bridged response has the chat message's `reasoning_items` there, as `llmgate:<provider>:<base64 of JSON>`. They
are for the plugin of that provider alone, so an upstream with a Responses API of its own never gets them.

Source: docs/guide/bridges.md, "Keep the model's reasoning".
"""

from __future__ import annotations

from typing import Any

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["SEAL", "has_sealed_items", "is_sealed", "without_sealed_items"]

SEAL = "llmgate:"
NOT_OURS = LedgerEntry(
    "input", "dropped", "reasoning of another provider can only be read by that provider", "extension of llmgate"
)


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
