"""A provider as Gemini: the model in the path, `?alt=sse`, parts with signatures, and a stream without an end marker.

Source: Gemini API reference, models.generateContent and models.streamGenerateContent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    JsonObject,
    ProviderInfo,
    SSEEvent,
    UpstreamRequest,
    decode,
    errors,
    hookimpl,
    path_segment,
)

__all__ = ["Parts"]

CONFIG = {"max_tokens": "maxOutputTokens", "temperature": "temperature", "stop": "stopSequences"}
CONVERTED = frozenset({*CONFIG, "messages", "tools", "stream", "stream_options"})
REFUSED = frozenset(OPENAI_PARAMETERS["chat"]) - CONVERTED
ROLES = {"assistant": "model", "developer": "system"}
REASONS = {"STOP": "stop", "MAX_TOKENS": "length"}
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class Parts:
    info = ProviderInfo(
        api=(1, 1), name="parts", base_url="https://parts.example/v1", env_key="PARTS_KEY", key_header="x-parts-key"
    )

    @hookimpl
    def supports_param(self, param: str, value: Any) -> bool | None:
        return False if param in REFUSED and value is not None else None

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> UpstreamRequest:
        body = {name: value for name, value in call.body.items() if name not in CONVERTED}
        try:
            contents = [content_of(message) for message in call.body["messages"]]
            tools = [tool["function"] for tool in call.body.get("tools") or ()]
        except MALFORMED as error:
            raise route.bad_request("messages", f"a message or a tool is malformed: {error!r}") from error
        body["contents"] = [content for content in contents if content["role"] != "system"]
        if system := [part for content in contents if content["role"] == "system" for part in content["parts"]]:
            body["systemInstruction"] = {"parts": system}
        if tools:
            body["tools"] = [{"functionDeclarations": tools}]
        if config := {CONFIG[name]: value for name, value in call.body.items() if name in CONFIG and value is not None}:
            body["generationConfig"] = config
        method, query = ("streamGenerateContent", {"alt": "sse"}) if call.stream else ("generateContent", {})
        return UpstreamRequest("POST", f"/models/{path_segment('model', route.model)}:{method}", body, query=query)

    @hookimpl
    def transform_response(self, response: Any) -> JsonObject:
        return converted(response.json(), "message", 0)

    @hookimpl
    def stream_parser(self) -> Parser:
        return Parser()


class Parser:
    def __init__(self) -> None:
        self.calls = 0

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        chunk = converted(decode(event.data.encode()), "delta", self.calls)
        self.calls += sum(len(choice["delta"].get("tool_calls", ())) for choice in chunk["choices"])
        return [chunk]

    def close(self) -> Sequence[JsonObject]:
        return []


def content_of(message: Any) -> JsonObject:
    role, content = message["role"], message.get("content")
    if role == "tool":
        said = {"id": message["tool_call_id"], "response": {"result": content}}
        return {"role": "user", "parts": [{"functionResponse": said}]}
    parts = list(message.get("reasoning_items") or ())
    parts += [{"text": content}] if isinstance(content, str) else [{"text": part["text"]} for part in content or ()]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        said = {"id": call["id"], "name": function["name"], "args": json.loads(function["arguments"])}
        parts.append({"functionCall": said})
    return {"role": ROLES.get(role, role), "parts": parts}


def converted(data: Any, where: str, first_call: int) -> JsonObject:
    try:
        choices = [choice_of(candidate, where, first_call) for candidate in data.get("candidates") or ()]
        usage = usage_of(data["usageMetadata"]) if data.get("usageMetadata") else None
    except MALFORMED as error:
        raise errors.APIResponseValidationError(f"not an answer: {error!r}") from error
    rest = {name: value for name, value in data.items() if name not in ("candidates", "usageMetadata")}
    return {**rest, "id": data.get("responseId"), "choices": choices, "usage": usage}


def choice_of(candidate: Any, where: str, first_call: int) -> JsonObject:
    parts = (candidate.get("content") or {}).get("parts") or ()
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    message = {
        "content": "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        "reasoning_content": "".join(part["text"] for part in parts if part.get("thought")),
        "reasoning_items": [part for part in parts if "thoughtSignature" in part],
        "tool_calls": [tool_call(index, call) for index, call in enumerate(calls, first_call)],
    }
    reason = candidate.get("finishReason")
    finish = None if reason is None else "tool_calls" if calls else REASONS.get(reason, "content_filter")
    said = {name: value for name, value in message.items() if value}
    return {"index": candidate.get("index") or 0, where: said, "finish_reason": finish}


def tool_call(index: int, call: Any) -> JsonObject:
    function = {"name": call["name"], "arguments": json.dumps(call.get("args") or {})}
    return {"index": index, "id": call["id"], "type": "function", "function": function}


def usage_of(usage: Any) -> JsonObject:
    cached = {"cached_tokens": usage.get("cachedContentTokenCount")}
    counted = {"prompt_tokens": usage["promptTokenCount"], "completion_tokens": usage.get("candidatesTokenCount") or 0}
    return {**counted, "prompt_tokens_details": cached}
