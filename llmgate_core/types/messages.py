"""Typed results of the messages family.

Pure. Content blocks and events are typed loosely: documented fields have attributes, an unknown type or an unexpected
field is kept unchanged. Only `content` is required of a complete message.

Source: Anthropic API reference, POST /v1/messages: `Message`, `ContentBlock`, `RawMessageStreamEvent`.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from llmgate_core.types.base import Count, Document, Item, Loose, Response, Result

__all__ = ["ContentBlock", "MessageEvent", "MessageObject", "MessageSnapshot", "MessageTokens", "MessagesUsage"]


class ContentBlock(Result):
    """One block of a message: `text`, `thinking`, `redacted_thinking`, `tool_use`, a server tool's use or result."""

    encoded_fields = frozenset({"data", "signature"})

    type: str | None = None
    text: Loose[str] | None = None
    citations: Loose[list[Loose[Item]]] | None = None
    thinking: Loose[str] | None = None
    signature: Loose[str] | None = None
    data: Loose[str] | None = None
    id: Loose[str] | None = None
    name: Loose[str] | None = None
    input: Document | None = None
    tool_use_id: Loose[str] | None = None


class CacheCreation(Result):
    """Tokens written to the cache, by how long they are kept there."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class MessagesUsage(Result):
    """Token counts of a message; `input_tokens` has neither what was read from the cache nor what was written to it."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: Loose[CacheCreation] | None = None
    server_tool_use: Loose[Item] | None = None
    service_tier: Loose[str] | None = None


class MessageSnapshot(Response):
    """A message as streamed events contain it, possibly without any content yet."""

    id: str | None = None
    type: str | None = None
    role: str | None = None
    model: str | None = None
    content: list[Loose[ContentBlock]] = Field(default_factory=list)
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Loose[Item] | None = None
    container: Loose[Item] | None = None
    usage: Loose[MessagesUsage] | None = None

    @property
    def text(self) -> str:
        """The text of all `text` blocks, in order; empty if there are none."""
        content: list[Any] = self.content  # at run time any value, see `Loose`
        blocks = (block for block in content if isinstance(block, ContentBlock) and block.type == "text")
        return "".join(block.text for block in blocks if isinstance(block.text, str))


class MessageObject(MessageSnapshot):
    """A complete message."""

    content: list[Loose[ContentBlock]] = Field(...)


class MessageEvent(Result):
    """One streamed event of the given `type`; fields of other types are None."""

    type: str | None = None
    message: Loose[MessageSnapshot] | None = None
    index: Count | None = None
    content_block: Loose[ContentBlock] | None = None
    delta: Loose[Item] | None = None
    usage: Loose[MessagesUsage] | None = None
    error: Loose[Item] | None = None


class MessageTokens(Response):
    """The number of tokens of a request; the other fields are those of `TokenCount`."""

    input_tokens: Count
    is_estimate: bool = False
    source: str | None = None
