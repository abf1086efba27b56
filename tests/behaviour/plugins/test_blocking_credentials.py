"""A hook `credentials` that has a function called: in a thread, once for all callers, within the call's deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import APITimeoutError, AsyncClient, AuthenticationError, Client, Settings
from llmgate_core.errors import PluginError
from llmgate_core.plugin import Blocking, Credential, Credentials, OpenAICompatible, ProviderInfo, Route, hookimpl
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.openai_upstream import answered

HI: Any = [{"role": "user", "content": "hi"}]
SECRET = "token-canary-6Yt3Kd8Wq1"


class FromFunction(OpenAICompatible):
    """Gets its token from a function."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1")
        self.function = function

    @hookimpl
    def credentials(self, route: Route) -> Credentials:
        return Credential((yield Blocking(self.function)), expires_in=3600)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = answered
        yield running


def call(
    mode: str, upstream: FakeUpstream, function: Callable[[], Any], *, calls: int = 1, **options: Any
) -> list[Any]:
    """Make calls at the same time, and return what came of each."""
    known = {"api_base": upstream.base_url, "max_retries": 0, "settings": Settings(), **options}
    plugin = FromFunction(function)
    if mode == "async":
        return asyncio.run(_acall(known, plugin, calls))
    with Client(**known) as client:
        client.add_plugin(plugin, family="chat", prefix="acme")
        outcomes: list[Any] = []

        def one() -> None:
            try:
                outcomes.append(client.completion("acme/m", HI))
            except Exception as error:  # noqa: BLE001  # the test reads it
                outcomes.append(error)

        threads = [threading.Thread(target=one) for _ in range(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes


async def _acall(known: dict[str, Any], plugin: FromFunction, calls: int) -> list[Any]:
    async with AsyncClient(**known) as client:
        client.add_plugin(plugin, family="chat", prefix="acme")
        return await asyncio.gather(*(client.completion("acme/m", HI) for _ in range(calls)), return_exceptions=True)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_function_is_called_once_for_all_in_a_thread_of_its_own(mode: str, upstream: FakeUpstream) -> None:
    threads: list[int] = []

    def token() -> str:
        threads.append(threading.get_ident())
        return SECRET

    outcomes = call(mode, upstream, token, calls=8)
    assert [outcome.choices[0].message.content for outcome in outcomes] == ["Hello!"] * 8
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()
    assert {request["headers"]["authorization"] for request in upstream.received} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_function_that_does_not_return_ends_with_the_calls_deadline(mode: str, upstream: FakeUpstream) -> None:
    released = threading.Event()

    def stuck() -> str:
        released.wait(60)
        return SECRET

    (outcome,) = call(mode, upstream, stuck, timeout=0.3)
    released.set()
    assert isinstance(outcome, APITimeoutError)
    assert outcome.phase == "total"
    assert upstream.received == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_a_function_raises_is_the_callers_error_and_shows_no_secret(mode: str, upstream: FakeUpstream) -> None:
    def fails() -> str:
        raise ValueError(SECRET)

    def refuses() -> str:
        raise AuthenticationError("the file holds no token", status_code=401, code="no_token")

    (broken,), (refused,) = call(mode, upstream, fails), call(mode, upstream, refuses)
    assert isinstance(broken, PluginError)
    assert broken.hook == "credentials"
    assert SECRET not in f"{broken} {broken.__cause__} {broken.__context__}"
    assert isinstance(refused, AuthenticationError)
    assert (refused.code, refused.phase) == ("no_token", "credentials")
    assert upstream.received == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_what_a_function_raises_to_end_the_program_fails_its_own_call_only(mode: str, upstream: FakeUpstream) -> None:
    def exits() -> str:
        raise SystemExit(3)

    (outcome,) = call(mode, upstream, exits)
    assert isinstance(outcome, PluginError)


def test_explain_does_not_call_a_function(upstream: FakeUpstream) -> None:
    called: list[int] = []
    with Client(api_base=upstream.base_url, settings=Settings()) as client:
        client.add_plugin(FromFunction(lambda: called.append(1)), family="chat", prefix="acme")
        prepared = client.prepare("chat", "acme/m", {"messages": HI}, {})
        from llmgate_core.calls.explained import explained

        (request,) = explained(prepared).requests
    assert ("authorization", "Bearer LLMGATE_VALUE_OF_ACME_TOKEN") in [(n.lower(), v) for n, v in request.headers]
    assert called == []
