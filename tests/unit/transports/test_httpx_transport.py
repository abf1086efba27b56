"""What the httpx driver promises: all that the fast one does but for the limits it names, and what is its own."""

from __future__ import annotations

import asyncio
import gc
import ssl
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from llmgate_core import AsyncClient, Settings
from llmgate_core.contract.transport import Origin
from llmgate_core.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    BadRequestError,
    ConfigError,
    StreamTruncatedError,
)
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from llmgate_core.transports.async_lanes import AsyncHTTPXTransport
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.sync_lanes import HTTPXTransport
from tests.support.client_drivers import HTTPXDriver
from tests.support.scripted_upstream import (
    HEAD,
    HELLO,
    OK,
    PATIENCE,
    STYLES,
    Peer,
    always,
    answers,
    request_to,
    upstream,
)

# collected here once more, and run with the driver below
from tests.unit.transports.http1.test_both_transports import (  # noqa: F401
    test_a_block_is_handed_out_while_its_chunk_is_incomplete,
    test_a_body_cut_short_gives_what_came_and_then_the_error,
    test_a_compressed_answer_is_unfolded,
    test_a_connection_closed_while_idle_is_not_used,
    test_a_cut_compressed_body_is_truncated,
    test_a_dripping_head_ends_in_time,
    test_a_dropped_answer_ends_its_connection,
    test_a_kept_connection_that_closes_as_we_send_is_stale,
    test_a_large_body_arrives_whole,
    test_a_new_connection_is_opened_although_one_is_kept,
    test_a_new_connection_that_closes_is_not_stale,
    test_a_refused_port_and_an_unknown_host_are_named,
    test_a_reset_is_named_before_and_in_the_answer,
    test_a_second_answer_that_comes_later_never_reaches_the_next_request,
    test_an_answer_that_ends_with_the_connection_is_whole_but_its_connection_is_not_kept,
    test_an_illegal_header_is_refused_before_connecting,
    test_an_unknown_encoding_is_refused_and_drops_the_connection,
    test_an_upstream_that_closes_without_an_answer_is_named,
    test_an_upstream_that_never_reads_ends_in_time,
    test_bytes_behind_an_answer_never_reach_the_next_request,
    test_closing_in_the_middle_ends_the_connection_at_once,
    test_finishing_gives_up_on_an_endless_rest,
    test_finishing_gives_up_soon_when_the_end_does_not_come,
    test_finishing_keeps_the_connection_when_the_end_comes_soon,
    test_silence_before_the_answer_ends_in_time,
    test_status_and_headers_come_as_they_were_sent,
)

pytestmark = pytest.mark.usefixtures("trusts_one_certificate")

KEY = "sk-secret-0123456789"


@pytest.fixture(params=STYLES)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(variant: str) -> Iterator[HTTPXDriver]:
    driver = HTTPXDriver(variant)
    yield driver
    driver.close()


def test_only_the_headers_of_the_request_are_sent(driver: HTTPXDriver) -> None:
    with upstream(answers(OK, OK)) as server:
        assert [driver.whole(request_to(server, headers=[("x-tag", "1")])) for _ in range(2)] == [(200, b"hi")] * 2
        first, second = server.peers[0].requests
        assert first == second
        assert first.lower().split(b"\r\n") == [
            b"post /v1/secret-path http/1.1",
            b"host: 127.0.0.1:%d" % server.port,
            b"x-tag: 1",
            b"accept-encoding: identity",
            b"content-length: 2",
            b"",
            b"{}",
        ]
        driver.call(driver.transport, "close")


# Time


def test_a_wait_for_a_block_ends_in_time_however_long_the_one_before_was(driver: HTTPXDriver) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        assert driver.read(response, 5.0) == b"hello"
        with pytest.raises(TimeoutError):
            driver.read(response, 0.1)
        with pytest.raises(TimeoutError):  # the answer is lost, and says so again
            driver.read(response, 5.0)
        assert server.peers[0].gone.wait(PATIENCE)


def test_the_wait_for_a_free_connection_ends_in_time(variant: str) -> None:
    driver = HTTPXDriver(variant, max_connections=1)
    with upstream(always(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        with pytest.raises(APITimeoutError) as caught:
            driver.send(request_to(server, pool=0.1))
        assert caught.value.phase == "pool"
        driver.call(response, "close")
        driver.call(driver.send(request_to(server, pool=0.1)), "close")
        assert len(server.peers) == 2
        driver.close()


def test_a_handshake_that_never_answers_ends_in_time(driver: HTTPXDriver) -> None:
    with upstream(lambda peer: peer.wait_until_gone()) as server:
        origin = Origin("https", "127.0.0.1", server.port)
        with pytest.raises(APITimeoutError) as caught:
            driver.send(request_to(origin=origin, connect=0.3))
        assert caught.value.phase == "connect"
        assert server.peers[0].gone.wait(PATIENCE)


# TLS


def test_a_private_authority_is_refused_until_it_is_named_or_verifying_is_switched_off(
    variant: str, tmp_path: Any
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    with upstream(always(OK), context=context) as server:
        origin = Origin("https", "127.0.0.1", server.port)
        refusing = HTTPXDriver(variant)
        with pytest.raises(APIConnectionError) as caught:
            refusing.send(request_to(origin=origin))
        assert (caught.value.code, caught.value.phase) == ("tls_certificate", "connect")
        assert f"127.0.0.1:{server.port}" in caught.value.message
        refusing.close()
        for options in ({"ca_file": str(file)}, {"verify": False}):
            accepting = HTTPXDriver(variant, **options)
            before = len(server.peers)
            assert [accepting.whole(request_to(origin=origin)) for _ in range(2)] == [(200, b"hi")] * 2
            assert len(server.peers) == before + 1
            accepting.close()


def test_plain_text_where_tls_was_meant_is_named(driver: HTTPXDriver) -> None:
    def script(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with upstream(script) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(origin=Origin("https", "127.0.0.1", server.port)))
        assert (caught.value.code, caught.value.phase) == ("tls", "connect")


def test_no_certificates_are_read_for_a_plain_origin(driver: HTTPXDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    with upstream(always(OK)) as server:
        assert driver.whole(request_to(server)) == (200, b"hi")
        driver.call(driver.transport, "close")


# Limits and secrets


def test_an_endless_head_is_refused(driver: HTTPXDriver) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000
    with upstream(answers(answer)) as server, pytest.raises(APIResponseValidationError, match="exceeds"):
        driver.send(request_to(server))


@pytest.mark.parametrize("value", ["a\r\nx: 1", "a\0", "\u20ac"])
def test_an_illegal_header_is_named_and_its_value_is_not_shown(driver: HTTPXDriver, value: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        driver.send(request_to(origin=Origin("http", "127.0.0.1", 1), headers=[("fine", "1"), ("x-tag", value)]))
    assert caught.value.param == "x-tag"
    assert "x: 1" not in caught.value.message
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nX\0: %b\r\n\r\n" % KEY.encode(), HEAD + HELLO + b"zz\r\n"]
)
def test_no_link_of_an_error_holds_the_key(driver: HTTPXDriver, answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(answer) if answer else peer.reset()

    with upstream(script) as server, pytest.raises(APIConnectionError) as caught:
        driver.whole(request_to(server, headers=[("authorization", f"Bearer {KEY}")]))
    for link in chain(caught.value):
        assert KEY not in repr(link) + str(link) + repr(vars(link)) + "".join(traceback.format_exception_only(link))
        assert type(link).__module__.split(".")[0] in ("llmgate_core", "builtins", "ssl", "socket")
        if link is not caught.value:
            assert link.__traceback__ is None


# Proxies


def test_a_request_goes_through_the_proxy_and_its_password_is_in_no_error(variant: str) -> None:
    with upstream(always(OK)) as proxy:
        driver = HTTPXDriver(variant, proxy=f"http://user:{KEY}@127.0.0.1:{proxy.port}")
        assert driver.whole(request_to(origin=Origin("http", "upstream.test", 80))) == (200, b"hi")
        assert proxy.peers[0].requests[0].startswith(b"POST http://upstream.test/v1/secret-path HTTP/1.1\r\n")
        driver.close()
    with upstream(always(b"HTTP/1.1 407 %b\r\nContent-Length: 0\r\n\r\n" % KEY.encode())) as proxy:
        driver = HTTPXDriver(variant, proxy=f"http://user:{KEY}@127.0.0.1:{proxy.port}")
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(origin=Origin("https", "upstream.test", 443)))
        assert "407" in caught.value.message
        assert KEY not in str(caught.value)
        assert (caught.value.code, caught.value.__cause__, caught.value.__context__) == ("connect", None, None)
        driver.close()


@pytest.mark.parametrize("host", ["upstream.test", "2001:db8::1"])
def test_a_tunnel_is_kept_for_the_next_request(variant: str, host: str, tmp_path: Any) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    target = f"[{host}]" if ":" in host else host

    def tunnel(peer: Peer) -> None:
        assert peer.read().startswith(f"CONNECT {target}:443 ".encode())
        peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
        peer.sock = context.wrap_socket(peer.sock, server_side=True)
        always(OK)(peer)

    with upstream(tunnel) as proxy:
        driver = HTTPXDriver(variant, proxy=f"http://127.0.0.1:{proxy.port}", ca_file=str(file))
        origin = Origin("https", host, 443)
        assert [driver.whole(request_to(origin=origin)) for _ in range(2)] == [(200, b"hi")] * 2
        assert len(proxy.peers) == 1
        driver.close()


def test_an_ipv6_target_has_brackets_in_the_request_line(variant: str) -> None:
    with upstream(always(OK)) as proxy:
        driver = HTTPXDriver(variant, proxy=f"http://127.0.0.1:{proxy.port}")
        assert driver.whole(request_to(origin=Origin("http", "2001:db8::1", 8080))) == (200, b"hi")
        assert proxy.peers[0].requests[0].startswith(b"POST http://[2001:db8::1]:8080/v1/secret-path HTTP/1.1\r\n")
        driver.close()


def test_an_invalid_proxy_url_is_not_repeated(variant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HTTPXDriver(variant, proxy=f"gopher://user:{KEY}@proxy.test")
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None


# Connections that are kept, or not


def test_many_tasks_share_the_connections() -> None:
    async def main(port: int) -> list[tuple[int, bytes]]:
        transport = AsyncHTTPXTransport(TransportOptions(max_connections=8))

        async def call() -> tuple[int, bytes]:
            response = await transport.asend(request_to(origin=Origin("http", "127.0.0.1", port)))
            block = await response.aread_block(PATIENCE)
            assert await response.aread_block(PATIENCE) == b""
            return response.status, block

        found = [answer for _ in range(5) for answer in await asyncio.gather(*[call() for _ in range(32)])]
        await transport.aclose()
        return found

    with upstream(always(OK)) as server:
        assert asyncio.run(main(server.port)) == [(200, b"hi")] * 160
        assert len(server.peers) == 8


# Cancelling, dropping, loops


@pytest.mark.parametrize("sent", [b"", HEAD + HELLO])
def test_a_cancelled_task_ends_its_connection_and_stays_cancelled(sent: bytes) -> None:
    async def main(port: int, gone: list[Peer]) -> None:
        transport = AsyncHTTPXTransport(TransportOptions(max_connections=1))
        request = request_to(origin=Origin("http", "127.0.0.1", port))

        async def call() -> None:
            response = await transport.asend(request)
            while True:
                await response.aread_block(PATIENCE)

        task = asyncio.ensure_future(call())
        while not gone or not gone[0].requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone[0].gone.wait, PATIENCE)
        response = await transport.asend(request_to(origin=request.origin, pool=1.0))  # its slot is free again
        assert await response.aread_block(PATIENCE) == b"hi"
        await response.aclose()
        await transport.aclose()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(sent)
        peer.wait_until_gone()

    with upstream(script, always(OK)) as server:
        asyncio.run(main(server.port, server.peers))


def test_an_answer_may_be_aborted_from_another_thread_and_after_its_loop() -> None:
    async def main(port: int) -> Any:
        transport = AsyncHTTPXTransport(TransportOptions())
        first = await transport.asend(request_to(origin=Origin("http", "127.0.0.1", port)))
        await asyncio.to_thread(first.abort)
        await asyncio.sleep(0.02)
        with pytest.raises(StreamTruncatedError):
            await first.aread_block(PATIENCE)
        return await transport.asend(request_to(origin=Origin("http", "127.0.0.1", port)))

    with upstream(answers(HEAD + HELLO)) as server:
        left = asyncio.run(main(server.port))
        assert server.peers[0].gone.wait(PATIENCE)
        left.abort()
        assert server.peers[1].gone.wait(PATIENCE)


def test_a_transport_whose_loop_is_closed_is_dropped_without_a_word() -> None:
    async def call(transport: AsyncHTTPXTransport, port: int) -> Any:
        response = await transport.asend(request_to(origin=Origin("http", "127.0.0.1", port)))
        assert await response.aread_block(PATIENCE) == b"hi"
        assert await response.aread_block(PATIENCE) == b""
        return await transport.asend(request_to(origin=Origin("http", "127.0.0.1", port)))

    with upstream(always(OK)) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        transport = AsyncHTTPXTransport(TransportOptions())
        left: Any = asyncio.run(call(transport, server.port))
        del left, transport
        gc.collect()
        assert server.peers[0].gone.wait(PATIENCE)
    assert [str(warning.message) for warning in caught] == []


def test_a_dropped_blocking_transport_closes_what_it_kept() -> None:
    transport = HTTPXTransport(TransportOptions())
    with upstream(always(OK)) as server:
        response = transport.send(request_to(server))
        assert [response.read_block(PATIENCE), response.read_block(PATIENCE)] == [b"hi", b""]
        del transport
        assert not server.peers[0].gone.is_set()  # an answer in hand keeps it
        del response
        gc.collect()
        assert server.peers[0].gone.wait(PATIENCE)


def test_many_tasks_at_once_keep_their_connections_for_the_next_ones() -> None:
    answer = Answer.json({"choices": []})
    messages = [{"role": "user", "content": "hi"}]

    async def rounds(upstream: FakeUpstream) -> None:
        async with AsyncClient(settings=Settings(), api_key="sk-x", api_base=upstream.base_url) as client:
            for _ in range(3):
                await asyncio.gather(*[client.completion("openai/gpt-4o", messages) for _ in range(40)])

    with fake_upstream() as upstream:
        upstream.otherwise = answer
        asyncio.run(rounds(upstream))
        assert len(upstream.received) == 120
        assert upstream.connections <= 40
