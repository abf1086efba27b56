"""`/v1/messages` to an upstream that has only chat: what a client sees of the conversion, event by event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate_core.testing import Answer
from tests.support.chat_tool_loop import USAGE
from tests.support.messages_events import checked_message, events_of
from tests.support.running_gateway import RunningGateway

HI: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
ASKED: dict[str, Any] = {"model": "claude-bridged", "max_tokens": 64, "messages": HI, "stream": True}
HEAD: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}


def chunks(*deltas: dict[str, Any], finish: str = "stop", usage: dict[str, Any] | None = USAGE) -> list[dict[str, Any]]:
    """Return the chunks of a chat stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    found = [{**HEAD, "choices": [choice]} for choice in choices]
    return [*found, {**HEAD, "choices": [], "usage": usage}] if usage is not None else found


def call(index: int, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]}


def more(index: int, arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


STREAMS: dict[str, tuple[list[dict[str, Any]], list[str], str]] = {
    "text": (chunks({"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"}), ["text"], "end_turn"),
    "cut": (chunks({"content": "a"}, finish="length"), ["text"], "max_tokens"),
    "filtered": (chunks({"content": "a"}, finish="content_filter"), ["text"], "refusal"),
    "thinking, then text": (
        chunks({"reasoning_content": "Hm"}, {"reasoning_content": "."}, {"content": "a"}),
        ["thinking", "text"],
        "end_turn",
    ),
    "text and thinking in turns": (
        chunks({"reasoning_content": "1"}, {"content": "a"}, {"reasoning_content": "2"}, {"content": "b"}),
        ["thinking", "text", "thinking", "text"],
        "end_turn",
    ),
    "two tools": (
        chunks(call(0, "a", ""), more(0, '{"x"'), more(0, ": 1}"), call(1, "b", '{"y": 2}'), finish="tool_calls"),
        ["tool_use", "tool_use"],
        "tool_use",
    ),
    "tools in turns": (
        chunks(call(0, "a", '{"x"'), call(1, "b", '{"y"'), more(0, ": 1}"), more(1, ": 2}"), finish="tool_calls"),
        ["tool_use", "tool_use"],
        "tool_use",
    ),
    "a tool without arguments": (chunks(call(0, "a", ""), finish="tool_calls"), ["tool_use"], "tool_use"),
    "thinking, text and a tool": (
        chunks({"reasoning_content": "Hm"}, {"content": "I look."}, call(0, "a", "{}"), finish="tool_calls"),
        ["thinking", "text", "tool_use"],
        "tool_use",
    ),
    "no usage": (chunks({"content": "a"}, usage=None), ["text"], "end_turn"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_one_that_clients_of_the_api_take(gateway: RunningGateway, upstream: Any, name: str) -> None:
    said, kinds, stop_reason = STREAMS[name]
    upstream.answers.append(Answer.sse(said))
    answer = gateway.post("/v1/messages", ASKED)
    assert answer.status_code == 200, answer.text
    found = checked_message(answer.content)
    blocks = [block["type"] for block in found["content"]]
    assert [kind for kind in blocks if kind != "thinking"] == [kind for kind in kinds if kind != "thinking"]
    assert ("thinking" in blocks) == ("thinking" in kinds)
    assert found["stop_reason"] == stop_reason
    texts = "".join(block.get("text", "") for block in found["content"])
    assert "Hm" not in texts  # thinking never becomes visible text
    tokens = 0 if name == "no usage" else USAGE["completion_tokens"]
    assert found["usage"]["output_tokens"] == tokens


@pytest.mark.parametrize("size", [1, 50])
def test_a_stream_in_small_pieces_is_the_same(gateway: RunningGateway, upstream: Any, size: int) -> None:
    said, _, _ = STREAMS["thinking, text and a tool"]
    content = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in said) + b"data: [DONE]\n\n"
    upstream.answers.append(Answer(200, content, {"content-type": "text/event-stream"}, drip=size))
    found = checked_message(gateway.post("/v1/messages", ASKED).content)
    assert found["content"][-1]["input"] == {}


def test_the_upstream_is_asked_for_the_usage(gateway: RunningGateway, upstream: Any) -> None:
    usage = checked_message(gateway.post("/v1/messages", ASKED).content)["usage"]
    assert upstream.received[0]["json"]["stream_options"] == {"include_usage": True}
    assert (usage["input_tokens"], usage["output_tokens"]) == (USAGE["prompt_tokens"], USAGE["completion_tokens"])
    (record,) = gateway.wait_records(1)
    assert record.usage["output_tokens"] == USAGE["completion_tokens"]


@pytest.mark.parametrize("sent", [1, 3])
def test_an_error_of_the_upstream_in_a_stream_is_an_error_event(
    gateway: RunningGateway, upstream: Any, sent: int
) -> None:
    broken = {"error": {"message": "it broke", "type": "server_error", "code": "boom"}}
    said = [*chunks({"content": "a"}, {"content": "b"}, {"content": "c"})[:sent], broken]
    upstream.answers.append(Answer.sse(said, done=False))
    events = events_of(gateway.post("/v1/messages", ASKED).content)
    assert [name for name, _ in events].count("message_start") == 1
    name, data = events[-1]
    assert (name, data["error"]["type"]) == ("error", "api_error")
    assert "it broke" in data["error"]["message"]
    assert "message_stop" not in [name for name, _ in events]


BETAS = "claude-code-20250219,context-management-2025-06-27,message-threads-2026-08-12,canary-2031-01-01"


@pytest.mark.parametrize("stream", [False, True])
def test_betas_stay_here_and_are_told(gateway: RunningGateway, upstream: Any, *, stream: bool) -> None:
    asked = {**ASKED, "stream": stream, "context_management": {"edits": []}}
    answer = gateway.post("/v1/messages?beta=true", asked, anthropic_beta=BETAS, anthropic_version="2023-06-01")
    assert answer.status_code == 200, answer.text
    sent = upstream.received[0]
    assert [name for name in sent["headers"] if name.startswith("anthropic")] == []
    assert "context_management" not in sent["json"]
    told = [(entry["parameter"], entry["action"]) for entry in json.loads(answer.headers["x-llmgate-ledger"])]
    assert ("betas", "dropped") in told
    assert ("context_management", "dropped") in told
    assert "canary" not in answer.headers["x-llmgate-ledger"]


@pytest.mark.parametrize("betas", ["mcp-client-2025-11-20", "claude-code-20250219"])
def test_a_field_that_changes_the_answer_does_not_go_with_its_beta(
    gateway: RunningGateway, upstream: Any, betas: str
) -> None:
    servers = [{"type": "url", "url": "https://mcp.example", "name": "tools"}]
    answer = gateway.post("/v1/messages", {**ASKED, "mcp_servers": servers}, anthropic_beta=betas)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["param"] == "mcp_servers"
    assert upstream.received == []


@pytest.mark.parametrize("drop_params", [False, True])
@pytest.mark.parametrize("thread", [{"type": "create"}, {"type": "continue", "previous_message_id": "msg_1"}])
def test_a_thread_is_refused_whatever_the_policy(
    serve: Any, upstream: Any, thread: dict[str, str], *, drop_params: bool
) -> None:
    gateway = serve(drop_params=drop_params)
    answer = gateway.post("/v1/messages", {**ASKED, "thread": thread}, anthropic_beta="message-threads-2026-08-12")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"error_code": "thread_unsupported_request", "param": "thread"}
    assert upstream.received == []


def test_tokens_are_estimated_without_a_request(gateway: RunningGateway, upstream: Any) -> None:
    asked = {"model": "claude-bridged", "messages": [{"role": "user", "content": "word " * 100}]}
    answer = gateway.post("/v1/messages/count_tokens", asked)
    assert (answer.status_code, answer.headers["x-llmgate-estimated"]) == (200, "true")
    assert 50 < answer.json()["input_tokens"] < 400
    assert upstream.received == []
