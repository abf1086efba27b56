"""Counting tokens: the provider's own count, over chat too, or an estimate that sends nothing and says so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, count_message_tokens, count_tokens
from llmgate_core.calls import token_estimates
from llmgate_core.calls.token_estimates import estimate
from llmgate_core.errors import BadRequestError, UnknownModelError
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.sync_and_async import outcome_of

HI = [{"role": "user", "content": "hi"}]
PIXEL = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 90_000}}


class Counter(OpenAICompatible):
    """A provider of chat that counts tokens."""

    info = ProviderInfo(
        api=(1, 1),
        name="acme",
        base_url="https://api.acme.example/v1",
        env_key="ACME_API_KEY",
        operations=frozenset({"chat.count_tokens"}),
    )

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> UpstreamRequest:
        if call.operation == "count_tokens":
            return UpstreamRequest("POST", "/tokenize", {"model": route.model, **call.body})
        return super().transform_request(call, route)


def at(upstream: FakeUpstream) -> dict[str, str]:
    return {"api_base": upstream.base_url, "api_key": "sk-test-0123456789"}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("function", ["count_tokens", "count_message_tokens"])
def test_an_estimate_sends_nothing_needs_no_key_and_says_so(function: str, mode: str, upstream: FakeUpstream) -> None:
    outcome = outcome_of(mode, function, "openai/gpt-4o", "What is the capital of France?", api_base=upstream.base_url)
    count = outcome.result
    assert count.is_estimate
    assert count.input_tokens > 4
    assert [entry.action for entry in count.ledger] == ["emulated"]
    assert count.cost is None
    assert upstream.received == []


def test_a_counter_of_chat_counts_calls_of_messages_too(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"input_tokens": 7})] * 2
    client = Client(**at(upstream))  # type: ignore[arg-type]
    client.add_plugin(Counter(), family="chat", prefix="acme")
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    counts: list[Any] = [
        client.count_tokens("acme/m", HI),
        client.count_message_tokens("acme/m", HI, system="Be.", tools=tools),
    ]
    assert [(count.input_tokens, count.is_estimate) for count in counts] == [(7, False)] * 2
    first, second = (request["json"] for request in upstream.received)
    assert first == {"model": "m", "messages": HI}
    assert second["messages"] == [{"role": "system", "content": "Be."}, *HI]
    assert second["tools"][0]["function"]["name"] == "f"
    assert {request["path"] for request in upstream.received} == {"/v1/tokenize"}


def test_a_chat_over_responses_is_counted_there(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"object": "response.input_tokens", "input_tokens": 9}))
    count = count_tokens("openai/responses/gpt-5", HI, **at(upstream))  # type: ignore[arg-type]
    assert (count.input_tokens, count.is_estimate) == (9, False)
    assert upstream.received[0]["path"] == "/v1/responses/input_tokens"
    assert upstream.received[0]["json"].keys() == {"model", "input"}


def test_an_estimate_counts_text_tools_and_pictures_but_no_data() -> None:
    bare, _ = estimate({"messages": HI}, "m")
    longer, _ = estimate({"messages": [{"role": "user", "content": "hi" * 700}]}, "m")
    with_tools, _ = estimate({"messages": HI, "tools": [{"name": "f", "description": "d" * 700}]}, "m")
    picture, _ = estimate({"messages": [{"role": "user", "content": [PIXEL]}]}, "m")
    used = {"type": "tool_use", "id": "t" * 900, "name": "f", "input": {"a": "b" * 350}}
    call, source = estimate({"messages": [{"role": "assistant", "content": [used]}]}, "m")
    assert longer - bare == pytest.approx(400, abs=2)
    assert with_tools - bare > 200
    assert picture == 1604
    assert 100 < call < 120
    assert source == "3.5 bytes a token"
    assert estimate({}, "m")[0] >= 0
    assert estimate({"messages": 7, "tools": 7, "system": 7}, "m")[0] >= 0


def test_tiktoken_is_used_only_where_its_table_is_here_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    address, _ = token_estimates.ENCODINGS["o200k_base"]
    table = tmp_path / hashlib.sha1(address.encode()).hexdigest()
    assert estimate({"messages": HI}, "gpt-4o")[1] == "3.5 bytes a token"
    table.write_bytes(b"not the table")
    token_estimates._is_on_this_machine.cache_clear()
    assert estimate({"messages": HI}, "gpt-4o")[1] == "3.5 bytes a token"
    assert table.read_bytes() == b"not the table"  # tiktoken would have removed it, and have asked for another


def test_a_malformed_count_is_refused() -> None:
    with pytest.raises(BadRequestError):
        count_tokens("openai/gpt-4o", [])
    with pytest.raises(BadRequestError):
        count_message_tokens("openai/gpt-4o", [{"content": "x"}])
    with pytest.raises(UnknownModelError):
        count_tokens("nobody-knows-it", HI)
