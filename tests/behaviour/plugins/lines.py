"""A provider that streams one JSON object a line, as Ollama does."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import (
    Call,
    JsonObject,
    ProviderInfo,
    Route,
    SSEEvent,
    UpstreamRequest,
    UpstreamResponse,
    decode,
    hookimpl,
)


class Lines:
    info = ProviderInfo(api=(1, 1), name="lines", base_url="http://127.0.0.1:11434/v1", env_key_optional=True)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        options = {name: value for name, value in call.body.items() if name in ("temperature", "seed")}
        body = {"messages": call.body["messages"], "stream": call.stream, "options": options, "model": route.model}
        return UpstreamRequest("POST", "/api/chat", body)

    @hookimpl
    def transform_response(self, response: UpstreamResponse) -> JsonObject:
        answer = response.json()
        return {"choices": [{"message": answer["message"], "finish_reason": "stop"}], "usage": usage_of(answer)}

    @hookimpl
    def stream_parser(self) -> LineParser:
        return LineParser()


class LineParser:
    framing = "lines"

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        line = decode(event.data)
        if not line["done"]:
            return [{"choices": [{"delta": line["message"]}]}]
        return [{"choices": [{"delta": {}, "finish_reason": line["done_reason"]}], "usage": usage_of(line)}]

    def close(self) -> list[JsonObject]:
        return []


def usage_of(answer: dict[str, Any]) -> JsonObject:
    return {"prompt_tokens": answer["prompt_eval_count"], "completion_tokens": answer["eval_count"]}


plugin = Lines()
