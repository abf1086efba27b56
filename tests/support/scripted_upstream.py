"""An upstream that does exactly what its script says, byte by byte, and transports of every variant to reach it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import uvloop

from llmgate_core.contract.limits import Deadline, Limits, Timeouts
from llmgate_core.contract.transport import Origin, TransportRequest
from llmgate_core.transports.http1.async_transport import AsyncHTTP1Transport
from llmgate_core.transports.http1.sync_transport import HTTP1Transport
from llmgate_core.transports.options import TransportOptions

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
STYLES = ["sync", *LOOPS]
"""How a transport is used: by blocking calls, or in an event loop of either kind."""

VARIANTS = [f"{style}-{parser}" for style in STYLES for parser in ("httptools", "h11")]
"""The same for the HTTP/1.1 transport, with either parser."""

PATIENCE = 20.0  # seconds before a test that hangs fails
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HELLO = b"5\r\nhello\r\n"
LAST = b"0\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        self.sock = sock
        self.requests: list[bytes] = []
        self.gone = threading.Event()

    def read(self) -> bytes:
        """Read one request; `b""` when there is none any more."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (block := self._receive())
            if not block:
                return b""
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        while len(body) < length and (block := self._receive()):
            body += block
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait_until_gone(self) -> None:
        while self._receive():
            pass

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    def hang_up(self) -> None:
        """Wake the script, which may wait for a client that keeps its connection."""
        with suppress(OSError):  # the script has closed it
            self.sock.shutdown(socket.SHUT_RDWR)

    def _receive(self) -> bytes:
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.gone.set()
        return data


Script = Callable[[Peer], object]
T = TypeVar("T")


class Upstream:
    """Runs one script a connection, the last one again for those that follow."""

    def __init__(self, scripts: tuple[Script, ...], context: ssl.SSLContext | None = None) -> None:
        self._scripts, self._context = scripts, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.peers: list[Peer] = []
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock)
            self.peers.append(peer)
            script = self._scripts[min(len(self.peers), len(self._scripts)) - 1]
            self._threads.append(threading.Thread(target=self._run, args=(script, peer), daemon=True))
            self._threads[-1].start()

    def _run(self, script: Script, peer: Peer) -> None:
        try:
            if self._context is not None:
                peer.sock = self._context.wrap_socket(peer.sock, server_side=True)
            script(peer)
        except (OSError, ValueError):
            pass  # the other side left
        finally:
            peer.sock.close()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            peer.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE)


@contextmanager
def upstream(*scripts: Script, context: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    server = Upstream(scripts, context)
    try:
        yield server
    finally:
        server.stop()


def answers(*blocks: bytes) -> Script:
    """Send one block for each request; then wait until the client leaves."""

    def script(peer: Peer) -> None:
        for block in blocks:
            if not peer.read():
                return
            peer.send(block)
        peer.wait_until_gone()

    return script


def always(block: bytes) -> Script:
    def script(peer: Peer) -> None:
        while peer.read():
            peer.send(block)

    return script


class Driver:
    """One transport, driven from blocking code."""

    def __init__(self, variant: str, **options: Any) -> None:
        style, _, self.parser = variant.partition("-")
        self.is_async = style in LOOPS
        self.transport: Any = self.make(**options)
        self.loop = LOOPS[style]() if self.is_async else None

    def make(self, **options: Any) -> Any:
        kind = AsyncHTTP1Transport if self.is_async else HTTP1Transport
        return kind(TransportOptions(**{"parser": self.parser or None, **options}))

    def call(self, target: Any, name: str, *arguments: Any) -> Any:
        if self.loop is None:
            return getattr(target, name)(*arguments)
        return self.loop.run_until_complete(getattr(target, "a" + name)(*arguments))

    def send(self, request: TransportRequest) -> Any:
        return self.call(self.transport, "send", request)

    def read(self, response: Any, wait: float | None = PATIENCE) -> bytes:
        return self.call(response, "read_block", wait)

    def whole(self, request: TransportRequest) -> tuple[int, bytes]:
        response, blocks = self.send(request), []
        while block := self.read(response):
            blocks.append(block)
        self.call(response, "close")
        return response.status, b"".join(blocks)

    def turn(self) -> None:
        """Let the loop see what has come."""
        if self.loop is not None:
            self.loop.run_until_complete(asyncio.sleep(0.02))

    def close(self) -> None:
        self.call(self.transport, "close")
        if self.loop is not None:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


def run_in(loop_name: str, main: Coroutine[Any, Any, T]) -> T:
    """Do as `asyncio.run`, in a loop of this kind."""
    loop = LOOPS[loop_name]()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def request_to(
    server: Upstream | None = None,
    *,
    origin: Origin | None = None,
    content: bytes = b"{}",
    headers: list[tuple[str, str]] | None = None,
    limits: Limits | None = None,
    new_connection: bool = False,
    **timeouts: float | None,
) -> TransportRequest:
    if origin is None:
        assert server is not None
        origin = Origin("http", "127.0.0.1", server.port)
    deadline = Deadline(Timeouts(**{"total": PATIENCE, **timeouts}))
    return TransportRequest(
        "POST", origin, "/v1/secret-path", headers or [], content, deadline, limits or Limits(), new_connection
    )
