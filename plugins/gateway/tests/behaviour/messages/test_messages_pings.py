"""A silent stream of Messages gets `ping` events, as Anthropic's own API sends them, and never inside of an event."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from llmgate_core.testing import Answer
from tests.support.messages_events import checked_message, events_of
from tests.support.messages_upstream import SSE, message, message_events, stream_of

ASKED: dict[str, Any] = {"model": "claude-native", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]}
WHOLE = message({"type": "text", "text": "Hi"})
EVENTS = stream_of([event for event in message_events(WHOLE) if event["type"] != "ping"])
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("after", [1, 2, 3, len(EVENTS) - 1])
def test_a_silent_stream_gets_pings(serve: Any, upstream: Any, after: int) -> None:
    release = threading.Event()
    upstream.answers.append(Answer(200, EVENTS, SSE, hold=release, hold_at=after))
    gateway = serve(general={"timeouts": {"stream_comment": 0.05}})
    found = b""
    with gateway.http.stream("POST", "/v1/messages", json={**ASKED, "stream": True}) as answer:
        for block in answer.iter_raw():
            found += block
            if found.count(PING) == 3:
                release.set()
    assert found.count(PING) >= 3
    assert b":" not in found.replace(b'":', b"").replace(b"event:", b"").replace(b"data:", b"")  # and no comment
    assert checked_message(found)["content"] == WHOLE["content"]
    assert events_of(found)[0][0] == "message_start"


def test_no_ping_breaks_an_event(serve: Any, upstream: Any) -> None:
    halves = [EVENTS[0], EVENTS[1], *(EVENTS[2][at : at + 30] for at in range(0, len(EVENTS[2]), 30)), *EVENTS[3:]]
    upstream.answers.append(Answer(200, halves, SSE, pause_seconds=0.2))
    gateway = serve(general={"timeouts": {"stream_comment": 0.05}})
    found = gateway.post("/v1/messages", {**ASKED, "stream": True}).content
    assert checked_message(found)["content"] == WHOLE["content"]


def test_no_ping_comes_where_none_is_wanted(serve: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, EVENTS, SSE, pause_seconds=0.1))
    gateway = serve(general={"timeouts": {"stream_comment": None}})
    assert gateway.post("/v1/messages", {**ASKED, "stream": True}).content.count(b"ping") == 0


def test_openais_clients_get_comments_as_before(serve: Any, upstream: Any) -> None:
    release = threading.Event()
    chunk = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    end = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    upstream.answers.append(Answer(200, [chunk, end], SSE, hold=release, hold_at=1))
    gateway = serve(general={"timeouts": {"stream_comment": 0.05}})
    asked = {"model": "claude-bridged", "stream": True, "messages": ASKED["messages"]}
    found = b""
    with gateway.http.stream("POST", "/v1/chat/completions", json=asked) as answer:
        for block in answer.iter_raw():
            found += block
            if found.count(b": keep-alive\n\n") == 2:
                release.set()
    assert PING not in found
