"""The HTTP server inside a child, over a socket: who may ask, what is read, what is answered."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llmgate_local.child_http import ChildServer, RefusedError

KEY = {"authorization": "Bearer the-key"}
LIMIT = 1024 * 1024


class EchoServer(ChildServer):
    """Answers with the body; some bodies are refused, one breaks it."""

    route = "/v1/echo"
    max_body_bytes = LIMIT

    def __init__(self) -> None:
        self.answered = 0
        self.go_on = threading.Event()
        self.left = threading.Semaphore(0)  # one for each connection that is done with
        super().__init__("the-key", 0)

    def answer(self, content: bytes, content_type: str) -> tuple[str, bytes]:
        self.answered += 1
        if content == b"refuse":
            raise RefusedError(400, "not this", "input")
        if content == b"break":
            raise OSError("the model's own")
        if content == b"wait":
            self.go_on.wait(20)
        return content_type, content

    def process_request_thread(self, *arguments: Any) -> None:
        super().process_request_thread(*arguments)
        self.left.release()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    with EchoServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def connection(server: EchoServer) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    yield opened
    opened.close()


def ask(
    connection: http.client.HTTPConnection, body: bytes, *, path: str = "/v1/echo", headers: dict[str, str] = KEY
) -> tuple[int, bytes]:
    connection.request("POST", path, body, {"content-type": "text/x", **headers})
    response = connection.getresponse()
    return response.status, response.read()


def error(message: str, kind: str = "invalid_request_error", param: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": None}}).encode()


def test_what_is_refused_is_said_and_the_connection_goes_on(
    connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(connection, b"hello") == (200, b"hello")
    kept = connection.sock
    assert ask(connection, b"refuse") == (400, error("not this", param="input"))
    assert ask(connection, b"x", path="/v1/other") == (404, error("no such route", "not_found_error"))
    assert ask(connection, b"x", headers={"authorization": "Bearer other"}) == (
        401,
        error("wrong key", "authentication_error"),
    )
    assert ask(connection, b"x", headers={}) == (401, error("wrong key", "authentication_error"))
    assert ask(connection, b"x" * (LIMIT + 1)) == (413, error(f"the body must have at most {LIMIT} bytes"))
    assert ask(connection, b"break") == (500, error("the model failed at this request", "server_error"))
    assert ask(connection, b"x" * LIMIT) == (200, b"x" * LIMIT)
    assert connection.sock is kept is not None
    assert "OSError: the model's own" in capfd.readouterr().err


def test_a_body_far_over_the_limit_is_not_read_to_its_end(
    server: EchoServer, connection: http.client.HTTPConnection
) -> None:
    connection.putrequest("POST", "/v1/echo")
    connection.putheader("authorization", KEY["authorization"])
    connection.putheader("content-length", str(1_000_000_000))
    connection.endheaders(b"x" * 2 * LIMIT)

    response = connection.getresponse()

    assert (response.status, response.read()) == (413, error(f"the body must have at most {LIMIT} bytes"))
    assert connection.sock is None or not connection.sock.recv(1)  # it hung up
    assert server.answered == 0


@pytest.mark.parametrize("length", ["-1", "+5", "0x5", "\xb2", "9" * 5000, "1_0", "five", None])
def test_a_length_that_is_no_number_is_refused_and_the_connection_closed(server: EchoServer, length: Any) -> None:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    head = f"POST /v1/echo HTTP/1.1\r\nhost: x\r\nauthorization: {KEY['authorization']}\r\n{framing}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as client:
        client.sendall(head.encode("latin-1"))
        with client.makefile("rb") as answer:
            said = answer.read()

    assert said.startswith(b"HTTP/1.1 411 ")
    assert said.endswith(error("a content-length header is required"))
    assert server.answered == 0


def test_a_client_that_hangs_up_inside_its_body_reaches_no_model_and_logs_nothing(
    server: EchoServer, connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    for sent in (b"", b"half"):
        with socket.create_connection(("127.0.0.1", server.server_port), 20) as client:
            head = f"POST /v1/echo HTTP/1.1\r\nauthorization: {KEY['authorization']}\r\ncontent-length: 8\r\n\r\n"
            client.sendall(head.encode() + sent)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""

    assert ask(connection, b"hello") == (200, b"hello")
    assert server.answered == 1
    assert capfd.readouterr().err == ""


def test_a_client_that_hangs_up_before_its_answer_is_no_news_for_the_log(
    server: EchoServer, connection: http.client.HTTPConnection, capfd: pytest.CaptureFixture[str]
) -> None:
    connection.request("POST", "/v1/echo", b"wait", KEY)
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close sends RST
    connection.close()
    server.go_on.set()

    assert server.left.acquire(timeout=20)
    assert capfd.readouterr().err == ""


def test_other_methods_and_paths_are_refused(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/health")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b'{"status": "ok"}')
    connection.request("GET", "/v1/echo")
    response = connection.getresponse()
    assert (response.status, response.read()) == (404, error("no such route", "not_found_error"))
    connection.request("DELETE", "/v1/echo")
    assert connection.getresponse().status == 501


def test_many_clients_at_once_each_get_their_own_answer(server: EchoServer) -> None:
    barrier = threading.Barrier(32)

    def call(number: int) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        barrier.wait(20)
        try:
            return ask(connection, b"%d" % number)
        finally:
            connection.close()

    with ThreadPoolExecutor(32) as pool:
        assert list(pool.map(call, range(32))) == [(200, b"%d" % number) for number in range(32)]
