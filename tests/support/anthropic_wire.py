"""How Anthropic's answers look, for the conformance kit."""

from __future__ import annotations

import json
from typing import Any

from llmgate_core.testing import Reply, Wire

__all__ = ["WIRE", "events_of", "whole"]

STOPPED = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached_tokens,
        "output_tokens": reply.output_tokens,
    }


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    thoughts = (
        [{"type": "thinking", "thinking": reply.reasoning, "signature": reply.signature}] if reply.reasoning else []
    )
    text = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in reply.tool_calls
    ]
    return [*thoughts, *text, *calls]


def whole(reply: Reply) -> dict[str, Any]:
    """Return a complete message."""
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": _blocks(reply),
        "stop_reason": STOPPED[reply.finish_reason],
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def events_of(message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of a streamed message."""
    usage = {**message["usage"], "output_tokens": 1}
    begun = {**message, "content": [], "stop_reason": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(message["content"]):
        events += _events_of_block(index, block)
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details", "container")}
    events.append({"type": "message_delta", "delta": delta, "usage": message["usage"]})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _events_of_block(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    begun, deltas = dict(block), []
    if block["type"] in ("tool_use", "server_tool_use"):
        begun["input"] = {}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _halves(json.dumps(block["input"]))]
        deltas = [] if not block["input"] else deltas
    elif block["type"] == "text":
        begun["text"] = ""
        citations = begun.pop("citations", None) or []
        deltas = [{"type": "text_delta", "text": piece} for piece in _halves(block["text"])]
        deltas += [{"type": "citations_delta", "citation": citation} for citation in citations]
    elif block["type"] == "thinking":
        begun |= {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _halves(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def _error(status: int, message: str) -> dict[str, Any]:
    kind = TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_01"}


WIRE = Wire(whole, lambda reply: events_of(whole(reply)), _error)
