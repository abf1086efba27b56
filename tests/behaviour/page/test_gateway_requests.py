"""What LiteLLM's page says of requests, through one gateway, by raw HTTP and an official SDK: A13, A36, A40, A48-A59.

Source: LiteLLM's OpenAI page, docs.litellm.ai/docs/providers/openai; `docs/internal/capabilities.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.gateway_process import gateway_process
from tests.support.openai_upstream import answered

KEY = "sk-any-client-0123456789"
HI: Any = [{"role": "user", "content": "hi"}]
CONFIG = """
model_list:
  - model_name: "*"
    litellm_params: {model: openai/*, api_key: os.environ/OPENAI_API_KEY}
  - model_name: alias
    litellm_params: {model: gpt-4o, api_key: os.environ/OPENAI_API_KEY}
  - model_name: instruct
    litellm_params: {model: text-completion-openai/gpt-3.5-turbo-instruct}
  - model_name: previews
    litellm_params: {model: openai/gpt-4o, enable_preview_features: true}
general_settings:
  master_key: os.environ/GATEWAY_MASTER_KEY
"""


@dataclass(frozen=True)
class Clients:
    """Ways to send one request; the upstream notes what comes of it."""

    http: httpx.Client
    sdk: openai.OpenAI
    upstream: FakeUpstream

    def both(self, body: dict[str, Any], path: str = "chat/completions") -> list[tuple[str, Any]]:
        """Send a request by raw HTTP and by the SDK, and return path and body that each of them made upstream."""
        seen = len(self.upstream.received)
        reply = self.http.post(f"/v1/{path}", json=body)
        assert reply.status_code == 200, reply.text
        create = self.sdk.responses.create if path == "responses" else self.sdk.chat.completions.create
        create(**body)
        return [(request["path"], request["json"]) for request in self.upstream.received[seen:]]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    (folder / "config.yaml").write_text(CONFIG, "utf-8")
    with fake_upstream() as upstream:
        upstream.otherwise = answered
        keys = {"OPENAI_API_KEY": "sk-up", "GATEWAY_MASTER_KEY": KEY, "OPENAI_BASE_URL": upstream.base_url}
        with (
            gateway_process("serve", "--config", "config.yaml", folder=folder, environment=keys) as gateway,
            httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False) as http,
            openai.OpenAI(base_url=gateway.url, api_key=KEY, max_retries=0) as sdk,
        ):
            yield Clients(http, sdk, upstream)


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
PDF = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}

CHAT = {
    "effort": {"model": "gpt-5", "messages": HI, "reasoning_effort": "low"},
    "verbosity": {"model": "gpt-5.1", "messages": HI, "verbosity": "low"},
    "search": {"model": "gpt-5-search-api", "messages": HI, "web_search_options": {"search_context_size": "low"}},
    "tools": {"model": "gpt-4o", "messages": HI, "tools": [FUNCTION], "tool_choice": "auto"},
    "picture": {"model": "gpt-4o", "messages": [{"role": "user", "content": [PICTURE]}]},
    "pdf": {"model": "gpt-4o", "messages": [{"role": "user", "content": [PDF]}]},
    "metadata": {"model": "previews", "messages": HI, "metadata": {"a": "b"}},
    "a name of days to come": {"model": "gpt-99", "messages": HI},
    "a fine-tuned name": {"model": "ft:gpt-4o:org::id", "messages": HI},
}
MODELS = {"previews": "gpt-4o"}
"""What an alias is called upstream."""


@pytest.mark.parametrize("body", CHAT.values(), ids=list(CHAT))
def test_a_parameter_or_part_goes_up_as_it_came_whoever_sends_it(body: Any, clients: Clients) -> None:
    sent = {**body, "model": MODELS.get(body["model"], body["model"])}
    assert clients.both(body) == [("/v1/chat/completions", sent)] * 2


def test_a_part_of_a_message_keeps_its_bytes(clients: Clients) -> None:
    content = (
        b'{"messages": [{"role":"user","content":[ {"type":"file", "file":{"z":1,"a":2.50}} ]}],  "model": "alias"}'
    )
    reply = clients.http.post("/chat/completions", content=content, headers={"content-type": "application/json"})
    assert reply.status_code == 200
    assert clients.upstream.received[-1]["body"] == content.replace(b'"alias"', b'"gpt-4o"')
    assert reply.headers["x-llmgate-model"] == "alias"
    assert reply.json()["model"] == "gpt-4o"


def test_metadata_stays_here_without_the_setting_and_the_ledger_says_so(clients: Clients) -> None:
    body = {"model": "gpt-4o", "messages": HI, "metadata": {"a": "b"}}
    assert clients.both(body) == [("/v1/chat/completions", {"model": "gpt-4o", "messages": HI})] * 2
    ledger = json.loads(clients.http.post("/chat/completions", json=body).headers["x-llmgate-ledger"])
    assert [entry["parameter"] for entry in ledger] == ["metadata"]


@pytest.mark.parametrize("effort", ["low", {"effort": "low", "summary": "auto"}], ids=["text", "object"])
def test_an_effort_goes_to_responses_by_the_prefix_that_the_client_sends(effort: Any, clients: Clients) -> None:
    body = {"model": "openai/responses/gpt-5-mini", "messages": HI, "reasoning_effort": effort}
    sent = clients.both(body)
    assert [path for path, _ in sent] == ["/v1/responses"] * 2
    assert [said["reasoning"] for _, said in sent] == [{"effort": "low"} if effort == "low" else effort] * 2
    assert {said["model"] for _, said in sent} == {"gpt-5-mini"}


def test_a_built_in_tool_on_chat_is_refused_by_name_before_it_is_sent(clients: Clients) -> None:
    seen = len(clients.upstream.received)
    body: Any = {"model": "gpt-4o", "messages": HI, "tools": [{"type": "web_search_preview"}]}
    error = clients.http.post("/chat/completions", json=body).json()["error"]
    with pytest.raises(openai.BadRequestError) as caught:
        clients.sdk.chat.completions.create(**body)
    assert (error["param"], caught.value.param) == ("tools", "tools")
    assert "openai/responses/" in error["message"]
    assert len(clients.upstream.received) == seen


def test_responses_with_a_search_tool_are_served_whole_and_streamed(clients: Clients) -> None:
    body: Any = {
        "model": "gpt-5",
        "input": "hi",
        "tools": [{"type": "web_search_preview", "search_context_size": "low"}],
    }
    assert clients.both(body, "responses") == [("/v1/responses", body)] * 2
    *_, last = clients.sdk.responses.create(**body, stream=True)
    assert (last.type, last.response.output_text) == ("response.completed", "Paris.")


def test_a_text_completion_model_answers_both_endpoints_in_their_own_shape(clients: Clients) -> None:
    completion = clients.sdk.completions.create(model="instruct", prompt="hi")
    chat = clients.sdk.chat.completions.create(model="instruct", messages=HI)
    assert (completion.choices[0].text, completion.object) == ("Hello!", "text_completion")
    assert (chat.choices[0].message.content, chat.object) == ("Hello!", "chat.completion")
    assert [request["path"] for request in clients.upstream.received[-2:]] == ["/v1/completions"] * 2


@pytest.mark.parametrize("path", ["", "/v1"])
def test_the_sdk_needs_the_key_and_takes_the_address_with_v1_and_without(path: str, clients: Clients) -> None:
    base = f"{str(clients.sdk.base_url).rstrip('/')}{path}"
    with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0) as sdk:
        chunks = sdk.chat.completions.create(model="alias", messages=HI, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "one two three"
        assert [model.id for model in sdk.models.list()] == ["alias", "instruct", "previews", "*"]
    with openai.OpenAI(base_url=base, api_key="sk-wrong", max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError) as caught:
            sdk.chat.completions.create(model="alias", messages=HI)
        assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")


def test_a_stream_by_raw_http_is_events_that_end_in_one_done(clients: Clients) -> None:
    reply = clients.http.post("/chat/completions", json={"model": "alias", "messages": HI, "stream": True})
    events = [line for line in reply.text.split("\n\n") if line]
    assert all(event.startswith("data: ") for event in events)
    assert [event for event in events if "[DONE]" in event] == [events[-1]] == ["data: [DONE]"]
