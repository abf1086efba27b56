"""One process, many callers: sync and async, loops that come and go, threads, and clients that share nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

import llmgate_core
from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.caller import HI, MODEL, chat, chunk, text_of, unset_environment

KEY = "sk-test-1234567890"


@pytest.fixture(params=["httpx", "http1"], autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    unset_environment(monkeypatch)
    before = llmgate_core.transport
    llmgate_core.transport = request.param
    yield request.param
    llmgate_core.transport = before


def echo(request: ReceivedRequest) -> Answer:
    """Answer with what was asked, in the form that was asked for."""
    content = request["json"]["messages"][0]["content"]
    if request["json"].get("stream"):
        return Answer.sse([chunk(piece) for piece in content] + [chunk(finish_reason="stop")])
    return Answer.json(chat(content))


def ask(upstream: FakeUpstream, text: str) -> str | None:
    message = {"role": "user", "content": text}
    return llmgate_core.completion(MODEL, [message], api_key=KEY, api_base=upstream.base_url).choices[0].message.content


async def aask(upstream: FakeUpstream, text: str) -> str | None:
    message = {"role": "user", "content": text}
    answer = await llmgate_core.acompletion(MODEL, [message], api_key=KEY, api_base=upstream.base_url)
    return answer.choices[0].message.content


def test_a_sync_call_then_an_async_one_then_a_sync_one(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    assert ask(upstream, "one") == "one"
    assert asyncio.run(aask(upstream, "two")) == "two"
    assert ask(upstream, "three") == "three"


def test_five_event_loops_one_after_another(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    assert [asyncio.run(aask(upstream, str(number))) for number in range(5)] == ["0", "1", "2", "3", "4"]


def test_one_async_client_over_two_event_loops(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    client = AsyncClient(settings=Settings(), api_key=KEY, api_base=upstream.base_url)

    async def run() -> str | None:
        answer = await client.completion(MODEL, HI)
        return answer.choices[0].message.content

    assert [asyncio.run(run()), asyncio.run(run())] == ["hi", "hi"]


def test_event_loops_in_two_threads_at_once(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo

    async def many(name: str) -> list[str | None]:
        return await asyncio.gather(*(aask(upstream, f"{name}{number}") for number in range(10)))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: asyncio.run(many(name)), ["a", "b"]))
    assert results == [[f"{name}{number}" for number in range(10)] for name in "ab"]


def test_a_sync_call_inside_a_running_loop_works(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo

    async def run() -> str | None:
        return ask(upstream, "inside")

    assert asyncio.run(run()) == "inside"


def test_sixteen_threads_share_the_module_functions(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    together = threading.Barrier(16)

    def work(number: int) -> list[str | None]:
        together.wait(10)
        plain = [ask(upstream, f"{number}-{turn}") for turn in range(5)]
        stream = llmgate_core.completion(
            MODEL, [{"role": "user", "content": f"s{number}"}], stream=True, api_key=KEY, api_base=upstream.base_url
        )
        return [*plain, text_of(list(stream))]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(16)))
    assert results == [[*(f"{number}-{turn}" for turn in range(5)), f"s{number}"] for number in range(16)]
    assert len(upstream.received) == 16 * 6


def test_a_hundred_tasks_share_one_loop(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo

    async def many() -> list[str | None]:
        return await asyncio.gather(*(aask(upstream, str(number)) for number in range(100)))

    assert asyncio.run(many()) == [str(number) for number in range(100)]


def test_two_clients_in_one_process_share_nothing(upstream: FakeUpstream, transport: str) -> None:
    upstream.otherwise = echo
    clients = [
        Client(settings=Settings(), transport=transport, api_key=f"sk-{name}-1234567890", organization=f"org-{name}")  # type: ignore[arg-type]
        for name in ("one", "two")
    ]
    for client in clients * 2:
        client.completion(MODEL, HI, api_base=upstream.base_url)
    sent = [(it["headers"]["authorization"], it["headers"]["openai-organization"]) for it in upstream.received]
    assert sent == [("Bearer sk-one-1234567890", "org-one"), ("Bearer sk-two-1234567890", "org-two")] * 2
    clients[0].close()
    assert clients[1].completion(MODEL, HI, api_base=upstream.base_url).choices[0].message.content == "hi"
    clients[1].close()


def test_a_call_does_not_change_what_it_was_given(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    messages = [{"content": "x", "role": "user"}]
    arguments = {"api_key": KEY, "api_base": upstream.base_url, "extra_headers": {"x-a": "1"}, "extra_body": {"b": 1}}
    copies = ([dict(messages[0])], dict(arguments))
    llmgate_core.completion(MODEL, messages, **arguments)  # type: ignore[arg-type]
    assert (messages, arguments) == copies


def test_pytest_puts_a_module_setting_back(upstream: FakeUpstream) -> None:
    llmgate_core.api_base = "http://before.test/v1"
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(llmgate_core, "api_base", upstream.base_url)
            assert llmgate_core.api_base == upstream.base_url
        assert llmgate_core.api_base == "http://before.test/v1"
    finally:
        llmgate_core.api_base = None


def test_mock_puts_a_module_setting_back() -> None:
    with mock.patch.object(llmgate_core, "drop_params", True):
        assert llmgate_core.drop_params is True
    assert llmgate_core.drop_params is False
