"""What an app does with `receive` and `send`, and what its client sees of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from llmgate_gateway.config.schema.general import Limits, ServerTimeouts
from llmgate_gateway.server.state import ServerState

from tests.support.running_gateway import PATIENCE_SECONDS, Server, read_all

App = Callable[[Any, Any, Any], Any]
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
FAILED = b"Internal Server Error"


@contextlib.contextmanager
def serving(app: App) -> Iterator[int]:
    """Serve an app in a thread, and yield its port."""
    started = threading.Event()
    sock = socket.create_server(("127.0.0.1", 0))
    server = Server(ServerState(app, limits=Limits(), timeouts=ServerTimeouts()), started)
    thread = threading.Thread(target=server.run, args=(sock,), daemon=True)
    thread.start()
    assert started.wait(PATIENCE_SECONDS)
    try:
        yield sock.getsockname()[1]
    finally:
        server.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def exchange(app: App, *requests: bytes) -> bytes:
    with serving(app) as port, closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as sock:
        sock.sendall(b"".join(requests))
        return read_all(sock)


def sends(*messages: dict[str, Any], error: Exception | None = None) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(dict(message))
        if error is not None:
            raise error

    return app


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(content: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


TWO = (b"content-length", b"2")
BOOM = RuntimeError("boom")


@pytest.mark.parametrize(
    "app",
    [
        sends(error=BOOM),
        sends(start(), error=BOOM),
        sends(),
        sends(start()),
        sends(body(b"x")),
        sends(start(), start()),
        sends(start((b"x", b"a\r\nset-cookie: b")), body(b"x")),
        sends(start((b"x:", b"a")), body(b"x")),
        sends(start((b"content-length", b"two")), body(b"x")),
        sends(start(TWO), body(b"xxx")),
    ],
)
def test_an_app_that_fails_before_its_body_is_a_500(app: App) -> None:
    answer = exchange(app, GET, GET)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in head
    assert content == FAILED


@pytest.mark.parametrize(
    ("app", "wanted"),
    [
        (sends(start(), body(b"x", more=True), error=BOOM), b"1\r\nx\r\n"),
        (sends(start(), body(b"x", more=True)), b"1\r\nx\r\n"),
        (sends(start(TWO), body(b"x")), b"x"),
        (sends(start(TWO), body(b"x", more=True), body(b"yz")), b"x"),
    ],
)
def test_a_body_that_fails_is_seen_to_be_cut_short(app: App, wanted: bytes) -> None:
    head, _, content = exchange(app, GET, GET).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert content == wanted


def test_a_message_after_the_end_is_an_error_and_changes_nothing() -> None:
    answer = exchange(sends(start(TWO), body(b"ok"), body(b"more")), GET, LAST)
    assert [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"ok", b"ok"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_no_framing(status: int) -> None:
    head, _, content = exchange(sends(start(status=status), body()), LAST).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert content == b""


def test_the_answer_to_head_has_no_body_whatever_the_app_sends() -> None:
    answer = exchange(sends(start(), body(b"x" * 9, more=True), body(b"y")), LAST.replace(b"GET", b"HEAD"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1


def test_an_encoding_of_the_app_is_not_sent_beside_the_servers() -> None:
    answer = exchange(sends(start((b"Transfer-Encoding", b"chunked")), body(b"hi")), LAST)
    assert answer.count(b"transfer-encoding: chunked") == 1
    assert answer.endswith(b"2\r\nhi\r\n0\r\n\r\n")


def test_after_its_body_an_app_receives_the_disconnect() -> None:
    received: list[str] = []
    gone = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(3):
            received.append((await receive())["type"])
        gone.set()

    with serving(app) as port:
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
            while not received:
                gone.wait(0.01)
        assert gone.wait(PATIENCE_SECONDS)
    assert received == ["http.request", "http.disconnect", "http.disconnect"]


def test_a_request_that_ends_late_does_not_stop_the_watch_of_the_next_one() -> None:
    watched, gone = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["extensions"]["llmgate.client"]
        if scope["path"] == "/first":
            ours.watch(lambda: None)
            await send(start(TWO))
            await send(body(b"ok"))
            while not watched.is_set():  # the next one has begun
                await asyncio.sleep(0.01)
            ours.watch(None)
            watched.clear()
        else:
            ended = asyncio.Event()
            ours.watch(ended.set)
            watched.set()
            await ended.wait()
            gone.set()

    with serving(app) as port:
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as sock:
            sock.sendall(GET.replace(b"/ ", b"/first ", 1) + GET)
            assert watched.wait(PATIENCE_SECONDS)
            while watched.is_set():
                gone.wait(0.01)
        assert gone.wait(PATIENCE_SECONDS)


def test_a_block_is_sent_at_once_only_to_a_client_that_reads() -> None:
    sent: list[bool] = []
    refused = threading.Event()
    block = b"x" * 65_536

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ours = scope["extensions"]["llmgate.client"]
        sent.append(ours.send_now(b"before the head"))
        await send(start())
        while ours.send_now(block):
            sent.append(True)
            await asyncio.sleep(0)
        refused.set()
        await send(body(b"the rest"))
        sent.append(ours.send_now(b"behind the end"))

    with serving(app) as port, closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as sock:
        sock.sendall(LAST)
        assert refused.wait(PATIENCE_SECONDS)
        answer = read_all(sock)
    assert [sent[0], sent[-1]] == [False, False]
    assert answer.count(b"10000\r\nx") == len(sent) - 2
    assert answer.endswith(b"8\r\nthe rest\r\n0\r\n\r\n")
