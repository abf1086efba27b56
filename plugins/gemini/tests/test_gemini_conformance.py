"""The plugin keeps the contract: llmgate's conformance kit, with answers as the Gemini API writes them."""

from __future__ import annotations

import json
from typing import Any

from llmgate_core.testing import Capabilities, ChatConformance, EmbeddingConformance, Reply, Wire

STOPPED = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"}


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
    pieces: list[dict[str, Any]] = []
    for part in parts(reply):
        text = part.get("text", "")
        if len(text) < 2:
            pieces.append(part)
            continue
        rest = {name: value for name, value in part.items() if name not in ("text", "thoughtSignature")}
        pieces += [{"text": text[: len(text) // 2], **rest}, {**part, "text": text[len(text) // 2 :]}]
    made = [event(reply, [piece]) for piece in pieces]
    return [*made, event(reply, [{"text": ""}], finishReason=STOPPED[reply.finish_reason])]


def error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": f"KIND_{status}"}}


def vectors(reply: Reply) -> dict[str, Any]:
    rows = [{"values": row["embedding"]} for row in reply.data["data"]]
    return {"embeddings": rows, "usageMetadata": {"promptTokenCount": reply.data["usage"]["prompt_tokens"]}}


class TestGeminiChat(ChatConformance):
    plugin = "llmgate_gemini:plugin"
    distribution = "llmgate-gemini"
    models = ("conformance", "gemini-3.8-flash", "gemini-2.5-pro", "gemma-3-27b-it")
    capabilities = Capabilities(
        tools=True,
        parallel_tool_calls=True,
        structured_output=True,
        usage_in_stream=True,
        images=True,
        reasoning=True,
        signed_reasoning=True,
    )
    wire = Wire(whole, events, error, has_end_marker=False)


class TestGeminiEmbedding(EmbeddingConformance):
    plugin = "llmgate_gemini:plugin"
    distribution = "llmgate-gemini"
    capabilities = Capabilities(streaming=False)
    wire = Wire(vectors, None, error)
