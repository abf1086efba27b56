"""A provider whose vectors are numbers and nothing else: one attribute, and OpenAI's SDK may ask it for base64."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway

PACKED = "AAAAPwAAgL4="


class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1")
    encodes_vectors = False


plugin = Acme()


def numbers(request: Any) -> Answer:
    if "encoding_format" in request["json"]:
        return Answer.json({"error": {"message": "there is no encoding_format here"}}, 400)
    return Answer.json({"data": [{"embedding": [0.5, -0.25]}], "usage": {"prompt_tokens": 3}})


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_base64_is_made_of_numbers(mode: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = numbers
    options: dict[str, Any] = {"settings": Settings(), "api_base": upstream.base_url, "api_key": "k"}

    async def asked() -> Any:
        async with AsyncClient(**options) as client:
            client.add_plugin(plugin, family="embedding", prefix="acme")
            return await client.embedding("acme/m", "hi", encoding_format="base64")

    if mode == "async":
        answer = asyncio.run(asked())
    else:
        with Client(**options) as client:
            client.add_plugin(plugin, family="embedding", prefix="acme")
            answer = client.embedding("acme/m", "hi", encoding_format="base64")
    assert answer.data[0].embedding == PACKED
    assert answer.usage.total_tokens == 3
    assert upstream.received[0]["json"] == {"model": "m", "input": "hi"}


def test_openais_sdk_reads_the_numbers_through_a_gateway(
    upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.otherwise = numbers
    source = "from tests.behaviour.plugins.test_number_vectors import plugin\n"
    PluginSite(tmp_path, monkeypatch).install("llmgate-acme", {"embedding:acme": "plugin"}, source=source)
    params = {"model": "acme/m", "api_base": upstream.base_url, "api_key": "k"}
    with (
        running_gateway({"model_list": [{"model_name": "v", "params": params}]}) as gateway,
        openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key="any", max_retries=0) as client,
    ):
        assert client.embeddings.create(model="v", input="hi").data[0].embedding == [0.5, -0.25]
