"""A plugin whose tokens come from another host: one fetch for all callers, renewed when it has to be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, AuthenticationError, Client, Settings
from llmgate_core.testing import Answer
from tests.behaviour.plugins.oauth import CLIENT_SECRET, Hosts, OAuthPlugin, running_hosts

HI: Any = [{"role": "user", "content": "hi"}]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with running_hosts() as running:
        yield running


@pytest.fixture
def client(hosts: Hosts) -> Iterator[Client]:
    with Client(settings=Settings(), **known(hosts)) as made:
        add_to(made, hosts)
        yield made


def known(hosts: Hosts) -> dict[str, Any]:
    return {"api_key": CLIENT_SECRET, "api_base": hosts.api.base_url, "max_retries": 1}


def add_to(client: Client | AsyncClient, hosts: Hosts) -> None:
    plugin = OAuthPlugin(hosts.origin)
    client.add_plugin(plugin, family="chat", prefix="acme")
    client.add_plugin(plugin, family="embedding", prefix="acme")


def run_async(hosts: Hosts, use: Any) -> Any:
    async def main() -> Any:
        async with AsyncClient(settings=Settings(), **known(hosts)) as client:
            add_to(client, hosts)
            return await use(client)

    return asyncio.run(main())


def test_the_token_goes_to_the_api_and_the_secret_to_the_other_host_only(hosts: Hosts, client: Client) -> None:
    client.completion("acme/m", HI, extra_headers={"x-mine": "1"}, provider_options={"client_id": "me"})
    (asked,), (sent,) = hosts.login.received, hosts.api.received
    assert asked["body"] == b"grant_type=client_credentials&client_id=me&client_secret=" + CLIENT_SECRET.encode()
    assert {"authorization", "x-mine"}.isdisjoint(asked["headers"])
    assert sent["headers"]["authorization"] == f"Bearer {next(iter(hosts.valid))}"
    assert CLIENT_SECRET not in repr(sent)


def test_eight_threads_fetch_one_token(hosts: Hosts, client: Client) -> None:
    hosts.login.answers.append(Answer(200, b'{"access_token": "slow-token"}', delay_seconds=0.2))
    hosts.valid.add("slow-token")
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(client.completion("acme/m", HI))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.choices[0].message.content for answer in answers] == ["Hello!"] * 8
    assert len(hosts.login.received) == 1
    assert hosts.tokens_sent == ["slow-token"] * 8


def test_sixty_four_tasks_fetch_one_token_for_whole_answers_streams_and_bridged_calls(hosts: Hosts) -> None:
    async def streamed(client: AsyncClient) -> str:
        stream = await client.completion("acme/m", HI, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def bridged(client: AsyncClient) -> str:
        return str((await client.responses("acme/m", "hi")).output_text)

    async def embedded(client: AsyncClient) -> int:
        return len((await client.embedding("acme/e", "hi")).data)

    async def use(client: AsyncClient) -> Any:
        return await asyncio.gather(*(call(client) for call in (streamed, bridged, embedded) * 21), bridged(client))

    got = run_async(hosts, use)
    assert got == ["one two three", "Hello!", 1] * 21 + ["Hello!"]
    assert len(hosts.login.received) == 1
    assert len(set(hosts.tokens_sent)) == 1


def test_event_loops_of_several_threads_fetch_one_token(hosts: Hosts) -> None:
    client = AsyncClient(settings=Settings(), **known(hosts))
    add_to(client, hosts)
    hosts.login.otherwise = lambda request: Answer(
        200, hosts.give(request).body, {"content-type": "application/json"}, delay_seconds=0.2
    )

    async def main() -> None:
        await asyncio.gather(*(client.completion("acme/m", HI) for _ in range(4)))
        await client.aclose()

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(hosts.login.received), len(hosts.api.received)) == (1, 16)


def test_a_task_that_is_cancelled_while_it_fetches_leaves_it_to_another(hosts: Hosts) -> None:
    never = threading.Event()
    hosts.login.answers.append(Answer(hold=never))

    async def use(client: AsyncClient) -> Any:
        leader = asyncio.create_task(client.completion("acme/m", HI))
        await asyncio.to_thread(hosts.login.wait_received, 1)
        follower = asyncio.create_task(client.completion("acme/m", HI))
        await asyncio.sleep(0.05)
        leader.cancel()
        answer = await follower
        never.set()
        return answer.choices[0].message.content, leader.cancelled()

    assert run_async(hosts, use) == ("Hello!", True)
    assert len(hosts.login.received) == 2


def test_a_token_that_has_expired_is_fetched_anew_before_it_is_sent(hosts: Hosts, client: Client) -> None:
    hosts.expires_in = 0
    client.completion("acme/m", HI)
    hosts.expires_in = 3600
    client.completion("acme/m", HI)
    client.completion("acme/m", HI)
    assert len(hosts.login.received) == 2
    assert len(set(hosts.tokens_sent)) == 2
    assert len(hosts.api.received) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_token_that_the_api_refuses_is_replaced_and_the_call_answered(
    hosts: Hosts, client: Client, stream: bool
) -> None:
    client.completion("acme/m", HI)
    hosts.valid.clear()  # revoked
    result = client.completion("acme/m", HI, stream=stream)
    assert (len(list(result)) > 1) if stream else result.choices
    assert result.attempts == 2
    assert len(hosts.login.received) == 2
    assert len(hosts.api.received) == 3


def test_an_api_that_refuses_every_token_gets_two_requests_and_the_caller_its_error(
    hosts: Hosts, client: Client
) -> None:
    hosts.api.otherwise = Answer.json({"error": {"message": "no", "code": "invalid_token"}}, 401)
    with pytest.raises(AuthenticationError) as caught:
        client.completion("acme/m", HI)
    assert (caught.value.code, caught.value.phase, caught.value.attempts) == ("invalid_token", None, 2)
    assert (len(hosts.login.received), len(hosts.api.received)) == (2, 2)


def test_two_keys_never_share_a_token(hosts: Hosts, client: Client) -> None:
    client.completion("acme/m", HI)
    with pytest.raises(AuthenticationError) as caught:
        client.completion("acme/m", HI, api_key="another-secret-0123")
    assert (caught.value.code, caught.value.phase) == ("credential_not_fetched", "credentials")
    assert caught.value.message == "the credential could not be fetched: who are you"
    assert len(hosts.api.received) == 1


def test_two_clients_share_no_token_and_with_options_does(hosts: Hosts, client: Client) -> None:
    client.completion("acme/m", HI)
    client.with_options(timeout=30).completion("acme/m", HI)
    with Client(settings=Settings(), **known(hosts)) as other:
        add_to(other, hosts)
        other.completion("acme/m", HI)
    assert len(hosts.login.received) == 2
