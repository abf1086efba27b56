"""An upstream of OpenAI's chat API that calls the first tool once and then says what it returned; whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmgate_core.testing import Answer, ReceivedRequest

__all__ = ["answered", "chunks_of"]

USAGE = {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}
PARIS = {"city": "Paris"}


def answered(request: ReceivedRequest, *, arguments: Mapping[str, Any] = PARIS, tool: str | None = None) -> Answer:
    """Return the answer to a chat: text, or a call of a tool.

    Args:
        request: of the chat API.
        arguments: of the call.
        tool: the name of the tool that is called; None: the first.
    """
    body = request["json"]
    message = message_of(body, arguments, tool)
    if body.get("stream"):
        return Answer.sse(chunks_of(message, has_usage=(body.get("stream_options") or {}).get("include_usage")))
    finish = "tool_calls" if "tool_calls" in message else "stop"
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return Answer.json({**head, "choices": choices, "usage": USAGE}, x_request_id="req_up")


def message_of(body: Mapping[str, Any], arguments: Mapping[str, Any], tool: str | None) -> dict[str, Any]:
    results = [message for message in body["messages"] if message["role"] == "tool"]
    said = results[-1].get("content") or "" if results else ""
    text = said if isinstance(said, str) else "".join(part.get("text", "") for part in said)
    names = [it["function"]["name"] for it in body.get("tools") or () if it["type"] == "function"]
    if results or not names or (tool is not None and tool not in names):
        content = f"The tool says: {text}" if results else "Hello!"
        return {"role": "assistant", "content": content}
    function = {"name": tool or names[0], "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", **{"function": function}}],
    }


def chunks_of(message: Mapping[str, Any], *, has_usage: Any = True) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a streamed message, its text and its arguments in pieces."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in pieces(message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls") or ()):
        name, given = call["function"]["name"], call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": name, "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in pieces(given)]
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    finish = "tool_calls" if message.get("tool_calls") else "stop"
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if has_usage:
        yield {**head, "choices": [], "usage": USAGE}


def pieces(text: str) -> list[str]:
    return [text[at : at + 5] for at in range(0, len(text), 5)]
