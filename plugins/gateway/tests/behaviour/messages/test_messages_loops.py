"""A tool loop of four turns with thinking, by Anthropic's SDK: nothing is lost on the way back, and nothing leaks.

What one upstream proves of its thinking goes to no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import anthropic
import pytest

from llmgate_core.testing import FakeUpstream
from tests.support.running_gateway import KEY, running_gateway
from tests.support.thinking_loops import PROOFS, TURNS, answered

MODELS = {
    "messages": "anthropic/claude-sonnet-5",
    "chat": "groq/thinker",
    "responses": "openai/responses/gpt-5",
    "generateContent": "gemini/gemini-3-pro-preview",
}
"""API -> a model that is reached by it."""
TOOL: Any = {"name": "look", "input_schema": {"type": "object", "properties": {"turn": {"type": "integer"}}}}
THINKING: Any = {"type": "enabled", "budget_tokens": 2000}


@pytest.fixture
def client(fake_upstream: FakeUpstream) -> Iterator[anthropic.Anthropic]:
    """Return a client of a gateway onto upstreams of all four APIs."""
    fake_upstream.otherwise = answered
    common = {"api_key": KEY, "api_base": fake_upstream.base_url, "max_retries": 0, "drop_params": True}
    entries = [{"model_name": name, "params": {"model": model, **common}} for name, model in MODELS.items()]
    with running_gateway({"model_list": entries}) as gateway:
        yield anthropic.Anthropic(base_url=gateway.base_url, api_key="k", max_retries=0)


def turn(client: anthropic.Anthropic, model: str, messages: list[Any], *, stream: bool) -> anthropic.types.Message:
    """Return the next message, and add it and the results of its calls to the conversation."""
    asked: Any = {"model": model, "max_tokens": 4000, "thinking": THINKING, "tools": [TOOL], "messages": messages}
    if stream:
        with client.messages.stream(**asked) as events:
            said = events.get_final_message()
    else:
        said = client.messages.create(**asked)
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in said.content]})
    calls = [block for block in said.content if block.type == "tool_use"]
    if calls:
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": str(call.input["turn"])} for call in calls
        ]
        messages.append({"role": "user", "content": results})
    return said


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", MODELS)
def test_a_loop_ends_and_each_turn_gets_the_proofs_of_all_before(
    client: anthropic.Anthropic, fake_upstream: FakeUpstream, api: str, *, stream: bool
) -> None:
    messages: list[Any] = [{"role": "user", "content": "go"}]
    said = [turn(client, api, messages, stream=stream) for _ in range(TURNS + 1)]
    assert [one.stop_reason for one in said] == ["tool_use"] * TURNS + ["end_turn"]
    for number, one in enumerate(said):
        texts = [block.text for block in one.content if block.type == "text"]
        thoughts = [block.thinking for block in one.content if block.type == "thinking" and block.thinking]
        assert (texts, thoughts) == ([f"step {number}"], [f"think {number}"])
    last = json.dumps(fake_upstream.received[-1]["json"])
    assert "llmgate:" not in last
    proof = PROOFS[api]
    assert proof is None or all(last.count(proof % number) == 1 for number in range(TURNS))


@pytest.mark.parametrize(("before", "after"), [pair for pair in permutations(MODELS, 2) if PROOFS[pair[0]] is not None])
def test_another_model_goes_on_without_the_proofs(
    client: anthropic.Anthropic, fake_upstream: FakeUpstream, before: str, after: str
) -> None:
    messages: list[Any] = [{"role": "user", "content": "go"}]
    turn(client, before, messages, stream=False)
    turn(client, after, messages, stream=False)
    last = json.dumps(fake_upstream.received[-1]["json"])
    assert str(PROOFS[before]) % 0 not in last
    assert "llmgate:" not in last
    assert "step 0" in last
