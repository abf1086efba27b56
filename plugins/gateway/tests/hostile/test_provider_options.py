"""A provider's options in a gateway: the config sets them, no client can, and none is shown."""

from __future__ import annotations

import argparse
import asyncio
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from llmgate_gateway import GatewayTransport
from llmgate_gateway.commands import migrate
from llmgate_gateway.config import ConfigProblems, load_config

from llmgate_core import AsyncClient, Settings
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite

SECRET = "acme-secret-canary-Hn53RjQe6f"
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}
SOURCE = """
from llmgate_core.plugin import OpenAICompatible, Option, ProviderInfo, hookimpl
class Acme(OpenAICompatible):
    info = ProviderInfo(
        api=(1, 1), name="acme", base_url="http://127.0.0.1:PORT/{region}", env_key="ACME_API_KEY",
        key_header="x-api-key", request_id_header="request-id",
        rate_limit_headers={"acme-left": "x-ratelimit-remaining-requests"},
        options=(Option("region", required=True), Option("token_url"), Option("client_secret", secret=True)),
    )
    @hookimpl
    def transform_request(self, call, route):
        request = super().transform_request(call, route)
        secret = route.secrets.get("client_secret")
        return request.with_headers({"x-secret": secret.reveal()} if secret else {})
plugin = Acme()
"""


@pytest.fixture(autouse=True)
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: FakeUpstream) -> Iterator[FakeUpstream]:
    upstream.otherwise = Answer.json(ANSWER)
    site = PluginSite(tmp_path, monkeypatch)
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=SOURCE.replace("PORT", str(upstream.port)))
    return upstream


def config_of(**params: Any) -> dict[str, Any]:
    own = {"model": "acme/large", "api_key": "acme-key-canary-1234567", **params}
    return {"model_list": [{"model_name": "m", "litellm_params": own}]}


def ask(config: dict[str, Any], **body: Any) -> httpx.Response:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with httpx.Client(transport=GatewayTransport(config), base_url="http://gateway/v1") as http:
            content = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
            return http.post("/chat/completions", json=content)


BESIDE = {"region": "eu", "client_secret": SECRET}


@pytest.mark.parametrize("params", [BESIDE, {"provider_options": BESIDE}], ids=["beside model", "provider_options"])
def test_the_config_sets_options_and_they_are_no_parameters(params: dict[str, Any], upstream: FakeUpstream) -> None:
    assert ask(config_of(**params)).status_code == 200
    (request,) = upstream.received
    assert request["path"] == "/eu/chat/completions"
    assert request["headers"]["x-secret"] == SECRET
    assert request["json"].keys() == {"model", "messages"}


def test_a_client_cannot_override_an_option(upstream: FakeUpstream) -> None:
    attack = {"region": "evil", "token_url": "https://evil.example", "client_secret": "mine"}
    assert ask(config_of(**BESIDE), **attack).status_code == 200
    (request,) = upstream.received
    assert request["path"] == "/eu/chat/completions"
    assert request["headers"]["x-secret"] == SECRET
    assert {name: request["json"][name] for name in attack} == attack  # parameters like any other
    refused = ask(config_of(**BESIDE), provider_options={"region": "evil"})
    assert (refused.status_code, len(upstream.received)) == (400, 1)


def test_a_relayed_body_cannot_override_an_option(upstream: FakeUpstream) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "provider_options": {"region": "evil"}, "region": "evil"}

    async def relay() -> None:
        async with AsyncClient(settings=Settings(), api_key="k-1234567", provider_options={"region": "eu"}) as client:
            await client.relay("chat", "acme/large", body)

    asyncio.run(relay())
    (request,) = upstream.received
    assert request["path"] == "/eu/chat/completions"
    assert request["json"] == {**body, "model": "large"}


def test_ids_and_limits_have_the_names_that_clients_know(upstream: FakeUpstream) -> None:
    own = {"request_id": "acme-1", "acme_left": "7"}
    upstream.answers += [Answer.json(ANSWER, **own), Answer.json({"error": {"message": "slow"}}, 429, **own)]
    for status in (200, 429):
        answer = ask(config_of(**BESIDE, max_retries=0))
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "acme-1"
        assert answer.headers["x-ratelimit-remaining-requests"] == "7"


def test_an_upstream_that_repeats_a_secret_is_masked(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer(400, json.dumps({"error": {"message": f"no {SECRET}"}}).encode(), {"x-a": SECRET}))
    answer = ask(config_of(**BESIDE))
    assert SECRET not in f"{answer.text}{answer.headers}"


def problems_of(tmp_path: Path, params: str) -> str:
    file = tmp_path / "config.yaml"
    lines = (
        "model_list:\n  - model_name: m\n    litellm_params:\n      model: acme/large\n      api_key: os.environ/K\n"
    )
    file.write_text(lines + params + "environment_variables:\n  K: acme-key-canary-1234567\n  S: " + SECRET + "\n")
    try:
        return "\n".join(load_config(file, plugins=True).warnings)
    except ConfigProblems as error:
        return str(error)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("      provider_options: {regions: eu, client_secret: os.environ/S}\n", "did you mean 'region'"),
        ("      provider_options: {regoin: eu, client_secret: os.environ/S}\n", "did you mean 'region'"),
        ("      regoin: eu\n", "did you mean 'region'"),
        ("      provider_options: {zone: eu, client_secret: os.environ/S}\n", "region, token_url, client_secret"),
        ("      provider_options: {region: 1, client_secret: os.environ/S}\n", "must be a string"),
        ("      provider_options: [region, os.environ/S]\n", "must be a mapping"),
        ("      region: eu\n      provider_options: {region: us, client_secret: os.environ/S}\n", "keep one of them"),
        ("      provider_options: {region: a/b, client_secret: os.environ/S}\n", "letters"),
        ("      client_secret: os.environ/S\n", "needs the option 'region'"),
        (f"      region: eu\n      client_secret: {SECRET}\n", "os.environ/NAME keeps it out"),
    ],
)
def test_config_check_names_what_is_wrong_and_shows_no_secret(tmp_path: Path, params: str, says: str) -> None:
    told = problems_of(tmp_path, params)
    assert says in told
    assert SECRET not in told


def test_a_config_with_options_shows_none(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps(config_of(**BESIDE)))
    config = load_config(file)
    shown = repr(config) + str([deployment.model_dump() for deployment in config.deployments])
    assert SECRET not in shown


def test_migrate_moves_options_to_their_place_and_writes_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, written = tmp_path / "litellm.yaml", tmp_path / "config.yaml"
    file.write_text(json.dumps(config_of(**BESIDE)))
    parser = argparse.ArgumentParser()
    migrate.command.add_arguments(parser)
    assert migrate.command.run(parser.parse_args([str(file), "-o", str(written)])) == 0
    (entry,) = yaml.safe_load(written.read_text())["model_list"]
    options = {"region": "eu", "client_secret": "os.environ/M_CLIENT_SECRET"}
    assert entry["params"].pop("provider_options") == options
    assert entry["params"] == {"model": "acme/large", "api_key": "os.environ/M_API_KEY"}
    told = capsys.readouterr().out
    assert "litellm_params.region: spelled differently: now provider_options.region" in told
    assert SECRET not in told
