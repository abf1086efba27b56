"""A loopback upstream that does what each request asks for, and counts what it sees.

A request carries its orders in the prompt: `[token=t17 delay=0.5 chunks=20 gap=0.002 bytes=3000000 errors=1]`. Every
answer begins with the token of its request, so an answer that reached the wrong call is seen. Run as a program, it
prints its port and ends when its stdin is closed; `GET /counts` returns the counters, `GET /reset` clears them.

Orders: `delay` seconds before the answer; `chunks` of a stream and the `gap` between them in seconds; `bytes` of text
in an answer, or in each chunk; `numbered=1`: each chunk ends with its number; `errors`: how many tries get a 503 first;
`retry_after`: the header of those errors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.request import ProxyHandler, build_opener

PATIENCE_SECONDS = 60.0
LINGER_SECONDS = 0.004  # the longest time between an answer and the end of a connection that is cut
ORDERS = re.compile(rb"\[token=([^\]\s]+)([^\]]*)\]")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream": *true')
HEAD = "HTTP/1.1 {status}\r\nx-request-id: req_{token}\r\ncontent-type: {kind}\r\n"


class Counts:
    """What one upstream has seen."""

    def __init__(self, cut: float = 0.0) -> None:
        self.cut = cut  # the share of kept connections that end soon after an answer
        self.open = 0
        self.clear()

    def clear(self) -> None:
        self.requests = self.active = self.peak = self.cuts = self.sent = 0
        self.tries: Counter[str] = Counter()
        self.expected: dict[str, int] = {}

    def values(self) -> dict[str, int]:
        names = ("open", "requests", "active", "peak", "cuts", "sent")
        duplicates = sum(max(0, tries - self.expected[token]) for token, tries in self.tries.items())
        return {**{name: getattr(self, name) for name in names}, "duplicates": duplicates}


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._received = bytearray()
        self._needed = 0  # bytes of the request that is being received, head included; 0: not known yet
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._counts.open += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._counts.open -= 1
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = LENGTH.search(self._received, 0, end)
            self._needed = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) >= self._needed:
            request, self._needed = bytes(self._received[: self._needed]), 0
            self._received.clear()
            self._task = asyncio.ensure_future(self._answer(request))

    async def _answer(self, request: bytes) -> None:
        path = request.split(b" ", 2)[1].decode()
        if path in ("/counts", "/reset"):
            self._report(clear=path == "/reset")
            return
        found = ORDERS.search(request)
        token = found[1].decode() if found else "none"
        orders = dict(word.split("=", 1) for word in found[2].decode().split()) if found else {}
        counts = self._counts
        counts.requests += 1
        counts.active += 1
        counts.peak = max(counts.peak, counts.active)
        counts.tries[token] += 1
        counts.expected[token] = 1 + int(orders.get("errors", 0))
        try:
            await asyncio.sleep(float(orders.get("delay", 0)))
            await self._obey(path, request, token, orders)
        finally:
            counts.active -= 1
        if random.random() < counts.cut:
            asyncio.get_running_loop().call_later(random.random() * LINGER_SECONDS, self._cut)

    def _cut(self) -> None:
        """Close the connection if no request has been read: what is still on its way to us is lost, as in the field."""
        if not self._received and (self._task is None or self._task.done()):
            self._counts.cuts += 1
            self._transport.close()

    async def _obey(self, path: str, request: bytes, token: str, orders: dict[str, str]) -> None:
        text = f"{token}:" + "x" * int(orders.get("bytes", 0))
        if self._counts.tries[token] <= int(orders.get("errors", 0)):
            error = {"error": {"message": "busy", "code": "busy", "type": "server_error"}}
            retry = f"retry-after: {orders.get('retry_after', '0').replace('_', ' ')}\r\n"
            self._send(token, "503 Busy", json.dumps(error), retry)
        elif path.endswith("/transcriptions"):
            self._send(token, "200 OK", json.dumps({"text": text}))
        elif STREAM.search(request):
            await self._stream(token, text, orders)
        else:
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            head = {"id": token, "object": "chat.completion", "created": 1, "model": "gpt-4o"}
            self._send(token, "200 OK", json.dumps({**head, "choices": [choice], "usage": usage}))
            await self._writable.wait()

    def _send(self, token: str, status: str, body: str, headers: str = "") -> None:
        head = HEAD.format(status=status, token=token, kind="application/json")
        self._write(f"{head}{headers}content-length: {len(body)}\r\n\r\n{body}".encode())

    def _write(self, data: bytes) -> None:
        self._counts.sent += len(data)
        self._transport.write(data)

    async def _stream(self, token: str, text: str, orders: dict[str, str]) -> None:
        chunks, gap, is_numbered = int(orders.get("chunks", 5)), float(orders.get("gap", 0)), "numbered" in orders
        head = HEAD.format(status="200 OK", token=token, kind="text/event-stream")
        self._write(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        for number in range(chunks):
            reason = "stop" if number == chunks - 1 else None
            content = f"{text}{number}" if is_numbered else text
            choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
            chunk = {"id": token, "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
            event = f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()
            self._write(b"%x\r\n%b\r\n" % (len(event), event))
            await self._writable.wait()
            await asyncio.sleep(gap)
        self._write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    def _report(self, *, clear: bool) -> None:
        if clear:
            self._counts.clear()
        body = json.dumps({**self._counts.values(), "open": self._counts.open - 1}).encode()
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self._transport.close()


async def serve(port: int, cut: float, certificate: str | None) -> None:
    """Listen, print the port of the requests and the one of the counters, and serve until stdin is closed."""
    loop = asyncio.get_running_loop()
    counts, context = Counts(cut), None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", port, ssl=context, backlog=4096)
    control = await loop.create_server(lambda: Connection(counts), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], control.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    control.close()


class Upstream:
    """An upstream that runs in a process of its own; made by `upstream`."""

    def __init__(self, ports: tuple[int, int], scheme: str) -> None:
        self._control = f"http://127.0.0.1:{ports[1]}"
        self._opener = build_opener(ProxyHandler({}))
        self.base_url = f"{scheme}://127.0.0.1:{ports[0]}/v1"

    def counts(self, path: str = "/counts") -> dict[str, int]:
        with self._opener.open(self._control + path, timeout=PATIENCE_SECONDS) as answer:
            return dict(json.load(answer))

    def reset(self) -> None:
        self.counts("/reset")

    def closed(self, seconds: float = 10.0) -> int:
        """Wait for the end of all connections, and return how many are open after that time."""
        until(lambda: self.counts()["open"] == 0, seconds)
        return self.counts()["open"]


def until(happened: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> bool:
    """Ask again and again until something is true; return whether it became so in time."""
    ends = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def upstream(*, cut: float = 0.0, certificate: Path | None = None) -> Iterator[Upstream]:
    """Run an upstream for the length of a `with` block.

    Args:
        cut: the share of kept connections that are closed within 4 ms of an answer.
        certificate: PEM file with key and certificate; None: plain HTTP.
    """
    command = [sys.executable, "-I", "-S", __file__, "--cut", str(cut)]
    command += ["--certificate", str(certificate)] if certificate else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        first, second = map(int, process.stdout.readline().split())
        yield Upstream((first, second), "https" if certificate else "http")
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cut", type=float, default=0.0)
    parser.add_argument("--certificate")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.cut, options.certificate))


if __name__ == "__main__":
    main()
