"""A child of `os.fork` never sends on a connection of its parent, and never waits for a thread it has not got."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.transports.per_process import PerProcess
from tests.support.scripted_upstream import HEAD, PATIENCE, Peer, Upstream, upstream

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

CHILDREN, CALLS = 3, 8


def echo(peer: Peer) -> None:
    """Answer each request with the words that it asked with, a little later; with a stream where it wants one."""
    while request := peer.read():
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        words = body["messages"][0]["content"]
        time.sleep(0.002)
        if body.get("stream"):
            event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            event["choices"] = [{"index": 0, "delta": {"content": words}, "finish_reason": None}]
            block = b"data: " + json.dumps(event).encode() + b"\n\n"
            peer.send(HEAD)
            while True:  # until its reader leaves
                peer.send(b"%x\r\n%s\r\n" % (len(block), block))
                time.sleep(0.02)
        message = {"role": "assistant", "content": words}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        answer["choices"] = [{"index": 0, "finish_reason": "stop", "message": message}]
        data = json.dumps(answer).encode()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/json\r\n\r\n" % len(data) + data)


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream(echo) as running:
        yield running


@pytest.fixture(params=["http1", "httpx"])
def options(request: pytest.FixtureRequest, server: Upstream) -> dict[str, Any]:
    base = f"http://127.0.0.1:{server.port}/v1"
    return {"settings": Settings(), "transport": request.param, "api_key": "sk-x", "api_base": base, "max_retries": 0}


def asked(words: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": words}], "timeout": PATIENCE}


def ask(client: Client, words: str) -> None:
    answer = client.completion("openai/gpt-4o", **asked(words))
    assert answer.choices[0].message.content == words


async def aask(client: AsyncClient, words: str) -> None:
    answer = await client.completion("openai/gpt-4o", **asked(words))
    assert answer.choices[0].message.content == words


def forked(action: Callable[[], object]) -> int:
    """Run `action` in a child, which ends with 0 where it did not fail."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(int(PATIENCE))  # a child that hangs is killed
        action()
        status = 0
    finally:
        os._exit(status)


def succeed(children: list[int]) -> bool:
    return [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def test_each_child_and_the_parent_get_their_own_answers(server: Upstream, options: dict[str, Any]) -> None:
    client = Client(**options)
    ask(client, "before")

    def call_often(name: str) -> None:
        for number in range(CALLS):
            ask(client, f"{name} {number}")

    children = [forked(lambda name=f"child {number}": call_often(name)) for number in range(CHILDREN)]  # type: ignore[misc]
    call_often("parent")
    assert succeed(children)
    call_often("parent later")
    assert len(server.peers[0].requests) == 1 + 2 * CALLS  # the parent's connection was kept, and it alone used it
    assert len(server.peers) == 1 + CHILDREN
    client.close()


def test_each_child_and_the_parent_get_their_own_answers_async(server: Upstream, options: dict[str, Any]) -> None:
    client = AsyncClient(**options)

    async def call_often(name: str) -> None:
        for number in range(CALLS):
            await aask(client, f"{name} {number}")

    async def main() -> list[int]:
        await aask(client, "before")
        children = [forked(lambda: asyncio.run(call_often("child"))) for _ in range(CHILDREN)]
        await call_often("parent")
        assert await asyncio.to_thread(succeed, children)
        await call_often("parent later")
        await client.aclose()
        return children

    asyncio.run(main())
    assert len(server.peers[0].requests) == 1 + 2 * CALLS
    assert len(server.peers) == 1 + CHILDREN


def test_a_child_has_its_own_async_transports_for_the_same_loop(options: dict[str, Any]) -> None:
    client = AsyncClient(**options)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(aask(client, "before"))
    kept = client._transports._caches.get()
    assert succeed([forked(lambda: client._transports._caches.get() is kept and os.abort())])
    assert client._transports._caches.get() is kept
    loop.run_until_complete(client.aclose())
    loop.close()


def test_what_a_child_drops_does_not_reach_the_parents_stream(server: Upstream, options: dict[str, Any]) -> None:
    client = Client(**options)
    held = {"client": client, "stream": client.completion("openai/gpt-4o", stream=True, **asked("open"))}
    stream = held["stream"]
    assert next(iter(stream)).choices[0].delta.content == "open"
    del client, stream

    def drop() -> None:
        held.clear()
        gc.collect()

    assert succeed([forked(drop)])
    for _, chunk in zip(range(40), held["stream"], strict=False):  # most of them come when the child is gone
        assert chunk.choices[0].delta.content == "open"
    assert len(server.peers) == 1
    ask(held["client"], "later")
    held["stream"].close()
    held["client"].close()


def test_a_lock_that_a_thread_holds_at_the_fork_does_not_stop_the_child(options: dict[str, Any]) -> None:
    client = Client(**options)
    ask(client, "before")
    made = client._transports._caches.get()
    transport: Any = next(iter(made._transports[None].values()))
    locks = [made._lock, transport.slots._lock]
    if options["transport"] == "httpx":
        locks += [lane.transport._pool._optional_thread_lock._lock for lane in transport._lanes]
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        held.set()
        let_go.wait(PATIENCE)
        for lock in locks:
            lock.release()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(PATIENCE)
    box = [client]

    def call_close_and_drop() -> None:
        ask(box[0], "child")
        box[0].close()
        box.clear()
        gc.collect()

    del client, made, transport
    child = forked(call_close_and_drop)
    assert succeed([child])
    let_go.set()
    holder.join()
    ask(box[0], "after")
    box[0].close()


def test_a_grandchild_with_a_number_seen_before_starts_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    number = [1]
    monkeypatch.setattr(os, "getpid", lambda: number[0])
    of_process = PerProcess(object)
    first = of_process.get()
    number[0] = 2
    second = of_process.get()
    number[0] = 1
    assert len({id(first), id(second), id(of_process.get())}) == 3


def test_calls_that_race_in_a_new_child_share_one_set(monkeypatch: pytest.MonkeyPatch) -> None:
    of_process = PerProcess(object)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    found: list[object] = []
    barrier = threading.Barrier(8)

    def get() -> None:
        barrier.wait(PATIENCE)
        found.append(of_process.get())

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_closed_tls_socket_sends_nothing() -> None:
    """What dropping an inherited connection relies on: only `unwrap` says goodbye."""
    import ssl

    import trustme

    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    left, right = socket.socketpair()
    accepted: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: accepted.append(server_side.wrap_socket(right, server_side=True)))
    thread.start()
    secured = client_side.wrap_socket(left, server_hostname="localhost")
    thread.join(PATIENCE)
    assert succeed([forked(secured.close)])
    secured.sendall(b"still here")
    accepted[0].settimeout(PATIENCE)
    assert accepted[0].recv(100) == b"still here"
    secured.close()
    accepted[0].close()
