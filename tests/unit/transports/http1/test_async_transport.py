"""What the HTTP/1.1 transport promises, where only asyncio can break it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
from typing import Any

import pytest

from llmgate_core.contract.transport import Origin
from llmgate_core.errors import (
    StreamTruncatedError,
)
from llmgate_core.transports.http1.async_transport import AsyncHTTP1Transport
from llmgate_core.transports.options import TransportOptions
from tests.support.scripted_upstream import (
    HEAD,
    HELLO,
    LOOPS,
    OK,
    PATIENCE,
    Peer,
    Upstream,
    answers,
    request_to,
    run_in,
    upstream,
)


@pytest.fixture(params=list(LOOPS))
def loop_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(event: threading.Event, seconds: float = PATIENCE) -> bool:
    return await asyncio.get_running_loop().run_in_executor(None, event.wait, seconds)


def test_a_cancelled_wait_for_the_head_or_the_body_ends_the_connection(loop_name: str) -> None:
    got = threading.Event()

    def silent(peer: Peer) -> None:
        peer.read()
        got.set()
        peer.wait_until_gone()

    async def main(server: Upstream) -> None:
        transport = AsyncHTTP1Transport(TransportOptions(max_connections=1))
        task = asyncio.ensure_future(transport.asend(request_to(server)))
        assert await until(got)
        await cancelled(task)
        assert await until(server.peers[0].gone)
        response = await transport.asend(request_to(server, pool=1.0))  # the slot is free
        assert await response.aread_block(PATIENCE) == b"hello"
        reading = asyncio.ensure_future(response.aread_block(PATIENCE))
        await asyncio.sleep(0)
        await cancelled(reading)
        assert await until(server.peers[1].gone)
        await transport.aclose()

    with upstream(silent, answers(HEAD + HELLO)) as server:
        run_in(loop_name, main(server))


def test_a_cancelled_wait_for_a_connection_leaves_the_queue(loop_name: str) -> None:
    async def main(server: Upstream) -> None:
        transport = AsyncHTTP1Transport(TransportOptions(max_connections=1))
        held = await transport.asend(request_to(server))
        waiting = [asyncio.ensure_future(transport.asend(request_to(server))) for _ in range(3)]
        await asyncio.sleep(0)
        await cancelled(waiting[0])
        await held.aclose()
        waiting[1].cancel()  # just when its turn has come
        with pytest.raises(asyncio.CancelledError):
            await waiting[1]
        last = await asyncio.wait_for(waiting[2], PATIENCE)
        await last.aclose()
        assert transport.slots._pool._open == 0
        await transport.aclose()

    with upstream(answers(HEAD + HELLO)) as server:
        run_in(loop_name, main(server))


def test_a_cancelled_handshake_ends_the_connection(loop_name: str) -> None:
    async def main(server: Upstream) -> None:
        transport = AsyncHTTP1Transport(TransportOptions(max_connections=1, verify=False))
        to_silence = request_to(origin=Origin("https", "127.0.0.1", server.port))
        task = asyncio.ensure_future(transport.asend(to_silence))
        while not server.peers:
            await asyncio.sleep(0.001)
        await cancelled(task)
        assert await until(server.peers[0].gone)
        assert transport.slots._pool._open == 0
        await transport.aclose()

    with upstream(lambda peer: peer.wait_until_gone()) as server:
        run_in(loop_name, main(server))


def test_an_answer_may_be_aborted_from_another_thread_and_after_the_loop(loop_name: str) -> None:
    async def open_one(server: Upstream) -> tuple[AsyncHTTP1Transport, Any]:
        transport = AsyncHTTP1Transport()
        return transport, await transport.asend(request_to(server))

    async def main(server: Upstream) -> None:
        _, response = await open_one(server)
        thread = threading.Thread(target=response.abort)
        thread.start()
        assert await until(server.peers[0].gone)
        thread.join()

    with upstream(answers(HEAD + HELLO)) as server:
        run_in(loop_name, main(server))
        loop = LOOPS[loop_name]()
        _, response = loop.run_until_complete(open_one(server))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        response.abort()
        assert server.peers[1].gone.wait(PATIENCE)


@pytest.mark.parametrize("is_dropped", [False, True])
def test_a_loop_that_ends_with_connections_left_is_silent_and_closes_them(loop_name: str, is_dropped: bool) -> None:
    async def main(server: Upstream) -> AsyncHTTP1Transport:
        transport = AsyncHTTP1Transport()
        response = await transport.asend(request_to(server))
        assert await response.aread_block(PATIENCE) == b"hi"
        if is_dropped:
            del transport, response
            assert await until(server.peers[0].gone)
            return AsyncHTTP1Transport()
        return transport

    with upstream(answers(OK)) as server:
        run_in(loop_name, main(server))
        assert server.peers[0].gone.wait(PATIENCE)


def test_connections_left_by_a_loop_that_was_just_closed_are_closed_with_the_transport(loop_name: str) -> None:
    async def main(server: Upstream) -> AsyncHTTP1Transport:
        transport = AsyncHTTP1Transport()
        await (await transport.asend(request_to(server))).aclose()
        return transport

    with upstream(answers(OK)) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # asyncio's own: its transport cannot be told
        loop = LOOPS[loop_name]()
        transport = loop.run_until_complete(main(server))
        loop.close()
        del transport
        gc.collect()
        assert server.peers[0].gone.wait(PATIENCE)


def test_an_answer_that_nobody_reads_is_held_back_at_the_upstream(loop_name: str) -> None:
    sent = 0

    def flood(peer: Peer) -> None:
        nonlocal sent
        peer.read()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        peer.sock.settimeout(0.3)
        for _ in range(50):
            sent += peer.sock.send(bytes(1_000_000))

    async def main(server: Upstream) -> None:
        transport = AsyncHTTP1Transport()
        response = await transport.asend(request_to(server))
        await asyncio.get_running_loop().run_in_executor(None, server._threads[-1].join, PATIENCE)
        held = sum(map(len, response._reader._blocks))
        assert 64 * 1024 <= held < 400 * 1024
        await response.aclose()
        await transport.aclose()

    with upstream(flood) as server:
        run_in(loop_name, main(server))
    assert sent < 20_000_000


def test_closing_the_transport_ends_what_is_being_read(loop_name: str) -> None:
    async def main(server: Upstream) -> None:
        transport = AsyncHTTP1Transport()
        response = await transport.asend(request_to(server))
        assert await response.aread_block(PATIENCE) == b"hello"
        await transport.aclose()
        with pytest.raises(StreamTruncatedError):
            await response.aread_block(PATIENCE)
        assert await until(server.peers[0].gone)

    with upstream(answers(HEAD + HELLO)) as server:
        run_in(loop_name, main(server))


def test_a_transport_serves_one_loop_only(loop_name: str) -> None:
    async def main(transport: AsyncHTTP1Transport, server: Upstream) -> None:
        await (await transport.asend(request_to(server))).aclose()

    with upstream(answers(HEAD)) as server:
        transport = AsyncHTTP1Transport()
        run_in(loop_name, main(transport, server))
        with pytest.raises(RuntimeError, match="one event loop only"):
            run_in(loop_name, main(transport, server))


def test_many_tasks_share_one_transport(loop_name: str) -> None:
    def echo(peer: Peer) -> None:
        while request := peer.read():
            body = request.partition(b"\r\n\r\n")[2]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def main(server: Upstream) -> list[bytes]:
        transport = AsyncHTTP1Transport(TransportOptions(max_connections=8))

        async def work(number: int) -> list[bytes]:
            wrong = []
            for turn in range(20):
                content = f"{number}.{turn}".encode()
                response = await transport.asend(request_to(server, content=content))
                if (block := await response.aread_block(PATIENCE)) != content:
                    wrong.append(block)
                await response.aclose()
            return wrong

        results = await asyncio.gather(*[work(number) for number in range(32)])
        await transport.aclose()
        return [block for result in results for block in result]

    with upstream(echo) as server:
        assert run_in(loop_name, main(server)) == []
        assert len(server.peers) == 8


def test_the_core_does_not_load_the_parser() -> None:
    code = "import sys, llmgate_core, llmgate_core.transports; sys.exit(bool({'httptools', 'h11'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
