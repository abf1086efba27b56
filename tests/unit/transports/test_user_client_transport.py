"""A caller's own client as a driver: what it is told, how it fails, and how long it may take."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from llmgate_core.contract.transport import Origin, StaleConnectionError, TransportRequest
from llmgate_core.errors import APIConnectionError, APITimeoutError, ConfigError, StreamTruncatedError
from llmgate_core.transports.user_client.kinds import (
    UserClientTransport,
    is_async_client,
    is_sync_client,
    wrap_async_user_client,
    wrap_user_client,
)
from tests.support.client_drivers import ClientDriver
from tests.support.scripted_upstream import (
    HEAD,
    HELLO,
    LAST,
    OK,
    PATIENCE,
    STYLES,
    Peer,
    Upstream,
    always,
    answers,
    request_to,
    upstream,
)

KEY = "sk-secret-0123456789"


def bare_request(server: Upstream | None = None, **options: Any) -> TransportRequest:
    return request_to(server, content=b"", **options)


@pytest.fixture(params=STYLES)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def driver(library: Any, variant: str) -> Iterator[ClientDriver]:
    made = ClientDriver(library, variant)
    yield made
    made.close()


def test_a_request_goes_out_as_given_and_the_jar_stays_shut(driver: ClientDriver) -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: who=another\r\nContent-Length: 2\r\n\r\nhi"
    with driver.facing(always(cookie)) as server:
        for _ in range(2):
            assert driver.whole(bare_request(server, headers=[("authorization", f"Bearer {KEY}")])) == (200, b"hi")
        assert not driver.client.is_closed
        first, second = server.peers[0].requests
        assert first == second
        assert first.startswith(b"POST /v1/secret-path HTTP/1.1\r\n")
        lines = first.lower().split(b"\r\n")
        assert {b"accept-encoding: identity", b"authorization: bearer " + KEY.encode()} <= set(lines)
        assert b"cookie" not in first


def test_no_redirect_is_followed(library: Any, variant: str) -> None:
    answer = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    driver = ClientDriver(library, variant, follow_redirects=True)
    with driver.facing(answers(answer)) as server:
        assert driver.whole(bare_request(server)) == (307, b"")


@pytest.mark.parametrize("resets", [False, True])
def test_a_kept_connection_that_closes_as_we_send_is_stale(driver: ClientDriver, resets: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.read()
        if resets:
            peer.reset()

    with driver.facing(script, always(OK)) as server:
        assert driver.whole(bare_request(server)) == (200, b"hi")
        with pytest.raises(StaleConnectionError) as caught:
            driver.send(bare_request(server))
        assert isinstance(caught.value.__cause__, APIConnectionError)
        assert driver.whole(bare_request(server, new_connection=True)) == (200, b"hi")
        assert [len(peer.requests) for peer in server.peers] == [2, 1]


def test_a_new_connection_is_opened_although_one_is_kept(driver: ClientDriver) -> None:
    with driver.facing(always(OK)) as server:
        for new_connection in (False, True):
            assert driver.whole(bare_request(server, new_connection=new_connection)) == (200, b"hi")
        assert [len(peer.requests) for peer in server.peers] == [1, 1]


def test_a_fresh_connection_that_closes_is_not_tried_again(driver: ClientDriver) -> None:
    with driver.facing(lambda peer: peer.read()) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(bare_request(server, headers=[("authorization", f"Bearer {KEY}")]))
        assert (caught.value.code, caught.value.phase, len(server.peers)) == ("closed", "first_event", 1)
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_body_cut_short_is_truncated(driver: ClientDriver) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + HELLO)

    with driver.facing(script) as server:
        response = driver.send(bare_request(server))
        assert driver.read(response) == b"hello"
        with pytest.raises(StreamTruncatedError) as caught:
            driver.read(response)
        assert (caught.value.phase, str(server.port) in caught.value.message) == ("body", True)


def test_verifying_is_switched_off_only_by_the_client(library: Any, variant: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with upstream(always(OK), context=context) as server:
        origin = Origin("https", "127.0.0.1", server.port)
        strict, lax = ClientDriver(library, variant), ClientDriver(library, variant, verify=False)
        with pytest.raises(APIConnectionError) as caught:
            strict.send(bare_request(origin=origin))
        assert (caught.value.code, caught.value.phase) == ("tls_certificate", "connect")
        assert lax.whole(bare_request(origin=origin)) == (200, b"hi")
        strict.close()
        lax.close()


def test_names_and_ports_that_lead_nowhere_are_told_apart(driver: ClientDriver) -> None:
    for origin, code in ((Origin("http", "127.0.0.1", 1), "connect"), (Origin("http", "nobody.invalid", 80), "dns")):
        with pytest.raises(APIConnectionError) as caught:
            driver.send(bare_request(origin=origin, headers=[("authorization", f"Bearer {KEY}")]))
        assert (caught.value.code, caught.value.phase) == (code, "connect")
        cause = caught.value.__cause__
        assert isinstance(cause, OSError)
        assert (cause.__traceback__, cause.__cause__, cause.__context__) == (None, None, None)


def test_every_wait_ends_in_time(driver: ClientDriver) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + HELLO)
        peer.wait_until_gone()

    with driver.facing(lambda peer: peer.wait_until_gone(), script) as server:
        with pytest.raises(APITimeoutError) as caught:
            driver.send(bare_request(server, first_event=0.1))
        assert caught.value.phase == "first_event"
        response = driver.send(bare_request(server))
        assert driver.read(response, 5.0) == b"hello"
        with pytest.raises(TimeoutError):
            driver.read(response, 0.1)
        driver.turn()
        assert server.peers[1].gone.wait(PATIENCE)


@pytest.mark.parametrize("rest", [b"", LAST])
def test_finishing_keeps_the_connection_only_if_the_end_is_there(driver: ClientDriver, rest: bytes) -> None:
    with driver.facing(always(HEAD + HELLO + rest)) as server:
        for _ in range(2):
            response = driver.send(bare_request(server))
            assert driver.read(response) == b"hello"
            driver.call(response, "finish")
        assert len(server.peers) == (1 if rest else 2)


# the caller's client leaves the first loop's connections to the collector, as it does without us
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_a_second_event_loop_every_request_is_sent_once(library: Any) -> None:
    client = library.AsyncClient()

    async def calls(transport: Any, port: int) -> list[int]:
        async def call() -> int:
            response = await transport.asend(bare_request(origin=Origin("http", "127.0.0.1", port)))
            while await response.aread_block(PATIENCE):
                pass
            await response.aclose()
            status: int = response.status
            return status

        return list(await asyncio.gather(*[call() for _ in range(3)]))

    with upstream(always(OK)) as server:
        transport = wrap_async_user_client(client)
        for _ in range(3):
            assert asyncio.run(calls(transport, server.port)) == [200] * 3
        assert sum(len(peer.requests) for peer in server.peers) == 9
        for peer in server.peers:
            with suppress(OSError):  # gone already
                peer.sock.shutdown(socket.SHUT_RDWR)
        del client, transport
        gc.collect()


def test_a_dropped_answer_ends_its_connection(driver: ClientDriver) -> None:
    with driver.facing(answers(HEAD + HELLO)) as server:
        response = driver.send(bare_request(server))
        del response
        driver.turn()
        assert server.peers[0].gone.wait(1.0)


def test_a_clients_kind_is_known_by_its_methods(library: Any) -> None:
    blocking, waiting = library.Client(), library.AsyncClient()
    assert [(is_sync_client(one), is_async_client(one)) for one in (blocking, waiting, object())] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    name = library.__name__
    with pytest.raises(ConfigError, match=rf"httpx\.Client\(\), not {name}\.AsyncClient, which is asynchronous"):
        wrap_user_client(waiting)
    with pytest.raises(ConfigError, match=rf"httpx\.AsyncClient\(\), not {name}\.Client, which is synchronous"):
        wrap_async_user_client(blocking)
    with pytest.raises(ConfigError, match=r"not builtins\.object, which has no build_request and send"):
        wrap_user_client(object())
    blocking.close()


def test_a_closed_client_is_named(library: Any) -> None:
    client = library.Client()
    client.close()
    with pytest.raises(ConfigError, match="is closed already"):
        UserClientTransport(client).send(bare_request(origin=Origin("http", "127.0.0.1", 1)))


def test_what_the_callers_own_hook_raises_is_left_alone() -> None:
    def hook(request: httpx.Request) -> None:
        raise KeyError("mine")

    with httpx.Client(event_hooks={"request": [hook]}) as client, pytest.raises(KeyError, match="mine"):
        wrap_user_client(client).send(bare_request(origin=Origin("http", "127.0.0.1", 1)))
