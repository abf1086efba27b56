"""How Bedrock answers on the loopback, for pages: Converse and its stream, InvokeModel, Titan's vectors, scores."""

from __future__ import annotations

import json
from typing import Any

from llmgate_core.testing import Answer
from llmgate_core.testing.aws_messages import event_message

__all__ = ["BEDROCK_TABLE", "event_message"]

USAGE = {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "They greet me.", "signature": "EqQB"}}}
CALL = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Paris"}}}


def converse(body: dict[str, Any]) -> Answer:
    """Think where the request asks for it, call a function that is offered, else greet."""
    results = any("toolResult" in block for turn in body["messages"] for block in turn["content"])
    blocks: list[dict[str, Any]] = [THOUGHT] if "thinking" in body.get("additionalModelRequestFields", {}) else []
    calls = "toolConfig" in body and not results
    blocks.append(CALL if calls else {"text": "It is sunny." if results else "Hello!"})
    message = {"role": "assistant", "content": blocks}
    stopped = "tool_use" if calls else "end_turn"
    said = {"output": {"message": message}, "stopReason": stopped, "usage": USAGE, "metrics": {"latencyMs": 5}}
    return Answer.json(said)


def converse_stream(body: dict[str, Any]) -> Answer:
    events: list[tuple[str, dict[str, Any]]] = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo!"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
    ]
    content = b"".join(event_message(name, json.dumps(data)) for name, data in events)
    return Answer(200, content, {"content-type": "application/vnd.amazon.eventstream"})


def invoke(body: dict[str, Any]) -> Answer:
    if "inputText" in body:
        return Answer.json({"embedding": [0.5, -0.25], "inputTextTokenCount": 2})
    if "documents" in body:
        return Answer.json({"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]})
    usage = {"input_tokens": 12, "output_tokens": 3}
    said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello!"}], "usage": usage}
    return Answer.json({**said, "id": "msg_1", "stop_reason": "end_turn"})


BEDROCK_TABLE = (
    ("POST", r"/model/[^/]+/converse", converse),
    ("POST", r"/model/[^/]+/converse-stream", converse_stream),
    ("POST", r"/model/[^/]+/invoke", invoke),
)
"""Method, path and answer, as rows for the table of the pages' upstream."""
