"""What a provider has put on a message comes back to it in whichever form the caller sends the message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from llmgate_core import Client
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway

SOURCE = """
from llmgate_core.plugin import ProviderInfo, UpstreamRequest, hookimpl
class Plain:
    info = ProviderInfo(api=(1, 1), name="plain", base_url="https://plain.example/v1", env_key="PLAIN_API_KEY")
    @hookimpl
    def transform_request(self, call, route):
        return UpstreamRequest("POST", "/said", {"messages": call.body["messages"]})
plugin = Plain()
"""
OWN = {"signature": "s+/é==", "nothing": None, "inside": {"nothing": None}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}, "extra_content": OWN}
SAID = {
    "role": "assistant",
    "content": "hello",
    "reasoning_content": "hm",
    "reasoning_items": [OWN],
    "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s", "nothing": None}],
    "provider_specific_fields": {"own": OWN},
    "images": [{"type": "image_url", "image_url": {"url": "data:,"}}],
    "unheard_of": OWN,
    "tool_calls": [CALL],
}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "here"}
ASKED = {"role": "user", "content": "hi"}


@pytest.fixture(autouse=True)
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> None:
    choice = {"index": 0, "message": {**SAID, "refusal": None, "audio": None}, "finish_reason": "tool_calls"}
    upstream.otherwise = Answer.json({**ANSWER, "choices": [choice]})
    PluginSite(tmp_path, monkeypatch).install("llmgate-plain", {"chat:plain": "plugin"}, source=SOURCE)


@pytest.mark.parametrize(
    "form",
    [
        lambda message: message,
        lambda message: message.model_dump(),
        lambda message: message.model_dump(exclude_none=True) | {"tool_calls": [CALL], **SAID},
        lambda message: ChatCompletionMessage.model_validate(message.model_dump()),
    ],
    ids=["object", "dump", "dict", "object of the OpenAI SDK"],
)
def test_a_plugin_gets_back_every_field_that_it_has_put_on_a_message(form: Any, upstream: FakeUpstream) -> None:
    with Client(api_base=upstream.base_url, api_key="sk-test") as client:
        message = client.completion("plain/m", [ASKED]).choices[0].message
        client.completion("plain/m", [ASKED, form(message), RESULT])
    assert upstream.received[-1]["json"]["messages"] == [ASKED, SAID, RESULT]


def test_the_gateway_passes_on_messages_as_they_come(upstream: FakeUpstream) -> None:
    params = {"model": "plain/m", "api_key": "sk-test", "api_base": upstream.base_url}
    with running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as gateway:
        message = gateway.chat().json()["choices"][0]["message"]
        assert message == {**SAID, "refusal": None, "audio": None}
        gateway.chat(messages=[ASKED, message, RESULT])
    assert upstream.received[-1]["json"]["messages"] == [ASKED, message, RESULT]
