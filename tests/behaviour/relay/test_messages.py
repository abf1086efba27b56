"""The Messages API through the relay: bytes as they came where the upstream has it, converted where it has chat."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmgate_core import AsyncClient
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream, Reply, ToolCall
from llmgate_core.testing.conformance import message_wires, openai_wires
from tests.support.relay_calls import KEY, read

REPLY = Reply("all", "Hello", (ToolCall("call_1", "f", "{}"),), finish_reason="tool_calls")
BODY: dict[str, Any] = {"model": "x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
NATIVE = "acme/m"


class Acme(OpenAICompatible):
    """An upstream that has the Messages API."""

    info = ProviderInfo(
        api=(1, 1),
        name="acme",
        base_url="https://api.acme.example/v1",
        env_key="ACME_API_KEY",
        operations=frozenset({"messages.count_tokens"}),
    )


def relayed(upstream: FakeUpstream, model: str, *, operation: str = "create", **body: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(api_base=upstream.base_url, api_key=KEY) as client:
            client.add_plugin(Acme(), family="messages", prefix="acme")
            whole = {**BODY, **body}
            content = json.dumps(whole).encode()
            answer: Any = await client.relay("messages", model, whole, content=content, operation=operation)
            return await read(answer) if body.get("stream") else answer

    return asyncio.run(run())


@pytest.mark.parametrize("model", [NATIVE, "openai/gpt-4o"])
def test_a_whole_answer(model: str, upstream: FakeUpstream) -> None:
    answer = message_wires.message(REPLY) if model == NATIVE else openai_wires.chat(REPLY)
    upstream.answers.append(Answer.json(answer))
    relay = relayed(upstream, model, x_unknown={"a": [1]})
    message = json.loads(relay.content)
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    assert relay.record.usage["input_tokens"] == 18
    assert upstream.received[0]["json"]["x_unknown"] == {"a": [1]}
    if model == NATIVE:
        assert relay.content == json.dumps(answer).encode()


def test_a_native_stream_is_passed_on_as_it_came(upstream: FakeUpstream) -> None:
    events = message_wires.message_events(REPLY)
    upstream.answers.append(Answer.sse(events, done=False))
    streamed = relayed(upstream, NATIVE, stream=True)
    assert streamed.error is None
    names = [event.partition(b"\n")[0].decode() for event in streamed.events]
    assert names == [f"event: {name}" for name, _ in events]
    assert streamed.stream.record.usage["cache_read_input_tokens"] == 5
    assert streamed.stream.record.usage["output_tokens"] == 7


def test_a_stream_over_chat_has_named_events_and_no_other_end(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse(openai_wires.chat_chunks(REPLY), done=False))
    streamed = relayed(upstream, "openai/gpt-4o", stream=True)
    assert streamed.error is None
    for event in streamed.events:
        name, data = event.split(b"\n")
        assert name.removeprefix(b"event: ").decode() == json.loads(data.removeprefix(b"data: "))["type"]
    assert streamed.events[-1].startswith(b"event: message_stop")
    assert streamed.stream.record.usage["input_tokens"] == 18


def test_counts(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"input_tokens": 3}))
    assert json.loads(relayed(upstream, NATIVE, operation="count_tokens").content) == {"input_tokens": 3}
    estimate = relayed(upstream, "openai/gpt-4o", operation="count_tokens")
    assert json.loads(estimate.content)["is_estimate"] is True
    assert [entry.parameter for entry in estimate.record.ledger] == ["input_tokens"]
    assert len(upstream.received) == 1
