"""A provider with a wire of its own that signs its reasoning and its tool calls, and a server that wants both back.

A turn on the wire is `{"role": ..., "blocks": [...]}`. The server refuses a conversation in which a turn of the
assistant is not what it said: thoughts and calls with their signatures, in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmgate_core.plugin import Call, ProviderInfo, Route, SSEEvent, UpstreamRequest, UpstreamResponse, hookimpl
from llmgate_core.testing import Answer, ReceivedRequest

__all__ = ["SAID", "answer_signed", "plugin"]


def _thought(text: str) -> dict[str, str]:
    return {"type": "thought", "text": text, "signature": f"s+{len(text)}/é=="}


def _call(number: int, signature: str = "") -> dict[str, Any]:
    block = {"type": "call", "id": f"call_{number}", "name": "look", "input": f'{{"at":{number}}}'}
    return {**block, "signature": signature} if signature else block


SAID: tuple[list[dict[str, Any]], ...] = (
    [
        *(
            _thought("first"),
            {"type": "text", "text": "Let me "},
            _thought("second"),
            {"type": "text", "text": "look."},
        ),
        *(_call(1, "c1"), _call(2)),
    ],
    [{"type": "hidden", "data": "AAEC"}, _call(3, "c3"), _call(4, "c4")],
    [_thought("third"), {"type": "text", "text": "It is there."}],
)
"""What the model says in its first, second and third turn."""


def answer_signed(request: ReceivedRequest) -> Answer:
    """Answer with the next turn; 400 if an earlier one did not come back as it was said."""
    turns = [turn["blocks"] for turn in request["json"]["turns"] if turn["role"] == "assistant"]
    for number, (blocks, said) in enumerate(zip(turns, SAID, strict=False)):
        if _essence(blocks) != _essence(said):
            return Answer.json({"error": {"message": f"turn {number}: not what was said: {blocks}"}}, 400)
    said = SAID[len(turns)]
    if not request["json"]["stream"]:
        return Answer.json({"id": f"turn-{len(turns)}", "blocks": said})
    return Answer.sse([*_events(said), {"type": "end"}], done=False)


def _events(said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in said:
        if block["type"] == "thought":
            yield from ({"type": "thinking", "text": letter} for letter in block["text"])
        if block["type"] == "text":
            yield from ({"type": "text", "text": letter} for letter in block["text"])
        else:
            yield block


def _essence(blocks: list[dict[str, Any]]) -> tuple[Any, ...]:
    """A chat message has no order between texts and calls; everything else must be equal to the last byte."""
    calls = [block for block in blocks if block["type"] == "call"]
    signed = [block for block in blocks if block["type"] in ("thought", "hidden")]
    return signed, "".join(block["text"] for block in blocks if block["type"] == "text"), calls


class _Signed:
    info = ProviderInfo(api=(1, 1), name="signed", base_url="https://signed.example/v1", env_key="SIGNED_API_KEY")

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        turns = [_turn(message) for message in call.body["messages"]]
        return UpstreamRequest("POST", "/turns", {"model": route.model, "turns": turns, "stream": call.stream})

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> dict[str, Any]:
        answer = response.json()
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for block in answer["blocks"]:
            delta = _delta(block)
            if block["type"] == "thought":
                delta["reasoning_content"] = block["text"]
            for name, value in delta.items():
                message[name] = value if message.get(name) is None else message[name] + value
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}
        return {"id": answer["id"], "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> _Parser:
        return _Parser(at_once=route.model == "at-once")


class _Parser:
    """Makes a chunk of each event; `at_once`: all reasoning items are in the last chunk."""

    def __init__(self, *, at_once: bool) -> None:
        self.done = False
        self._at_once = at_once
        self._calls = 0
        self._role = {"role": "assistant"}
        self._items: list[dict[str, Any]] = []

    def feed(self, event: SSEEvent) -> list[dict[str, Any]]:
        block = json.loads(event.data)
        self.done = block["type"] == "end"
        delta = {"reasoning_items": self._items} if self.done and self._items else {} if self.done else _delta(block)
        if self._at_once and not self.done and "reasoning_items" in delta:
            self._items += delta.pop("reasoning_items")
        for call in delta.get("tool_calls", ()):
            call["index"] = self._calls
            self._calls += 1
        reason = ("tool_calls" if self._calls else "stop") if self.done else None
        choice = {"index": 0, "delta": {**self._role, **delta}, "finish_reason": reason}
        self._role = {}
        return [{"id": "turn", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}]

    def close(self) -> list[dict[str, Any]]:
        return []


def _delta(block: dict[str, Any]) -> dict[str, Any]:
    kind = block["type"]
    if kind == "text":
        return {"content": block["text"]}
    if kind == "thinking":
        return {"reasoning_content": block["text"]}
    if kind == "call":
        call = {"id": block["id"], "type": "function"}
        call["function"] = {"name": block["name"], "arguments": block["input"]}  # type: ignore[assignment]
        if "signature" in block:
            call["extra_content"] = {"signed": {"signature": block["signature"]}}  # type: ignore[assignment]
        return {"tool_calls": [call]}
    return {"reasoning_items": [block]}


def _turn(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    blocks = [*message.get("reasoning_items", ())]
    if message["role"] == "tool":
        return {"role": "user", "blocks": [{"type": "result", "id": message["tool_call_id"], "output": content}]}
    if content:
        blocks.append({"type": "text", "text": content})
    for call in message.get("tool_calls", ()):
        function, extra = call["function"], call.get("extra_content")
        block = {"type": "call", "id": call["id"], "name": function["name"], "input": function["arguments"]}
        blocks.append({**block, **(extra["signed"] if extra else {})})
    return {"role": message["role"], "blocks": blocks}


plugin = _Signed()
