"""The streams that a fake upstream sends: one network write for each event, line or message."""

from __future__ import annotations

from typing import Any

from llmgate_core.reading.framing.aws_eventstream import AWSEventDecoder
from llmgate_core.testing import Answer, fake_upstream
from llmgate_core.testing.aws_messages import message


def parts_of(answer: Answer) -> list[bytes]:
    assert not isinstance(answer.body, bytes)
    return list(answer.body)


def headers_of(answer: Answer) -> dict[str, str]:
    return dict(answer.headers)


def test_server_sent_events_may_have_names() -> None:
    events: list[Any] = [{"a": 1}, "text", ("ping", {}), ("error", "late")]
    assert parts_of(Answer.sse(events, done=False)) == [
        b'data: {"a": 1}\n\n',
        b"data: text\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: error\ndata: late\n\n",
    ]
    assert parts_of(Answer.sse(": as it is\n\n")) == [b": as it is\n\n", b"data: [DONE]\n\n"]


def test_lines_are_json_or_as_they_are() -> None:
    answer = Answer.lines([{"a": 1}, "text", [1]], x_request_id="r")
    assert parts_of(answer) == [b'{"a": 1}\n', b"text\n", b"[1]\n"]
    assert headers_of(answer) == {"content-type": "application/x-ndjson", "x-request-id": "r"}


def test_messages_are_events_exceptions_or_bytes() -> None:
    answer = Answer.eventstream([("chunk", {"a": 1}), ("oddException", "late"), message({":event-type": "x"}, b"y")])
    decoder = AWSEventDecoder(1000)
    events = [event for part in parts_of(answer) for event in decoder.feed(part)]
    assert [(event.event, event.data, event.is_error) for event in events] == [
        ("chunk", '{"a": 1}', False),
        ("oddException", "late", True),
        ("x", "y", False),
    ]
    assert headers_of(answer) == {"content-type": "application/vnd.amazon.eventstream"}


def test_the_origin_is_the_base_url_without_its_path() -> None:
    with fake_upstream() as upstream:
        assert upstream.base_url == f"{upstream.origin}/v1"
