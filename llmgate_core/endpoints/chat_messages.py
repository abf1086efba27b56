"""The fields of a chat message that may be sent, and our own extensions of messages, which may not.

Pure. Answers have our extensions, and histories that were stored as JSON bring them back: `reasoning_items` are what
the plugin that made them must get back unchanged, `provider_specific_fields` are for the caller. POST /chat/completions
knows neither.

Source: OpenAI API reference, messages of POST /chat/completions; docs/guide/bridges.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.contract.call import Call, JsonObject
from llmgate_core.contract.ledger import LedgerEntry

__all__ = ["REQUEST_MESSAGE_FIELDS", "has_extensions", "without_extensions"]

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
SOURCE = "OpenAI API reference"


def has_extensions(call: Call, unsupported: Mapping[str, str]) -> bool:
    """Return whether `without_extensions` would leave anything out."""
    ours, theirs = EXTENSION_REASONS.keys(), unsupported.keys()
    for message in call.body.get("messages") or ():
        if not (ours.isdisjoint(message) and theirs.isdisjoint(message)):
            return True
    return False


def without_extensions(
    call: Call, unsupported: Mapping[str, str] = MappingProxyType({})
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body without our extensions, and an entry for each; `call.body` itself if it has no extensions.

    `unsupported` are other fields that the upstream does not take, and why.
    """
    if not has_extensions(call, unsupported):
        return call.body, ()
    messages = call.body["messages"]
    left_out = {**EXTENSION_REASONS, **unsupported}
    present = set().union(*(left_out.keys() & message.keys() for message in messages))
    cleaned = [{name: item for name, item in message.items() if name not in left_out} for message in messages]
    entries = (
        LedgerEntry(
            "messages", "dropped", left_out[name], "extension of llmgate" if name in EXTENSION_REASONS else SOURCE
        )
        for name in left_out
        if name in present
    )
    return {**call.body, "messages": cleaned}, tuple(entries)
