"""What only streams have: arguments in pieces, errors behind a 200, ends without a marker, cuts anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core import (
    APIError,
    APIResponseValidationError,
    Client,
    InternalServerError,
    RateLimitError,
    ServiceUnavailableError,
    StreamTruncatedError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import check_answer, fault, said

MODEL = "gemini/gemini-3.8-flash"


def pieces(name: str, *parts: tuple[str, Any, bool], last: bool = True) -> list[dict[str, Any]]:
    """Return the events of a call whose arguments come in pieces: path, value, and whether it goes on."""
    kinds = {str: "stringValue", bool: "boolValue", int: "numberValue", type(None): "nullValue"}
    begun = {"functionCall": {"name": name, "id": "c1", "willContinue": True}, "thoughtSignature": "c2ln"}
    made: list[dict[str, Any]] = [begun]
    for path, value, goes_on in parts:
        said_value = "NULL_VALUE" if value is None else value
        piece = {"jsonPath": path, kinds[type(value)]: said_value, **({"willContinue": True} if goes_on else {})}
        made.append({"functionCall": {"partialArgs": [piece], "willContinue": True}})
    return [*made, *([{"functionCall": {}}] if last else [])]


PATHS = (
    ("$.city", "Par", True),
    ("$.city", "is", False),
    ("$.days[0].name", "Mon", False),
    ("$.days[1]['name']", "Tue", False),
    ("$.count", 2, False),
    ("$.exact", True, False),
    ("$.none", None, False),
)
ARGUMENTS = {"city": "Paris", "days": [{"name": "Mon"}, {"name": "Tue"}], "count": 2, "exact": True, "none": None}


def test_arguments_that_come_in_pieces_are_put_together(ask: Callable[..., Any], fake_upstream: FakeUpstream) -> None:
    parts = [*pieces("weather", *PATHS), {"functionCall": {"name": "next", "id": "c2", "args": {"a": 1}}}]
    events = [said(part, finish=None) for part in parts]
    for event in events:
        check_answer(event)
    fake_upstream.otherwise = Answer.sse([*events, said()], done=False)
    choice = ask("completion", model=MODEL, messages="hi", stream=True).choices[0]
    calls = choice.message.tool_calls
    assert [(call.id, call.function.name, call.function.parsed_arguments) for call in calls] == [
        ("c1", "weather", ARGUMENTS),
        ("c2", "next", {"a": 1}),
    ]
    assert calls[0].get("extra_content") == {"google": {"thought_signature": "c2ln"}}
    assert choice.finish_reason == "tool_calls"


@pytest.mark.parametrize("behind", ["another call", "text", "the end"])
def test_arguments_are_not_lost_where_the_last_piece_is_missing(
    client: Client, fake_upstream: FakeUpstream, behind: str
) -> None:
    parts = pieces("weather", *PATHS, last=False)
    parts += {"another call": [{"functionCall": {"name": "next", "args": {}}}], "text": [{"text": "x"}]}.get(behind, [])
    fake_upstream.otherwise = Answer.sse([*(said(part, finish=None) for part in parts), said()], done=False)
    message = client.completion(MODEL, "hi", stream=True).whole().choices[0].message
    assert message.tool_calls[0].function.parsed_arguments == ARGUMENTS
    assert len(message.tool_calls) == (2 if behind == "another call" else 1)


@pytest.mark.parametrize("path", ["", "$", "city", "$..city", "$.a[", "$[x]", "$.a[99999999]", "$.a[999999]"])
def test_a_path_that_cannot_be_read_is_passed_over(client: Client, fake_upstream: FakeUpstream, path: str) -> None:
    parts = pieces("weather", (path, "x", False), ("$.b", 1, False))
    fake_upstream.otherwise = Answer.sse([*(said(part, finish=None) for part in parts), said()], done=False)
    message = client.completion(MODEL, "hi", stream=True).whole().choices[0].message
    assert message.tool_calls[0].function.parsed_arguments["b"] == 1


# --- the end ---

EVENTS = [
    said({"text": "naïve "}, finish=None),
    said({"functionCall": {"name": "f", "args": {"a": "雪"}}}),
    said({"text": ""}),
]


def test_a_stream_that_is_cut_anywhere_is_never_whole(client: Client, fake_upstream: FakeUpstream) -> None:
    content = b"".join(b"data: " + json.dumps(event).encode() + b"\r\n\r\n" for event in EVENTS[:2])
    head = {"content-type": "text/event-stream"}
    for size in range(0, len(content) - 3, 7):
        fake_upstream.otherwise = Answer(200, content[:size], head)
        with pytest.raises(StreamTruncatedError):
            client.completion(MODEL, "hi", stream=True).whole()
    fake_upstream.otherwise = Answer(200, content, head, drip=1)
    whole = client.completion(MODEL, "hi", stream=True).whole()
    assert whole.choices[0].message.tool_calls[0].function.parsed_arguments == {"a": "雪"}


def test_what_comes_behind_the_reason_is_read(client: Client, fake_upstream: FakeUpstream) -> None:
    late = said({"text": "!", "thoughtSignature": "c2ln"}, usage={"promptTokenCount": 1, "candidatesTokenCount": 2})
    fake_upstream.otherwise = Answer.sse([said({"text": "Hello"}, usage=None), late], done=False)
    whole = client.completion(MODEL, "hi", stream=True, stream_options={"include_usage": True}).whole()
    assert whole.choices[0].message.content == "Hello!"
    assert whole.choices[0].message.reasoning_items[0]["thought_signature"] == "c2ln"
    assert whole.usage.completion_tokens == 2


def test_the_usage_is_a_chunk_of_its_own_and_only_if_asked_for(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.sse([said({"text": "a"}, finish=None), said({"text": "b"})], done=False)
    asked = list(client.completion(MODEL, "hi", stream=True, stream_options={"include_usage": True}))
    assert [bool(chunk.usage) for chunk in asked] == [False, False, True]
    assert asked[-1].choices == []
    assert [bool(chunk.usage) for chunk in client.completion(MODEL, "hi", stream=True)] == [False, False]


# --- errors behind a 200 ---

BUSY = fault(503, "UNAVAILABLE", "The model is overloaded.")
QUOTA = fault(
    429,
    "RESOURCE_EXHAUSTED",
    "Too many.",
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"},
)
ERRORS: dict[str, tuple[Any, type[APIError]]] = {
    "an object": (BUSY, ServiceUnavailableError),
    "a list": ([BUSY], ServiceUnavailableError),
    "a quota": (QUOTA, RateLimitError),
    "without a code": ({"error": {"message": "x", "status": "INTERNAL"}}, InternalServerError),
    "without anything": ({"error": {"message": "x"}}, InternalServerError),
    "not an object": (["x"], APIResponseValidationError),
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("place", ["first", "later"])
def test_an_error_in_a_stream(client: Client, fake_upstream: FakeUpstream, name: str, place: str) -> None:
    error, kind = ERRORS[name]
    begun = [said({"text": "So "}, finish=None)] if place == "later" else []
    fake_upstream.otherwise = Answer.sse([*begun, json.dumps(error)], done=False)
    with pytest.raises(kind) as caught:
        client.completion(MODEL, "hi", stream=True).whole()
    if place == "later":
        assert caught.value.partial["choices"][0]["message"]["content"] == "So "
    if name == "a quota":
        assert caught.value.retry_after == 3


def test_an_event_of_the_name_error(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.sse([("error", BUSY)], done=False)
    with pytest.raises(ServiceUnavailableError):
        client.completion(MODEL, "hi", stream=True).whole()


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_a_list_of_errors_in_place_of_a_stream(client: Client, fake_upstream: FakeUpstream, kind: str) -> None:
    fake_upstream.otherwise = Answer(200, json.dumps([BUSY], indent=2).encode(), {"content-type": kind})
    with pytest.raises(ServiceUnavailableError):
        client.completion(MODEL, "hi", stream=True).whole()


@pytest.mark.parametrize("event", ["NaN", "\ufffd", "null", "[1", '"x"', ""])
@pytest.mark.parametrize("name", ["", "error"])
def test_an_event_that_is_not_an_object_is_the_upstreams_fault(
    client: Client, fake_upstream: FakeUpstream, event: str, name: str
) -> None:
    head = f"event: {name}\n" if name else ""
    body = f"{head}data: {event}\n\n".encode()
    fake_upstream.otherwise = Answer(200, body, {"content-type": "text/event-stream"})
    with pytest.raises(APIError):
        client.completion(MODEL, "hi", stream=True).whole()


def test_an_error_that_is_a_word_alone_keeps_its_message(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.sse([{"error": "the proxy is full"}], done=False)
    with pytest.raises(APIError) as caught:
        client.completion(MODEL, "hi", stream=True).whole()
    assert "the proxy is full" in str(caught.value)
