"""An answer that the collector frees never waits for a lock that its thread may hold; its place comes back."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest

from llmgate_core.transports.http1.sync_transport import HTTP1Transport
from llmgate_core.transports.options import TransportOptions
from llmgate_core.transports.sync_lanes import HTTPXTransport
from llmgate_core.transports.user_client.kinds import wrap_user_client
from tests.support.scripted_upstream import HEAD, HELLO, OK, PATIENCE, Peer, Upstream, request_to, upstream

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""The collector may free a socket before the answer that would have closed it."""


def endless_then_ok(peer: Peer) -> None:
    peer.read()
    peer.send(HEAD + HELLO)
    peer.wait_until_gone()


def ok(peer: Peer) -> None:
    while peer.read():
        peer.send(OK)


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream(endless_then_ok, ok) as running:
        yield running


class Cycle:
    """Only the collector frees it."""

    def __init__(self, response: Any) -> None:
        self.me, self.response = self, response


def http1() -> tuple[Any, Callable[[], list[Any]]]:
    transport = HTTP1Transport(TransportOptions(max_connections=1))
    return transport, lambda: [transport.slots._lock]


def own_httpx() -> tuple[Any, Callable[[], list[Any]]]:
    transport = HTTPXTransport(TransportOptions(max_connections=1))

    def locks() -> list[Any]:
        pools: list[Any] = [lane.transport._pool for lane in transport._lanes]  # type: ignore[attr-defined]
        return [transport.slots._lock, *httpcore_locks(pools)]

    return transport, locks


def user_httpx() -> tuple[Any, Callable[[], list[Any]]]:
    client = httpx.Client(limits=httpx.Limits(max_connections=1))
    return wrap_user_client(client), lambda: httpcore_locks([client._transport._pool])  # type: ignore[attr-defined]


def httpcore_locks(pools: list[Any]) -> list[Any]:
    pool_locks = [pool._optional_thread_lock._lock for pool in pools]
    return pool_locks + [one._connection._state_lock._lock for pool in pools for one in pool.connections]


@pytest.mark.parametrize("make", [http1, own_httpx, user_httpx])
def test_the_collector_runs_while_the_lock_is_held(make: Any, server: Upstream) -> None:
    transport, locks_of = make()
    response = transport.send(request_to(server))
    assert response.read_block(PATIENCE) == b"hello"
    Cycle(response)
    del response
    locks = locks_of()
    collected = threading.Event()

    def collect() -> None:
        for lock in locks:
            lock.acquire()
        gc.collect()
        for lock in locks:
            lock.release()
        collected.set()

    threading.Thread(target=collect, daemon=True).start()
    assert collected.wait(PATIENCE / 2)
    again = transport.send(request_to(server))  # the only place came back
    assert again.status == 200
    assert again.read_block(PATIENCE) == b"hi"
    again.close()
    assert server.peers[0].gone.wait(PATIENCE)
    assert not getattr(transport, "unread", None)
    (transport._client if make is user_httpx else transport).close()


@pytest.mark.parametrize("make", [http1, own_httpx, user_httpx])
def test_what_is_settled_is_not_held(make: Any) -> None:
    with upstream(ok) as running:
        transport, _ = make()
        for _ in range(3):
            response = transport.send(request_to(running))
            while response.read_block(PATIENCE):
                pass
            response.close()
        assert not getattr(transport, "unread", None)
        (transport._client if make is user_httpx else transport).close()
        assert len(running.peers) == 1


def test_a_dropped_stream_frees_its_answer_the_same_way() -> None:
    """A generator that reads an answer closes it when the collector frees the generator."""
    with upstream(endless_then_ok, ok) as running:
        transport, _ = http1()
        response = transport.send(request_to(running))

        def blocks() -> Generator[bytes, None, None]:
            try:
                while block := response.read_block(PATIENCE):
                    yield block
            finally:
                response.close()

        reading = blocks()
        assert next(reading) == b"hello"
        with transport.slots._lock:
            reading.close()
        again = transport.send(request_to(running))
        assert again.status == 200
        again.close()
        transport.close()
