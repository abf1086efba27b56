"""Clients that hang up in every phase, thousands of them, and what is left of that: rows R1, R20, R23 and S29."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n'
SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
KEY = "sk-master-canary-Zq81LmPw4d"
RESET = struct.pack("ii", 1, 0)


def request_of(path: str, body: Any, kind: str = "application/json") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


FORM = (
    b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nw\r\n'
    b'--B\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    + b"x" * 2_000_000
    + b"\r\n--B--\r\n"
)
CHAT = request_of("/v1/chat/completions", {"model": "m", "messages": HI})
STREAM = request_of("/v1/chat/completions", {"model": "m", "messages": HI, "stream": True})
BRIDGED = request_of("/v1/chat/completions", {"model": "bridged", "messages": HI, "stream": True})
RESPONSES = request_of("/v1/responses", {"model": "r", "input": "x", "stream": True})
SPEECH = request_of("/v1/audio/speech", {"model": "s", "input": "x", "voice": "alloy"})
UPLOAD = request_of("/v1/audio/transcriptions", FORM, "multipart/form-data; boundary=B")
CREATED = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n'


def held(body: list[bytes], headers: dict[str, str], at: int | None) -> Answer:
    return Answer(200, body, headers, hold=threading.Event(), hold_at=at)


PHASES: dict[str, tuple[bytes, Answer, bool]] = {
    "plain, before the head": (CHAT, held([b"{"], JSON, None), False),
    "plain, in the body": (CHAT, held([b"{", b"}"], JSON, 1), False),
    "stream, before the head": (STREAM, held([EVENT], SSE, None), False),
    "stream, before the first event": (STREAM, held([b": hello\n\n", EVENT], SSE, 1), False),
    "stream, after the first event": (STREAM, held([EVENT, EVENT], SSE, 1), True),
    "bridge, before the head": (BRIDGED, held([CREATED], SSE, None), False),
    "bridge, after the first event": (BRIDGED, held([CREATED, CREATED], SSE, 1), True),
    "responses, after the first event": (RESPONSES, held([CREATED, CREATED], SSE, 1), True),
    "speech, before the head": (SPEECH, held([b"RIFF"], {"content-type": "audio/mpeg"}, None), False),
    "speech, in the sound": (SPEECH, held([b"RIFF", b"more"], {"content-type": "audio/mpeg"}, 1), True),
    "upload, before the answer": (UPLOAD, held([b"{}"], JSON, None), False),
}


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("phase", PHASES)
def test_who_hangs_up_hangs_up_the_upstream(gateway: Any, upstream: Any, phase: str, how: str) -> None:
    request, answer, is_begun = PHASES[phase]
    before = len(gateway.lines())
    upstream.answers.append(answer)
    with gateway.connect() as sock:
        sock.sendall(request)
        upstream.wait_received(1)
        if is_begun:
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        if how == "rst":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    upstream.wait_disconnect()
    line = gateway.line_after(before)
    assert (line["outcome"], line["status"]) == ("cancelled", 200 if is_begun else 499)


def test_who_hangs_up_says_nothing_of_the_upstreams_health(gateway: Any, upstream: Any) -> None:
    assert gateway.chat().status == 200
    upstream.received.clear()
    upstream.answers.append(held([b"{"], JSON, None))
    with gateway.connect() as sock:
        sock.sendall(CHAT)
        upstream.wait_received(1)
    upstream.wait_disconnect()
    gateway.lines()
    models = gateway.ask("GET", "/readyz").json()["models"]
    assert next(model for model in models if model["deployment"] == "m")["last_outcome"] == "finished"


def endless() -> Iterator[bytes]:
    while True:
        yield EVENT


def abort_many(gateway: Any, count: int) -> None:
    """Hang up in the head, in the body, before the answer, in it, and with or without a FIN."""
    requests = (CHAT, STREAM, BRIDGED, SPEECH, UPLOAD[:70_000])
    for number in range(count):
        request = requests[number % len(requests)]
        part = (number // len(requests)) % 6
        with gateway.connect() as sock:
            sock.sendall(request[: len(request) * part // 4] if part < 4 else request)
            if part == 5 and request is not UPLOAD[:70_000] and number % len(requests) != 4:
                sock.recv(64)
            if number % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def answer_of(request: Any) -> Answer:
    if request["path"].endswith("/audio/speech"):
        return Answer(200, endless(), {"content-type": "audio/mpeg"})
    if request["path"].endswith("/responses"):
        return Answer(200, (CREATED for _ in iter(int, 1)), SSE)
    is_stream = b'"stream"' in request["body"]
    return Answer(200, endless(), SSE) if is_stream else Answer(200, b'{"id":"x","choices":[]}', JSON)


def check_nothing_is_left(gateway: Any, upstream: Any, count: int, growth_kib: int) -> None:
    upstream.otherwise = answer_of
    abort_many(gateway, 300)  # buffers, threads and connections that stay
    wait_until_idle(gateway)
    before = gateway.memory_kib(), gateway.descriptors(), gateway.threads()
    abort_many(gateway, count)
    wait_until_idle(gateway)
    after = gateway.memory_kib(), gateway.descriptors(), gateway.threads()
    assert after[0] - before[0] < growth_kib
    assert after[1] <= before[1] + 2
    assert after[2] <= before[2] + 1


def wait_until_idle(gateway: Any) -> None:
    ends = time.monotonic() + 10
    while gateway.in_flight() > 0:
        assert time.monotonic() < ends, "requests are still under way"
        time.sleep(0.02)


def test_2000_aborts_leave_nothing_behind(gateway: Any, upstream: Any) -> None:
    check_nothing_is_left(gateway, upstream, 2000, 4096)


@pytest.mark.exhaustive
def test_20_000_aborts_leave_nothing_behind(gateway: Any, upstream: Any) -> None:
    check_nothing_is_left(gateway, upstream, 20_000, 8192)
