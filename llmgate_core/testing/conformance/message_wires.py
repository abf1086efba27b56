"""The answers of the Messages API: a reply as JSON, and as the events of a stream; and those of a rerank.

Source: Anthropic API reference, `Message` and `RawMessageStreamEvent`; Cohere API reference, POST /v2/rerank.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.testing.conformance.samples import Reply

__all__ = ["FINISH_REASONS", "message", "message_error", "message_events"]

Json = dict[str, Any]
MODEL = "conformance-2026-01-01"
STOP_REASONS: Mapping[str, str] = MappingProxyType(
    {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
)
FINISH_REASONS: Mapping[str, str] = MappingProxyType({reason: finish for finish, reason in STOP_REASONS.items()})
"""`stop_reason` of a message -> the `finish_reason` of a reply."""
KINDS: Mapping[int, str] = MappingProxyType(
    {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
)


def _usage(reply: Reply) -> Json:
    return {
        "input_tokens": reply.input_tokens - reply.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached_tokens,
        "output_tokens": reply.output_tokens,
    }


def message(reply: Reply) -> Json:
    """Return a message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": _blocks(reply),
        "stop_reason": STOP_REASONS[reply.finish_reason],
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def _blocks(reply: Reply) -> list[Json]:
    blocks: list[Json] = []
    if reply.reasoning:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": reply.signature})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    for call in reply.tool_calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)})
    return blocks


def message_events(reply: Reply) -> list[tuple[str, Json]]:
    """Return the events of a message's stream."""
    whole = message(reply)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        events += _block_events(index, block)
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ending, "usage": {"output_tokens": reply.output_tokens}})
    events.append({"type": "message_stop"})
    return [(event["type"], event) for event in events]


def _block_events(index: int, block: Json) -> list[Json]:
    if block["type"] == "tool_use":
        begun, deltas = {**block, "input": {}}, _deltas("input_json_delta", "partial_json", json.dumps(block["input"]))
    elif block["type"] == "thinking":
        begun = {**block, "thinking": "", "signature": ""}
        deltas = _deltas("thinking_delta", "thinking", block["thinking"])
        deltas += _deltas("signature_delta", "signature", block["signature"], pieces=1)
    else:
        begun, deltas = {**block, "text": ""}, _deltas("text_delta", "text", block["text"])
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _deltas(kind: str, field: str, text: str, pieces: int = 2) -> list[Json]:
    middle = len(text) // 2 if pieces > 1 else 0
    return [{"type": kind, field: part} for part in (text[:middle], text[middle:]) if part]


def message_error(status: int, text: str) -> Mapping[str, Any]:
    """Return an error in the shape of the Messages API."""
    return {"type": "error", "error": {"type": KINDS.get(status, "api_error"), "message": text}}
