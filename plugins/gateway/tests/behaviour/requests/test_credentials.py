"""A plugin that fetches tokens or signs, behind a gateway: one fetch for all clients, and no client sees a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer, fake_upstream
from tests.behaviour.plugins.oauth import CLIENT_SECRET, Hosts, running_hosts
from tests.behaviour.plugins.signed import ACCESS_KEY, SECRET_KEY, problem_of
from tests.support.openai_upstream import answered
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import RunningGateway, running_gateway


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with running_hosts() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    return PluginSite(tmp_path, monkeypatch)


def config_of(api_base: str, key: str, **params: Any) -> dict[str, Any]:
    known = {"model": "acme/large", "api_key": key, "api_base": api_base}
    return {
        "model_list": [
            {"model_name": "m", "params": {**known, **params}},
            {"model_name": "n", "params": {**known, **params}},
        ],
        "general_settings": {"passthrough": "m", "log_content": True},
    }


@pytest.fixture
def gateway(site: PluginSite, hosts: Hosts) -> Iterator[RunningGateway]:
    source = f"from tests.behaviour.plugins.oauth import OAuthPlugin\nplugin = OAuthPlugin({hosts.origin!r})\n"
    site.install("llmgate-acme", {"chat:acme": "plugin", "embedding:acme": "plugin"}, source=source)
    with running_gateway(config_of(hosts.api.base_url, CLIENT_SECRET)) as running:
        yield running


def test_all_clients_and_deployments_share_one_token(gateway: RunningGateway, hosts: Hosts) -> None:
    def ask(number: int) -> int:
        body = {"model": "mn"[number % 2], "messages": [{"role": "user", "content": "hi"}], "stream": number % 3 == 0}
        return gateway.post("/v1/chat/completions", body).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(32))) == {200}
    assert gateway.post("/v1/responses", {"model": "m", "input": "hi"}).json()["object"] == "response"
    assert gateway.http.get("/v1/files").status_code in (200, 404)  # forwarded: what this upstream knows of files
    assert len(hosts.login.received) == 1
    assert set(hosts.tokens_sent) == hosts.valid
    assert len(hosts.api.received) == 34


def test_a_token_that_was_revoked_is_replaced_for_a_call_and_for_what_is_forwarded(
    gateway: RunningGateway, hosts: Hosts
) -> None:
    assert gateway.chat().status_code == 200
    hosts.valid.clear()
    assert gateway.chat().status_code == 200
    hosts.valid.clear()
    hosts.api.answers += [Answer.json({}, 401), Answer.json({"data": []})]
    assert gateway.http.get("/v1/files").json() == {"data": []}
    assert len(hosts.login.received) == 3
    assert len(set(hosts.tokens_sent)) == 3


def test_no_client_sees_a_token(gateway: RunningGateway, hosts: Hosts) -> None:
    assert gateway.chat().status_code == 200
    (token,) = hosts.valid
    error = {"error": {"message": f"bad {token}", "code": "c", "type": token}}
    echo = {"x-request-id": token, "openai-model": token}
    hosts.api.answers += [
        Answer(400, json.dumps(error).encode(), echo),
        Answer(200, answered_chat(), echo),
        Answer(400, json.dumps(error).encode(), echo),
    ]
    replies = [gateway.chat(), gateway.chat(), gateway.http.get("/v1/files/file-1")]
    assert [reply.status_code for reply in replies] == [400, 200, 400]
    assert [token in reply.text + repr(reply.headers) for reply in replies] == [False] * 3
    assert token not in repr([gateway.records, gateway.app.config])


def answered_chat() -> bytes:
    request: Any = {
        "method": "POST",
        "path": "/v1/chat/completions",
        "json": {"model": "m", "messages": []},
        "body": b"",
    }
    body = answered(request).body
    assert isinstance(body, bytes)
    return body


def test_a_token_in_an_answer_is_not_logged_with_the_content(gateway: RunningGateway, hosts: Hosts) -> None:
    assert gateway.chat().status_code == 200
    (token,) = hosts.valid
    hosts.api.answers.append(Answer(200, answered_chat().replace(b"Hello!", token.encode())))
    assert token in gateway.chat().text
    first, second = gateway.wait_records(2)
    assert "Hello!" in first.extra["response"]
    assert second.extra["response"] == "***"


def test_a_client_learns_nothing_of_why_there_is_no_token(gateway: RunningGateway, hosts: Hosts) -> None:
    hosts.login.otherwise = Answer.json({"error": "invalid_client", "error_description": f"no {CLIENT_SECRET}"}, 401)
    reply = gateway.chat()
    assert reply.status_code >= 500
    assert CLIENT_SECRET not in reply.text + repr(gateway.records)
    assert hosts.api.received == []


def test_requests_are_signed_and_a_body_that_is_streamed_up_cannot_be(site: PluginSite) -> None:
    source = "from tests.behaviour.plugins.signed import SignedPlugin\nplugin = SignedPlugin()\n"
    site.install("llmgate-acme", {"chat:acme": "plugin"}, source=source)
    with fake_upstream() as host:
        host.otherwise = lambda request: (
            Answer.json({"error": {"message": problem_of(request)}}, 403) if problem_of(request) else answered(request)
        )
        config = config_of(host.base_url, ACCESS_KEY, provider_options={"secret_key": SECRET_KEY})
        with running_gateway(config) as gateway:
            assert gateway.chat().status_code == 200
            assert gateway.chat(stream=True).status_code == 200
            assert gateway.http.get("/v1/files?limit=2&after=a%2Fb").status_code == 404
            assert problem_of(host.received[-1]) is None
            assert host.received[-1]["path"] == "/v1/files?limit=2&after=a%2Fb"
            count = len(host.received)
            reply = gateway.post("/v1/files", b"x" * 100_000, content_type="multipart/form-data; boundary=abc")
            assert reply.status_code >= 500
            assert len(host.received) == count
