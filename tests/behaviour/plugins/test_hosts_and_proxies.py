"""Each host of a plugin is reached through the proxy that the environment names for it, or directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import APIConnectionError, AsyncClient, Client, Settings
from llmgate_core.plugin import Credential, OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered

HI: Any = [{"role": "user", "content": "hi"}]
Ask = Callable[[str, str], Any]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    """A proxy for every https request, which refuses to connect."""
    with fake_upstream() as running:
        running.otherwise = Answer(502)
        for name in ("https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{running.port}")
        yield running


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Call a plugin whose tokens come from a host; return the error or the answer."""

    def call(api_base: str, login: str) -> Any:
        class Tokens(OpenAICompatible):
            info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", hosts=(login,))

            @hookimpl
            def credentials(self, route: Any) -> Iterator[Any]:
                answer = yield UpstreamRequest("POST", "/token", b"", origin=route.hosts[0])
                return Credential(answer.json()["token"])

        options: dict[str, Any] = {"api_key": "k", "api_base": api_base, "max_retries": 0, "settings": Settings()}

        async def acall() -> Any:
            async with AsyncClient(**options) as client:
                client.add_plugin(Tokens(), family="chat", prefix="acme")
                return await client.completion("acme/m", HI)

        if request.param == "async":
            return asyncio.run(acall())
        with Client(**options) as client:
            client.add_plugin(Tokens(), family="chat", prefix="acme")
            return client.completion("acme/m", HI)

    return call


def test_the_proxy_of_the_api_is_not_used_for_a_token_of_this_machine(ask: Ask, proxy: FakeUpstream) -> None:
    with fake_upstream() as login:
        login.otherwise = Answer.json({"token": "t-1"})
        with pytest.raises(APIConnectionError) as caught:
            ask("https://api.acme.example/v1", f"http://127.0.0.1:{login.port}")
        assert caught.value.phase != "credentials"
        assert [request["path"] for request in login.received] == ["/token"]
    assert [(request["method"], request["path"]) for request in proxy.received] == [("CONNECT", "api.acme.example:443")]


def test_the_proxy_of_the_token_is_used_although_the_api_is_on_this_machine(ask: Ask, proxy: FakeUpstream) -> None:
    with fake_upstream() as api:
        api.otherwise = answered
        with pytest.raises(APIConnectionError) as caught:
            ask(api.base_url, "https://login.acme.example")
        assert (caught.value.phase, caught.value.host) == ("credentials", "login.acme.example")
        assert api.received == []
    assert [request["path"] for request in proxy.received] == ["login.acme.example:443"]
