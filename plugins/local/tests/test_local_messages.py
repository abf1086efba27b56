"""The real model behind the gateway's Messages API, asked by Anthropic's own SDK."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from llmgate_local.provider import LocalModels

from tests.support.messages_events import checked_message
from tests.support.running_gateway import RunningGateway, running_gateway

QUESTION: Any = [{"role": "user", "content": "What is the capital of France?"}]
ASKED: dict[str, Any] = {"max_tokens": 30, "messages": QUESTION}
MODELS = {"claude-small": "local/smollm2", "claude-responses": "local/responses/smollm2"}


@pytest.fixture(scope="module")
def gateway(local: LocalModels) -> Iterator[RunningGateway]:
    entries = [{"model_name": name, "litellm_params": {"model": model}} for name, model in MODELS.items()]
    with running_gateway({"model_list": entries}) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway: RunningGateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.base_url, api_key="sk-any", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("name", MODELS)
def test_it_answers_whole_and_streamed(client: anthropic.Anthropic, name: str) -> None:
    whole = client.messages.create(model=name, **ASKED)
    assert "Paris" in whole.content[-1].text  # type: ignore[union-attr]
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 0
    with client.messages.stream(model=name, **ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "Paris" in text
    assert final.usage.output_tokens > 0


@pytest.mark.parametrize("name", MODELS)
def test_its_events_are_well_formed_and_cut_where_the_limit_is(gateway: RunningGateway, name: str) -> None:
    answer = gateway.post("/v1/messages", {**ASKED, "model": name, "max_tokens": 4, "stream": True})
    found = checked_message(answer.content)
    assert found["usage"]["output_tokens"] == 4
    # the Responses API of llama.cpp calls a response that was cut completed
    assert found["stop_reason"] == ("max_tokens" if name == "claude-small" else "end_turn")


def test_its_tokens_are_counted(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="claude-small", messages=QUESTION).input_tokens > 0
