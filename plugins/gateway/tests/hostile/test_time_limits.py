"""Upstreams that are silent or drip: rows R11 and R12. The deployment allows 1.2 s in all, 0.4 s of silence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest

from llmgate_core.testing import Answer

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Make = Callable[[], Answer]


def never() -> threading.Event:
    return threading.Event()


BEFORE: dict[str, Make] = {
    "silent": lambda: Answer(200, b"{}", JSON, hold=never()),
    "silent after the head": lambda: Answer(200, [b"{", b"}"], JSON, hold=never(), hold_at=0),
    "silent in the body": lambda: Answer(200, [b"{", b"}"], JSON, hold=never(), hold_at=1),
    "drips its head": lambda: Answer(raw=HEAD + b"x: " + b"y" * 500 + b"\r\n\r\n{}", drip=1, pause_seconds=0.05),
    "drips its body": lambda: Answer(200, b"{" + b" " * 500 + b"}", JSON, drip=1, pause_seconds=0.05),
    "sends 100 Continue for ever": lambda: Answer(
        raw=repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 500), pause_seconds=0.05
    ),
}
BEFORE_EVENTS: dict[str, Make] = {
    **BEFORE,
    "silent before the first event": lambda: Answer(200, [b": hello\n\n", EVENT], SSE, hold=never(), hold_at=1),
    "comments only": lambda: Answer(200, repeat(b": hello\n\n", 500), SSE, pause_seconds=0.05),
    "an event without end": lambda: Answer(200, [b"data: ", *repeat(b"x", 500)], SSE, pause_seconds=0.05),
}
AFTER: dict[str, Make] = {
    "silent": lambda: Answer(200, [EVENT, EVENT], SSE, hold=never(), hold_at=1),
    "comments only": lambda: Answer(200, [EVENT, *repeat(b": hello\n\n", 500)], SSE, pause_seconds=0.05),
    "events for ever": lambda: Answer(200, repeat(EVENT, 500), SSE, pause_seconds=0.05),
    "an event without end": lambda: Answer(200, [EVENT, b"data: ", *repeat(b"x", 500)], SSE, pause_seconds=0.05),
}


@pytest.mark.parametrize("name", BEFORE_EVENTS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_an_upstream_that_is_late_is_a_504(gateway: Any, upstream: Any, name: str, stream: bool) -> None:
    upstream.answers.append(BEFORE_EVENTS[name]())
    reply = gateway.chat(model="quick", stream=stream)
    assert (reply.status, reply.error["code"]) == (504, "timeout")
    upstream.wait_disconnect()


@pytest.mark.parametrize("name", AFTER)
def test_a_stream_that_stops_is_told_so(gateway: Any, upstream: Any, name: str) -> None:
    upstream.answers.append(AFTER[name]())
    reply = gateway.chat(model="quick", stream=True)
    assert reply.status == 200
    assert reply.body.startswith(EVENT)
    *_, last, end, rest = reply.body.split(b"\n\n")
    assert last.startswith(b'data: {"error":')
    assert b'"code":"timeout"' in last
    assert (end, rest) == (b"data: [DONE]", b"")
    upstream.wait_disconnect()
