"""A gateway on a real server and port, in a thread of the tests, with the records of its requests."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
from llmgate_gateway.app import Gateway, create_app
from llmgate_gateway.config import load_config_dict
from llmgate_gateway.server.listener import Listener
from llmgate_gateway.server.state import ServerState
from llmgate_gateway.server.worker import new_event_loop
from llmgate_gateway.telemetry.record import RequestRecord

PATIENCE_SECONDS = 20.0

KEY = "sk-upstream-canary-000000"
"""The key of the upstream behind every gateway that `serve` starts."""

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class RunningGateway:
    """A gateway that serves."""

    def __init__(self, app: Gateway, port: int, records: list[RequestRecord], ended: threading.Condition) -> None:
        self.app = app
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self.records = records
        self._ended = ended
        self.http = httpx.Client(base_url=self.base_url, timeout=PATIENCE_SECONDS, trust_env=False)

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, content=content, headers={"content-type": "application/json", **names})

    def chat(self, **extra: Any) -> httpx.Response:
        return self.post("/v1/chat/completions", {**CHAT, **extra})

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def raw(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes until the gateway hangs up."""
        with closing(self.connect()) as sock:
            sock.sendall(request)
            return read_all(sock)

    def wait_records(self, count: int) -> list[RequestRecord]:
        with self._ended:
            assert self._ended.wait_for(lambda: len(self.records) >= count, PATIENCE_SECONDS), self.records
        return self.records

    def wait_idle(self) -> None:
        """Wait until no request is under way."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.app.in_flight:
            assert time.monotonic() < deadline
            with self._ended:
                self._ended.wait(0.01)


def read_all(sock: socket.socket) -> bytes:
    blocks = []
    try:
        while block := sock.recv(65536):
            blocks.append(block)
    except ConnectionResetError:
        pass
    return b"".join(blocks)


Serve = Callable[..., RunningGateway]
"""Starts a gateway; the type of the fixtures that do so."""


@contextmanager
def running_gateway(config: dict[str, Any], **options: Any) -> Iterator[RunningGateway]:
    records: list[RequestRecord] = []
    ended, started = threading.Condition(), threading.Event()

    def note(record: RequestRecord) -> None:
        with ended:
            records.append(record)
            ended.notify_all()

    app = create_app(load_config_dict(config), observers=[note], **options)
    general = app.config.general
    server = Server(ServerState(app, limits=general.limits, timeouts=general.timeouts), started, app.aclose)
    sock = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=(sock,), daemon=True)
    thread.start()
    assert started.wait(PATIENCE_SECONDS)
    gateway = RunningGateway(app, sock.getsockname()[1], records, ended)
    try:
        yield gateway
    finally:
        gateway.http.close()
        server.stop()
        thread.join(PATIENCE_SECONDS)
        sock.close()
        assert not thread.is_alive()


class Server:
    """Serves an app on a socket until it is stopped, and then ends its connections at once."""

    def __init__(
        self, state: ServerState, started: threading.Event, close: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._state = state
        self._started = started
        self._close = close

    def run(self, sock: socket.socket) -> None:
        self._loop = new_event_loop()
        try:
            self._loop.run_until_complete(self._serve(sock))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _serve(self, sock: socket.socket) -> None:
        listener, self._stopped = Listener(self._state), asyncio.Event()
        await listener.start([sock])
        self._started.set()
        await self._stopped.wait()
        listener.stop()
        for connection in list(self._state.open):
            connection.transport.abort()
        await asyncio.sleep(0)
        await listener.close()
        if self._close is not None:
            await self._close()
