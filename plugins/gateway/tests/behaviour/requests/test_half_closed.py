"""Clients that close their sending side after whole requests: RFC 9112, section 9.6."""

from __future__ import annotations

import json
import socket
import sys
import threading
from typing import Any

import pytest

from llmgate_core.testing import Answer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a client counts as having left")
HI = [{"role": "user", "content": "hi"}]
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
END = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
WHOLE = Answer.json({"id": "c", "object": "chat.completion", "choices": []})
SSE = {"content-type": "text/event-stream"}
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


def chat(**fields: Any) -> bytes:
    content = json.dumps({"model": "m", "messages": HI, **fields}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(content) + content


def half_closed(gateway: Any, request: bytes) -> socket.socket:
    sock = gateway.connect()
    sock.sendall(request)
    sock.shutdown(socket.SHUT_WR)
    return sock


def read_all(sock: socket.socket) -> bytes:
    found = b""
    with sock:
        while block := sock.recv(65536):
            found += block
    return found.replace(INTERIM, b"")


def test_a_whole_answer_comes_late(gateway: Any, upstream: Any) -> None:
    release = threading.Event()
    upstream.answers.append(Answer(200, [b"{", b'"id": "late", "choices": []}'], hold=release, hold_at=1))
    sock = half_closed(gateway, chat())
    upstream.wait_received(1)
    assert sock.recv(len(INTERIM)) == INTERIM
    release.set()
    answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"late"' in answer


def test_a_stream_comes_whole(gateway: Any, upstream: Any) -> None:
    release = threading.Event()
    upstream.answers.append(Answer(200, [EVENT, EVENT, END], SSE, hold=release))
    sock = half_closed(gateway, chat(stream=True))
    assert (
        sock.recv(len(INTERIM)) == INTERIM
    )  # once an answer has begun, the end of the input means that the client left
    release.set()
    answer = read_all(sock)
    assert answer.count(EVENT) == 2
    assert b"data: [DONE]" in answer


def test_all_pipelined_requests_are_answered(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = WHOLE
    answer = read_all(half_closed(gateway, chat() * 4))
    assert answer.count(b"HTTP/1.1 200") == 4


def test_of_a_request_that_is_not_whole_only_the_ones_before_it_are_answered(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = WHOLE
    answer = read_all(half_closed(gateway, chat() + chat()[:-5]))
    assert answer.count(b"HTTP/1.1 200") <= 1
    gateway.wait_idle()


def test_a_client_that_leaves_afterwards_cancels_its_call(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, b"{}", hold=threading.Event()))
    sock = half_closed(gateway, chat())
    upstream.wait_received(1)
    assert sock.recv(len(INTERIM)) == INTERIM
    sock.close()
    upstream.wait_disconnect()
    assert gateway.wait_records(1)[0].outcome == "cancelled"
