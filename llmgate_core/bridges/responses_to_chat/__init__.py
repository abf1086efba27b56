"""Serve Responses calls over an upstream that has only chat, and repair incomplete Responses streams.

Pure: `to_chat` converts the call, `response_object` or `ResponsesStream` the result. Sends nothing and keeps no state
between calls: parameters that need state are rejected.

Source: OpenAI API reference, `CreateResponse`, `Response` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from llmgate_core.bridges.responses_to_chat.repair import StreamRepair
from llmgate_core.bridges.responses_to_chat.request import to_chat
from llmgate_core.bridges.responses_to_chat.response import response_object
from llmgate_core.bridges.responses_to_chat.stream import ResponsesStream

__all__ = ["ResponsesStream", "StreamRepair", "response_object", "to_chat"]
