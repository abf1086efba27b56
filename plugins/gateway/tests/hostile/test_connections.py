"""No client holds a connection: whatever it sends and then stops sending, the gateway hangs up: row R20.

The gateway of this module has short time limits, and every test waits far longer than their sum.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import resource
import selectors
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.gateway_process import GatewayProcess, gateway_process

MASTER = "sk-master-canary-Zq81LmPw4d"
PATIENCE_SECONDS = 20.0
SHORT = {"head": 0.4, "body": 0.4, "write": 0.4, "keep_alive": 0.4}
HI = [{"role": "user", "content": "hi"}]
WHOLE = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
}
KEY = f"authorization: Bearer {MASTER}\r\n".encode()
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = json.dumps({"model": "m", "messages": HI}).encode()
LENGTH = b"content-length: %d\r\n" % len(BODY)


def config_of(upstream: FakeUpstream, folder: Path, **general: Any) -> Path:
    model = {
        "model": "openai/gpt-4o",
        "api_base": upstream.base_url,
        "api_key": "sk-upstream-0123456789",
        "max_retries": 0,
    }
    document = {
        "model_list": [{"model_name": "m", "litellm_params": model}],
        "general_settings": {"master_key": MASTER, "timeouts": SHORT, "drain_timeout": 1.0, **general},
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        upstream.otherwise = Answer.json(WHOLE)
        yield upstream


@pytest.fixture(scope="module")
def short(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    config = config_of(upstream, tmp_path_factory.mktemp("short"))
    with gateway_process("serve", "--config", str(config), folder=config.parent, environment={}) as gateway:
        gateway.wait_started()
        yield gateway


def connect(gateway: GatewayProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), PATIENCE_SECONDS)


def read_all(sock: socket.socket) -> bytes:
    """Return what comes until the other side hangs up; it must, within `PATIENCE_SECONDS` of silence."""
    found = b""
    try:
        while block := sock.recv(65536):
            found += block
    except ConnectionResetError:
        pass
    return found


def one_answer(gateway: GatewayProcess, request: bytes) -> bytes:
    with connect(gateway) as sock:
        sock.sendall(request)
        return read_all(sock)


def livez(gateway: GatewayProcess) -> bytes:
    return one_answer(gateway, b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize("path", [b"GET /livez", b"POST /v1/chat/completions", b"GET /nope"])
@pytest.mark.parametrize("length", [60_000, 600_000])
def test_a_byte_of_a_body_after_its_answer_switches_no_timer_off(
    short: GatewayProcess, path: bytes, length: int
) -> None:
    with connect(short) as sock:
        sock.sendall(path + b" HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % length)
        assert sock.recv(4096)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 401")
        sock.sendall(b"x")
        read_all(sock)  # a TimeoutError here: the connection is still open


@pytest.mark.parametrize("length", [60_000, 600_000])
def test_bytes_of_a_body_after_its_answer_do_not_put_the_end_off(short: GatewayProcess, length: int) -> None:
    with connect(short) as sock:
        sock.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % length)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        for _ in range(400):
            try:
                sock.sendall(b"x")
            except ConnectionError:
                return
            time.sleep(0.05)
    raise AssertionError("400 bytes, and the connection is still open")


def test_a_small_body_that_comes_behind_its_refusal_keeps_the_connection(short: GatewayProcess) -> None:
    with connect(short) as sock:
        for _ in range(3):
            sock.sendall(CHAT + LENGTH + b"\r\n")
            answer = sock.recv(65536)
            assert answer.startswith(b"HTTP/1.1 401")
            assert b"connection: close" not in answer
            sock.sendall(BODY)


def test_a_body_that_was_offered_and_not_wanted_ends_the_connection(short: GatewayProcess) -> None:
    """RFC 9110, section 10.1.1: whether the client then sends the body or its next request cannot be told."""
    with connect(short) as sock:
        sock.sendall(CHAT + LENGTH + b"expect: 100-continue\r\n\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer


PIECES = (
    b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    b"GET /readyz HTTP/1.1\r\nhost: x\r\n" + KEY + b"\r\n",
    b"HEAD /v1/models HTTP/1.1\r\nhost: x\r\n" + KEY + b"\r\n",
    b"GET /nope HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n" + b"x" * 500,
    CHAT + KEY + LENGTH + b"\r\n" + BODY,
    CHAT + LENGTH + b"\r\n" + BODY,
    CHAT + KEY + b"content-length: 200000\r\n\r\n" + b" " * 200_000,
    CHAT + KEY + LENGTH + b"expect: 100-continue\r\n\r\n" + BODY,
    CHAT + KEY + LENGTH + b"connection: close\r\n\r\n" + BODY,
    CHAT + KEY + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\nx: y\r\n\r\n",
    CHAT + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
    CHAT + KEY + LENGTH + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n" + BODY,
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    b"GET /livez HTTP/1.0\r\n\r\n",
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"garbage\r\n",
    CHAT + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_then_stops_the_connection_is_closed(short: GatewayProcess, seed: int) -> None:
    chance = random.Random(seed)
    sent: dict[socket.socket, bytes] = {}
    for _ in range(80):
        pipeline = b"".join(chance.choices(PIECES, k=chance.randint(1, 4)))
        prefix = pipeline[: chance.randint(0, len(pipeline))]
        sock = connect(short)
        sent[sock] = prefix
        cut = chance.randint(0, len(prefix))
        for part in (prefix[:cut], prefix[cut:]):
            try:
                sock.sendall(part)
            except ConnectionError:
                break
            time.sleep(chance.choice((0, 0, 0.01)))
    left = _still_open(list(sent))
    assert [sent[sock][:300] for sock in left] == []
    assert livez(short).startswith(b"HTTP/1.1 200")


def _still_open(socks: list[socket.socket]) -> list[socket.socket]:
    """Read from every connection until it is closed, and return those that are not in the end."""
    selector = selectors.DefaultSelector()
    for sock in socks:
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
    ends = time.monotonic() + PATIENCE_SECONDS
    while selector.get_map() and time.monotonic() < ends:
        for key, _ in selector.select(0.2):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                block = sock.recv(65536)
            except ConnectionError:
                block = b""
            if not block:
                selector.unregister(sock)
                sock.close()
    left = [key.fileobj for key in selector.get_map().values()]
    selector.close()
    for sock in left:
        assert isinstance(sock, socket.socket)
        sock.close()
    return left  # type: ignore[return-value]  # only sockets were registered


def test_a_client_that_does_not_read_its_last_bytes_is_dropped(short: GatewayProcess, upstream: FakeUpstream) -> None:
    """The whole answer is in the gateway's buffers, so that no request of the app waits for it to be read."""
    text = json.dumps({"pad": "x" * 9_000_000, **WHOLE}).encode()  # more than the system itself takes, up to 4 MiB
    upstream.answers.append(Answer(200, text, {"content-type": "application/json"}))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", short.port))
    with sock:
        sock.sendall(CHAT + KEY + LENGTH + b"connection: close\r\n\r\n" + BODY)
        line = json.loads(short.wait_line("client_does_not_read", lines=short.out))
        assert line["outcome"] == "cancelled"
        ends = time.monotonic() + PATIENCE_SECONDS
        while open_in(short, "closing", "request") > 1:  # the question itself is one
            assert time.monotonic() < ends, "the connection is still open"
            time.sleep(0.05)
    assert open_in(short, "request") == 1


def open_in(gateway: GatewayProcess, *phases: str) -> float:
    text = one_answer(gateway, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + KEY + b"\r\n").decode()
    names = [f'llmgate_connections{{phase="{phase}"}} ' for phase in phases]
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(tuple(names)))


def descriptors(gateway: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))


# --- over TLS, where our side cannot be closed first ---


@pytest.fixture(scope="module")
def encrypted(
    upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GatewayProcess, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("encrypted")
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    config = config_of(upstream, folder, limits={"max_json_body": "1MB"})
    flags = ("--config", str(config), "--ssl-certfile", str(folder / "server.pem"))
    with gateway_process("serve", *flags, folder=folder, environment={}) as gateway:
        gateway.wait_started()
        yield gateway, context


def test_an_encrypted_connection_ends_too(encrypted: tuple[GatewayProcess, ssl.SSLContext]) -> None:
    gateway, context = encrypted
    for request, wanted in (
        (b"", b""),
        (b"GET /", b"HTTP/1.1 408"),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\nx", b"HTTP/1.1 200"),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 600000\r\n\r\nx", b"HTTP/1.1 200"),
    ):
        with context.wrap_socket(connect(gateway), server_hostname="127.0.0.1") as sock:
            sock.sendall(request)
            assert read_all(sock).startswith(wanted)


def test_a_refusal_reaches_an_encrypted_client_that_is_still_sending(
    encrypted: tuple[GatewayProcess, ssl.SSLContext],
) -> None:
    gateway, context = encrypted
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, timeout=PATIENCE_SECONDS, context=context)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/chat/completions", b" " * 12_000_000, {"authorization": f"Bearer {MASTER}"})
        assert connection.getresponse().status == 413


# --- how many ---


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit")
def test_idle_connections_do_not_use_up_the_descriptors(upstream: FakeUpstream, tmp_path: Path) -> None:
    slow = {"head": 30, "body": 30, "write": 30, "keep_alive": 30}
    config = config_of(upstream, tmp_path, timeouts=slow, limits={"max_connections": 48})
    with gateway_process("serve", "--config", str(config), folder=tmp_path, environment={}) as gateway:
        gateway.wait_started()
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (96, 96))
        idle = []
        for _ in range(81):
            sock = connect(gateway)
            sock.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
            idle.append(sock)
        assert livez(gateway).startswith(b"HTTP/1.1 200")
        assert descriptors(gateway) < 96
        for sock in idle:
            sock.close()


@pytest.mark.parametrize("setting", ["max_connections", "max_connections_per_address"])
def test_where_all_connections_are_busy_a_new_one_gets_a_503(
    upstream: FakeUpstream, tmp_path: Path, setting: str
) -> None:
    config = config_of(upstream, tmp_path, limits={setting: 2})
    with gateway_process("serve", "--config", str(config), folder=tmp_path, environment={}) as gateway:
        gateway.wait_started()
        before = len(upstream.received)
        upstream.answers.extend(Answer(200, b"{}", {}, hold=threading.Event()) for _ in range(2))
        busy = [connect(gateway) for _ in range(2)]
        for number, sock in enumerate(busy, 1):
            sock.sendall(CHAT + KEY + LENGTH + b"\r\n" + BODY)
            upstream.wait_received(before + number)
        answer = livez(gateway)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"code":"overloaded"' in answer
        line = json.loads(gateway.wait_line("overloaded", lines=gateway.out))
        assert (line["status"], line["outcome"], line["detail"]) == (503, "refused", f"limits.{setting}")
        busy[0].close()
        upstream.wait_disconnect()
        ends = time.monotonic() + PATIENCE_SECONDS
        while not livez(gateway).startswith(b"HTTP/1.1 200"):
            assert time.monotonic() < ends
            time.sleep(0.05)
        busy[1].close()
