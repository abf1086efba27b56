"""A body that is read while it goes out, over every driver: what arrives, from what files, at what price."""

from __future__ import annotations

import gc
import io
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.contract.limits import Deadline, Limits, Timeouts
from llmgate_core.contract.transport import Origin, StaleConnectionError, TransportRequest
from llmgate_core.errors import APITimeoutError, BadRequestError
from llmgate_core.files.form_content import FormContent, as_form
from llmgate_core.files.uploads import file_part
from tests.support.multipart_form import Part, read_form
from tests.support.paths import ROOT
from tests.support.scripted_upstream import OK, PATIENCE, Peer, answers, upstream
from tests.support.upload_transports import (
    ASYNC,
    BIG,
    MAKERS,
    OURS,
    REFUSED,
    Source,
    body_of,
    close,
    drain,
    fields_of,
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


# What arrives


def test_every_transport_sends_the_same_form_byte_by_byte(driver: Any) -> None:
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
            assert driver.whole(upload_to(server, body)) == (200, b"hi")
        close(driver)
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


def test_a_small_form_is_sent_whole(driver: Any) -> None:
    with upstream(answers(OK)) as server:
        assert driver.whole(upload_to(server, form(b"RIFF")))
        close(driver)
        request = server.peers[0].requests[0]
    assert [part.content for part in read_form(fields_of(request)["content-type"], body_of(request))] == [
        b"whisper-1",
        b"RIFF",
    ]


@pytest.mark.parametrize("name", OURS)
def test_an_upload_goes_through_tls(name: str, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(5_000_000)
    driver, context = tls_driver(name, tmp_path)
    with upstream(answers(OK, OK), context=context) as server:
        for _ in range(2):
            request = upload_to(server, form(content), origin=Origin("https", "127.0.0.1", server.port))
            assert driver.whole(request) == (200, b"hi")
        close(driver)
        assert [content in request for request in server.peers[0].requests] == [True, True]


def test_a_try_after_an_error_sends_the_same_bytes(driver: Any) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
    with sparse(1_000_000) as file, upstream(answers(busy, OK)) as server:
        request = upload_to(server, form(file))
        assert [driver.whole(request)[0], driver.whole(request)[0]] == [503, 200]
        close(driver)
        first, second = server.peers[0].requests
        assert first == second
        assert len(body_of(first)) > 1_000_000


def test_a_kept_connection_that_closes_as_we_send_is_stale_and_the_file_is_read_again(driver: Any) -> None:
    def leave(peer: Peer) -> None:
        peer.read()
        peer.send(OK)
        read_head(peer)
        peer.reset()

    with sparse() as file, upstream(leave, drain) as server:
        assert driver.whole(upload_to(server, form(b"RIFF"))) == (200, b"hi")
        content = form(file)
        with pytest.raises(StaleConnectionError):
            driver.send(upload_to(server, content))
        assert driver.whole(upload_to(server, content, new_connection=True)) == (200, b"%d" % content.length)
        assert len(server.peers) == 2
        close(driver)


# What the file does


def test_a_file_that_shrinks_is_an_error_and_the_connection_ends(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(BIG))
    with upstream(drain) as server:
        request = upload_to(server, form(path))
        with path.open("r+b") as file:
            file.truncate(BIG - 1)
        with pytest.raises(BadRequestError, match=r"'a\.wav' .*shorter.* 30000000 bytes") as caught:
            driver.send(request)
        assert (caught.value.param, caught.value.status_code) == ("file", 400)
        assert server.peers[0].gone.wait(PATIENCE)
        close(driver)


def test_a_file_that_is_gone_costs_no_connection(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    with upstream(drain) as server:
        request = upload_to(server, form(path))
        path.unlink()
        with pytest.raises(BadRequestError, match=r"'a\.wav' .*no such file"):
            driver.send(request)
        assert server.peers == []


@pytest.mark.parametrize("given", [999_999, 1_000_001])
def test_a_body_that_is_not_as_long_as_it_said_never_spoils_a_connection(driver: Any, given: int) -> None:
    with upstream(drain) as server:
        with pytest.raises(BadRequestError):
            driver.send(upload_to(server, Source(1_000_000, given=given)))
        assert driver.whole(upload_to(server, Source(1_000_000))) == (200, b"1000000")
        assert len(server.peers) == 2
        close(driver)


@pytest.mark.parametrize("name", ASYNC)
def test_a_file_that_is_slow_to_read_does_not_outlast_the_call(driver: Any) -> None:
    source = Source(BIG, waits_at=1_000_000)
    with upstream(drain) as server:
        with pytest.raises(APITimeoutError) as caught:
            driver.send(upload_to(server, source, total=0.3))
        assert caught.value.phase == "total"
        source.go.set()
        close(driver)


def test_files_that_we_opened_are_closed_whatever_happens(driver: Any) -> None:
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
        assert driver.whole(upload_to(server, body))[0] == 200
        server.peers[0].sock.shutdown(1)
        driver.turn()
        assert driver.whole(upload_to(server, body))[0] == 413
        close(driver)
    gc.collect()
    assert [file.closed for file in opened] == [True] * len(opened)


# Memory

PROGRAM = """
import asyncio, resource, sys, tempfile, time
sys.path.insert(0, {root!r})
from tests.unit.transports.test_upload import MAKERS, form, timed_request

driver = MAKERS[{name!r}]()
def upload(size):
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        body = form(file)
        started = time.monotonic()
        assert driver.whole(timed_request({port}, body)) == (200, b"%d" % body.length)
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
driver.close()
"""


def timed_request(port: int, body: FormContent) -> TransportRequest:
    deadline = Deadline(Timeouts(total=120.0))
    headers = [("content-type", body.content_type)]
    return TransportRequest("POST", Origin("http", "127.0.0.1", port), "/", headers, body, deadline, Limits())


@pytest.mark.slow
def test_a_large_upload_is_never_in_memory(name: str) -> None:
    size = 100_000_000
    with upstream(drain) as server:
        program = PROGRAM.format(root=str(ROOT), name=name, port=server.port, size=size)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    growth, took = map(float, done.stdout.split())
    print(f"{name}: {growth / 1e6:.2f} MB more, {size / took / 1e6:.0f} MB/s")  # noqa: T201  # shown with -s
    assert growth <= 4_000_000  # 0.6 MB at most where this was written
