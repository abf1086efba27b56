"""The plugins keep the contract: llmgate's conformance kit, hermetic."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core.testing import (
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    MessagesConformance,
    Reply,
    RerankConformance,
    ResponsesConformance,
    Wire,
)
from tests.support.anthropic_wire import WIRE as ANTHROPIC
from tests.support.bedrock_upstream import event_message

STOPPED = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def usage(reply: Reply) -> dict[str, int]:
    fresh = reply.input_tokens - reply.cached_tokens
    counts = {"inputTokens": fresh, "cacheReadInputTokens": reply.cached_tokens, "outputTokens": reply.output_tokens}
    return {**counts, "totalTokens": reply.total_tokens}


def blocks(reply: Reply) -> list[dict[str, Any]]:
    thought = {"reasoningText": {"text": reply.reasoning, "signature": reply.signature}}
    calls = [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": json.loads(call.arguments)}}
        for call in reply.tool_calls
    ]
    return [
        *([{"reasoningContent": thought}] if reply.reasoning else []),
        *([{"text": reply.text}] if reply.text else []),
        *calls,
    ]


def whole(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": blocks(reply)}
    stopped = STOPPED[reply.finish_reason]
    return {"output": {"message": message}, "stopReason": stopped, "usage": usage(reply), "metrics": {"latencyMs": 5}}


def events(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    made: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    for index, block in enumerate(blocks(reply)):
        place = {"contentBlockIndex": index}
        if use := block.get("toolUse"):
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            made.append(("contentBlockStart", {"start": start, **place}))
        made += [("contentBlockDelta", {"delta": delta, **place, "p": "abc"}) for delta in deltas(block)]
        made.append(("contentBlockStop", place))
    made.append(("messageStop", {"stopReason": STOPPED[reply.finish_reason]}))
    return [*made, ("metadata", {"usage": usage(reply), "metrics": {"latencyMs": 5}})]


def deltas(block: dict[str, Any]) -> list[dict[str, Any]]:
    if "text" in block:
        half = len(block["text"]) // 2
        return [{"text": block["text"][:half]}, {"text": block["text"][half:]}]
    if "toolUse" in block:
        return [{"toolUse": {"input": json.dumps(block["toolUse"]["input"])}}]
    thought = block["reasoningContent"]["reasoningText"]
    said = [{"reasoningContent": {"text": piece}} for piece in (thought["text"][:3], thought["text"][3:])]
    return [*said, {"reasoningContent": {"signature": thought["signature"]}}]


def frame(event: Any) -> bytes:
    name, data = event if isinstance(event, tuple) else ("", event)
    return event_message(name or "unknown", data if isinstance(data, str) else json.dumps(data, ensure_ascii=False))


CONVERSE = Wire(
    whole,
    events,
    error=lambda status, message: {"message": message},
    frame=frame,
    stream_type="application/vnd.amazon.eventstream",
)


class TestConverse(ChatConformance):
    plugin = "llmgate_bedrock:plugin"
    distribution = "llmgate-bedrock"
    models = ("conformance", "anthropic.claude-opus-4-6-v1", "anthropic.claude-sonnet-4-5-20250929-v1:0")
    capabilities = Capabilities(
        tools=True,
        parallel_tool_calls=True,
        structured_output=True,
        usage_in_stream=True,
        images=True,
        reasoning=True,
        signed_reasoning=True,
    )
    wire = CONVERSE


def chunk(event: Any) -> bytes:
    """Return an event of the Messages API in the frame that InvokeModelWithResponseStream puts around it."""
    name, data = event if isinstance(event, tuple) else ("", event)
    text = data if isinstance(data, str) else json.dumps({"type": name, **data}, ensure_ascii=False)
    return event_message("chunk", json.dumps({"bytes": base64.b64encode(text.encode()).decode()}))


class TestInvoke(ChatConformance):
    plugin = "llmgate_bedrock.invoke:plugin"
    distribution = "llmgate-bedrock"
    models = ("conformance", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    capabilities = Capabilities(
        tools=True,
        parallel_tool_calls=True,
        structured_output=True,
        usage_in_stream=True,
        images=True,
        reasoning=True,
        signed_reasoning=True,
    )
    wire = replace(ANTHROPIC, frame=chunk, stream_type="application/vnd.amazon.eventstream")


def cohere(reply: Reply) -> dict[str, Any]:
    return {"id": "e", "response_type": "x", "embeddings": [entry["embedding"] for entry in reply.data["data"]]}


class TestVectors(EmbeddingConformance):
    plugin = "llmgate_bedrock.vectors:plugin"
    distribution = "llmgate-bedrock"
    models = ("cohere.embed-multilingual-v3",)
    wire = Wire(
        cohere,
        error=lambda status, message: {"message": message},
        counts_cached=False,
        headers={"x-amzn-bedrock-input-token-count": "6"},
    )


class TestInvokeMessages(MessagesConformance):
    plugin = "llmgate_bedrock.invoke:plugin"
    distribution = "llmgate-bedrock"
    capabilities = Capabilities(usage_in_stream=True)
    wire = replace(Wire.messages(), frame=chunk, stream_type="application/vnd.amazon.eventstream")


class TestRerank(RerankConformance):
    plugin = "llmgate_bedrock.vectors:plugin"
    distribution = "llmgate-bedrock"
    models = ("cohere.rerank-v3-5:0",)
    wire = replace(Wire.rerank(), error=lambda status, message: {"message": message})


class TestMantleMessages(MessagesConformance):
    plugin = "llmgate_bedrock.mantle:messages"
    distribution = "llmgate-bedrock"
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.messages()


@pytest.mark.exhaustive  # the same code as a row of plugins/providers
class TestMantleChat(ChatConformance):
    plugin = "llmgate_bedrock.mantle:plugin"
    distribution = "llmgate-bedrock"
    capabilities = Capabilities(
        tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True, reasoning=True
    )
    wire = Wire.openai_chat()


@pytest.mark.exhaustive  # the same code as a row of plugins/providers
class TestMantleResponses(ResponsesConformance):
    plugin = "llmgate_bedrock.mantle:plugin"
    distribution = "llmgate-bedrock"
    capabilities = Capabilities(tools=True, parallel_tool_calls=True, structured_output=True, images=True)
    wire = Wire.openai_responses()
