"""Clients that send or read slowly, and heads that are too large: rows R20 and R21."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-master-canary-Zq81LmPw4d\r\n"
SSE = {"content-type": "text/event-stream"}
BLOCK = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"' + b"x" * 4000 + b'"}}]}\n\n'


def test_10_000_headers_and_64_kib_of_one_are_a_431(gateway: Any) -> None:
    for lines in (b"".join(b"x-%d: y\r\n" % number for number in range(10_000)), b"x: " + b"y" * 65_536 + b"\r\n"):
        for line in (b"GET /livez HTTP/1.1\r\nhost: x\r\n", HEAD):
            assert gateway.statuses(line + lines + b"\r\n") == [431]
    few = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 100) for number in range(90))
    assert gateway.statuses(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + few + b"\r\n") == [200]


def answer_to_drip(gateway: Any, first: bytes) -> bytes:
    """Send `first`, then a byte every 50 ms, until the gateway hangs up; return its answer."""
    with gateway.connect() as sock:
        sock.sendall(first)
        sock.settimeout(0.05)
        for _ in range(400):
            try:
                return sock.recv(65536)
            except TimeoutError:
                try:
                    sock.sendall(b"x")
                except OSError:
                    return b""
    raise AssertionError("the gateway took 400 bytes, and more")


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nx-slow: ", b"HTTP/1.1 408 "),
        (b"GET /", b"HTTP/1.1 408 "),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\n", b"HTTP/1.1 408 "),
        (HEAD + b"content-length: 1000000\r\n\r\n{", b"HTTP/1.1 408 "),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nffffff\r\n{", b"HTTP/1.1 408 "),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n5;", b"HTTP/1.1 408 "),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nx: ", b"HTTP/1.1 408 "),
    ],
    ids=["header", "path", "more headers", "body", "chunk", "chunk extension", "trailer"],
)
def test_a_client_that_drips_gets_a_408(gateway: Any, first: bytes, status: bytes) -> None:
    answer = answer_to_drip(gateway, first)
    assert answer.startswith(status), answer


def test_a_connection_that_asks_nothing_is_closed(gateway: Any) -> None:
    assert gateway.raw() == b""


def test_500_slow_clients_are_dropped_and_no_hindrance(gateway: Any) -> None:
    before = gateway.descriptors()
    slow = [gateway.connect() for _ in range(500)]
    for number, sock in enumerate(slow):
        sock.sendall((b"GET /livez HTTP/1.1\r\nx: ", HEAD + b"content-length: 99999\r\n\r\n{")[number % 2])
    for _ in range(20):
        assert gateway.chat().status == 200
    answers = list(_until_closed(slow))
    assert len(answers) == 500
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers), set(answers)
    ends = time.monotonic() + 20  # they are closed once the gateway has seen that their clients have read
    while gateway.descriptors() > before + 3:
        assert time.monotonic() < ends
        time.sleep(0.05)


def _until_closed(socks: list[socket.socket]) -> Iterator[bytes]:
    selector = selectors.DefaultSelector()
    for sock in socks:
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
    found = dict.fromkeys(socks, b"")
    ends = time.monotonic() + 60
    while selector.get_map() and time.monotonic() < ends:
        for key, _ in selector.select(0.2):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            block = sock.recv(65536)
            if block:
                found[sock] += block
                continue
            selector.unregister(sock)
            sock.close()
            yield found[sock]
    selector.close()


def test_clients_that_do_not_read_hold_little_memory_and_are_dropped(gateway: Any, upstream: Any) -> None:
    sent = [0]

    def endless() -> Iterator[bytes]:
        while True:
            sent[0] += len(BLOCK)
            yield BLOCK

    upstream.otherwise = lambda _: Answer(200, endless(), SSE)
    body = json.dumps({"model": "m", "messages": HI, "stream": True}).encode()
    gateway.forget_peak()
    before = gateway.memory_kib()
    socks = [socket.socket() for _ in range(20)]
    for sock in socks:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", gateway.port))
        sock.sendall(HEAD + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    upstream.wait_disconnect(count=20)
    assert (gateway.peak_kib() - before) / 20 < 4000
    assert sent[0] / 20 < 12_000_000  # the kernel's buffers of both connections
    gateway.wait_for_lines("client_does_not_read", 20)
    for sock in socks:
        sock.close()
    # on a machine with much else to do, the watchdog may say that the loop waited for the processor
    assert [line for line in gateway.err if '"level":"error"' in line and "event loop is blocked" not in line] == []


def test_a_reader_of_a_long_answer_that_is_slow_but_steady_gets_all_of_it(gateway: Any, upstream: Any) -> None:
    content = json.dumps({"id": "x", "choices": [], "pad": "x" * 3_000_000}).encode()
    upstream.answers.append(Answer(200, content, {"content-type": "application/json"}))
    body = json.dumps({"model": "m", "messages": HI}).encode()
    size = 0
    with gateway.connect() as sock:
        sock.sendall(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        while block := sock.recv(32_768):
            size += len(block)
            time.sleep(0.005)
    assert size > len(content)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_above_its_limit_is_refused_early(gateway: Any, upstream: Any, declared: bool) -> None:
    framing = b"content-length: 500000000\r\n\r\n" if declared else b"transfer-encoding: chunked\r\n\r\n"
    block = b"x" * 65_536 if declared else b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent = 0
    with gateway.connect() as sock:
        sock.sendall(HEAD + framing)
        try:
            while sent < 40_000_000:
                sock.sendall(block)
                sent += len(block)
        except OSError:
            pass
        answer = sock.recv(200)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent < 36_000_000  # of the 20 MB of `max_body` that are dropped unread, and the kernel's buffers
    assert upstream.received == []
