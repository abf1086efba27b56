"""Requests in the shape of Codex CLI 0.171, to a deployment whose upstream has only chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.gateway_process import gateway_process

KEY = "sk-client-0123456789abcdef"
COMMAND = '{"cmd": "cat a.txt"}'
AGENT = '{"message": "look"}'
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "exec_command", "strict": False, "parameters": {"type": "object"}},
    {
        "type": "namespace",
        "name": "multi_agent_v1",
        "description": "Sub-agents.",
        "tools": [{"type": "function", "name": "spawn_agent", "strict": False, "parameters": {"type": "object"}}],
    },
    {"type": "web_search", "external_web_access": False},
]
SETTINGS: dict[str, Any] = {
    "stream": True,
    "tools": TOOLS,
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "01a2262c",
    "client_metadata": {"session_id": "01a2262c"},
}


def said(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "role": role, "content": [{"type": "input_text", "text": text}]}


def called(name: str, arguments: str) -> dict[str, Any]:
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


def chat_alone(request: ReceivedRequest) -> Answer:
    if request["path"] != "/v1/chat/completions":
        return Answer.json({"error": {"message": f"no such thing: {request['path']}"}}, 404)
    last = request["json"]["messages"][-1]
    if last["role"] == "tool":
        delta: dict[str, Any] = {"content": "The file says hi."}
    elif "agent" in json.dumps(last["content"]):
        delta = {"tool_calls": [called("multi_agent_v1__spawn_agent", AGENT)]}
    else:
        delta = {"tool_calls": [called("exec_command", COMMAND)]}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "qwen3-coder"}
    finish = "tool_calls" if "tool_calls" in delta else "stop"
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": finish},
    ]
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return Answer.sse([*({**head, "choices": [choice]} for choice in choices), {**head, "choices": [], "usage": usage}])


@pytest.fixture(scope="module")
def chat_upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        upstream.otherwise = chat_alone
        yield upstream


@pytest.fixture(scope="module")
def codex(chat_upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a gateway with one deployment as the recipe writes it, and one without `drop_params`."""
    common = {
        "model": "openai/qwen3-coder",
        "api_base": chat_upstream.base_url,
        "api_key": "sk-upstream",
        "use_chat_completions_api": True,
    }
    models = {"coder": {**common, "drop_params": True}, "strict": common}
    entries = [{"model_name": name, "litellm_params": params} for name, params in models.items()]
    config = tmp_path_factory.mktemp("codex") / "config.yaml"
    config.write_text(json.dumps({"model_list": entries, "general_settings": {"master_key": KEY}}))
    with gateway_process("serve", "--config", str(config), folder=config.parent, environment={}) as gateway:
        headers = {"authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False, timeout=30) as client:
            yield client
        gateway.stop()


def output_of(codex: httpx.Client, *items: dict[str, Any]) -> list[dict[str, Any]]:
    """Send one turn, and return the items of the events that Codex acts on."""
    answer = codex.post("/v1/responses", json={"model": "coder", "input": items, **SETTINGS})
    assert answer.status_code == 200, answer.text
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert events[-1]["type"] == "response.completed"
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def test_a_tool_call_and_its_result(codex: httpx.Client, chat_upstream: FakeUpstream) -> None:
    question = [said("developer", "You are a coding agent."), said("user", "What does a.txt say?")]
    (call,) = output_of(codex, *question)
    assert [call["type"], call["name"], call["call_id"]] == ["function_call", "exec_command", "call_1"]
    assert json.loads(call["arguments"]) == json.loads(COMMAND)
    result = {"type": "function_call_output", "call_id": "call_1", "output": "hi"}
    (message,) = output_of(codex, *question, call, result)
    assert message["content"][0]["text"] == "The file says hi."
    sent = chat_upstream.received[-1]["json"]
    assert [each["role"] for each in sent["messages"]] == ["developer", "user", "assistant", "tool"]
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["exec_command", "multi_agent_v1__spawn_agent"]


def test_a_call_of_a_namespace_comes_back_under_its_own_name(codex: httpx.Client) -> None:
    (call,) = output_of(codex, said("user", "Start an agent."))
    assert [call["name"], call["namespace"]] == ["spawn_agent", "multi_agent_v1"]


def test_without_drop_params_the_refusal_names_the_setting(codex: httpx.Client, chat_upstream: FakeUpstream) -> None:
    before = len(chat_upstream.received)
    answer = codex.post("/v1/responses", json={"model": "strict", "input": [said("user", "hi")], **SETTINGS})
    error = answer.json()["error"]
    assert [answer.status_code, error["code"], error["param"]] == [400, "unsupported_parameter", "tools"]
    assert "web_search" in error["message"]
    assert "drop_params: true" in error["message"]
    assert len(chat_upstream.received) == before
    tools = [tool for tool in TOOLS if tool["type"] != "web_search"]
    allowed = codex.post("/v1/responses", json={"model": "strict", "input": "hi", **SETTINGS, "tools": tools})
    assert allowed.status_code == 200
