"""A provider as Gemini keeps the contract: the conformance kit on a wire of parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import Client, Settings
from llmgate_core.testing import Capabilities, ChatConformance, FakeUpstream, Reply, Wire, results_of
from tests.behaviour.plugins.parts import Parts

REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


def said(reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.reasoning:
        signature = {"thoughtSignature": reply.signature} if reply.signature else {}
        yield {"text": reply.reasoning, "thought": True, **signature}
    if reply.text:
        yield {"text": reply.text}
    for call in reply.tool_calls:
        yield {"functionCall": {"id": call.id, "name": call.name, "args": json.loads(call.arguments)}}


def piece(*parts: Any) -> dict[str, Any]:
    return {"responseId": "p1", "candidates": [{"content": {"role": "model", "parts": parts}}]}


def whole(reply: Reply) -> dict[str, Any]:
    return ended(reply, *said(reply))


def ended(reply: Reply, *parts: Any) -> dict[str, Any]:
    last = piece(*parts)
    last["candidates"][0]["finishReason"] = REASONS[reply.finish_reason]
    counted = {"promptTokenCount": reply.input_tokens, "candidatesTokenCount": reply.output_tokens}
    return {**last, "usageMetadata": {**counted, "cachedContentTokenCount": reply.cached_tokens}}


def events(reply: Reply) -> Iterator[dict[str, Any]]:
    *parts, last = said(reply)
    yield from map(piece, parts)
    yield ended(reply, last)


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": "ODD"}}


WIRE = Wire(whole, events=events, error=error, has_end_marker=False)


class TestParts(ChatConformance):
    __test__ = False

    plugin = Parts()
    capabilities = Capabilities(
        tools=True, parallel_tool_calls=True, usage_in_stream=True, reasoning=True, signed_reasoning=True
    )
    wire = WIRE


@pytest.mark.slow
def test_the_kit_passes() -> None:
    results = results_of(TestParts)
    assert {result.check: result.findings for result in results if result.outcome == "failed"} == {}
    passed = {result.check for result in results if result.outcome == "passed"}
    assert {"test_signed_reasoning", "test_parallel_tool_calls", "test_stream_cut_at_every_event"} <= passed


@pytest.mark.parametrize("stream", [False, True])
def test_the_model_is_in_the_path(stream: bool, upstream: FakeUpstream) -> None:
    upstream.otherwise = WIRE.answer(Reply(name="text", text="Hello!"), stream=stream)
    with Client(settings=Settings(), api_base=upstream.base_url, api_key="k") as client:
        client.add_plugin(Parts(), family="chat", prefix="parts")
        answer: Any = client.completion("parts/flash/1", [{"role": "user", "content": "hi"}], stream=stream)
        assert (answer.whole() if stream else answer).choices[0].message.content == "Hello!"
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert upstream.received[0]["path"] == f"/v1/models/flash%2F1:{method}"
    assert upstream.received[0]["headers"]["x-parts-key"] == "k"
