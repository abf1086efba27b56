"""The in-process transports, with a small ASGI app and every client that they are for."""

from __future__ import annotations

import asyncio
import atexit
import gc
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
from llmgate_gateway.inprocess import transport
from llmgate_gateway.inprocess.transport import AsyncGatewayTransport, GatewayTransport

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
URL = "http://anywhere.example"


class SmallApp:
    """Answers by path, and notes what it was given and how each request ended."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.scopes: list[Any] = []
        self.lifespan: list[str] = []
        self.ended: list[str] = []
        self.go_on = threading.Event()
        self.closed = threading.Event()
        self.sent = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.scopes.append(scope)
        try:
            await getattr(self, scope["path"].strip("/"))(receive, send)
            self.ended.append("finished")
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        finally:
            self.closed.set()

    async def _live(self, receive: Any, send: Any) -> None:
        for what in ("startup", "shutdown"):
            await receive()
            self.lifespan.append(what)
            await send({"type": f"lifespan.{what}.complete"})

    async def _body(self, receive: Any) -> bytes:
        blocks = []
        while True:
            message = await receive()
            blocks.append(message["body"])
            if not message["more_body"]:
                return b"".join(blocks)

    async def _start(self, send: Any, status: int = 200, headers: Any = ()) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def echo(self, receive: Any, send: Any) -> None:
        self.bodies.append(await self._body(receive))
        await self._start(send, 201, [(b"x-twice", b"a"), (b"x-twice", b"b")])
        await send({"type": "http.response.body", "body": self.bodies[-1]})

    async def paced(self, receive: Any, send: Any) -> None:
        await self._body(receive)
        await self._start(send)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while not self.go_on.is_set():
            await asyncio.sleep(0.005)
        await send({"type": "http.response.body", "body": b"second"})

    async def endless(self, receive: Any, send: Any) -> None:
        await self._body(receive)
        gone = asyncio.ensure_future(receive())
        await self._start(send)
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
            self.sent += 1000
            await asyncio.sleep(0)

    async def deaf(self, receive: Any, send: Any) -> None:
        await self._start(send)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.Event().wait()

    async def silent(self, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def refuses(self, receive: Any, send: Any) -> None:
        await self._start(send, 413)
        await send({"type": "http.response.body", "body": b"too large"})

    async def fails(self, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def breaks(self, receive: Any, send: Any) -> None:
        await self._start(send)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        raise ZeroDivisionError


@pytest.fixture
def app() -> SmallApp:
    return SmallApp()


@LIBRARIES
def test_a_request_and_its_answer_arrive_whole(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client:
        answer = client.post(f"{URL}/echo?a=b%20c", content=b"hello", headers={"X-Own": "1"})
    assert (answer.status_code, answer.content, answer.headers.get_list("x-twice")) == (201, b"hello", ["a", "b"])
    scope = app.scopes[0]
    assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/echo", b"a=b%20c")
    assert (b"x-own", b"1") in scope["headers"]


@LIBRARIES
def test_the_app_is_started_up_once_and_shut_down_at_the_end(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client:
        client.post(f"{URL}/echo")
        client.post(f"{URL}/echo")
        assert app.lifespan == ["startup"]
    assert app.lifespan == ["startup", "shutdown"]


@LIBRARIES
def test_events_come_as_they_are_sent(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client, client.stream("POST", f"{URL}/paced") as answer:
        blocks = answer.iter_raw()
        assert next(blocks) == b"first"
        app.go_on.set()
        assert next(blocks) == b"second"
        assert next(blocks, None) is None


@LIBRARIES
@pytest.mark.parametrize("path", ["endless", "deaf"])
def test_closing_the_answer_ends_the_request(library: Any, app: SmallApp, path: str) -> None:
    with library.Client(transport=GatewayTransport(app)) as client:
        with client.stream("POST", f"{URL}/{path}") as answer:
            next(answer.iter_raw())
        assert app.closed.wait(5)
    assert app.ended == ["finished" if path == "endless" else "cancelled"]


@LIBRARIES
def test_a_dropped_answer_ends_the_request(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client:
        answer = client.send(client.build_request("POST", f"{URL}/endless"), stream=True)
        del answer
        gc.collect()
        assert app.closed.wait(5)


@LIBRARIES
def test_an_app_waits_for_a_slow_reader(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client, client.stream("POST", f"{URL}/endless") as answer:
        blocks = answer.iter_raw()
        for _ in range(50):
            next(blocks)
        assert app.sent < 200_000


@LIBRARIES
def test_a_long_body_is_read_as_the_app_reads_it(library: Any, app: SmallApp) -> None:
    taken: list[int] = []

    def blocks() -> Iterator[bytes]:
        for number in range(50):
            taken.append(number)
            yield bytes([number]) * 10_000

    with library.Client(transport=GatewayTransport(app)) as client:
        assert client.post(f"{URL}/echo", content=blocks()).status_code == 201
        assert app.bodies == [b"".join(bytes([number]) * 10_000 for number in range(50))]
        taken.clear()
        assert client.post(f"{URL}/refuses", content=blocks()).content == b"too large"
        assert len(taken) < 50


@LIBRARIES
def test_an_app_that_fails_is_the_librarys_own_error(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app)) as client:
        for path in ("fails", "breaks"):
            with pytest.raises(library.RemoteProtocolError) as caught:
                client.post(f"{URL}/{path}")
            assert isinstance(caught.value.__cause__, ZeroDivisionError)


@LIBRARIES
def test_silence_ends_at_the_clients_own_timeout(library: Any, app: SmallApp) -> None:
    with library.Client(transport=GatewayTransport(app), timeout=0.1) as client:
        with pytest.raises(library.ReadTimeout):
            client.post(f"{URL}/silent")
        with pytest.raises(library.ReadTimeout), client.stream("POST", f"{URL}/paced") as answer:
            list(answer.iter_raw())
        app.go_on.set()


@LIBRARIES
def test_threads_share_one_transport(library: Any, app: SmallApp) -> None:
    app.go_on.set()
    with library.Client(transport=GatewayTransport(app)) as client:
        answers: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.post(f"{URL}/paced").content)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
    assert answers == [b"firstsecond"] * 8


@LIBRARIES
def test_the_async_twin_does_the_same(library: ModuleType, app: SmallApp) -> None:
    asyncio.run(_async_round(library, app))
    assert app.lifespan == ["startup", "shutdown"]
    assert app.ended == ["finished", "finished", "finished", "finished"]


async def _async_round(library: Any, app: SmallApp) -> None:
    async def blocks() -> Any:
        for _ in range(30):
            yield b"y" * 10_000

    async with library.AsyncClient(transport=AsyncGatewayTransport(app)) as client:
        answer = await client.post(f"{URL}/echo", content=blocks())
        assert (answer.status_code, len(answer.content)) == (201, 300_000)
        async with client.stream("POST", f"{URL}/paced") as answer:
            parts = answer.aiter_raw()
            assert await anext(parts) == b"first"
            app.go_on.set()
            assert await anext(parts) == b"second"
        async with client.stream("POST", f"{URL}/endless") as answer:
            await anext(answer.aiter_raw())
        for _ in range(1000):
            if len(app.ended) == 3:
                break
            await asyncio.sleep(0.002)
        waiting = asyncio.create_task(client.post(f"{URL}/silent"))
        while len(app.scopes) < 4:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for _ in range(1000):
            if len(app.ended) == 4:
                break
            await asyncio.sleep(0.002)


@LIBRARIES
def test_the_async_twin_reports_failures_as_the_librarys_own(library: Any, app: SmallApp) -> None:
    async def work() -> None:
        async def broken() -> Any:
            yield b"x"
            raise OSError("the disk has gone")

        client = library.AsyncClient(transport=AsyncGatewayTransport(app), timeout=0.1)
        with pytest.raises(library.RemoteProtocolError):
            await client.post(f"{URL}/fails")
        with pytest.raises(library.ReadTimeout):
            await client.post(f"{URL}/silent")
        with pytest.raises(OSError, match="the disk has gone"):
            await client.post(f"{URL}/echo", content=broken())
        await client.aclose()

    asyncio.run(work())


def test_an_http_library_that_is_not_used_is_not_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys, llmgate_gateway.inprocess.transport as t; t.GatewayTransport(lambda *a: None);"
        "assert not {'httpx', 'httpx2', 'uvicorn'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class AppThatDoesNotStart:
    """Says so, or says nothing at all."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.starts = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.starts += 1
        if self.silent:
            await asyncio.Event().wait()
        await send({"type": "lifespan.startup.failed", "message": "no database"})


def gateway_threads() -> int:
    return sum(thread.name == "llmgate-gateway" for thread in threading.enumerate())


@LIBRARIES
def test_an_app_that_does_not_start_is_the_librarys_own_error_and_leaves_no_thread(library: Any) -> None:
    app, before = AppThatDoesNotStart(silent=False), gateway_threads()
    with library.Client(transport=GatewayTransport(app)) as client:
        for _ in range(3):
            with pytest.raises(library.RemoteProtocolError, match="no database"):
                client.get(f"{URL}/echo")
            assert gateway_threads() == before
    assert app.starts == 3


@LIBRARIES
def test_an_app_that_never_says_whether_it_started_is_not_waited_for_without_end(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "START_SECONDS", 0.05)
    before = gateway_threads()
    with library.Client(transport=GatewayTransport(AppThatDoesNotStart(silent=True)), timeout=None) as client:
        with pytest.raises(library.ReadTimeout):
            client.get(f"{URL}/echo")
        assert gateway_threads() == before


def test_the_end_of_the_program_closes_what_was_left_open_and_nothing_twice(
    app: SmallApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[Any] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    monkeypatch.setattr(atexit, "unregister", at_exit.remove)
    left_open, closed = GatewayTransport(app), GatewayTransport(app)
    httpx.Client(transport=left_open).post(f"{URL}/echo")
    with httpx.Client(transport=closed) as client:
        client.post(f"{URL}/echo")
        assert len(at_exit) == 2
    assert len(at_exit) == 1
    assert app.lifespan.count("shutdown") == 1
    at_exit[0]()
    assert (at_exit, app.lifespan.count("shutdown")) == ([], 2)
