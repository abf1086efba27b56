"""A provider that says in `usage` what a call cost: that is the cost, whole and streamed, sync, async and relayed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


class Dear(OpenAICompatible):
    info = ProviderInfo(
        api=(1, 1), name="dear", base_url="https://api.dear.example/v1", env_key="DEAR_API_KEY", cost_field="cost"
    )


def answer(usage: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "Hello!"}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "large",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_cost_is_what_the_provider_says(upstream: FakeUpstream, mode: str) -> None:
    upstream.otherwise = Answer.json(answer({**USAGE, "cost": 0.25}))
    result = ask(mode, Dear(), "dear", model="dear/large", messages=HI, api_base=upstream.base_url)
    assert result.cost == 0.25
    assert "dear" in result.cost.source


@pytest.mark.parametrize("cost", [None, "0.25", True, -1, [0.25]])
def test_what_is_no_amount_is_no_cost(upstream: FakeUpstream, cost: object) -> None:
    upstream.otherwise = Answer.json(answer({**USAGE, "cost": cost}))
    result = ask("sync", Dear(), "dear", model="dear/large", messages=HI, api_base=upstream.base_url)
    assert result.cost is None


def test_a_stream_has_the_cost_of_its_last_usage(upstream: FakeUpstream) -> None:
    ending = {"index": 0, "delta": {"content": "Hello!"}, "finish_reason": "stop"}
    common = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "large"}
    last = {**common, "choices": [], "usage": {**USAGE, "cost": 0.5}}
    upstream.otherwise = Answer.sse([json.dumps({**common, "choices": [ending]}), json.dumps(last), "[DONE]"])
    with Client(settings=Settings(), api_key="sk-test", api_base=upstream.base_url) as client:
        client.add_plugin(Dear(), family="chat", prefix="dear")
        stream = client.completion("dear/large", HI, stream=True)
        assert [chunk.usage for chunk in stream][-1] is not None
        assert stream.cost == 0.5


def test_a_plugin_without_such_a_field_reads_none(upstream: FakeUpstream) -> None:
    class Plain(Dear):
        info = ProviderInfo(api=(1, 1), name="plain", base_url="https://api.plain.example/v1")

    upstream.otherwise = Answer.json(answer({**USAGE, "cost": 0.25}))

    async def call() -> Any:
        async with AsyncClient(settings=Settings(), api_key="sk-test", api_base=upstream.base_url) as client:
            client.add_plugin(Plain(), family="chat", prefix="plain")
            return await client.completion("plain/large", HI)

    assert asyncio.run(call()).cost is None
