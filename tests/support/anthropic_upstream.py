"""Anthropic's API as the pages of the documentation ask it. It remembers nothing, so that every page runs alone."""

from __future__ import annotations

from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest
from tests.support.anthropic_wire import events_of

__all__ = ["messages_answered"]

THOUGHT = {"type": "thinking", "thinking": "France has one capital.", "signature": "EqQBCkYIBxgC"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
COUNTED = {"input_tokens": 18, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 7}


def messages_answered(request: ReceivedRequest) -> Answer:
    """Return the answer to a request below /v1/messages."""
    body = request["json"]
    if request["path"].endswith("/count_tokens"):
        return Answer.json({"input_tokens": 18})
    blocks = _blocks(body)
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": "tool_use" if CALL in blocks else "end_turn",
        "stop_sequence": None,
        "usage": COUNTED,
    }
    if body.get("stream"):
        return Answer.sse(events_of(message), done=False, headers={"request-id": "req_1"})
    return Answer.json(message, request_id="req_1")


def _blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    thoughts = [THOUGHT] if (body.get("thinking") or {}).get("type") in ("adaptive", "enabled") else []
    last = body["messages"][-1]["content"]
    has_result = isinstance(last, list) and any(block["type"] == "tool_result" for block in last)
    if any("input_schema" in tool for tool in body.get("tools") or ()) and not has_result:
        return [*thoughts, CALL]
    if (body.get("output_config") or {}).get("format"):
        return [*thoughts, {"type": "text", "text": '{"name": "Paris"}'}]
    return [*thoughts, {"type": "text", "text": "It is sunny." if has_result else "Hello!"}]
