"""Serve calls of the Messages API over an upstream that has only chat.

Pure: `to_chat` converts the call, `message_object` or `MessagesStream` the result. Sends nothing and keeps no state
between calls: what a later turn needs is in the blocks that the client sends back.

Source: Anthropic API reference, POST /v1/messages: `MessageCreateParams`, `Message` and `RawMessageStreamEvent`.
"""

from __future__ import annotations

from llmgate_core.bridges.messages_to_chat.request import to_chat
from llmgate_core.bridges.messages_to_chat.response import message_object
from llmgate_core.bridges.messages_to_chat.stream import MessagesStream

__all__ = ["MessagesStream", "message_object", "to_chat"]
