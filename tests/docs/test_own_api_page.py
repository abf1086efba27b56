"""The plugin of the page on an API of its own keeps the contract, which the page says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate_core.testing import Capabilities, ChatConformance, Reply, Wire, results_of
from tests.support.pages import BLOCK, BOOK

PAGE = BOOK / "own-api.md"
PROGRAM = "messages_api"
"""A function of the last block, which calls the plugin and is not part of it."""
STOPPED = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def counted(reply: Reply) -> dict[str, int]:
    fresh = reply.input_tokens - reply.cached_tokens
    return {
        "input_tokens": fresh,
        "cache_read_input_tokens": reply.cached_tokens,
        "output_tokens": reply.output_tokens,
    }


def blocks(reply: Reply) -> list[dict[str, Any]]:
    thinking = {"type": "thinking", "thinking": reply.reasoning, "signature": reply.signature}
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in reply.tool_calls
    ]
    return [
        *([thinking] if reply.reasoning else []),
        *([{"type": "text", "text": reply.text}] if reply.text else []),
        *calls,
    ]


def whole(reply: Reply) -> dict[str, Any]:
    said = {"id": "msg_1", "type": "message", "role": "assistant", "content": blocks(reply)}
    return {**said, "stop_reason": STOPPED[reply.finish_reason], "usage": counted(reply)}


def events(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    made: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_1", "usage": {**counted(reply), "output_tokens": 1}}}
    ]
    for block in blocks(reply):
        empty: dict[str, Any] = {"text": "", "thinking": "", "input": {}}
        begun = {name: empty.get(name, value) for name, value in block.items() if name != "signature"}
        made.append({"type": "content_block_start", "content_block": begun})
        made += [{"type": "content_block_delta", "delta": delta} for delta in deltas(block)]
        made.append({"type": "content_block_stop"})
    stopped = {"stop_reason": STOPPED[reply.finish_reason]}
    made += [{"type": "message_delta", "delta": stopped, "usage": counted(reply)}, {"type": "message_stop"}]
    return [(event["type"], event) for event in made]


def deltas(block: dict[str, Any]) -> list[dict[str, Any]]:
    if block["type"] == "text":
        half = len(block["text"]) // 2
        return [{"type": "text_delta", "text": piece} for piece in (block["text"][:half], block["text"][half:])]
    if block["type"] == "tool_use":
        return [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    thought = {"type": "thinking_delta", "thinking": block["thinking"]}
    return [thought, {"type": "signature_delta", "signature": block["signature"]}]


def error(status: int, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": f"error_{status}", "message": message}}


@pytest.mark.slow
def test_the_plugin_of_the_page_passes_every_check_of_the_kit() -> None:
    namespace: dict[str, Any] = {"__name__": "docs"}
    for block, _ in BLOCK.findall(PAGE.read_text("utf-8")):
        if PROGRAM not in block:
            exec(compile(block, str(PAGE), "exec"), namespace)

    class Checked(ChatConformance):
        plugin = namespace["Anthropic"]()
        capabilities = Capabilities(
            tools=True, parallel_tool_calls=True, usage_in_stream=True, reasoning=True, signed_reasoning=True
        )
        wire = Wire(whole, events, error)

    results = results_of(Checked)
    assert [(result.check, result.findings) for result in results if result.outcome == "failed"] == []
    assert len([result for result in results if result.outcome == "passed"]) > 40
