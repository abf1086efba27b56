"""An upstream of Anthropic's Messages API: text, or a call of the first tool and then text, whole or streamed.

Data and one look-up; it remembers nothing. `says` picks what the last user message asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest

__all__ = ["SSE", "THOUGHT", "answered", "failed", "message", "message_events", "stream_of"]

SSE = {"content-type": "text/event-stream; charset=utf-8", "request-id": "req_up"}
USAGE: dict[str, Any] = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 5,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 7,
    "service_tier": "standard",
}
THOUGHT = {"type": "thinking", "thinking": "A greeting.", "signature": "EqQBCgIYAhIM+/=="}


def failed(status: int, kind: str, message: str = "no", **headers: str) -> Answer:
    """Return an error of the API."""
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_up"}
    return Answer.json(body, status, request_id="req_up", **headers)


def message(*blocks: dict[str, Any], model: str = "claude-sketch", stop_reason: str = "end_turn") -> dict[str, Any]:
    """Return a whole message."""
    return {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": list(blocks),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
    }


def message_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events in which the API streams a message."""
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        events += block_events(index, block)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    return [*events, {"type": "message_delta", "delta": delta, "usage": USAGE}, {"type": "message_stop"}]


def block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    empty: dict[str, Any]
    if block["type"] == "text":
        empty, parts = {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in block["text"]]
    elif block["type"] == "thinking":
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        parts = [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    else:
        empty, given = {**block, "input": {}}, json.dumps(block["input"])
        parts = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", given[:3], given[3:])]
    deltas = [{"type": "content_block_delta", "index": index, "delta": part} for part in parts]
    start = {"type": "content_block_start", "index": index, "content_block": empty}
    return [start, *deltas, {"type": "content_block_stop", "index": index}]


def stream_of(events: Iterable[dict[str, Any]]) -> list[bytes]:
    """Return events as the API sends them, one block of bytes each."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def answered(request: ReceivedRequest) -> Answer:
    """Return the answer to a request."""
    path, body = request["path"].partition("?")[0], request["json"]
    if path.endswith("/messages/count_tokens"):
        return Answer.json({"input_tokens": 42}, request_id="req_up")
    if not path.endswith("/messages"):
        return failed(404, "not_found_error", f"no such path: {path}")
    blocks = [THOUGHT, *reply(body)] if (body.get("thinking") or {}).get("type") == "enabled" else reply(body)
    calls = any(block["type"] == "tool_use" for block in blocks)
    whole = message(*blocks, model=body["model"], stop_reason="tool_use" if calls else "end_turn")
    if body.get("stream"):
        return Answer(200, stream_of(message_events(whole)), SSE)
    return Answer.json(whole, request_id="req_up")


def reply(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the blocks of the reply: a call of the caller's first tool, or text once its result is there."""
    tools = [tool for tool in body.get("tools") or () if "input_schema" in tool]
    last = body["messages"][-1]["content"]
    results = [it for it in last if it["type"] == "tool_result"] if isinstance(last, list) else []
    if results:
        said = results[0]["content"]
        text = said if isinstance(said, str) else "".join(part.get("text", "") for part in said)
        return [{"type": "text", "text": f"The tool says: {text}"}]
    if tools:
        given = {"city": "Paris"}
        return [{"type": "tool_use", "id": "toolu_up1", "name": tools[0]["name"], "input": given}]
    return [{"type": "text", "text": "Hello!"}]
