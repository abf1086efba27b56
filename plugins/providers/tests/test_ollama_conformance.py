"""Ollama keeps the contract: over `/v1`, and over its own API, which a call with an option of Ollama's gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgate_providers.ollama.plugin import Ollama

from llmgate_core.plugin import Call, JsonObject, Route, UpstreamRequest, UpstreamResponse, hookimpl
from llmgate_core.testing import (
    Capabilities,
    ChatConformance,
    EmbeddingConformance,
    Reply,
    TextCompletionConformance,
    Wire,
    line_frame,
)

CAN = Capabilities(
    tools=True, parallel_tool_calls=True, structured_output=True, usage_in_stream=True, images=True, reasoning=True
)
STAMP = "2026-11-29T12:00:00.123456789Z"


def calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "function": {"name": call.name, "arguments": json.loads(call.arguments or "{}")}}
        for call in reply.tool_calls
    ]


def end(reply: Reply) -> dict[str, Any]:
    reason = "length" if reply.finish_reason == "length" else "stop"
    counted = {"prompt_eval_count": reply.input_tokens, "eval_count": reply.output_tokens}
    return {"model": "m", "created_at": STAMP, "done": True, "done_reason": reason, **counted}


def whole(reply: Reply) -> Mapping[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.reasoning:
        message["thinking"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = calls(reply)
    return {**end(reply), "message": message}


def lines(reply: Reply) -> list[Mapping[str, Any]]:
    pieces: list[dict[str, Any]] = []
    for name, text in (("thinking", reply.reasoning), ("content", reply.text)):
        half = len(text) // 2
        pieces += [{"content": "", name: part} for part in (text[:half], text[half:]) if part]
    pieces += [{"content": "", "tool_calls": [call]} for call in calls(reply)]
    head = {"model": "m", "created_at": STAMP, "done": False}
    told = [{**head, "message": {"role": "assistant", **piece}} for piece in pieces]
    return [*told, {**end(reply), "message": {"role": "assistant", "content": ""}}]


def error(status: int, message: str) -> Mapping[str, Any]:
    return {"error": message}


class AlwaysNative(Ollama):
    """Sends every call to Ollama's own API, as a deployment does that sets `num_ctx` for all of its calls."""

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        at_root = replace(route, base_url=route.base_url.removesuffix("/v1"))  # the kit's upstream is below /v1
        return Ollama.transform_request(self, self._native(call), at_root)

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> Any:
        return Ollama.transform_response(self, self._native(call), route, response)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> Any:
        return Ollama.stream_parser(self, self._native(call), route)

    def _native(self, call: Call) -> Call:
        body: JsonObject = {**call.body, "num_ctx": 8192}
        return replace(call, body=body)


class TestOllama(ChatConformance):
    plugin = "llmgate_providers.ollama.plugin:plugin"
    distribution = "llmgate-providers"
    capabilities = CAN
    wire = Wire.openai_chat()


class TestOwnAPI(ChatConformance):
    plugin = AlwaysNative()
    capabilities = CAN
    wire = Wire(whole, lines, error, frame=line_frame, stream_type="application/x-ndjson", counts_cached=False)


class TestOllamaText(TextCompletionConformance):
    plugin = "llmgate_providers.ollama.plugin:plugin"
    distribution = "llmgate-providers"
    capabilities = Capabilities(usage_in_stream=True)
    wire = Wire.openai_text_completion()


class TestOllamaEmbedding(EmbeddingConformance):
    plugin = "llmgate_providers.ollama.plugin:plugin"
    distribution = "llmgate-providers"
    wire = Wire.openai_embedding()
