"""Upstreams of four APIs that think, speak and call a tool in each turn until they have three results.

Data and one look-up; they remember nothing: how many results a request brings says which turn it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest
from tests.support import messages_upstream

__all__ = ["PROOFS", "TURNS", "answered"]

TURNS = 3
"""Results after which there is no further call."""
SSE = {"content-type": "text/event-stream"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
PROOFS: Mapping[str, str | None] = MappingProxyType(
    {"messages": "SIGNED%d", "chat": None, "responses": "SEALED%d", "generateContent": "UHJvb2Y%d"}
)
"""API -> what proves a turn's thinking, which has to come back as it was; None: it proves nothing."""


def answered(request: ReceivedRequest) -> Answer:
    """Return the answer of the API whose path a request has."""
    path, body = request["path"], request["json"]
    if "/messages" in path:
        return _of_messages(body)
    if "/responses" in path:
        return _of_responses(body)
    return _of_gemini(path, body) if "enerateContent" in path else _of_chat(body)


def _stream(events: Iterable[Mapping[str, Any]], last: bytes = b"") -> Answer:
    return Answer(200, b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + last, SSE)


def _count(items: Iterable[Any], is_result: Callable[[Any], bool]) -> int:
    return sum(map(is_result, items))


def _of_messages(body: dict[str, Any]) -> Answer:
    lists = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
    turn = _count((block for blocks in lists for block in blocks), lambda block: block["type"] == "tool_result")
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": f"think {turn}", "signature": f"SIGNED{turn}"},
        {"type": "text", "text": f"step {turn}"},
    ]
    if turn < TURNS:
        blocks.append({"type": "tool_use", "id": f"toolu_{turn}", "name": "look", "input": {"turn": turn}})
    stop = "tool_use" if turn < TURNS else "end_turn"
    whole = messages_upstream.message(*blocks, model=body["model"], stop_reason=stop)
    if body.get("stream"):
        return Answer(200, messages_upstream.stream_of(messages_upstream.message_events(whole)), SSE)
    return Answer.json(whole)


def _of_chat(body: dict[str, Any]) -> Answer:
    turn = _count(body["messages"], lambda message: message["role"] == "tool")
    said = {"role": "assistant", "reasoning_content": f"think {turn}", "content": f"step {turn}"}
    function = {"name": "look", "arguments": json.dumps({"turn": turn})}
    calls = [{"index": 0, "id": f"call_{turn}", "type": "function", "function": function}][: turn < TURNS]
    finish = "tool_calls" if calls else "stop"
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    if body.get("stream"):
        deltas = [{name: value} for name, value in said.items()] + [{"tool_calls": [call]} for call in calls]
        choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        choices.append({"index": 0, "delta": {}, "finish_reason": finish})
        return _stream(({**head, "choices": [choice]} for choice in choices), b"data: [DONE]\n\n")
    message = {**said, "tool_calls": calls} if calls else said
    return Answer.json({**head, "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": USAGE})


def _of_responses(body: dict[str, Any]) -> Answer:
    turn = _count(body["input"], lambda item: item.get("type") == "function_call_output")
    text = {"type": "output_text", "text": f"step {turn}", "annotations": []}
    summary = [{"type": "summary_text", "text": f"think {turn}"}]
    output: list[dict[str, Any]] = [
        {"type": "reasoning", "id": f"rs_{turn}", "summary": summary, "encrypted_content": f"SEALED{turn}"},
        {"type": "message", "id": f"m_{turn}", "role": "assistant", "status": "completed", "content": [text]},
    ]
    if turn < TURNS:
        call = {"call_id": f"call_{turn}", "name": "look", "arguments": json.dumps({"turn": turn})}
        output.append({"type": "function_call", "id": f"fc_{turn}", "status": "completed", **call})
    usage = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}
    whole = {"id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": output}
    if not body.get("stream"):
        return Answer.json({**whole, "usage": usage})
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {**whole, "output": []}}]
    for index, item in enumerate(output):
        events += _events_of_item(index, item, turn)
    events.append({"type": "response.completed", "response": {**whole, "usage": usage}})
    return _stream({**event, "sequence_number": number} for number, event in enumerate(events))


def _events_of_item(index: int, item: dict[str, Any], turn: int) -> list[dict[str, Any]]:
    at = {"item_id": item["id"], "output_index": index}
    empty, deltas = {
        "reasoning": (
            {"summary": [], "encrypted_content": None},
            [{"type": "response.reasoning_summary_text.delta", "summary_index": 0, "delta": f"think {turn}"}],
        ),
        "message": (
            {"content": []},
            [{"type": "response.output_text.delta", "content_index": 0, "delta": f"step {turn}"}],
        ),
        "function_call": (
            {"arguments": ""},
            [{"type": "response.function_call_arguments.delta", "delta": item.get("arguments")}],
        ),
    }[item["type"]]
    begun = {"type": "response.output_item.added", "output_index": index, "item": {**item, **empty}}
    ended = {"type": "response.output_item.done", "output_index": index, "item": item}
    return [begun, *({**delta, **at} for delta in deltas), ended]


def _of_gemini(path: str, body: dict[str, Any]) -> Answer:
    turn = _count(
        (part for turn in body["contents"] for part in turn["parts"]), lambda part: "functionResponse" in part
    )
    parts: list[dict[str, Any]] = [{"text": f"think {turn}", "thought": True}, {"text": f"step {turn}"}]
    if turn < TURNS:
        call = {"name": "look", "args": {"turn": turn}, "id": f"g{turn}"}
        parts.append({"functionCall": call, "thoughtSignature": f"UHJvb2Y{turn}"})
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}

    def said(some: list[dict[str, Any]], **ending: Any) -> dict[str, Any]:
        candidate = {"content": {"role": "model", "parts": some}, "index": 0, **ending}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}

    if "stream" in path:
        return _stream([*(said([part]) for part in parts), said([{"text": ""}], finishReason="STOP")])
    return Answer.json(said(parts, finishReason="STOP"))
