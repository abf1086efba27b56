"""An upload that does not go through: refused, stalled, too slow, broken off or cancelled; over every transport."""

from __future__ import annotations

import asyncio
import itertools
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import APITimeoutError
from tests.support.scripted_upstream import OK, PATIENCE, Peer, Upstream, answers, upstream
from tests.support.upload_transports import (
    ASYNC,
    BIG,
    MAKERS,
    MAX_UNREAD_BYTES,
    OURS,
    OURS_ASYNC,
    REFUSED,
    Source,
    close,
    drain,
    drain_rest,
    form,
    read_head,
    sparse,
    tls_driver,
    upload_to,
)


@pytest.fixture(params=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def driver(name: str) -> Iterator[Any]:
    made = MAKERS[name]()
    yield made
    close(made)


# What the upstream does


@pytest.mark.parametrize("name", OURS)
def test_an_early_answer_is_read_sending_stops_and_the_connection_is_not_kept(driver: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + REFUSED)
        done.wait(PATIENCE)  # and reads no more
        peer.wait_until_gone()

    done = threading.Event()
    source = Source(BIG)
    with upstream(refuse, answers(OK)) as server:
        assert driver.whole(upload_to(server, source)) == (413, b"no")
        done.set()
        assert source.ended.wait(PATIENCE)
        assert source.read < MAX_UNREAD_BYTES
        assert driver.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        assert server.peers[0].gone.wait(PATIENCE)
        assert len(server.peers) == 2
        close(driver)


@pytest.mark.parametrize("name", OURS)
def test_an_early_answer_stops_an_upload_that_the_upstream_would_go_on_reading(driver: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(REFUSED)
        source.go.set()
        peer.wait_until_gone()

    source = Source(BIG, waits_at=1_000_000)
    with upstream(refuse) as server:
        assert driver.whole(upload_to(server, source)) == (413, b"no")
        assert source.read < 1_500_000
        close(driver)


# a client's asyncio drops what came just before a reset
@pytest.mark.parametrize(
    ("name", "resets"),
    [(name, resets) for name in MAKERS for resets in (False, True) if name in OURS or not (resets and name in ASYNC)],
)
def test_the_answer_of_an_upstream_that_hangs_up_at_once_is_read(driver: Any, resets: bool) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(REFUSED)
        if not resets:  # else what is unread makes the kernel send a reset
            peer.sock.shutdown(1)
            peer.wait_until_gone()

    with sparse() as file, upstream(refuse) as server:
        body = form(file)
        for _ in range(20):
            assert driver.whole(upload_to(server, body)) == (413, b"no")
        close(driver)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_lies_there_when_the_connection_breaks_is_read(name: str, tls: bool, tmp_path: Path) -> None:
    def refuse(peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the reset overtakes the answer
        read_head(peer)
        assert source.waiting.wait(PATIENCE)
        peer.send(REFUSED)
        peer.reset()
        source.go.set()

    source = Source(BIG, waits_at=100_000)
    source.blocks_loop = True  # so that the loop has seen neither the answer nor the reset when it sends more
    driver, context = tls_driver(name, tmp_path) if tls else (MAKERS[name](), None)
    with upstream(refuse, context=context) as server:
        origin = Origin("https" if tls else "http", "127.0.0.1", server.port)
        assert driver.whole(upload_to(server, source, origin=origin)) == (413, b"no")
        close(driver)


class LateSelector(selectors.DefaultSelector):
    """Sees no input while `is_late` is set, as when it comes just after the loop has looked."""

    is_late: threading.Event

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        hidden = selectors.EVENT_READ if self.is_late.is_set() else 0
        return [(key, mask & ~hidden) for key, mask in super().select(timeout) if mask & ~hidden]


@pytest.mark.parametrize("name", OURS_ASYNC)
def test_an_answer_is_read_that_comes_just_before_asyncio_sees_the_connection_break(driver: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        assert source.waiting.wait(PATIENCE)
        peer.send(REFUSED)
        peer.reset()
        selector.is_late.set()
        source.go.set()

    selector = LateSelector()
    selector.is_late = threading.Event()
    driver.loop.close()
    driver.loop = asyncio.SelectorEventLoop(selector)
    source = Source(BIG, waits_at=100_000)
    source.blocks_loop = True
    with upstream(refuse) as server:
        assert driver.whole(upload_to(server, source)) == (413, b"no")
        selector.is_late.clear()
        close(driver)


@pytest.mark.parametrize("name", OURS_ASYNC)
def test_an_answer_can_be_closed_after_its_connection_went(driver: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        threading.Event().wait(0.1)  # until nothing moves
        peer.send(REFUSED)
        peer.sock.shutdown(socket.SHUT_WR)
        assert has_ended.wait(PATIENCE)
        peer.wait_until_gone()

    has_ended = threading.Event()
    with upstream(refuse) as server:
        response = driver.send(upload_to(server, Source(BIG)))
        driver.turn()  # it sees the end while a part of its last block has not gone out
        has_ended.set()
        driver.loop.run_until_complete(asyncio.to_thread(server.peers[0].gone.wait, PATIENCE))
        assert (response.status, driver.read(response)) == (413, b"no")
        driver.call(response, "close")
        close(driver)


@pytest.mark.parametrize("name", OURS)
def test_an_interim_answer_does_not_stop_an_upload(driver: Any) -> None:
    def cheer(peer: Peer) -> None:
        head = read_head(peer)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        source.go.set()
        drain_rest(peer, *head)

    source = Source(BIG, waits_at=100_000)
    with upstream(cheer) as server:
        assert driver.whole(upload_to(server, source)) == (200, b"%d" % BIG)
        close(driver)


def test_an_upstream_that_stops_reading_ends_in_time(driver: Any, name: str) -> None:
    go = threading.Event()

    def stall(peer: Peer) -> None:
        go.wait(PATIENCE)

    with sparse() as file, upstream(stall) as server:
        body = form(file)
        for timeouts, phase in (({"idle": 0.3}, "idle"), ({"total": 0.3}, "total")):
            with pytest.raises(APITimeoutError) as caught:
                driver.send(upload_to(server, body, **timeouts))
            assert caught.value.phase == phase
        go.set()
        close(driver)


def test_a_slow_reader_gets_all_and_is_never_far_behind(driver: Any) -> None:
    steps: list[tuple[int, int]] = []

    def sip(peer: Peer) -> None:
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        length, count = read_head(peer)
        while count < length:
            count += len(peer.sock.recv(1_000_000))
            steps.append((source.read, count))
            never.wait(0.001)
        peer.send(OK)

    never = threading.Event()
    source = Source(20_000_000)
    with upstream(sip) as server:
        request = upload_to(server, source, idle=2.0)
        assert driver.whole(request) == (200, b"hi")
        close(driver)
    assert steps[-1] == (20_000_000, 20_000_000)
    assert max(read - count for read, count in steps) < MAX_UNREAD_BYTES


def test_a_total_ends_an_upload_that_never_stalls(driver: Any) -> None:
    with upstream(drain) as server:
        source = Source(1 << 50)
        with pytest.raises(APITimeoutError) as caught:
            driver.send(upload_to(server, source, total=0.3))
        assert caught.value.phase == "total"
        assert source.ended.wait(PATIENCE)
        close(driver)
        assert server.peers[0].gone.wait(PATIENCE)


# Cancelled, and side by side


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("reading", [True, False])
def test_a_cancelled_upload_closes_its_connection_at_once(driver: Any, reading: bool) -> None:
    go, gone = threading.Event(), threading.Event()

    def wait(peer: Peer) -> None:
        if reading:
            read_head(peer)
        started.set()
        go.wait(PATIENCE)
        peer.wait_until_gone()
        gone.set()

    started = threading.Event()
    # it waits for the file, or for the upstream to take more
    source = Source(BIG, waits_at=1_000_000 if reading else None)

    async def scenario(server: Upstream) -> None:
        sending = asyncio.ensure_future(driver.transport.asend(upload_to(server, source)))
        await asyncio.to_thread(source.waiting.wait if reading else started.wait, PATIENCE)
        await asyncio.sleep(0.1)  # until nothing moves
        assert not sending.done()
        go.set()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await asyncio.to_thread(gone.wait, PATIENCE)
        source.go.set()

    with upstream(wait, answers(OK)) as server:
        driver.loop.run_until_complete(scenario(server))
        assert driver.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        close(driver)


@pytest.mark.parametrize("name", OURS_ASYNC)
def test_the_loop_keeps_running_and_many_uploads_share_it(driver: Any) -> None:
    turns = itertools.count()

    async def tick() -> None:
        while True:
            next(turns)
            await asyncio.sleep(0)

    async def scenario(server: Upstream) -> None:
        ticking = asyncio.ensure_future(tick())
        with sparse() as file:
            body = form(file)
            responses = await asyncio.gather(*(driver.transport.asend(upload_to(server, body)) for _ in range(4)))
            for response in responses:
                assert await response.aread_block(PATIENCE) == b"%d" % body.length
                await response.aclose()
        ticking.cancel()

    with upstream(drain) as server:
        driver.loop.run_until_complete(scenario(server))
        close(driver)
    assert next(turns) > 100  # the loop turned between the blocks
