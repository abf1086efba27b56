"""Streams that are silent but alive: comments of the upstream, and comments of the gateway's own."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
END = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
RESPONSE = {"id": "r", "object": "response", "output": [], "status": "completed"}
SSE = {"content-type": "text/event-stream"}
ALIVE = b": still thinking\n\n"
OURS = b": keep-alive\n\n"
IMPATIENT = {"m": {"model": "openai/gpt-4o", "max_retries": 0, "timeout": {"idle": 0.4, "first_event": 0.4}}}


def stream(gateway: Any) -> bytes:
    answer = gateway.chat(stream=True)
    assert answer.status_code == 200
    content: bytes = answer.content
    return content


@pytest.mark.parametrize("position", ["before the first event", "between events"])
def test_comments_of_the_upstream_are_life(serve: Any, upstream: Any, position: str) -> None:
    comments = [ALIVE] * 10
    blocks = [*comments, EVENT, END] if position == "before the first event" else [EVENT, *comments, END]
    upstream.answers.append(Answer(200, blocks, SSE, pause_seconds=0.1))
    content = stream(serve(IMPATIENT))
    assert content.startswith(EVENT)
    assert content.endswith(END)
    assert content.count(ALIVE) == (0 if position == "before the first event" else 10)


def test_a_long_comment_is_cut_and_stays_one_line(gateway: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, [EVENT, b":" + b"x" * 5000 + b"\r\n\r\n", END], SSE, pause_seconds=0.05))
    assert stream(gateway) == EVENT + b":" + b"x" * 256 + b"\n\n" + END


def test_a_comment_without_end_is_no_life(serve: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, [EVENT, b": ", *[b"x"] * 2000], SSE, pause_seconds=0.05))
    assert b'"code":"timeout"' in stream(serve(IMPATIENT))


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
def test_a_silent_stream_gets_comments_of_ours(serve: Any, upstream: Any, path: str) -> None:
    release = threading.Event()
    event, end = EVENT, END
    if path == "responses":
        event, end = (
            b"event: %b\ndata: %b\n\n"
            % (kind, json.dumps({"type": kind.decode(), "response": RESPONSE}, separators=(",", ":")).encode())
            for kind in (b"response.created", b"response.completed")
        )
    upstream.answers.append(Answer(200, [event, end], SSE, hold=release, hold_at=1))
    model = "openai/gpt-5-mini" if path == "responses" else "openai/gpt-4o"
    gateway = serve({"m": model}, general={"timeouts": {"stream_comment": 0.1}})
    body = {"model": "m", "stream": True} | ({"input": "hi"} if path == "responses" else {"messages": HI})
    found = b""
    with gateway.http.stream("POST", f"/v1/{path}", json=body) as answer:
        for block in answer.iter_raw():
            found += block
            if found.count(OURS) == 3:
                release.set()
    pieces = found.split(b"\n\n")
    comments = [piece for piece in pieces if piece.startswith(b":")]
    assert set(comments) == {OURS.strip()}
    events = [piece.replace(b'": ', b'":') for piece in pieces if piece not in comments]
    wanted = (event + end).split(b"\n\n")
    assert [piece[:20] for piece in events] == [piece[:20] for piece in wanted]
    assert found.count(OURS) >= 3


def test_no_comment_comes_where_none_is_wanted_or_nothing_has_been_sent(serve: Any, upstream: Any) -> None:
    for setting, answer in ((None, [EVENT, END]), (0.05, [EVENT + END])):
        upstream.answers.append(Answer(200, answer, SSE, pause_seconds=0.4, delay_seconds=0.4))
        gateway = serve({"m": "openai/gpt-4o"}, general={"timeouts": {"stream_comment": setting}})
        assert stream(gateway) == EVENT + END


def test_a_whole_answer_gets_no_comment(serve: Any, upstream: Any) -> None:
    upstream.answers.append(Answer(200, [b'{"id": "c", ', b'"choices": []}'], pause_seconds=0.4))
    gateway = serve({"m": "openai/gpt-4o"}, general={"timeouts": {"stream_comment": 0.05}})
    assert gateway.chat().json() == {"id": "c", "choices": []}
