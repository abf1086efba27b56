"""A body that is read while it goes out, over every wire: what arrives, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import gc
import io
import itertools
import random
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import trustme

from llmgate_core.deadline import Deadline, Limits, Timeouts
from llmgate_core.errors import APITimeoutError, BadRequestError
from llmgate_core.multipart import FilePart, Multipart
from llmgate_core.transport_contract import Origin, TransportRequest
from llmgate_core.uploads import FormContent, as_form, file_part
from tests.multipart_form import Part, read_form
from tests.transports.scripted_upstream import OK, PATIENCE, Peer, Upstream, Wire, answers, request_to, upstream
from tests.transports.test_httpx_transport import HTTPXWire
from tests.transports.test_user_client_wire import UserWire

MAKERS: dict[str, Callable[..., Any]] = {
    "fast": lambda **options: Wire(False, **options),
    "fast-async": lambda **options: Wire(True, **options),
    "httpx": lambda **options: HTTPXWire(False, **options),
    "httpx-async": lambda **options: HTTPXWire(True, **options),
    "client-httpx": lambda **options: UserWire(httpx, False, **options),
    "client-httpx-async": lambda **options: UserWire(httpx, True, **options),
    "client-httpx2": lambda **options: UserWire(httpx2, False, **options),
    "client-httpx2-async": lambda **options: UserWire(httpx2, True, **options),
}
OURS = ["fast", "fast-async", "httpx", "httpx-async"]
ASYNC = [name for name in MAKERS if name.endswith("async")]
REFUSED = b"HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno"
BIG = 30_000_000
MAX_UNREAD_BYTES = 12 * 1024 * 1024  # what the kernel takes on both sides, and we ahead of it


@pytest.fixture(params=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wire(name: str) -> Iterator[Any]:
    made = MAKERS[name]()
    yield made
    close(made)


def close(wire: Any) -> None:
    """Close, so that the upstream's scripts end; once is enough."""
    if wire.loop is None or not wire.loop.is_closed():
        wire.close()


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


# What arrives


def test_every_wire_sends_the_same_form_byte_by_byte(wire: Any) -> None:
    content = random.Random(1).randbytes(700_001)
    named = io.BytesIO(content)
    body = FormContent(
        as_form(
            {
                "model": "whisper-1",
                "temperature": 0.4,
                "timestamp_granularities": ["word", "segment"],
                "file": file_part(('say "hü".wav', named), param="file"),
            }
        )
    )
    with upstream(answers(OK, OK)) as server:
        for _ in range(2):
            assert wire.whole(upload_to(server, body)) == (200, b"hi")
        close(wire)
        first, second = server.peers[0].requests  # on one connection: it was used again
    sent = fields_of(first)
    assert body_of(first) == body_of(second) == b"".join(body.blocks())
    assert sent["content-length"] == str(body.length) == str(len(body_of(first)))
    assert "transfer-encoding" not in sent
    assert read_form(sent["content-type"], body_of(first)) == [
        Part("model", b"whisper-1"),
        Part("temperature", b"0.4"),
        Part("timestamp_granularities[]", b"word"),
        Part("timestamp_granularities[]", b"segment"),
        Part("file", content, "say %22hü%22.wav", "audio/wav"),
    ]
    assert not named.closed


def test_a_small_form_is_sent_whole(wire: Any) -> None:
    with upstream(answers(OK)) as server:
        assert wire.whole(upload_to(server, form(b"RIFF")))
        close(wire)
        request = server.peers[0].requests[0]
    assert [part.content for part in read_form(fields_of(request)["content-type"], body_of(request))] == [
        b"whisper-1",
        b"RIFF",
    ]


@pytest.mark.parametrize("name", OURS)
def test_an_upload_goes_through_tls(name: str, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(5_000_000)
    wire, context = tls_wire(name, tmp_path)
    with upstream(answers(OK, OK), context=context) as server:
        for _ in range(2):
            request = upload_to(server, form(content), origin=Origin("https", "127.0.0.1", server.port))
            assert wire.whole(request) == (200, b"hi")
        close(wire)
        assert [content in request for request in server.peers[0].requests] == [True, True]


def tls_wire(name: str, folder: Path) -> tuple[Any, ssl.SSLContext]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return MAKERS[name](ca_file=str(folder / "ca.pem")), context


def test_a_try_after_an_error_sends_the_same_bytes(wire: Any) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
    with sparse(1_000_000) as file, upstream(answers(busy, OK)) as server:
        request = upload_to(server, form(file))
        assert [wire.whole(request)[0], wire.whole(request)[0]] == [503, 200]
        close(wire)
        first, second = server.peers[0].requests
        assert first == second
        assert len(body_of(first)) > 1_000_000


def test_a_kept_connection_that_closes_as_we_send_is_replaced_and_the_file_read_anew(wire: Any) -> None:
    def leave(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        read_head(peer)
        peer.reset()

    with sparse() as file, upstream(leave, drain) as server:
        assert wire.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        assert wire.whole(upload_to(server, content := form(file))) == (200, b"%d" % content.length)
        assert len(server.peers) == 2
        close(wire)


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


# What the upstream does


@pytest.mark.parametrize("name", OURS)
def test_an_early_answer_is_read_sending_stops_and_the_connection_is_not_kept(wire: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + REFUSED)
        done.wait(PATIENCE)  # and reads no more
        peer.wait_until_gone()

    done = threading.Event()
    source = Source(BIG)
    with upstream(refuse, answers(OK)) as server:
        assert wire.whole(upload_to(server, source)) == (413, b"no")
        done.set()
        assert source.ended.wait(PATIENCE)
        assert source.read < MAX_UNREAD_BYTES
        assert wire.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        assert server.peers[0].gone.wait(PATIENCE)
        assert len(server.peers) == 2
        close(wire)


@pytest.mark.parametrize("name", OURS)
def test_an_early_answer_stops_an_upload_that_the_upstream_would_go_on_reading(wire: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(REFUSED)
        source.go.set()
        peer.wait_until_gone()

    source = Source(BIG, waits_at=1_000_000)
    with upstream(refuse) as server:
        assert wire.whole(upload_to(server, source)) == (413, b"no")
        assert source.read < 1_500_000
        close(wire)


@pytest.mark.parametrize("resets", [False, True])
def test_the_answer_of_an_upstream_that_hangs_up_at_once_is_read(wire: Any, name: str, resets: bool) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(REFUSED)
        if not resets:  # else what is unread makes the kernel send a reset
            peer.sock.shutdown(1)
            peer.wait_until_gone()

    if resets and name in ("client-httpx-async", "client-httpx2-async"):
        return  # a limit of theirs: asyncio drops what came before the reset
    with sparse() as file, upstream(refuse) as server:
        body = form(file)
        for _ in range(20):
            assert wire.whole(upload_to(server, body)) == (413, b"no")
        close(wire)


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
    wire, context = tls_wire(name, tmp_path) if tls else (MAKERS[name](), None)
    with upstream(refuse, context=context) as server:
        origin = Origin("https" if tls else "http", "127.0.0.1", server.port)
        assert wire.whole(upload_to(server, source, origin=origin)) == (413, b"no")
        close(wire)


class LateSelector(selectors.DefaultSelector):
    """Sees no input while `is_late` is set, as when it comes just after the loop has looked."""

    is_late: threading.Event

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        hidden = selectors.EVENT_READ if self.is_late.is_set() else 0
        return [(key, mask & ~hidden) for key, mask in super().select(timeout) if mask & ~hidden]


@pytest.mark.parametrize("name", ["fast-async", "httpx-async"])
def test_an_answer_is_read_that_comes_just_before_asyncio_sees_the_connection_break(wire: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        assert source.waiting.wait(PATIENCE)
        peer.send(REFUSED)
        peer.reset()
        selector.is_late.set()
        source.go.set()

    selector = LateSelector()
    selector.is_late = threading.Event()
    wire.loop.close()
    wire.loop = asyncio.SelectorEventLoop(selector)
    source = Source(BIG, waits_at=100_000)
    source.blocks_loop = True
    with upstream(refuse) as server:
        assert wire.whole(upload_to(server, source)) == (413, b"no")
        selector.is_late.clear()
        close(wire)


@pytest.mark.parametrize("name", ["fast-async", "httpx-async"])
def test_an_answer_can_be_closed_after_its_connection_went(wire: Any) -> None:
    def refuse(peer: Peer) -> None:
        read_head(peer)
        threading.Event().wait(0.1)  # until nothing moves
        peer.send(REFUSED)
        peer.sock.shutdown(socket.SHUT_WR)
        peer.wait_until_gone()

    with upstream(refuse) as server:
        response = wire.send(upload_to(server, Source(BIG)))
        wire.loop.run_until_complete(asyncio.to_thread(server.peers[0].gone.wait, PATIENCE))
        assert (response.status, wire.read(response)) == (413, b"no")
        wire.call(response, "close")
        close(wire)


@pytest.mark.parametrize("name", OURS)
def test_an_interim_answer_does_not_stop_an_upload(wire: Any) -> None:
    def cheer(peer: Peer) -> None:
        head = read_head(peer)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        source.go.set()
        drain_rest(peer, *head)

    source = Source(BIG, waits_at=100_000)
    with upstream(cheer) as server:
        assert wire.whole(upload_to(server, source)) == (200, b"%d" % BIG)
        close(wire)


def test_an_upstream_that_stops_reading_ends_in_time(wire: Any, name: str) -> None:
    go = threading.Event()

    def stall(peer: Peer) -> None:
        go.wait(PATIENCE)

    with sparse() as file, upstream(stall) as server:
        body = form(file)
        for timeouts, phase in (({"idle": 0.3}, "idle"), ({"total": 0.3}, "total")):
            started = time.monotonic()
            with pytest.raises(APITimeoutError) as caught:
                wire.send(upload_to(server, body, **timeouts))
            assert caught.value.phase == phase
            assert 0.3 <= time.monotonic() - started < 1.5
            if phase == "idle":
                assert str(caught.value) == f"127.0.0.1:{server.port} took nothing of the upload for 0.3 s"
        go.set()
        close(wire)


def test_a_slow_reader_gets_all_and_is_never_far_behind(wire: Any) -> None:
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
        assert wire.whole(request) == (200, b"hi")
        close(wire)
    assert steps[-1] == (20_000_000, 20_000_000)
    assert max(read - count for read, count in steps) < MAX_UNREAD_BYTES


def test_a_total_ends_an_upload_that_never_stalls(wire: Any) -> None:
    with upstream(drain) as server:
        source = Source(1 << 50)
        with pytest.raises(APITimeoutError) as caught:
            wire.send(upload_to(server, source, total=0.3))
        assert caught.value.phase == "total"
        assert source.ended.wait(PATIENCE)
        close(wire)
        assert server.peers[0].gone.wait(PATIENCE)


# What the file does


def test_a_file_that_shrinks_is_an_error_and_the_connection_ends(wire: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(BIG))
    with upstream(drain) as server:
        request = upload_to(server, form(path))
        with path.open("r+b") as file:
            file.truncate(BIG - 1)
        with pytest.raises(BadRequestError, match=r"'a\.wav' is shorter now than the 30000000 bytes") as caught:
            wire.send(request)
        assert (caught.value.param, caught.value.status_code) == ("file", 400)
        assert server.peers[0].gone.wait(PATIENCE)
        close(wire)


def test_a_file_that_is_gone_costs_no_connection(wire: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    with upstream(drain) as server:
        request = upload_to(server, form(path))
        path.unlink()
        with pytest.raises(BadRequestError, match=r"'a\.wav' cannot be read any more"):
            wire.send(request)
        assert server.peers == []


@pytest.mark.parametrize("given", [999_999, 1_000_001])
def test_a_body_that_is_not_as_long_as_it_said_never_spoils_a_connection(wire: Any, given: int) -> None:
    with upstream(drain) as server:
        with pytest.raises(BadRequestError, match="not as long as it said"):
            wire.send(upload_to(server, Source(1_000_000, given=given)))
        assert wire.whole(upload_to(server, Source(1_000_000))) == (200, b"1000000")
        assert len(server.peers) == 2
        close(wire)


@pytest.mark.parametrize("name", ASYNC)
def test_a_file_that_is_slow_to_read_does_not_outlast_the_call(wire: Any) -> None:
    source = Source(BIG, waits_at=1_000_000)
    with upstream(drain) as server:
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            wire.send(upload_to(server, source, total=0.3))
        assert (caught.value.phase, time.monotonic() - started < 1.0) == ("total", True)
        source.go.set()
        close(wire)


def test_files_that_we_opened_are_closed_whatever_happens(wire: Any) -> None:
    opened: list[io.BytesIO] = []

    def opens() -> io.BytesIO:
        opened.append(io.BytesIO(bytes(BIG)))
        return opened[-1]

    def refuse(peer: Peer) -> None:
        read_head(peer)
        peer.send(REFUSED)
        peer.sock.shutdown(1)
        peer.wait_until_gone()

    body = FormContent(Multipart((), [("file", FilePart("a.wav", "audio/wav", BIG, opens))]))
    with upstream(drain, refuse) as server:
        assert wire.whole(upload_to(server, body))[0] == 200
        server.peers[0].sock.shutdown(1)
        wire.turn()
        assert wire.whole(upload_to(server, body))[0] == 413
        close(wire)
    gc.collect()
    assert [file.closed for file in opened] == [True] * len(opened)


# Cancelled, and side by side


@pytest.mark.parametrize("name", ASYNC)
@pytest.mark.parametrize("reading", [True, False])
def test_a_cancelled_upload_closes_its_connection_at_once(wire: Any, reading: bool) -> None:
    took: list[float] = []
    go, gone = threading.Event(), threading.Event()

    def wait(peer: Peer) -> None:
        if reading:
            read_head(peer)
        started.set()
        go.wait(PATIENCE)
        peer.wait_until_gone()
        took.append(time.monotonic())
        gone.set()

    started = threading.Event()
    # it waits for the file, or for the upstream to take more
    source = Source(BIG, waits_at=1_000_000 if reading else None)

    async def scenario(server: Upstream) -> float:
        sending = asyncio.ensure_future(wire.transport.asend(upload_to(server, source)))
        await asyncio.to_thread(source.waiting.wait if reading else started.wait, PATIENCE)
        await asyncio.sleep(0.1)  # until nothing moves
        assert not sending.done()
        cancelled = time.monotonic()
        go.set()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await asyncio.to_thread(gone.wait, PATIENCE)
        source.go.set()
        return cancelled

    with upstream(wait, answers(OK)) as server:
        cancelled = wire.loop.run_until_complete(scenario(server))
        assert took[0] - cancelled < 0.25
        assert wire.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        close(wire)


@pytest.mark.parametrize("name", ["fast-async", "httpx-async"])
def test_the_loop_keeps_running_and_many_uploads_share_it(wire: Any) -> None:
    turns: list[float] = []

    async def tick() -> None:
        while True:
            turns.append(time.monotonic())
            await asyncio.sleep(0.001)

    async def scenario(server: Upstream) -> None:
        ticking = asyncio.ensure_future(tick())
        with sparse() as file:
            body = form(file)
            responses = await asyncio.gather(*(wire.transport.asend(upload_to(server, body)) for _ in range(4)))
            for response in responses:
                assert await response.aread_block(PATIENCE) == b"%d" % body.length
                await response.aclose()
        ticking.cancel()

    with upstream(drain) as server:
        wire.loop.run_until_complete(scenario(server))
        close(wire)
    assert max(later - sooner for sooner, later in itertools.pairwise(turns)) < 0.25


# Memory

PROGRAM = """
import asyncio, resource, sys, tempfile, time
sys.path.insert(0, {root!r})
from tests.transports.test_uploads import MAKERS, form, timed_request

wire = MAKERS[{name!r}]()
def upload(size):
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        body = form(file)
        started = time.monotonic()
        assert wire.whole(timed_request({port}, body)) == (200, b"%d" % body.length)
        return time.monotonic() - started

def memory(field):
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))
    except OSError:  # a system that knows the highest value only
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

upload(1_000_000)
before = memory("VmRSS:")
took = upload({size})
print(memory("VmHWM:") - before, took)
wire.close()
"""


def timed_request(port: int, body: FormContent) -> TransportRequest:
    deadline = Deadline(Timeouts(total=120.0))
    headers = [("content-type", body.content_type)]
    return TransportRequest("POST", Origin("http", "127.0.0.1", port), "/", headers, body, deadline, Limits())


@pytest.mark.slow
def test_a_large_upload_is_never_in_memory(name: str) -> None:
    size = 100_000_000
    with upstream(drain) as server:
        program = PROGRAM.format(root=str(Path(__file__).parents[2]), name=name, port=server.port, size=size)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    growth, took = map(float, done.stdout.split())
    print(f"{name}: {growth / 1e6:.2f} MB more, {size / took / 1e6:.0f} MB/s")  # noqa: T201  # shown with -s
    assert growth <= 4_000_000  # 0.6 MB at most where this was written
