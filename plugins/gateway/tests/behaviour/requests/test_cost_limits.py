"""What bounds the cost of a request stays in it, and a value that asks for nothing is no mistake."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.testing import Answer

ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
HI = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/gpt-5", "openai/responses/gpt-5"])
@pytest.mark.parametrize(
    ("name", "value"), [("max_tokens", "100"), ("n", 200), ("n", "2"), ("max_completion_tokens", [])]
)
def test_drop_params_does_not_remove_a_limit(serve: Any, upstream: Any, model: str, name: str, value: Any) -> None:
    gateway = serve({"m": {"model": model, "drop_params": True}})
    reply = gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": HI, name: value})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, name)
    assert upstream.received == []


def test_values_that_ask_for_nothing_are_served(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": "openai/gpt-5"})
    upstream.answers.append(Answer.json(ANSWER))
    neutral = {"presence_penalty": 0, "frequency_penalty": 0, "top_p": 1, "logprobs": False}
    reply = gateway.chat(model="m", **neutral)
    assert reply.status_code == 200, reply.text
    assert not neutral.keys() & upstream.received[0]["json"].keys()
    assert all(name in reply.headers["x-llmgate-ledger"] for name in neutral)
