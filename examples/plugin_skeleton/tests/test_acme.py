"""The plugin against a real server on the loopback: what goes upstream, and what comes back."""

from __future__ import annotations

from llmgate_acme import plugin

from llmgate_core import Client
from llmgate_core.testing import Answer, FakeUpstream

pytest_plugins = ["llmgate_core.testing.pytest_plugin"]

MESSAGES = [{"role": "user", "content": "hi"}]
REPLY = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "large",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
}


def test_a_chat_call_is_sent_in_acmes_words_and_the_ledger_says_so(
    fake_upstream: FakeUpstream, llmgate_client: Client
) -> None:
    fake_upstream.answers.append(Answer.json(REPLY))
    llmgate_client.add_plugin(plugin, family="chat", prefix="acme", replace=True)
    answer = llmgate_client.completion("acme/large", MESSAGES, max_tokens=5)
    (request,) = fake_upstream.received
    assert request["json"] == {"model": "large", "messages": MESSAGES, "limit": 5}
    assert request["headers"]["authorization"] == "Bearer sk-test"
    assert answer.choices[0].message.content == "Hello!"
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("max_tokens", "renamed")]
