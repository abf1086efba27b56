"""What the HTTP/1.1 transport promises, sync and async alike, against raw scripted sockets."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from llmgate_core.contract.transport import Origin, StaleConnectionError
from llmgate_core.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    BadRequestError,
    StreamTruncatedError,
)
from llmgate_core.transports.http1.sync_transport import HTTP1Transport
from llmgate_core.transports.options import TransportOptions
from tests.support.scripted_upstream import (
    HEAD,
    HELLO,
    LAST,
    OK,
    PATIENCE,
    VARIANTS,
    Driver,
    Peer,
    Upstream,
    always,
    answers,
    request_to,
    upstream,
)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(variant: str) -> Iterator[Driver]:
    driver = Driver(variant)
    yield driver
    driver.close()


def error_of(action: Callable[[], object], kind: type[BaseException]) -> Any:
    with pytest.raises(kind) as caught:
        action()
    return caught.value


# Answers and connections that are kept


def test_an_answer_is_read_and_its_connection_is_used_again(driver: Driver) -> None:
    with upstream(answers(OK, OK)) as server:
        assert [driver.whole(request_to(server)) for _ in range(2)] == [(200, b"hi")] * 2
        expected = (
            f"POST /v1/secret-path HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\ncontent-length: 2\r\n\r\n{{}}"
        ).encode()
        assert [peer.requests for peer in server.peers] == [[expected, expected]]
        driver.call(driver.transport, "close")


def test_status_and_headers_come_as_they_were_sent(driver: Driver) -> None:
    answer = b"HTTP/1.1 429 Slow\r\nX-Many: 1\r\nX-Many: 2\r\nContent-Length: 0\r\n\r\n"
    with upstream(answers(answer)) as server:
        response = driver.send(request_to(server))
        assert (response.status, response.raw_headers) == (
            429,
            [(b"X-Many", b"1"), (b"X-Many", b"2"), (b"Content-Length", b"0")],
        )
        assert driver.read(response) == b""
        driver.call(driver.transport, "close")


def test_a_body_that_came_with_the_head_can_be_taken_at_once(driver: Driver) -> None:
    with upstream(answers(OK, OK)) as server:
        response = driver.send(request_to(server))
        assert (response.take_whole(), driver.read(response)) == (b"hi", b"")
        assert driver.whole(request_to(server)) == (200, b"hi")
        assert len(server.peers) == 1  # its connection was kept
        driver.call(driver.transport, "close")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\ng",
    ],
)
def test_a_body_that_has_not_ended_or_is_encoded_is_not_taken_at_once(driver: Driver, answer: bytes) -> None:
    with upstream(answers(answer)) as server:
        assert driver.send(request_to(server)).take_whole() is None
        driver.call(driver.transport, "close")


def test_a_compressed_answer_is_unfolded(driver: Driver) -> None:
    body = gzip.compress(b"hello " * 200_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with upstream(answers(answer)) as server:
        assert driver.whole(request_to(server)) == (200, b"hello " * 200_000)
        driver.call(driver.transport, "close")


def test_a_cut_compressed_body_is_truncated(driver: Driver) -> None:
    body = gzip.compress(b"hello")[:-3]
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with upstream(answers(answer)) as server:
        with pytest.raises(StreamTruncatedError):
            driver.whole(request_to(server))
        driver.call(driver.transport, "close")


def test_an_unknown_encoding_is_refused_and_drops_the_connection(driver: Driver) -> None:
    with upstream(answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n")) as server:
        with pytest.raises(APIResponseValidationError, match="'br'"):
            driver.send(request_to(server))
        driver.turn()
        assert server.peers[0].gone.wait(PATIENCE)


def test_an_answer_that_ends_with_the_connection_is_whole_but_its_connection_is_not_kept(driver: Driver) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")

    with upstream(script) as server:
        assert [driver.whole(request_to(server)) for _ in range(2)] == [(200, b"hello")] * 2
        assert len(server.peers) == 2


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"])
def test_bytes_behind_an_answer_never_reach_the_next_request(driver: Driver, stray: bytes) -> None:
    with upstream(always(OK + stray)) as server:
        assert [driver.whole(request_to(server)) for _ in range(3)] == [(200, b"hi")] * 3
        assert [len(peer.requests) for peer in server.peers] == [1, 1, 1]


def test_a_second_answer_that_comes_later_never_reaches_the_next_request(driver: Driver) -> None:
    sent, go = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        go.wait(PATIENCE)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        sent.set()
        peer.wait_until_gone()

    with upstream(script, answers(OK)) as server:
        assert driver.whole(request_to(server)) == (200, b"hi")
        go.set()
        assert sent.wait(PATIENCE)
        assert driver.whole(request_to(server)) == (200, b"hi")
        assert len(server.peers) == 2
        driver.call(driver.transport, "close")


def test_length_and_chunks_together_are_refused(driver: Driver) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    with upstream(answers(answer), answers(OK)) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(server))
        assert caught.value.code == "protocol"
        assert driver.whole(request_to(server)) == (200, b"hi")
        driver.call(driver.transport, "close")


@pytest.mark.parametrize("resets", [False, True])
def test_a_kept_connection_that_closes_as_we_send_is_stale(driver: Driver, resets: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.read()
        if resets:
            peer.reset()

    with upstream(script, answers(OK)) as server:
        assert driver.whole(request_to(server)) == (200, b"hi")
        with pytest.raises(StaleConnectionError) as caught:
            driver.send(request_to(server))
        cause = caught.value.__cause__
        assert isinstance(cause, APIConnectionError)
        assert cause.code in ("closed", "reset")
        assert driver.whole(request_to(server, new_connection=True)) == (200, b"hi")
        assert [len(peer.requests) for peer in server.peers] == [2, 1]
        driver.call(driver.transport, "close")


@pytest.mark.parametrize("most", [1, 1000])
def test_a_new_connection_is_opened_although_one_is_kept(variant: str, most: int) -> None:
    driver = Driver(variant, max_connections=most)
    with upstream(always(OK)) as server:
        for new_connection in (False, True, False):
            assert driver.whole(request_to(server, new_connection=new_connection, pool=PATIENCE)) == (200, b"hi")
        assert [len(peer.requests) for peer in server.peers] == [1, 2]
        driver.close()


def test_a_connection_closed_while_idle_is_not_used(driver: Driver) -> None:
    closed = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.sock.close()
        closed.set()

    with upstream(script, answers(OK)) as server:
        assert driver.whole(request_to(server)) == (200, b"hi")
        assert closed.wait(PATIENCE)
        assert driver.whole(request_to(server)) == (200, b"hi")
        driver.call(driver.transport, "close")


def test_a_new_connection_that_closes_is_not_stale(driver: Driver) -> None:
    def first(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.read()

    with upstream(first, lambda peer: peer.read()) as server:
        driver.whole(request_to(server))
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(server, new_connection=True))
        assert (caught.value.code, len(server.peers)) == ("closed", 2)


def test_a_connection_idle_for_too_long_is_not_used(variant: str) -> None:
    driver = Driver(variant, max_idle_seconds=0.0)
    with upstream(answers(OK)) as server:
        assert [driver.whole(request_to(server)) for _ in range(2)] == [(200, b"hi")] * 2
        assert len(server.peers) == 2
        driver.close()


# What goes wrong, by its name


def test_an_upstream_that_closes_without_an_answer_is_named(driver: Driver) -> None:
    with upstream(lambda peer: peer.read()) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(server))
        assert (caught.value.code, caught.value.phase) == ("closed", "first_event")
        assert f"127.0.0.1:{server.port}" in caught.value.message
        assert len(server.peers) == 1


def test_a_reset_is_named_before_and_in_the_answer(driver: Driver) -> None:
    def before(peer: Peer) -> None:
        peer.read()
        peer.reset()

    taken = threading.Event()

    def within(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + HELLO)
        taken.wait(PATIENCE)
        peer.reset()

    with upstream(before, within) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(server))
        assert (caught.value.code, caught.value.phase) == ("reset", "first_event")
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hello"
        taken.set()
        with pytest.raises(APIConnectionError) as caught:
            driver.read(response)
        assert (type(caught.value), caught.value.code, caught.value.phase) == (APIConnectionError, "reset", "body")
        assert isinstance(caught.value.__cause__, OSError) or caught.value.__cause__ is None


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + HELLO,
        HEAD + HELLO + b"zz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
    ],
)
def test_a_body_cut_short_gives_what_came_and_then_the_error(driver: Driver, answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(answer)

    with upstream(script) as server:
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hello"
        for _ in range(2):
            with pytest.raises(StreamTruncatedError) as caught:
                driver.read(response)
        assert (caught.value.phase, str(server.port) in caught.value.message) == ("body", True)


def test_what_is_no_http_is_a_protocol_error(driver: Driver) -> None:
    with upstream(answers(b"SSH-2.0-OpenSSH\r\n")) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(server))
        assert caught.value.code == "protocol"
        assert "secret" not in caught.value.message


def test_a_head_beyond_its_limit_is_refused(driver: Driver) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000
    with upstream(answers(answer)) as server, pytest.raises(APIResponseValidationError, match="exceeds 131072 bytes"):
        driver.send(request_to(server))


def test_an_illegal_header_is_refused_before_connecting(driver: Driver) -> None:
    with upstream(answers(OK)) as server:
        with pytest.raises(BadRequestError) as caught:
            driver.send(request_to(server, headers=[("x-tag", "a\r\nevil: 1")]))
        assert "evil" not in str(caught.value)
        assert server.peers == []


def test_a_refused_port_and_an_unknown_host_are_named(driver: Driver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(APIConnectionError) as caught:
        driver.send(request_to(origin=Origin("http", "127.0.0.1", port)))
    assert (caught.value.code, caught.value.phase) == ("connect", "connect")
    assert all(words in caught.value.message for words in (f"127.0.0.1:{port}", "connection refused"))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    for host in ("nobody.invalid", "a" * 70 + ".invalid"):
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(origin=Origin("http", host, 80)))
        assert (caught.value.code, caught.value.phase) == ("dns", "connect")
        assert repr(host) in caught.value.message


# Time


def test_silence_before_the_answer_ends_in_time(driver: Driver) -> None:
    with upstream(lambda peer: peer.wait_until_gone()) as server:
        error = error_of(lambda: driver.send(request_to(server, first_event=0.1)), APITimeoutError)
        assert error.phase == "first_event"
        error = error_of(lambda: driver.send(request_to(server, total=0.1)), APITimeoutError)
        assert error.phase == "total"


@pytest.mark.parametrize("piece", [b"A", b"HTTP/1.1 103 Hints\r\n\r\n"])
def test_a_dripping_head_ends_in_time(driver: Driver, piece: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 103 Hints\r\n\r\n" if len(piece) > 1 else b"HTTP/1.1 200 OK\r\nX: ")
        while not peer.gone.wait(0.005):
            peer.send(piece)

    with upstream(script) as server:
        error = error_of(lambda: driver.send(request_to(server, total=0.2)), APITimeoutError)
        assert error.phase == "total"


def test_a_wait_for_a_block_ends_in_time_and_may_be_repeated(driver: Driver) -> None:
    go = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + b"5\r\n")
        go.wait(PATIENCE)
        peer.send(b"hello\r\n" + LAST)
        peer.wait_until_gone()

    with upstream(script) as server:
        response = driver.send(request_to(server))
        error_of(lambda: driver.read(response, 0.05), TimeoutError)
        go.set()
        assert (driver.read(response), driver.read(response)) == (b"hello", b"")
        driver.call(driver.transport, "close")


@pytest.mark.parametrize("start", [b"5", LAST[:3]])
def test_a_flood_of_chunk_extensions_or_trailers_is_refused(driver: Driver, start: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + start)
        while not peer.gone.is_set():
            peer.send(b"x: y\r\n" * 200 if start.endswith(b"\n") else b";" + b"x" * 1000)

    with upstream(script) as server:
        response = driver.send(request_to(server))
        error = error_of(lambda: driver.read(response), StreamTruncatedError)
        assert (error.code, error.phase) == ("protocol", "body")


def test_a_dripping_chunk_extension_ends_in_time(driver: Driver) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + b"5")
        while not peer.gone.wait(0.005):
            peer.send(b";x")

    with upstream(script) as server:
        response = driver.send(request_to(server))
        error_of(lambda: driver.read(response, 0.2), TimeoutError)
        driver.call(response, "close")


def test_a_block_is_handed_out_while_its_chunk_is_incomplete(driver: Driver) -> None:
    with upstream(answers(HEAD + b"ff\r\nhel")) as server:
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hel"
        driver.call(response, "close")


def test_an_upstream_that_never_reads_ends_in_time(driver: Driver) -> None:
    go = threading.Event()
    with upstream(lambda peer: go.wait(PATIENCE)) as server:
        big = request_to(server, content=bytes(30_000_000), first_event=0.2)
        error = error_of(lambda: driver.send(big), APITimeoutError)
        assert error.phase == "first_event"
        big = request_to(server, content=bytes(30_000_000), total=0.3)
        error = error_of(lambda: driver.send(big), APITimeoutError)
        assert error.phase == "total"
        go.set()


def test_a_large_body_arrives_whole(driver: Driver) -> None:
    content = bytes(range(256)) * 40_000
    with upstream(answers(OK, OK)) as server:
        for _ in range(2):
            assert driver.whole(request_to(server, content=content)) == (200, b"hi")
        assert [request.endswith(b"\r\n\r\n" + content) for request in server.peers[0].requests] == [True, True]
        driver.call(driver.transport, "close")


def test_an_answer_that_comes_while_we_send_is_read_and_its_connection_is_not_kept(driver: Driver) -> None:
    def refuse(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
        done.wait(PATIENCE)
        peer.wait_until_gone()

    done = threading.Event()
    with upstream(refuse, answers(OK)) as server:
        assert driver.whole(request_to(server, content=bytes(30_000_000))) == (413, b"no")
        done.set()
        assert driver.whole(request_to(server)) == (200, b"hi")
        driver.call(driver.transport, "close")


def test_the_wait_for_a_free_connection_ends_in_time_and_is_served_in_turn(variant: str) -> None:
    driver = Driver(variant, max_connections=1)
    with upstream(always(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        error = error_of(lambda: driver.send(request_to(server, pool=0.1)), APITimeoutError)
        assert error.phase == "pool"
        driver.call(response, "close")
        driver.call(driver.send(request_to(server, pool=0.1)), "close")
        assert len(server.peers) == 2
        driver.close()


def test_an_idle_connection_makes_room_for_another_origin(variant: str) -> None:
    driver = Driver(variant, max_connections=1)
    with upstream(always(OK)) as one, upstream(always(OK)) as other:
        assert [driver.whole(request_to(server, pool=0.1)) for server in (one, other, one)] == [(200, b"hi")] * 3
        driver.close()


# The end of an answer


def test_closing_in_the_middle_ends_the_connection_at_once(driver: Driver) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hello"
        driver.call(response, "close")
        driver.call(response, "close")
        assert server.peers[0].gone.wait(PATIENCE)
        with pytest.raises(StreamTruncatedError):
            driver.read(response)


def test_a_dropped_answer_ends_its_connection(driver: Driver) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        del response
        driver.turn()
        assert server.peers[0].gone.wait(PATIENCE)


def test_finishing_keeps_the_connection_when_the_end_comes_soon(driver: Driver) -> None:
    go = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + HELLO)
        go.wait(PATIENCE)
        peer.send(LAST)
        peer.read()
        peer.send(OK)
        peer.wait_until_gone()

    with upstream(script) as server:
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hello"
        go.set()
        driver.call(response, "finish")
        driver.turn()
        assert driver.whole(request_to(server)) == (200, b"hi")
        assert len(server.peers) == 1
        driver.call(driver.transport, "close")


def test_finishing_gives_up_soon_when_the_end_does_not_come(driver: Driver) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = driver.send(request_to(server))
        assert driver.read(response) == b"hello"
        driver.call(response, "finish")
        gone = server.peers[0].gone
        if driver.loop is not None:  # it waits for the end in the loop
            driver.loop.run_until_complete(driver.loop.run_in_executor(None, gone.wait, PATIENCE))
        assert gone.wait(PATIENCE)


def test_finishing_gives_up_on_an_endless_rest(driver: Driver) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD)
        while not peer.gone.is_set():
            peer.send(HELLO * 10_000)

    with upstream(script) as server:
        response = driver.send(request_to(server))
        driver.call(response, "finish")
        driver.turn()
    assert not server._threads[-1].is_alive()


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def tls_server(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def test_tls_with_a_private_authority_keeps_its_connection(variant: str, authority: trustme.CA, ca_file: str) -> None:
    driver = Driver(variant, ca_file=ca_file)
    with upstream(answers(OK, HEAD + HELLO + LAST), context=tls_server(authority, "localhost")) as server:
        origin = Origin("https", "localhost", server.port)
        assert driver.whole(request_to(origin=origin, content=bytes(300_000))) == (200, b"hi")
        assert driver.whole(request_to(origin=origin)) == (200, b"hello")
        assert len(server.peers) == 1
        assert server.peers[0].sock.selected_alpn_protocol() == "http/1.1"  # type: ignore[attr-defined]
        driver.close()


@pytest.mark.parametrize("name", ["localhost", "other.test"])
def test_a_certificate_that_does_not_fit_is_named(variant: str, authority: trustme.CA, ca_file: str, name: str) -> None:
    driver = Driver(variant, ca_file=None if name == "localhost" else ca_file)
    with upstream(answers(OK), context=tls_server(authority, name)) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(origin=Origin("https", "localhost", server.port)))
        assert (caught.value.code, caught.value.phase) == ("tls_certificate", "connect")
        assert f"localhost:{server.port}" in caught.value.message
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        driver.close()


def test_verification_can_be_turned_off(variant: str, authority: trustme.CA) -> None:
    driver = Driver(variant, verify=False)
    with upstream(answers(OK), context=tls_server(authority, "other.test")) as server:
        assert driver.whole(request_to(origin=Origin("https", "localhost", server.port))) == (200, b"hi")
        driver.close()


def test_plain_text_where_tls_is_spoken_is_named(driver: Driver) -> None:
    with upstream(lambda peer: peer.send(b"HTTP/1.1 400 Bad\r\n\r\n")) as server:
        with pytest.raises(APIConnectionError) as caught:
            driver.send(request_to(origin=Origin("https", "127.0.0.1", server.port)))
        assert (caught.value.code, caught.value.phase) == ("tls", "connect")


def test_a_silent_handshake_ends_in_time(driver: Driver) -> None:
    with upstream(lambda peer: peer.wait_until_gone()) as server:
        silent = request_to(origin=Origin("https", "127.0.0.1", server.port), connect=0.1)
        error = error_of(lambda: driver.send(silent), APITimeoutError)
        assert error.phase == "connect"  # the first use loads certificates
        driver.turn()
        assert server.peers[0].gone.wait(PATIENCE)


# Threads


def test_many_threads_share_one_transport() -> None:
    transport = HTTP1Transport(TransportOptions(max_connections=8))

    def echo(peer: Peer) -> None:
        while request := peer.read():
            body = request.partition(b"\r\n\r\n")[2]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    wrong: list[bytes] = []

    def work(server: Upstream, number: int) -> None:
        for turn in range(30):
            content = f"{number}.{turn}".encode()
            response = transport.send(request_to(server, content=content))
            if (block := response.read_block(PATIENCE)) != content:
                wrong.append(block)
            response.close()

    with upstream(echo) as server:
        threads = [threading.Thread(target=work, args=(server, number)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        transport.close()
        assert (wrong, len(server.peers) <= 8) == ([], True)
        assert sum(len(peer.requests) for peer in server.peers) == 16 * 30
