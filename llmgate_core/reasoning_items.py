"""Take our own extension of messages, `reasoning_items`, off a chat that goes to /chat/completions.

Pure. Answers of the bridge carry them for the next turn over /responses; chat knows no such key.

Source: docs/guide/bridges.md.
"""

from __future__ import annotations

from llmgate_core.contracts import Call, JsonObject, LedgerEntry

__all__ = ["without_reasoning_items"]

KEY = "reasoning_items"
ENTRIES = (LedgerEntry("messages", "dropped", f"{KEY} go back only over /responses", "extension of llmgate"),)


def without_reasoning_items(call: Call) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without them and the entry that says so; `call.body` itself where there are none."""
    messages = call.body.get("messages") or ()
    if not any(KEY in message for message in messages):
        return call.body, ()
    kept = [{name: value for name, value in message.items() if name != KEY} for message in messages]
    return {**call.body, "messages": kept}, ENTRIES
