"""HTTP as raw bytes: what is refused, how, and what must be served all the same."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import pytest

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
WITH_LENGTH = HEAD + b"content-length: %d\r\n" % len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.fixture(scope="module")
def gateway(shared_gateways: Any, shared_upstream: Any) -> Any:
    shared_gateways.write(shared_upstream, "timeouts: {head: 0.5}")
    return shared_gateways.start()


@pytest.fixture
def upstream(shared_upstream: Any) -> Any:
    shared_upstream.received.clear()
    return shared_upstream


def exchange(gateway: Any, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes, and return all that comes until the gateway hangs up or is silent for a while."""
    with socket.create_connection(("127.0.0.1", gateway.port), 5) as sock:
        for part in parts:
            try:
                sock.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        sock.settimeout(0.7)
        found = b""
        try:
            while block := sock.recv(65536):
                found += block
        except OSError:
            pass
        return found


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_a_plain_request_is_served(gateway: Any, upstream: Any) -> None:
    assert statuses(exchange(gateway, WITH_LENGTH + b"\r\n" + BODY)) == [200]
    assert statuses(exchange(gateway, HEAD + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED)) == [200]
    assert statuses(exchange(gateway, (WITH_LENGTH + b"\r\n" + BODY) * 3)) == [200, 200, 200]


@pytest.mark.parametrize(
    "request_bytes",
    [
        WITH_LENGTH + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED,
        HEAD + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n" + CHUNKED,
        WITH_LENGTH + b"content-length: 1\r\n\r\n" + BODY,
        WITH_LENGTH + b"content-length: %d\r\n\r\n" % len(BODY) + BODY,
        HEAD + b"content-length: +5\r\n\r\nhello",
        HEAD + b"content-length: -5\r\n\r\nhello",
        HEAD + b"content-length: 0x5\r\n\r\nhello",
        HEAD + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKED,
        HEAD + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNKED,
        HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n" + CHUNKED,
        HEAD + b"transfer-encoding : chunked\r\n\r\n" + CHUNKED,
        HEAD + b"transfer-encoding:\x0bchunked\r\n\r\n" + CHUNKED,
        HEAD + b" transfer-encoding: chunked\r\n\r\n" + CHUNKED,
        HEAD + b"x: a\r\n b\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY,
        HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        HEAD + b"x: a\x00b\r\n\r\n",
        (WITH_LENGTH + b"\r\n").replace(b"\r\n", b"\n") + BODY,
        WITH_LENGTH.replace(b"host: x\r\n", b"") + b"\r\n" + BODY,
        WITH_LENGTH + b"host: y\r\n\r\n" + BODY,
        HEAD.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED,
        b"CONNECT upstream:443 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_two_servers_could_read_in_two_ways_is_refused(gateway: Any, upstream: Any, request_bytes: bytes) -> None:
    answer = exchange(gateway, request_bytes)
    assert statuses(answer) == [400], answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == "invalid_http_request"
    assert upstream.received == []
    assert statuses(exchange(gateway, WITH_LENGTH + b"connection: close\r\n\r\n" + BODY)) == [200]


def test_a_head_that_is_too_large_is_refused_as_it_comes(gateway: Any) -> None:
    many = b"GET /livez HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: y\r\n" % number for number in range(300)) + b"\r\n"
    long = b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: " + b"y" * 40_000 + b"\r\n\r\n"
    endless = b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: " + b"y" * 10_000_000
    address = b"GET /" + b"y" * 40_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"
    for head in (many, long, endless, address):
        assert statuses(exchange(gateway, head))[:1] in ([431], [])  # a client that still sends may see only a reset
    assert statuses(exchange(gateway, many)) == [431]
    assert statuses(exchange(gateway, long)) == [431]


def test_a_large_body_is_no_large_head(gateway: Any) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 500_000}]}).encode()
    one = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    assert statuses(exchange(gateway, one * 2)) == [200, 200]


def test_a_head_that_does_not_come_is_not_waited_for(gateway: Any) -> None:
    answer = exchange(gateway, *[bytes([byte]) for byte in b"GET /livez HTTP/1.1\r\nx-slow: " + b"y" * 10], pause=0.05)
    assert statuses(answer) == [408]
    assert exchange(gateway) == b""


def test_a_slow_second_head_is_not_waited_for_either(gateway: Any) -> None:
    first = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
    assert statuses(exchange(gateway, first, b"GET /livez HTT", pause=0.8)) == [200, 408]


def test_an_offer_of_another_protocol_is_passed_over_with_the_body_kept(gateway: Any, upstream: Any) -> None:
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n"
    request = WITH_LENGTH + offer + b"\r\n" + BODY
    assert statuses(exchange(gateway, request)) == [200]
    assert statuses(exchange(gateway, request[:-20], request[-20:], pause=0.1)) == [200]
    assert statuses(exchange(gateway, WITH_LENGTH + offer + b"\r\n", BODY, pause=0.1)) == [200]
    assert statuses(exchange(gateway, HEAD + offer + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED)) == [200]
    socket_offer = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert statuses(exchange(gateway, socket_offer * 2)) == [200, 200]
    assert [received["json"]["messages"] for received in upstream.received] == [json.loads(BODY)["messages"]] * 4


def test_no_header_names_the_server(gateway: Any) -> None:
    head = exchange(gateway, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    about_browsers = {b"x-content-type-options", b"content-security-policy"}
    assert names == {b"date", b"content-type", b"content-length", b"x-llmgate-request-id", *about_browsers}


def test_slow_clients_do_not_hold_up_others(gateway: Any) -> None:
    slow = [socket.create_connection(("127.0.0.1", gateway.port), 5) for _ in range(200)]
    for sock in slow:
        sock.sendall(b"GET /livez HT")
    assert gateway.chat()[0] == 200
    ended: list[bytes] = []
    threads = [threading.Thread(target=lambda s=sock: ended.append(s.recv(4096))) for sock in slow]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    for sock in slow:
        sock.close()
    assert len(ended) == 200
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in ended)
