"""A gateway whose models are served by an upstream of the Messages API itself, and by one of OpenAI's chat API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support import chat_tool_loop, messages_upstream
from tests.support.messages_provider import SOURCE
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import KEY, RunningGateway, Serve, running_gateway

MODELS = {
    "claude-native": "sketch/claude-sketch",
    "claude-itself": "anthropic/claude-sonnet-5",
    "claude-bridged": "openai/gpt-4o",
}
"""Name -> the model: two of the Messages API, one by the plugin for Anthropic, and one of OpenAI's chat API."""


def either(request: ReceivedRequest) -> Answer:
    """Answer a request as the API does whose path it has."""
    is_messages = "/messages" in request["path"]
    return messages_upstream.answered(request) if is_messages else chat_tool_loop.answered(request)


@pytest.fixture
def upstream(fake_upstream: FakeUpstream) -> FakeUpstream:
    fake_upstream.otherwise = either
    return fake_upstream


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    """Return where the plugin `sketch/` is installed, which serves the family `messages`."""
    made = PluginSite(tmp_path, monkeypatch)
    made.install("llmgate-sketch", {"messages:sketch": "plugin"}, source=SOURCE)
    return made


@pytest.fixture
def serve(site: PluginSite, upstream: FakeUpstream) -> Iterator[Serve]:
    """Return a function that starts a gateway with both models."""
    with ExitStack() as stack:

        def start(*, general: dict[str, Any] | None = None, **params: Any) -> RunningGateway:
            common = {"api_key": KEY, "api_base": upstream.base_url, "max_retries": 0, **params}
            entries = [{"model_name": name, "params": {"model": model, **common}} for name, model in MODELS.items()]
            document = {"model_list": entries, "general_settings": general or {}}
            return stack.enter_context(running_gateway(document))

        yield start


@pytest.fixture
def gateway(serve: Serve) -> RunningGateway:
    return serve()
