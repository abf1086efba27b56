"""The bridge under a Responses call whose upstream knows only chat, and the repair of streams that leave things out.

Pure: `to_chat` on the way there, `response_object` or `ResponsesStream` on the way back. Sends nothing, and keeps no
state between calls: what would need it is refused.

Source: OpenAPI 2.3.0, `CreateResponse`, `Response` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from llmgate_core.bridges.responses_to_chat.repair import StreamRepair
from llmgate_core.bridges.responses_to_chat.request import to_chat
from llmgate_core.bridges.responses_to_chat.response import response_object
from llmgate_core.bridges.responses_to_chat.stream import ResponsesStream

__all__ = ["ResponsesStream", "StreamRepair", "response_object", "to_chat"]
