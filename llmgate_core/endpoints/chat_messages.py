"""The fields of a chat message that may be sent, and our own extensions of messages, which may not.

Pure. Answers have our extensions, and histories that were stored as JSON bring them back: `reasoning_items` are for
the next turn over /responses, `provider_specific_fields` for the caller. POST /chat/completions knows neither.

Source: OpenAI API reference, messages of POST /chat/completions; docs/guide/bridges.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["REQUEST_MESSAGE_FIELDS", "without_extensions"]

REQUEST_MESSAGE_FIELDS = (
    "role",
    "content",
    "name",
    "refusal",
    "audio",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "reasoning_items",
)
"""The fields of an answer's message that a request may have too, our `reasoning_items` among them."""

EXTENSION_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "reasoning_items": "reasoning_items can be sent back only over /responses",
        "provider_specific_fields": "provider_specific_fields belong to an answer; no upstream takes them",
    }
)
"""Extension of a message -> why it is left out."""
EXTENSIONS = frozenset(EXTENSION_REASONS)


def without_extensions(call: Call) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without our extensions, and an entry for each; `call.body` itself if there are none."""
    messages = call.body.get("messages") or ()
    present: set[str] = set()
    for message in messages:
        present |= EXTENSIONS.intersection(message)
    if not present:
        return call.body, ()
    cleaned = [{name: item for name, item in message.items() if name not in EXTENSION_REASONS} for message in messages]
    entries = (
        LedgerEntry("messages", "dropped", reason, "extension of llmgate")
        for key, reason in EXTENSION_REASONS.items()
        if key in present
    )
    return {**call.body, "messages": cleaned}, tuple(entries)
