"""A provider that streams the binary messages of AWS, as Bedrock's Converse does."""

from __future__ import annotations

from llmgate_core.plugin import (
    Call,
    JsonObject,
    ProviderInfo,
    Route,
    SSEEvent,
    UpstreamRequest,
    UpstreamResponse,
    decode,
    errors,
    hookimpl,
    path_segment,
)

REASONS = {"end_turn": "stop", "max_tokens": "length"}


class BinaryEvents:
    info = ProviderInfo(api=(1, 1), name="binary", base_url="https://binary.example", env_key="BINARY_API_KEY")

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        turns = [{"role": turn["role"], "content": [{"text": turn["content"]}]} for turn in call.body["messages"]]
        operation = "converse-stream" if call.stream else "converse"
        return UpstreamRequest("POST", f"/model/{path_segment('model', route.model)}/{operation}", {"messages": turns})

    @hookimpl
    def transform_response(self, response: UpstreamResponse) -> JsonObject:
        answer = response.json()
        message = {"content": answer["output"]["message"]["content"][0]["text"]}
        choice = {"message": message, "finish_reason": REASONS[answer["stopReason"]]}
        return {"choices": [choice], "usage": usage_of(answer)}

    @hookimpl
    def stream_parser(self, response: UpstreamResponse) -> BinaryParser:
        return BinaryParser(response.headers.get("x-amzn-requestid"))


class BinaryParser:
    framing = "aws-eventstream"

    def __init__(self, request_id: str | None) -> None:
        self.done = False
        self._request_id = request_id

    def feed(self, event: SSEEvent) -> list[JsonObject]:
        data = decode(event.data)
        if event.event == "contentBlockDelta":
            return [{"id": self._request_id, "choices": [{"delta": {"content": data["delta"]["text"]}}]}]
        if event.event == "messageStop":
            return [{"choices": [{"delta": {}, "finish_reason": REASONS[data["stopReason"]]}]}]
        if event.event == "metadata":
            self.done = True
            return [{"choices": [], "usage": usage_of(data)}]
        return []

    def close(self) -> list[JsonObject]:
        return []

    def error(self, event: SSEEvent) -> errors.APIError | None:
        if event.event != "modelStreamErrorException":
            return None
        return errors.BadGatewayError(decode(event.data)["message"], status_code=502, code="model_stream_error")


def usage_of(data: JsonObject) -> JsonObject:
    return {"prompt_tokens": data["usage"]["inputTokens"], "completion_tokens": data["usage"]["outputTokens"]}


plugin = BinaryEvents()
