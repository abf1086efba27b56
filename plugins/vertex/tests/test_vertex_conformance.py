"""The plugins keep the contract: llmgate's conformance kit, with answers as each of the wires writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from llmgate_core.testing import (
    Answer,
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    ReceivedRequest,
    Reply,
    Wire,
)
from tests.support.anthropic_wire import WIRE as CLAUDE_WIRE

DISTRIBUTION = "llmgate-vertex"
PROJECT = MappingProxyType({"vertex_project": "my-project", "vertex_location": "europe-west4"})
STOPPED = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}
ALL = Capabilities(
    tools=True,
    parallel_tool_calls=True,
    structured_output=True,
    usage_in_stream=True,
    images=True,
    reasoning=True,
    signed_reasoning=True,
)


def counted(reply: Reply) -> dict[str, Any]:
    counts = {"promptTokenCount": reply.input_tokens, "candidatesTokenCount": reply.output_tokens}
    cached = {"cachedContentTokenCount": reply.cached_tokens} if reply.cached_tokens else {}
    return {**counts, **cached, "totalTokenCount": reply.total_tokens}


def parts(reply: Reply) -> list[dict[str, Any]]:
    thoughts = [{"text": reply.reasoning, "thought": True}] if reply.reasoning else []
    signed = {"thoughtSignature": reply.signature} if reply.signature else {}
    said = [{"text": reply.text, **signed}] if reply.text else []
    calls = [
        {"functionCall": {"id": call.id, "name": call.name, "args": json.loads(call.arguments)}}
        for call in reply.tool_calls
    ]
    return [*thoughts, *said, *calls]


def event(reply: Reply, said: list[dict[str, Any]], **candidate: Any) -> dict[str, Any]:
    first = {"content": {"role": "model", "parts": said}, "index": 0, **candidate}
    return {"candidates": [first], "modelVersion": "gemini-1", "responseId": "r-1", "usageMetadata": counted(reply)}


def whole(reply: Reply) -> dict[str, Any]:
    return event(reply, parts(reply), finishReason=STOPPED[reply.finish_reason])


def events(reply: Reply) -> list[dict[str, Any]]:
    pieces = [event(reply, [part]) for part in parts(reply)]
    return [*pieces, event(reply, [{"text": ""}], finishReason=STOPPED[reply.finish_reason])]


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": f"KIND_{status}"}}


def predictions(reply: Reply) -> dict[str, Any]:
    rows, usage = reply.data["data"], reply.data["usage"]["prompt_tokens"]
    counts = [usage - len(rows) + 1, *[1] * (len(rows) - 1)]
    return {
        "predictions": [
            {"embeddings": {"values": row["embedding"], "statistics": {"token_count": count, "truncated": False}}}
            for row, count in zip(rows, counts, strict=True)
        ]
    }


def token(request: ReceivedRequest) -> Answer | None:
    """Answer a request for a token; None: it is another one."""
    is_token = request["path"].startswith(("/token", "/computeMetadata/"))
    return Answer.json({"access_token": "token-of-google-1", "expires_in": 3599}) if is_token else None


class TestGemini(ChatConformance):
    plugin = "llmgate_vertex:plugin"
    distribution = DISTRIBUTION
    models = ("conformance", "gemini-3.8-flash", "gemini-2.5-pro")
    options = PROJECT
    capabilities = ALL
    wire = Wire(whole, events, error, has_end_marker=False)


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestGeminiWithAccount(TestGemini):
    options = MappingProxyType({**PROJECT, "vertex_sign_in": "metadata"})
    wire = replace(TestGemini.wire, beside=token)


class TestClaude(ChatConformance):
    plugin = "llmgate_vertex:claude"  # behind `plugin` by a model's name, and the kit has names of its own
    distribution = DISTRIBUTION
    models = ("claude-sonnet-5-5", "claude-sonnet-4-5@20250929")
    options = PROJECT
    capabilities = ALL
    wire = CLAUDE_WIRE


@pytest.mark.exhaustive  # the same code as the classes beside it
class TestOpenModels(ChatConformance):
    plugin = "llmgate_vertex.chat:OPEN"
    distribution = DISTRIBUTION
    models = ("meta/llama-conformance",)
    options = PROJECT
    capabilities = Capabilities(
        tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True
    )
    wire = Wire.openai_chat()


class TestEmbeddings(EmbeddingConformance):
    plugin = "llmgate_vertex:embeddings"
    distribution = DISTRIBUTION
    options = PROJECT
    capabilities = Capabilities(streaming=False)
    wire = Wire(predictions, None, error)
