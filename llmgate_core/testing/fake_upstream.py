"""An upstream on the loopback that answers from a script and records what it receives.

    with fake_upstream() as upstream:
        upstream.answers.append(Answer.json({"choices": []}))
        completion("openai/gpt-4o", messages, api_base=upstream.base_url, api_key="sk-test")
    assert upstream.received[0]["path"] == "/v1/chat/completions"

It speaks raw bytes over blocking sockets, one daemon thread per connection, so that it can break every
rule of HTTP. It is not a web server: it parses only what HTTP clients send.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

from llmgate_core.testing.answer import Answer

if TYPE_CHECKING:
    import ssl

__all__ = ["FakeUpstream", "ReceivedRequest", "fake_upstream"]

RECEIVE_BYTES = 65_536
HOLD_POLL_SECONDS = 0.01
JOIN_SECONDS = 5.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with a time of 0: close sends RST


class ReceivedRequest(TypedDict):
    """One request as received. `connection` counts TCP connections from 1; `json` is None if the body is not JSON."""

    method: str
    path: str
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: bytes
    json: Any
    connection: int


class FakeUpstream:
    """The running server, as `fake_upstream` starts it.

    Attributes:
        base_url: for `api_base`, for example `http://127.0.0.1:40123/v1`.
        origin: the same without a path, for an API without `/v1`.
        port: the port it listens on.
        answers: the script: each request takes the first answer. Append to it at any time.
        otherwise: the answer when `answers` is empty: an `Answer`, or a function of the request.
            None: a 599, counted in `unscripted`.
        received: the requests so far, in the order in which they were complete.
        answered: how many answers were sent completely.
        connections: how many TCP connections were accepted.
        disconnected: for each client that closed its connection first, the `time.monotonic()` of it.
        unscripted: how many requests had no answer.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[Answer] = []
        self.otherwise: Answer | Callable[[ReceivedRequest], Answer] | None = None
        self.received: list[ReceivedRequest] = []
        self.disconnected: list[float] = []
        self.answered = 0
        self.connections = 0
        self.unscripted = 0
        self._tls = tls
        self._changed = threading.Condition()
        self._closing = False
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.base_url = f"{self.origin}/v1"
        self._start(self._accept)

    def wait_received(self, count: int, within_seconds: float = 10.0) -> None:
        """Wait until `count` requests have arrived in total.

        Raises:
            TimeoutError: they did not arrive within that time.
        """
        self._wait_for(lambda: len(self.received) >= count, within_seconds, f"{count} requests")

    def wait_answered(self, count: int, within_seconds: float = 10.0) -> None:
        """Wait until `count` answers in total were sent completely, stray bytes included.

        Raises:
            TimeoutError: they were not sent within that time.
        """
        self._wait_for(lambda: self.answered >= count, within_seconds, f"the end of {count} answers")

    def wait_disconnect(self, within_seconds: float = 10.0, *, count: int = 1) -> float:
        """Wait until clients have disconnected `count` times in total, and return the time of the last one.

        Raises:
            TimeoutError: they did not disconnect within that time.
        """
        self._wait_for(lambda: len(self.disconnected) >= count, within_seconds, f"{count} disconnects")
        return self.disconnected[count - 1]

    def close(self) -> None:
        """Close all connections and wait for the threads. Idempotent."""
        with self._changed:
            self._closing = True
            _shut_down(self._listener)
            for sock in self._open:
                _shut_down(sock)
        for thread in self._threads:
            thread.join(JOIN_SECONDS)
        self._listener.close()

    def _wait_for(self, condition: Callable[[], bool], within_seconds: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, within_seconds):
                raise TimeoutError(f"the fake upstream did not see {what} within {within_seconds:g} s")

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name="fake-upstream")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:  # closed
                return
            with self._changed:
                if self._closing:
                    sock.close()
                    return
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                self._open.add(sock)
                self.connections += 1
                self._start(self._serve, sock, self.connections)

    def _serve(self, sock: socket.socket, number: int) -> None:
        client = _Client(sock, number)
        try:
            client.handshake()
            while self._exchange(client):
                pass
        except (OSError, EOFError):
            self._record_disconnect()
        except ValueError:
            client.refuse()
        finally:
            with self._changed:
                self._open.discard(sock)
                sock.close()

    def _record_disconnect(self) -> None:
        with self._changed:
            if not self._closing:
                self.disconnected.append(time.monotonic())
                self._changed.notify_all()

    def _exchange(self, client: _Client) -> bool:
        """Serve one request; return whether the connection may carry another one."""
        request = client.read_head()
        early = self._take_early()
        if early is None:
            request["body"] = client.read_body(request["headers"])
            request["json"] = _parse_json(request["body"])
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
        answer = early or self._answer_for(request)
        client.send(answer)
        with self._changed:
            self.answered += 1
            self._changed.notify_all()
        if answer.close == "rst":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        return answer.keeps_connection and early is None

    def _take_early(self) -> Answer | None:
        with self._changed:
            return self.answers.pop(0) if self.answers and self.answers[0].before_body else None

    def _answer_for(self, request: ReceivedRequest) -> Answer:
        with self._changed:
            if self.answers:
                return self.answers.pop(0)
            otherwise = self.otherwise
            if otherwise is None:
                self.unscripted += 1
        if otherwise is None:
            message = f"no answer is scripted for {request['method']} {request['path']}"
            return Answer.json({"error": {"message": message, "code": "unscripted"}}, 599)
        return otherwise if isinstance(otherwise, Answer) else otherwise(request)


class _Client:
    """One accepted connection, used by its own thread only."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self._number = number
        self._buffer = bytearray()

    def handshake(self) -> None:
        """Do the TLS handshake of an HTTPS connection."""
        do_handshake = getattr(self.sock, "do_handshake", None)
        if do_handshake is not None:
            do_handshake()

    def read_head(self) -> ReceivedRequest:
        """Return the next request without its body, which is still unread.

        Raises:
            EOFError: the client disconnected. ValueError: this is not HTTP.
        """
        while not self._buffer:
            self._receive(None)
        if not self._buffer[:1].isalpha():
            raise ValueError("this is not HTTP")  # for example TLS, which would wait for an answer
        head = self._read_through(b"\r\n\r\n").decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, path, _ = first.split(" ")
        raw_headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        headers = {name.lower(): value for name, value in raw_headers}
        return ReceivedRequest(
            method=method,
            path=path,
            headers=headers,
            raw_headers=raw_headers,
            body=b"",
            json=None,
            connection=self._number,
        )

    def read_body(self, headers: dict[str, str]) -> bytes:
        """Return the body that `headers` announce, without its framing."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(self._read_chunks())
        return self._read_exactly(int(headers.get("content-length", "0")))

    def send(self, answer: Answer) -> None:
        """Send `answer`, with the waits and faults that it asks for.

        Raises:
            EOFError, OSError: the client disconnected before the end.
        """
        self._pause(answer.delay_seconds)
        if answer.hold_at is None:
            self._hold(answer.hold)
        self.sock.sendall(answer.head())
        sent = 0
        for part in answer.parts():
            if sent == answer.hold_at:
                self._hold(answer.hold)
            self._pause(answer.pause_seconds if sent else 0)
            self.sock.sendall(part)
            sent += 1
        if sent == answer.hold_at:
            self._hold(answer.hold)
        if answer.stray:
            self._pause(answer.pause_seconds)
            self.sock.sendall(answer.stray)

    def refuse(self) -> None:
        """Answer bytes that are not HTTP as a real server does."""
        with contextlib.suppress(OSError):
            self.sock.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    def _pause(self, seconds: float) -> None:
        """Wait, unless the client disconnects meanwhile."""
        ends = time.monotonic() + seconds
        self._receive(0)
        while (left := ends - time.monotonic()) > 0:
            self._receive(left)

    def _hold(self, event: threading.Event | None) -> None:
        while event is not None and not event.is_set():
            self._receive(HOLD_POLL_SECONDS)

    def _receive(self, wait_seconds: float | None) -> None:
        """Read one block, waiting for it at most this long; None: without limit."""
        pending = getattr(self.sock, "pending", None)
        is_waiting = pending is not None and pending() > 0  # decrypted bytes that `select` does not see
        if not is_waiting and not select.select([self.sock], [], [], wait_seconds)[0]:
            return
        block = self.sock.recv(RECEIVE_BYTES)
        if not block:
            raise EOFError
        self._buffer += block

    def _read_through(self, end: bytes) -> bytes:
        searched = 0
        while (at := self._buffer.find(end, searched)) < 0:
            searched = max(0, len(self._buffer) - len(end) + 1)
            self._receive(None)
        return self._read_exactly(at + len(end))

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive(None)
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return content

    def _read_chunks(self) -> Iterator[bytes]:
        while size := int(self._read_through(b"\r\n").split(b";")[0], 16):
            yield self._read_exactly(size)
            self._read_exactly(2)
        self._read_through(b"\r\n")


@contextlib.contextmanager
def fake_upstream(*, tls: ssl.SSLContext | None = None) -> Iterator[FakeUpstream]:
    """Run a `FakeUpstream` for the length of a `with` block; with `tls` it speaks HTTPS."""
    upstream = FakeUpstream(tls)
    try:
        yield upstream
    finally:
        upstream.close()


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not SSLSocket's own, which another thread may be using
