"""A served gateway, and behind it an upstream that answers as OpenAI's does, by what it is asked."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.gateway_process import gateway_process

KEY = "sk-client-0123456789abcdef"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
MODELS = {
    "chat": "openai/gpt-4o",
    "bridged": "openai/responses/gpt-5-mini",
    "responses": "openai/gpt-5-mini",
    "embed": "openai/text-embedding-3-small",
    "hear": "openai/whisper-1",
}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    return {**head, "choices": choices, **more}


def chat(request: ReceivedRequest) -> Answer:
    asked = request["json"]
    said = asked["messages"][-1]["content"]
    if said == "too much":
        error = {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
        return Answer.json({"error": error}, 429, x_request_id="req_up", retry_after="1")
    if asked.get("stream"):
        return chat_stream(asked, said)
    message: dict[str, Any] = {"role": "assistant", "content": "Hello", "refusal": None}
    finish = "stop"
    if "response_format" in asked:
        message["content"] = '{"name": "Ada", "age": 36}'
    elif said == "weather?":
        message |= {"content": None, "tool_calls": [CALL]}
        finish = "tool_calls"
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "usage": USAGE}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    return Answer.json({**whole, "choices": choices}, x_request_id="req_up")


def chat_stream(asked: dict[str, Any], said: str) -> Answer:
    begin = chunk({"role": "assistant", "content": ""})
    if said == "for ever":
        part = b"data: " + json.dumps(chunk({"content": "on and "})).encode() + b"\n\n"
        return Answer(200, repeat(part, 100_000), {"content-type": "text/event-stream"}, pause_seconds=0.005)
    if said == "break":
        return Answer.sse(
            [begin, {"error": {"message": "it broke", "type": "server_error", "code": "boom"}}], done=False
        )
    if said == "weather?":
        pieces = [
            chunk({"tool_calls": [{"index": 0, **CALL, "function": {"name": "weather", "arguments": ""}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]}),
            chunk({}, "tool_calls"),
        ]
    else:
        pieces = [chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop")]
    options = asked.get("stream_options") or {}
    end = [{**chunk({}), "choices": [], "usage": USAGE}] if options.get("include_usage") else []
    return Answer.sse([begin, *pieces, *end])


def response(status: str, text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-mini",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": [item] if text else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if text else None,
    }


def responses(request: ReceivedRequest) -> Answer:
    if not request["json"].get("stream"):
        return Answer.json(response("completed", "Hello"))
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
    whole = response("completed", "Hello")
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response("in_progress", "")},
        {"type": "response.in_progress", "response": response("in_progress", "")},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": part},
        {"type": "response.output_text.delta", **place, "delta": "Hel", "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": "lo", "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "Hello", "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": "Hello"}},
        {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
        {"type": "response.completed", "response": whole},
    ]
    parts = [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n".encode()
        for number, event in enumerate(events)
    ]
    return Answer(200, parts, {"content-type": "text/event-stream"})


def embeddings(request: ReceivedRequest) -> Answer:
    asked = request["json"]
    inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    numbers: Any = [0.25, -0.5, 1.0]
    if asked.get("encoding_format") == "base64":
        numbers = base64.b64encode(struct.pack("<3f", *numbers)).decode()
    data = [{"object": "embedding", "index": index, "embedding": numbers} for index in range(len(inputs))]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return Answer.json({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def answer_of(request: ReceivedRequest) -> Answer:
    path = request["path"].partition("?")[0]
    if path == "/v1/chat/completions":
        return chat(request)
    if path == "/v1/responses":
        return responses(request)
    if path == "/v1/embeddings":
        return embeddings(request)
    if path == "/v1/audio/transcriptions":
        return Answer.json({"text": "the lazy dog"})
    return Answer.json({"error": {"message": f"no such thing: {path}"}}, 404)


@pytest.fixture(scope="session")
def scripted() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        upstream.otherwise = answer_of
        yield upstream


@pytest.fixture
def upstream(scripted: FakeUpstream) -> FakeUpstream:
    scripted.received.clear()
    scripted.disconnected.clear()
    return scripted


@pytest.fixture(scope="session")
def base_url(scripted: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway in a process of its own; its key is `client_key`."""
    common = {"api_base": scripted.base_url, "api_key": "sk-upstream", "max_retries": 0}
    entries = [{"model_name": name, "litellm_params": {"model": model, **common}} for name, model in MODELS.items()]
    config = tmp_path_factory.mktemp("clients") / "config.yaml"
    config.write_text(json.dumps({"model_list": entries, "general_settings": {"master_key": KEY}}))
    with gateway_process("serve", "--config", str(config), folder=config.parent, environment={}) as gateway:
        yield f"{gateway.url}/v1"
        gateway.stop()


@pytest.fixture(scope="session")
def client_key() -> str:
    return KEY
