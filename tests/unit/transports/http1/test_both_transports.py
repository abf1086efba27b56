"""What the fast transport promises, sync and async alike, against raw scripted sockets."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import (
    APIConnectionError,
    APIResponseValidationError,
    APITimeoutError,
    BadRequestError,
    StreamTruncatedError,
)
from llmgate_core.transports.http1.sync_transport import FastTransport
from tests.support.scripted_upstream import (
    HEAD,
    HELLO,
    LAST,
    OK,
    PATIENCE,
    Peer,
    Upstream,
    Wire,
    always,
    answers,
    request_to,
    upstream,
)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def wire(is_async: bool) -> Iterator[Wire]:
    made = Wire(is_async)
    yield made
    made.close()


def elapsed(action: Callable[[], object], error: type[BaseException]) -> tuple[float, Any]:
    started = time.monotonic()
    with pytest.raises(error) as caught:
        action()
    return time.monotonic() - started, caught.value


# Answers and connections that are kept


def test_an_answer_is_read_and_its_connection_is_used_again(wire: Wire) -> None:
    with upstream(answers(OK, OK)) as server:
        assert [wire.whole(request_to(server)) for _ in range(2)] == [(200, b"hi")] * 2
        expected = (
            f"POST /v1/secret-path HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\ncontent-length: 2\r\n\r\n{{}}"
        ).encode()
        assert [peer.requests for peer in server.peers] == [[expected, expected]]
        wire.call(wire.transport, "close")


def test_status_and_headers_come_as_they_were_sent(wire: Wire) -> None:
    answer = b"HTTP/1.1 429 Slow\r\nX-Many: 1\r\nX-Many: 2\r\nContent-Length: 0\r\n\r\n"
    with upstream(answers(answer)) as server:
        response = wire.send(request_to(server))
        assert (response.status, response.raw_headers) == (
            429,
            [(b"X-Many", b"1"), (b"X-Many", b"2"), (b"Content-Length", b"0")],
        )
        assert wire.read(response) == b""
        wire.call(wire.transport, "close")


def test_a_compressed_answer_is_unfolded(wire: Wire) -> None:
    body = gzip.compress(b"hello " * 200_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with upstream(answers(answer)) as server:
        assert wire.whole(request_to(server)) == (200, b"hello " * 200_000)
        wire.call(wire.transport, "close")


def test_a_cut_compressed_body_is_truncated(wire: Wire) -> None:
    body = gzip.compress(b"hello")[:-3]
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with upstream(answers(answer)) as server:
        with pytest.raises(StreamTruncatedError):
            wire.whole(request_to(server))
        wire.call(wire.transport, "close")


def test_an_unknown_encoding_is_refused_and_drops_the_connection(wire: Wire) -> None:
    with upstream(answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 9\r\n\r\n")) as server:
        with pytest.raises(APIResponseValidationError, match="'br'"):
            wire.send(request_to(server))
        wire.turn()
        assert server.peers[0].gone.wait(PATIENCE)


def test_an_answer_that_ends_with_the_connection_is_whole_but_its_connection_is_not_kept(wire: Wire) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")

    with upstream(script) as server:
        assert [wire.whole(request_to(server)) for _ in range(2)] == [(200, b"hello")] * 2
        assert len(server.peers) == 2


@pytest.mark.parametrize("stray", [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"x"])
def test_bytes_behind_an_answer_never_reach_the_next_request(wire: Wire, stray: bytes) -> None:
    with upstream(always(OK + stray)) as server:
        assert [wire.whole(request_to(server)) for _ in range(3)] == [(200, b"hi")] * 3
        assert [len(peer.requests) for peer in server.peers] == [1, 1, 1]


def test_a_second_answer_that_comes_later_never_reaches_the_next_request(wire: Wire) -> None:
    sent, go = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        go.wait(PATIENCE)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        sent.set()
        peer.wait_until_gone()

    with upstream(script, answers(OK)) as server:
        assert wire.whole(request_to(server)) == (200, b"hi")
        go.set()
        assert sent.wait(PATIENCE)
        assert wire.whole(request_to(server)) == (200, b"hi")
        assert len(server.peers) == 2
        wire.call(wire.transport, "close")


def test_length_and_chunks_together_are_refused(wire: Wire) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    with upstream(answers(answer), answers(OK)) as server:
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(server))
        assert caught.value.code == "protocol"
        assert wire.whole(request_to(server)) == (200, b"hi")
        wire.call(wire.transport, "close")


@pytest.mark.parametrize("resets", [False, True])
def test_a_kept_connection_that_closes_as_we_send_is_replaced_in_silence(wire: Wire, resets: bool) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.read()
        if resets:
            peer.reset()

    with upstream(script, answers(OK)) as server:
        assert [wire.whole(request_to(server)) for _ in range(2)] == [(200, b"hi")] * 2
        assert [len(peer.requests) for peer in server.peers] == [2, 1]
        wire.call(wire.transport, "close")


def test_a_connection_closed_while_idle_is_not_used(wire: Wire) -> None:
    closed = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.sock.close()
        closed.set()

    with upstream(script, answers(OK)) as server:
        assert wire.whole(request_to(server)) == (200, b"hi")
        assert closed.wait(PATIENCE)
        assert wire.whole(request_to(server)) == (200, b"hi")
        wire.call(wire.transport, "close")


def test_only_one_fresh_connection_is_tried(wire: Wire) -> None:
    def first(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        peer.read()

    with upstream(first, lambda peer: peer.read()) as server:
        wire.whole(request_to(server))
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(server))
        assert (caught.value.code, len(server.peers)) == ("closed", 2)


def test_a_connection_idle_for_too_long_is_not_used(is_async: bool) -> None:
    wire = Wire(is_async, max_idle_seconds=0.0)
    with upstream(answers(OK)) as server:
        assert [wire.whole(request_to(server)) for _ in range(2)] == [(200, b"hi")] * 2
        assert len(server.peers) == 2
        wire.close()


# What goes wrong, by its name


def test_an_upstream_that_closes_without_an_answer_is_named(wire: Wire) -> None:
    with upstream(lambda peer: peer.read()) as server:
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(server))
        assert (caught.value.code, caught.value.phase) == ("closed", "first_event")
        assert f"127.0.0.1:{server.port}" in caught.value.message
        assert len(server.peers) == 1


def test_a_reset_is_named_before_and_in_the_answer(wire: Wire) -> None:
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
            wire.send(request_to(server))
        assert (caught.value.code, caught.value.phase) == ("reset", "first_event")
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hello"
        taken.set()
        with pytest.raises(APIConnectionError) as caught:
            wire.read(response)
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
def test_a_body_cut_short_gives_what_came_and_then_the_error(wire: Wire, answer: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(answer)

    with upstream(script) as server:
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hello"
        for _ in range(2):
            with pytest.raises(StreamTruncatedError) as caught:
                wire.read(response)
        assert (caught.value.phase, str(server.port) in caught.value.message) == ("body", True)


def test_what_is_no_http_is_a_protocol_error(wire: Wire) -> None:
    with upstream(answers(b"SSH-2.0-OpenSSH\r\n")) as server:
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(server))
        assert caught.value.code == "protocol"
        assert "secret" not in caught.value.message


def test_a_head_beyond_its_limit_is_refused(wire: Wire) -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000
    with upstream(answers(answer)) as server, pytest.raises(APIResponseValidationError, match="131072"):
        wire.send(request_to(server))


def test_an_illegal_header_is_refused_before_connecting(wire: Wire) -> None:
    with upstream(answers(OK)) as server:
        with pytest.raises(BadRequestError) as caught:
            wire.send(request_to(server, headers=[("x-tag", "a\r\nevil: 1")]))
        assert "evil" not in str(caught.value)
        assert server.peers == []


def test_a_refused_port_and_an_unknown_host_are_named(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(APIConnectionError) as caught:
        wire.send(request_to(origin=Origin("http", "127.0.0.1", port)))
    assert (caught.value.code, caught.value.phase) == ("connect", "connect")
    assert all(words in caught.value.message for words in (f"127.0.0.1:{port}", "connection refused"))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    for host in ("nobody.invalid", "a" * 70 + ".invalid"):
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(origin=Origin("http", host, 80)))
        assert (caught.value.code, caught.value.phase) == ("dns", "connect")
        assert repr(host) in caught.value.message


# Time


def test_silence_before_the_answer_ends_in_time(wire: Wire) -> None:
    with upstream(lambda peer: peer.wait_until_gone()) as server:
        took, error = elapsed(lambda: wire.send(request_to(server, first_event=0.1)), APITimeoutError)
        assert (error.phase, took >= 0.1) == ("first_event", True)
        took, error = elapsed(lambda: wire.send(request_to(server, total=0.1)), APITimeoutError)
        assert (error.phase, took >= 0.1) == ("total", True)


@pytest.mark.parametrize("piece", [b"A", b"HTTP/1.1 103 Hints\r\n\r\n"])
def test_a_dripping_head_ends_in_time(wire: Wire, piece: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(b"HTTP/1.1 103 Hints\r\n\r\n" if len(piece) > 1 else b"HTTP/1.1 200 OK\r\nX: ")
        while not peer.gone.wait(0.005):
            peer.send(piece)

    with upstream(script) as server:
        took, error = elapsed(lambda: wire.send(request_to(server, total=0.2)), APITimeoutError)
        assert (error.phase, took >= 0.2) == ("total", True)


def test_a_wait_for_a_block_ends_in_time_and_may_be_repeated(wire: Wire) -> None:
    go = threading.Event()

    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + b"5\r\n")
        go.wait(PATIENCE)
        peer.send(b"hello\r\n" + LAST)
        peer.wait_until_gone()

    with upstream(script) as server:
        response = wire.send(request_to(server))
        took, _ = elapsed(lambda: wire.read(response, 0.05), TimeoutError)
        assert took >= 0.05
        go.set()
        assert (wire.read(response), wire.read(response)) == (b"hello", b"")
        wire.call(wire.transport, "close")


def test_a_flood_without_any_body_ends_in_time(wire: Wire) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD + b"5")
        while not peer.gone.is_set():
            peer.send(b";" + b"x" * 1000)  # an extension of the chunk that never ends

    with upstream(script) as server:
        response = wire.send(request_to(server))
        took, _ = elapsed(lambda: wire.read(response, 0.2), TimeoutError)
        assert took >= 0.2
        wire.call(response, "close")


def test_a_block_is_handed_out_while_its_chunk_is_incomplete(wire: Wire) -> None:
    with upstream(answers(HEAD + b"ff\r\nhel")) as server:
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hel"
        wire.call(response, "close")


def test_an_upstream_that_never_reads_ends_in_time(wire: Wire) -> None:
    go = threading.Event()
    with upstream(lambda peer: go.wait(PATIENCE)) as server:
        big = request_to(server, content=bytes(30_000_000), first_event=0.2)
        _, error = elapsed(lambda: wire.send(big), APITimeoutError)
        assert error.phase == "first_event"
        big = request_to(server, content=bytes(30_000_000), total=0.3)
        _, error = elapsed(lambda: wire.send(big), APITimeoutError)
        assert error.phase == "total"
        go.set()


def test_a_large_body_arrives_whole(wire: Wire) -> None:
    content = bytes(range(256)) * 40_000
    with upstream(answers(OK, OK)) as server:
        for _ in range(2):
            assert wire.whole(request_to(server, content=content)) == (200, b"hi")
        assert [request.endswith(b"\r\n\r\n" + content) for request in server.peers[0].requests] == [True, True]
        wire.call(wire.transport, "close")


def test_an_answer_that_comes_while_we_send_is_read_and_its_connection_is_not_kept(wire: Wire) -> None:
    def refuse(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")
        done.wait(PATIENCE)
        peer.wait_until_gone()

    done = threading.Event()
    with upstream(refuse, answers(OK)) as server:
        assert wire.whole(request_to(server, content=bytes(30_000_000))) == (413, b"no")
        done.set()
        assert wire.whole(request_to(server)) == (200, b"hi")
        wire.call(wire.transport, "close")


def test_the_wait_for_a_free_connection_ends_in_time_and_is_served_in_turn(is_async: bool) -> None:
    wire = Wire(is_async, max_connections=1)
    with upstream(always(HEAD + HELLO)) as server:
        response = wire.send(request_to(server))
        took, error = elapsed(lambda: wire.send(request_to(server, pool=0.1)), APITimeoutError)
        assert (error.phase, took >= 0.1) == ("pool", True)
        wire.call(response, "close")
        wire.call(wire.send(request_to(server, pool=0.1)), "close")
        assert len(server.peers) == 2
        wire.close()


def test_an_idle_connection_makes_room_for_another_origin(is_async: bool) -> None:
    wire = Wire(is_async, max_connections=1)
    with upstream(always(OK)) as one, upstream(always(OK)) as other:
        assert [wire.whole(request_to(server, pool=0.1)) for server in (one, other, one)] == [(200, b"hi")] * 3
        wire.close()


# The end of an answer


def test_closing_in_the_middle_ends_the_connection_at_once(wire: Wire) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hello"
        wire.call(response, "close")
        wire.call(response, "close")
        assert server.peers[0].gone.wait(PATIENCE)
        with pytest.raises(StreamTruncatedError):
            wire.read(response)


def test_a_dropped_answer_ends_its_connection(wire: Wire) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = wire.send(request_to(server))
        del response
        wire.turn()
        assert server.peers[0].gone.wait(PATIENCE)


def test_finishing_keeps_the_connection_when_the_end_comes_soon(wire: Wire) -> None:
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
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hello"
        go.set()
        wire.call(response, "finish")
        wire.turn()
        assert wire.whole(request_to(server)) == (200, b"hi")
        assert len(server.peers) == 1
        wire.call(wire.transport, "close")


def test_finishing_gives_up_soon_when_the_end_does_not_come(wire: Wire) -> None:
    with upstream(answers(HEAD + HELLO)) as server:
        response = wire.send(request_to(server))
        assert wire.read(response) == b"hello"
        wire.call(response, "finish")
        gone = server.peers[0].gone
        if wire.loop is not None:  # it waits for the end in the loop
            wire.loop.run_until_complete(wire.loop.run_in_executor(None, gone.wait, PATIENCE))
        assert gone.wait(PATIENCE)


def test_finishing_gives_up_on_an_endless_rest(wire: Wire) -> None:
    def script(peer: Peer) -> None:
        peer.read()
        peer.send(HEAD)
        while not peer.gone.is_set():
            peer.send(HELLO * 10_000)

    with upstream(script) as server:
        response = wire.send(request_to(server))
        wire.call(response, "finish")
        wire.turn()
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


def test_tls_with_a_private_authority_keeps_its_connection(is_async: bool, authority: trustme.CA, ca_file: str) -> None:
    wire = Wire(is_async, ca_file=ca_file)
    with upstream(answers(OK, HEAD + HELLO + LAST), context=tls_server(authority, "localhost")) as server:
        origin = Origin("https", "localhost", server.port)
        assert wire.whole(request_to(origin=origin, content=bytes(300_000))) == (200, b"hi")
        assert wire.whole(request_to(origin=origin)) == (200, b"hello")
        assert len(server.peers) == 1
        assert server.peers[0].sock.selected_alpn_protocol() == "http/1.1"  # type: ignore[attr-defined]
        wire.close()


@pytest.mark.parametrize("name", ["localhost", "other.test"])
def test_a_certificate_that_does_not_fit_is_named(
    is_async: bool, authority: trustme.CA, ca_file: str, name: str
) -> None:
    wire = Wire(is_async, ca_file=None if name == "localhost" else ca_file)
    with upstream(answers(OK), context=tls_server(authority, name)) as server:
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(origin=Origin("https", "localhost", server.port)))
        assert (caught.value.code, caught.value.phase) == ("tls_certificate", "connect")
        assert f"localhost:{server.port}" in caught.value.message
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        wire.close()


def test_verification_can_be_turned_off(is_async: bool, authority: trustme.CA) -> None:
    wire = Wire(is_async, verify=False)
    with upstream(answers(OK), context=tls_server(authority, "other.test")) as server:
        assert wire.whole(request_to(origin=Origin("https", "localhost", server.port))) == (200, b"hi")
        wire.close()


def test_plain_text_where_tls_is_spoken_is_named(wire: Wire) -> None:
    with upstream(lambda peer: peer.send(b"HTTP/1.1 400 Bad\r\n\r\n")) as server:
        with pytest.raises(APIConnectionError) as caught:
            wire.send(request_to(origin=Origin("https", "127.0.0.1", server.port)))
        assert (caught.value.code, caught.value.phase) == ("tls", "connect")


def test_a_silent_handshake_ends_in_time(wire: Wire) -> None:
    with upstream(lambda peer: peer.wait_until_gone()) as server:
        silent = request_to(origin=Origin("https", "127.0.0.1", server.port), connect=0.1)
        _, error = elapsed(lambda: wire.send(silent), APITimeoutError)
        assert error.phase == "connect"  # the first use loads certificates
        wire.turn()
        assert server.peers[0].gone.wait(PATIENCE)


# Threads


def test_many_threads_share_one_transport() -> None:
    transport = FastTransport(max_connections=8)

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
