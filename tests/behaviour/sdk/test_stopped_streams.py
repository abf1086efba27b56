"""A stream that is closed by another task or thread than the one that reads it, as a stop button does."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from typing import Any

import httpx
import pytest

from llmgate_core import AsyncClient, Client, LLMGateError, Settings
from llmgate_core.plugin import hookimpl
from tests.support.scripted_upstream import HEAD, LOOPS, PATIENCE, Peer, Upstream, run_in, upstream

HI = [{"role": "user", "content": "hi"}]
DELTA = b'{"index": 0, "delta": {"content": "x"}, "finish_reason": null}'
CHUNK = b'data: {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%b]}\n\n' % DELTA
TYPED, BINARY = b"text/event-stream", b"audio/mpeg"


def one_piece(content_type: bytes, piece: bytes) -> Any:
    """Send the head and one piece of an answer, and nothing more."""

    def script(peer: Peer) -> None:
        peer.read()
        head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Type: %b\r\n\r\n" % content_type)
        peer.send(head + b"%x\r\n%b\r\n" % (len(piece), piece))
        peer.wait_until_gone()

    return script


SCRIPTS = {"typed": one_piece(TYPED, CHUNK), "bytes": one_piece(BINARY, b"ID3")}


class Observer:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    @hookimpl
    def on_event(self, event: Any) -> None:
        self.outcomes.append(event.outcome)


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture(params=["http1", "httpx", "own client"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def options_for(wire: str, server: Upstream) -> dict[str, Any]:
    base = f"http://127.0.0.1:{server.port}/v1"
    known: dict[str, Any] = {"api_base": base, "api_key": "sk-x", "max_retries": 0, "settings": Settings()}
    return known if wire == "own client" else {**known, "transport": wire}


def arguments_for(kind: str) -> tuple[str, str, dict[str, Any]]:
    """Return a function, a model and the rest of a streaming call."""
    if kind == "bytes":
        return "speech", "openai/tts-1", {"input": "hi", "voice": "alloy", "stream": True}
    return "completion", "openai/gpt-4o", {"messages": HI, "stream": True}


@pytest.mark.parametrize("kind", ["typed", "bytes"])
def test_a_thread_stops_the_stream_that_another_one_reads(wire: str, kind: str, observer: Observer) -> None:
    with upstream(SCRIPTS[kind]) as server, httpx.Client() as own:
        given = {"client_session": own} if wire == "own client" else {}
        client = Client(**options_for(wire, server), **given, extensions=[observer])
        function, model, arguments = arguments_for(kind)
        stream = getattr(client, function)(model, **arguments)
        next(stream)
        caught: list[BaseException] = []

        def read() -> None:
            try:
                next(stream)
            except BaseException as error:  # noqa: BLE001
                caught.append(error)

        reading = threading.Thread(target=read)
        reading.start()
        while not stream._chunks.gi_running:
            pass
        stream.close()
        reading.join(PATIENCE)
        assert [type(error) for error in caught] == [LLMGateError]
        assert server.peers[0].gone.wait(PATIENCE)
        stream.close()
        with pytest.raises(LLMGateError):
            next(stream)
        with pytest.raises(LLMGateError, match="closed before its end"):
            stream.whole()
        client.close()
    assert observer.outcomes == ["cancelled"]


@pytest.mark.parametrize("loop_name", list(LOOPS))
@pytest.mark.parametrize("kind", ["typed", "bytes", "relay"])
def test_a_task_stops_the_stream_that_another_one_reads(
    wire: str, kind: str, loop_name: str, observer: Observer
) -> None:
    async def main(server: Upstream) -> None:
        async with httpx.AsyncClient() as own:
            given = {"aclient_session": own} if wire == "own client" else {}
            client = AsyncClient(**options_for(wire, server), **given, extensions=[observer])
            function, model, arguments = arguments_for(kind)
            if kind == "relay":
                stream: Any = await client.relay("chat", model, arguments)
            else:
                stream = await getattr(client, function)(model, **arguments)
            await anext(stream)
            reading = asyncio.ensure_future(anext(stream))
            while not stream._chunks.ag_running:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)  # the read waits for the upstream
            await stream.aclose()
            with pytest.raises(LLMGateError) as caught:
                await asyncio.wait_for(reading, PATIENCE)
            assert type(caught.value) is LLMGateError
            assert await asyncio.to_thread(server.peers[0].gone.wait, PATIENCE)
            await stream.aclose()
            with pytest.raises(LLMGateError):
                await anext(stream)
            with pytest.raises(LLMGateError, match="closed before its end"):
                await stream.whole()
            await client.aclose()

    with upstream(SCRIPTS["bytes" if kind == "bytes" else "typed"]) as server:
        run_in(loop_name, main(server))
    assert observer.outcomes == ["cancelled"]


def streams_of_any_length(peer: Peer) -> None:
    for number in itertools.count():
        if not peer.read():
            return
        peer.send(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Type: text/event-stream\r\n\r\n"))
        for _ in range(number % 4 * 5):
            peer.send(b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK))
            time.sleep(0.0005)
        done = CHUNK.replace(b"null", b'"stop"') + b"data: [DONE]\n\n"
        peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))


@pytest.mark.slow
def test_a_stream_that_is_stopped_at_any_moment_ends_one_way_and_loses_no_connection(wire: str) -> None:
    ends: list[str] = []

    def read_and_stop(client: Client, seconds: float) -> None:
        stream = client.completion("openai/gpt-4o", messages=HI, stream=True)
        stopping = threading.Timer(seconds, stream.close)
        stopping.start()
        try:
            for _ in stream:
                pass
            ends.append("ended")
        except BaseException as error:  # noqa: BLE001
            ends.append(type(error).__name__)
        stopping.join(PATIENCE)

    with upstream(streams_of_any_length) as server, httpx.Client() as own:
        given = {"client_session": own} if wire == "own client" else {}
        client = Client(**options_for(wire, server), **given)
        moments = [number / 20_000 for number in range(100)]
        threads = [
            threading.Thread(target=lambda part=part: [read_and_stop(client, at) for at in moments[part::4]])
            for part in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert len(ends) == len(moments)
        assert set(ends) <= {"ended", "LLMGateError"}
        if wire != "own client":
            transport = next(iter(client._transports._caches.get()._transports[None].values()))
            pool = transport.slots._pool
            deadline = time.monotonic() + PATIENCE
            while pool._open != sum(map(len, pool._idle.values())) and time.monotonic() < deadline:
                time.sleep(0.01)  # httpx's connections are closed in a thread
            assert pool._open == sum(map(len, pool._idle.values()))
        client.close()
