"""A provider's options as arguments of a call, as LiteLLM's callers write them: never sent as parameters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, BadRequestError, Client, ConfigError, Settings
from llmgate_core.plugin import OpenAICompatible, Option, ProviderInfo, Route, hookimpl
from llmgate_core.settings.foreign_arguments import RENAMED_ARGUMENTS, SECRET_ARGUMENTS
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.plugin_calls import ask

HI: Any = [{"role": "user", "content": "hi"}]
INFO = ProviderInfo(
    api=(1, 1),
    name="acme",
    base_url="https://api.acme.example",
    env_key="ACME_KEY",
    options=(
        Option("region", default="us"),
        Option("user"),
        Option("tags"),
        Option("client_secret", secret=True),
        Option("second_key", secret=True),
    ),
)


class Regional(OpenAICompatible):
    """Puts the region and the secret into the path, where a test can see them."""

    info = INFO

    @hookimpl
    def base_url(self, route: Route) -> str:
        secret = route.secrets.get("client_secret")
        return f"{route.base_url}/{route.options['region']}/{secret.reveal() if secret else '-'}"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = Answer.json({"choices": [{"message": {"content": "Hello!"}, "finish_reason": "stop"}]})
        yield running


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"region": "eu"}, "/eu/-/chat/completions"),
        ({"region": None}, "/us/-/chat/completions"),
        ({"region": "eu", "client_secret": "s3"}, "/eu/s3/chat/completions"),
        ({"client_secret": "s3", "provider_options": {"region": "asia"}}, "/asia/s3/chat/completions"),
        ({"region": "eu", "provider_options": {"region": "asia"}}, "/eu/-/chat/completions"),
    ],
)
def test_an_option_that_the_plugin_declares_is_an_option(
    mode: str, arguments: dict[str, Any], path: str, upstream: FakeUpstream
) -> None:
    ask(mode, Regional(), "acme", model="acme/m", messages=HI, api_base=upstream.origin, **arguments)
    assert [(request["path"], set(request["json"])) for request in upstream.received] == [(path, {"model", "messages"})]


def test_a_parameter_of_the_operation_stays_one(upstream: FakeUpstream) -> None:
    ask("sync", Regional(), "acme", model="acme/m", messages=HI, api_base=upstream.origin, user="u")
    assert upstream.received[0]["json"]["user"] == "u"


def test_an_option_holds_for_its_call_only(upstream: FakeUpstream) -> None:
    with Client(settings=Settings(), api_key="k", provider_options={"client_secret": "mine"}) as client:
        client.add_plugin(Regional(), family="chat", prefix="acme")
        regions: tuple[dict[str, Any], ...] = ({"region": "eu"}, {})
        for named in regions:
            client.completion("acme/m", HI, api_base=upstream.origin, **named)
    paths = [request["path"] for request in upstream.received]
    assert paths == ["/eu/mine/chat/completions", "/us/mine/chat/completions"]


@pytest.mark.parametrize("value", [3, {"a": "b"}, ["x"]])
def test_an_option_is_a_string(value: Any, upstream: FakeUpstream) -> None:
    with pytest.raises(ConfigError, match="region"):
        ask("sync", Regional(), "acme", model="acme/m", messages=HI, api_base=upstream.origin, region=value)
    assert upstream.received == []


def test_a_secret_that_could_not_be_hidden_is_refused(upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError, match="provider_options") as caught:
        ask("sync", Regional(), "acme", model="acme/m", messages=HI, api_base=upstream.origin, second_key="s3-canary")
    assert (caught.value.param, "s3-canary" in str(caught.value), upstream.received) == ("second_key", False, [])


@pytest.mark.parametrize("name", sorted(SECRET_ARGUMENTS))
def test_a_secret_of_another_provider_is_never_a_parameter(name: str, upstream: FakeUpstream) -> None:
    assert name in RENAMED_ARGUMENTS
    argument: dict[str, Any] = {name: "s3-canary"}
    with (
        Client(settings=Settings(), api_base=upstream.base_url, api_key="k") as client,
        pytest.raises(BadRequestError) as caught,
    ):
        client.completion("gpt-4o", HI, **argument)
    assert (caught.value.param, caught.value.code, "s3-canary" in str(caught.value)) == (
        name,
        "unknown_argument",
        False,
    )
    assert upstream.received == []


def test_a_request_that_is_relayed_sets_no_option(upstream: FakeUpstream) -> None:
    async def relay() -> None:
        async with AsyncClient(settings=Settings(), api_key="k", api_base=upstream.origin) as client:
            client.add_plugin(Regional(), family="chat", prefix="acme")
            await client.relay("chat", "acme/m", {"messages": HI, "region": "eu"})

    asyncio.run(relay())
    assert upstream.received[0]["path"] == "/us/-/chat/completions"
    assert upstream.received[0]["json"]["region"] == "eu"
