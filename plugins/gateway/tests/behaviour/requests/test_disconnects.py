"""Who hangs up, who reads slowly, and who takes too many places: rows R1, R20, R24 and S29."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core.testing import Answer
from tests.support.running_gateway import PATIENCE_SECONDS

HI = [{"role": "user", "content": "hi"}]
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def request_of(body: Any, path: str = "/v1/chat/completions") -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def endless() -> Iterator[bytes]:
    while True:
        yield EVENT


PHASES = {
    "plain, before the head": ({}, Answer(200, b"{}", hold=threading.Event())),
    "plain, in the body": ({}, Answer(200, [b"{", b"}"], hold=threading.Event(), hold_at=1)),
    "stream, before the head": ({"stream": True}, Answer(200, [EVENT], hold=threading.Event())),
    "stream, before the first event": (
        {"stream": True},
        Answer(200, [b": hello\n\n", EVENT], {"content-type": "text/event-stream"}, hold=threading.Event(), hold_at=1),
    ),
    "stream, after the first event": (
        {"stream": True},
        Answer(200, [EVENT, EVENT], {"content-type": "text/event-stream"}, hold=threading.Event(), hold_at=1),
    ),
}


@pytest.mark.parametrize("phase", PHASES)
def test_the_upstream_is_closed_when_the_client_hangs_up(gateway: Any, upstream: Any, phase: str) -> None:
    extra, answer = PHASES[phase]
    upstream.answers.append(answer)
    sock = gateway.connect()
    sock.sendall(request_of({"model": "m", "messages": HI, **extra}))
    upstream.wait_received(1)
    if phase == "stream, after the first event":
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    sock.close()
    upstream.wait_disconnect()
    record = gateway.wait_records(1)[0]
    assert record.outcome == "cancelled"
    assert record.status == (200 if phase == "stream, after the first event" else 499)
    gateway.wait_idle()
    assert gateway.app._admission.in_flight == 0


def test_no_retry_goes_out_for_a_client_that_has_gone(serve: Any, upstream: Any) -> None:
    gateway = serve({"m": {"model": "openai/gpt-4o", "max_retries": 5}})
    upstream.otherwise = Answer.json({"error": {"message": "busy"}}, 503, retry_after="30")
    sock = gateway.connect()
    sock.sendall(request_of({"model": "m", "messages": HI}))
    upstream.wait_received(1)
    sock.close()
    assert gateway.wait_records(1)[0].outcome == "cancelled"
    assert len(upstream.received) == 1


def test_the_first_event_is_handed_on_before_the_upstream_sends_the_last(gateway: Any, upstream: Any) -> None:
    release = threading.Event()
    end = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    upstream.answers.append(Answer(200, [EVENT, end], {"content-type": "text/event-stream"}, hold=release, hold_at=1))
    with gateway.http.stream(
        "POST", "/v1/chat/completions", json={"model": "m", "messages": HI, "stream": True}
    ) as reply:
        lines = reply.iter_lines()
        assert next(lines) + "\n\n" == EVENT.decode()
        release.set()
        assert [line for line in lines if line][-1] == "data: [DONE]"


def test_a_client_that_does_not_read_holds_back_the_upstream_and_is_dropped(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"timeouts": {"write": 0.5}})
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += len(EVENT) * 100
            yield EVENT * 100

    upstream.answers.append(Answer(200, counted(), {"content-type": "text/event-stream"}))
    sock = gateway.connect()
    sock.sendall(request_of({"model": "m", "messages": HI, "stream": True}))
    upstream.wait_disconnect()
    assert sent < 16_000_000  # the buffers of four sockets, and no more
    record = gateway.wait_records(1)[0]
    assert (record.outcome, record.error_code) == ("cancelled", "client_does_not_read")
    assert gateway.app._admission.in_flight == 0
    sock.close()


def test_above_max_in_flight_requests_are_refused_and_health_is_not(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"limits": {"max_in_flight": 2}})
    release = threading.Event()
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    upstream.answers += [Answer(200, b'{"id":"x","choices":[]}', hold=release) for _ in range(2)]
    socks = [gateway.connect() for _ in range(2)]
    for sock in socks:
        sock.sendall(request_of({"model": "m", "messages": HI}))
    upstream.wait_received(2)
    refused = gateway.chat()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["error"]["code"] == "overloaded"
    assert gateway.http.get("/livez").status_code == 200
    release.set()
    gateway.wait_records(4)
    assert gateway.chat().status_code == 200
    for sock in socks:
        sock.close()


def test_a_client_has_a_limit_of_its_own(serve: Any, upstream: Any) -> None:
    keys = [{"name": "a", "key": "sk-a", "limits": {"max_in_flight": 1}}, {"name": "b", "key": "sk-b"}]
    gateway = serve(general={"master_key": "sk-master", "keys": keys})
    release = threading.Event()
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    upstream.answers.append(Answer(200, b'{"id":"x","choices":[]}', hold=release))
    sock = gateway.connect()
    sock.sendall(
        request_of({"model": "m", "messages": HI}).replace(b"host: x", b"host: x\r\nauthorization: Bearer sk-a")
    )
    upstream.wait_received(1)
    statuses = {
        key: gateway.post(
            "/v1/chat/completions", {"model": "m", "messages": HI}, authorization=f"Bearer {key}"
        ).status_code
        for key in ("sk-a", "sk-b", "sk-master")
    }
    assert statuses == {"sk-a": 429, "sk-b": 200, "sk-master": 200}
    release.set()
    sock.close()


def test_every_place_is_given_back_after_aborts_in_every_phase(serve: Any, upstream: Any) -> None:
    gateway = serve(general={"limits": {"max_in_flight": 4, "per_client_concurrency": 4}})
    upstream.otherwise = lambda request: Answer(200, endless(), {"content-type": "text/event-stream"})
    whole = request_of({"model": "m", "messages": HI, "stream": True})
    for number in range(60):
        sock = gateway.connect()
        sock.sendall(whole[: len(whole) * (number % 6) // 5])
        if number % 3 == 0 and number % 6 == 5:
            sock.recv(100)
        sock.close()
    upstream.otherwise = Answer.json({"id": "x", "choices": []})
    ends = time.monotonic() + PATIENCE_SECONDS
    while gateway.chat().status_code != 200:  # the last of them may not have been accepted yet
        assert time.monotonic() < ends, "a place was not given back"
    gateway.wait_idle()
    assert gateway.app._admission.in_flight == 0
    assert gateway.app._admission._by_client == {}


def test_an_upload_that_is_hung_up_leaves_nothing_behind(serve: Any, upstream: Any) -> None:
    gateway = serve({"w": {"model": "openai/whisper-1", "info": {"mode": "audio_transcription"}}})
    sock = gateway.connect()
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n"
    sock.sendall(head + b"content-type: multipart/form-data; boundary=b\r\n\r\n--b\r\n")
    sock.sendall(b'content-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"x" * 3_000_000)
    sock.close()
    record = gateway.wait_records(1)[0]
    assert (record.outcome, record.status) == ("cancelled", 499)
    assert upstream.received == []
