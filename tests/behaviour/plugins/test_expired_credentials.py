"""A provider that says in a header, and not with 401, that a token has expired."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, PermissionDeniedError, Settings
from llmgate_core.testing import Answer
from tests.behaviour.plugins.oauth import CLIENT_SECRET, Hosts, OAuthPlugin, running_hosts

HI: Any = [{"role": "user", "content": "hi"}]


def expired(value: str) -> Answer:
    return Answer(403, b'{"message": "no"}', {"content-type": "application/json", "acme-error": value})


def ask(mode: str, hosts: Hosts) -> Any:
    plugin = OAuthPlugin(hosts.origin)
    plugin.info = replace(plugin.info, expired_headers={"acme-error": ("TokenExpired",)})
    known: dict[str, Any] = {"api_key": CLIENT_SECRET, "api_base": hosts.api.base_url, "max_retries": 0}
    if mode == "sync":
        with Client(settings=Settings(), **known) as client:
            client.add_plugin(plugin, family="chat", prefix="acme")
            return client.completion("acme/m", HI)

    async def main() -> Any:
        async with AsyncClient(settings=Settings(), **known) as client:
            client.add_plugin(plugin, family="chat", prefix="acme")
            return await client.completion("acme/m", HI)

    return asyncio.run(main())


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("value", ["TokenExpired", "TokenExpired:https://acme.example/errors"])
def test_the_token_is_fetched_again_once(mode: str, value: str) -> None:
    with running_hosts() as hosts:
        hosts.api.answers.append(expired(value))
        assert ask(mode, hosts).choices[0].message.content == "Hello!"
        assert len(hosts.login.received) == 2
        hosts.api.answers += [expired(value), expired(value)]
        with pytest.raises(PermissionDeniedError):
            ask(mode, hosts)
        assert len(hosts.login.received) == 4


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_another_value_says_nothing_of_the_token(mode: str) -> None:
    with running_hosts() as hosts:
        hosts.api.answers.append(expired("NotAllowed"))
        with pytest.raises(PermissionDeniedError):
            ask(mode, hosts)
        assert len(hosts.login.received) == 1
