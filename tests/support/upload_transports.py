"""Every driver that there is, bodies to send over it, and upstreams that count them."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import httpx2
import trustme

from llmgate_core.contract.transport import TransportRequest
from llmgate_core.files.form_content import FormContent, as_form
from llmgate_core.files.uploads import file_part
from tests.support.client_drivers import ClientDriver
from tests.support.scripted_upstream import PATIENCE, STYLES, VARIANTS, Driver, Peer, Upstream, request_to

MAKERS: dict[str, Callable[..., Any]] = {
    **{f"http1-{variant}": partial(Driver, variant) for variant in VARIANTS},
    **{f"client-httpx-{style}": partial(ClientDriver, httpx, style) for style in STYLES},
    **{f"client-httpx2-{style}": partial(ClientDriver, httpx2, style) for style in ("sync", "asyncio")},
}
OURS = [name for name in MAKERS if name.startswith("http1")]
ASYNC = [name for name in MAKERS if "-sync" not in name]
OURS_ASYNC = [name for name in OURS if name in ASYNC]
REFUSED = b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno"
BIG = 30_000_000
MAX_UNREAD_BYTES = 12 * 1024 * 1024  # what the kernel takes on both sides, and we ahead of it


def close(driver: Any) -> None:
    """Close, so that the upstream's scripts end; once is enough."""
    if driver.loop is None or not driver.loop.is_closed():
        driver.close()


def form(file: Any = None) -> FormContent:
    return FormContent(as_form({"model": "whisper-1", "file": file_part(file, param="file")}))


def sparse(size: int = BIG) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by who asked for it
    file.truncate(size)
    return file


def upload_to(server: Upstream, content: Any, **options: Any) -> TransportRequest:
    headers = [("content-type", content.content_type)] if isinstance(content, FormContent) else []
    return request_to(server, content=content, headers=headers, **options)


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def fields_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    pairs = [line.lower().split(": ", 1) for line in lines]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


class Source:
    """A body of zeros that notes how far it was read, and can be made to wait or to lie."""

    def __init__(self, length: int, *, given: int | None = None, waits_at: int | None = None) -> None:
        self.length = length
        self.read = 0
        self.starts = 0
        self.ended = threading.Event()
        self.waits_at = waits_at
        self.waiting = threading.Event()
        self.go = threading.Event()
        self._given = length if given is None else given
        self.blocks_loop = False

    def blocks(self) -> Iterator[bytes]:
        self.starts, self.read = self.starts + 1, 0
        self.ended.clear()
        try:
            while self.read < self._given:
                if self.waits_at is not None and self.read >= self.waits_at:
                    self.waiting.set()
                    assert self.go.wait(PATIENCE)
                size = min(65_536, self._given - self.read)
                self.read += size
                yield bytes(size)
        finally:
            self.ended.set()

    async def ablocks(self) -> AsyncIterator[bytes]:
        blocks = self.blocks()
        if self.blocks_loop:
            for block in blocks:
                yield block
            return
        try:
            while block := await asyncio.to_thread(next, blocks, b""):
                yield block
        finally:
            if not self.waiting.is_set():
                blocks.close()


def tls_driver(name: str, folder: Path) -> tuple[Any, ssl.SSLContext]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return MAKERS[name](ca_file=str(folder / "ca.pem")), context


def read_head(peer: Peer) -> tuple[int, int]:
    """Return the length that is announced, and how much of the body came with the head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += (block := peer.sock.recv(10_000))
        assert block
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(fields_of(head)["content-length"]), len(rest)


def drain(peer: Peer) -> None:
    """Count bodies of any size, and answer with the count."""
    while True:
        try:
            length, count = read_head(peer)
        except AssertionError:
            return
        drain_rest(peer, length, count)


def drain_rest(peer: Peer, length: int, count: int) -> None:
    buffer = bytearray(256 * 1024)
    while count < length and (size := peer.sock.recv_into(buffer)):
        count += size
    if count < length:
        peer.gone.set()
        raise OSError("cut short")
    text = b"%d" % count
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
