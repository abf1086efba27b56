"""Take our own extensions of messages off a chat that goes to /chat/completions.

Pure. Answers have them, and histories that were kept as JSON bring them back: `reasoning_items` are for the next
turn over /responses, `provider_specific_fields` for the caller. Chat knows no such keys.

Source: docs/guide/bridges.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["without_extensions"]

REASON_OF_KEY: Mapping[str, str] = MappingProxyType(
    {
        "reasoning_items": "reasoning_items go back only over /responses",
        "provider_specific_fields": "provider_specific_fields are of an answer, and no upstream takes them",
    }
)


def without_extensions(call: Call) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without them and entries that say so; `call.body` itself where there are none."""
    messages = call.body.get("messages") or ()
    found = [key for key in REASON_OF_KEY if any(key in message for message in messages)]
    if not found:
        return call.body, ()
    kept = [{name: value for name, value in message.items() if name not in REASON_OF_KEY} for message in messages]
    entries = (LedgerEntry("messages", "dropped", REASON_OF_KEY[key], "extension of llmgate") for key in found)
    return {**call.body, "messages": kept}, tuple(entries)
