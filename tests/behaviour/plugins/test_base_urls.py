"""The hook `base_url`: where calls go if an option decides it, and never to a host that the plugin does not declare."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core import AuthenticationError, Client, Settings
from llmgate_core.errors import PluginError
from llmgate_core.plugin import OpenAICompatible, Option, ProviderInfo, Route, hookimpl
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.plugin_calls import ask

HI: Any = [{"role": "user", "content": "hi"}]
INFO = ProviderInfo(
    api=(1, 1),
    name="acme",
    base_url="https://{account}.acme.example",
    env_key="ACME_KEY",
    hosts=("https://eu.other.example",),
    domains=("acme.example",),
    options=(Option("account"), Option("version", default="1"), Option("place")),
)


class Versioned(OpenAICompatible):
    """Puts a version into the path and the query, or goes to the place of an option."""

    info = INFO

    @hookimpl
    def base_url(self, route: Route) -> str | None:
        if "place" in route.options:
            return route.options["place"]
        version = route.options["version"]
        return None if version == "none" else f"{route.base_url}/api/v{version}?version={version}"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = Answer.json({"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]})
        yield running


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({}, "/api/v1/chat/completions?version=1"),
        ({"version": "2"}, "/api/v2/chat/completions?version=2"),
        ({"version": "none"}, "/chat/completions"),
    ],
)
def test_requests_are_joined_to_what_the_hook_returns(
    mode: str, options: dict[str, str], path: str, upstream: FakeUpstream
) -> None:
    base = upstream.base_url.removesuffix("/v1")
    ask(mode, Versioned(), "acme", model="acme/m", messages=HI, api_base=base, provider_options=options)
    assert [request["path"] for request in upstream.received] == [path]


def test_a_destination_says_what_the_hook_returns() -> None:
    with Client(api_key="k", settings=Settings()) as client:
        client.add_plugin(Versioned(), family="chat", prefix="acme")
        target = client.resolve("chat", "acme/m")
        mine = client.destination(target, provider_options={"account": "mine"})
        other = client.destination(target, provider_options={"account": "mine", "place": "https://eu.other.example/x/"})
    assert mine.base_url == "https://mine.acme.example/api/v1?version=1"
    assert other.base_url == "https://eu.other.example/x"


@pytest.mark.parametrize(
    "place", ["https://evil.example/v1", "http://eu.other.example/v1", "https://eu.other.example:8443"]
)
def test_a_host_that_is_not_declared_is_refused_before_anything_is_sent(place: str) -> None:
    options = {"account": "mine", "place": place}
    with pytest.raises(PluginError) as caught:
        ask("sync", Versioned(), "acme", model="acme/m", messages=HI, provider_options=options)
    assert caught.value.hook == "base_url"


def test_what_is_not_a_url_is_the_plugins_fault() -> None:
    class Wrong(Versioned):
        @hookimpl
        def base_url(self, route: Route) -> Any:
            return 5

    with pytest.raises(PluginError) as caught:
        ask("sync", Wrong(), "acme", model="acme/m", messages=HI, provider_options={"account": "mine"})
    assert caught.value.hook == "base_url"


@pytest.mark.parametrize(
    ("base", "is_own"),
    [
        ("https://mine.acme.example", True),
        ("https://a.b.acme.example/v1", True),
        ("https://acme.example", True),
        ("http://mine.acme.example", False),
        ("https://acme.example.evil.example", False),
        ("https://evilacme.example", False),
    ],
)
def test_a_key_that_is_bound_goes_to_the_providers_domains(
    base: str, is_own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", "sk-canary-of-acme")

    def key() -> object:
        with Client(settings=Settings(bind_key_to_host=True), api_base=base) as client:
            client.add_plugin(Versioned(), family="chat", prefix="acme")
            return client.destination(client.resolve("chat", "acme/m")).api_key

    if is_own:
        assert key() is not None
    else:
        with pytest.raises(AuthenticationError) as caught:
            key()
        assert caught.value.code == "key_bound_to_host"


@pytest.mark.parametrize("domains", [("https://acme.example",), ("acme",), "acme.example", ("*.acme.example",)])
def test_domains_that_are_no_names_are_refused_when_the_plugin_is_loaded(domains: Any) -> None:
    class Wrong(Versioned):
        info = replace(INFO, domains=domains)

    with Client(settings=Settings()) as client, pytest.raises(PluginError):
        client.add_plugin(Wrong(), family="chat", prefix="acme")
