"""What a program sees of answers that break the documented types, and of errors: over a real connection."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llmgate_core import (
    APIError,
    APIResponseValidationError,
    Client,
    InternalServerError,
    RateLimitError,
    Settings,
)
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
KEY = "sk-test-0123456789abcdef"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
BOM = b"\xef\xbb\xbf"


class City(BaseModel):
    name: str
    size: int


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(settings=Settings()) as made:
        yield made


def options(upstream: FakeUpstream, model: str = "openai/gpt-4o", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": HI, "api_key": KEY, "api_base": upstream.base_url, **more}


def answered(message: Any, finish_reason: str = "stop", **fields: Any) -> Answer:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return Answer.json({"id": "c1", "object": "chat.completion", "choices": [choice], **fields})


def failure(client: Client, upstream: FakeUpstream, **more: Any) -> Any:
    with pytest.raises(APIError) as caught:
        client.completion(**options(upstream, **more))
    return caught.value


# --- odd fields ---


def test_an_answer_with_odd_fields_is_usable(client: Client, upstream: FakeUpstream) -> None:
    call = {"id": 0, "type": "function", "function": {"name": "f", "arguments": {"city": "Oslo"}}}
    message = {"role": "assistant", "content": [{"type": "text", "text": "Hello"}], "tool_calls": [call]}
    upstream.answers.append(answered(message, usage=[], service_tier=False))
    answer = client.completion(**options(upstream))
    said = answer.choices[0].message
    assert (said.text, said.content, answer.usage, answer.cost) == ("Hello", message["content"], [], None)
    assert said.tool_calls[0].function.parsed_arguments == {"city": "Oslo"}
    assert answer.model_dump(exclude_unset=True)["choices"][0]["message"] == message


def test_a_byte_order_mark_and_half_a_character_do_not_cost_the_answer(client: Client, upstream: FakeUpstream) -> None:
    body = json.dumps({"choices": [{"index": 0, "message": {"content": "X"}}]}).encode()
    upstream.answers += [Answer(200, BOM + body), Answer(200, BOM + body.replace(b"X", b"a\\ud83d"))]
    assert client.completion(**options(upstream)).choices[0].message.content == "X"
    answer = client.completion(**options(upstream))
    assert answer.choices[0].message.content == "a\ufffd"
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("answer", "replaced")]


def test_what_cannot_be_read_keeps_what_came(client: Client, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"id": "c1", "choices": "x", "note": "kept"}))
    error = failure(client, upstream)
    assert type(error) is APIResponseValidationError
    assert error.partial == {"id": "c1", "choices": "x", "note": "kept"}
    assert "kept" in error.body


@pytest.mark.parametrize("place", ["answer", "choice"])
def test_an_error_beside_choices_is_the_error_with_the_answer(
    client: Client, upstream: FakeUpstream, place: str
) -> None:
    body: dict[str, Any] = {"id": "c1", "choices": [{"index": 0, "message": {"content": "half"}}]}
    (body if place == "answer" else body["choices"][0])["error"] = {"message": "no", "code": "rate_limit_exceeded"}
    upstream.answers.append(Answer.json(body))
    error = failure(client, upstream, max_retries=0)
    assert (type(error), error.message) == (RateLimitError, "no")
    assert error.partial["choices"][0]["message"]["content"] == "half"
    upstream.answers.append(Answer.json(body))
    with pytest.raises(RateLimitError):
        client.responses("openai/gpt-4o", "hi", api_key=KEY, api_base=upstream.base_url, max_retries=0,
                         use_chat_completions_api=True)  # fmt: skip


# --- service tiers ---


@pytest.mark.parametrize(
    ("first", "last", "usage", "asked"),
    [
        ("flex", None, USAGE, None),
        (None, "flex", USAGE, None),
        (None, None, {**USAGE, "service_tier": "flex"}, None),
        (None, None, USAGE, "flex"),
    ],
)
def test_a_stream_and_its_whole_answer_cost_the_same(
    client: Client, upstream: FakeUpstream, first: Any, last: Any, usage: Any, asked: Any
) -> None:
    tier = {"service_tier": asked} if asked else {}
    chunks: list[dict[str, Any]] = [
        {"service_tier": first, "choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"service_tier": first, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"service_tier": last, "choices": [], "usage": usage},
    ]
    said = {"service_tier": first or last} if first or last else {}
    upstream.answers += [Answer.sse(copy.deepcopy(chunks)), answered({"content": "a"}, usage=usage, **said)]
    upstream.answers.append(answered({"content": "a"}, usage=USAGE))
    stream = client.completion(**options(upstream, "openai/o3", stream=True, **tier))
    whole = stream.whole()
    plain = client.completion(**options(upstream, "openai/o3", **tier))
    standard = client.completion(**options(upstream, "openai/o3"))
    assert stream.cost == whole.cost == plain.cost
    assert plain.cost < standard.cost


# --- errors and retries ---


def test_an_error_says_where_it_happened_and_a_retry_is_one_line(
    client: Client, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.answers += [Answer.json({"error": {"message": "PRIVATE"}}, 500, retry_after_ms="1")] * 2
    upstream.answers.append(Answer.json({"error": {"message": "oops"}}, 500, x_request_id="req_9"))
    with caplog.at_level(logging.INFO, "llmgate"):
        error = failure(client, upstream)
    host = upstream.base_url.split("/")[2]
    assert str(error) == f"oops (500 from openai/gpt-4o at {host}, 3 attempts, request req_9)"
    assert (type(error), error.message, error.host, error.attempts) == (InternalServerError, "oops", host, 3)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert len(lines) == 2
    assert all("openai/gpt-4o" in line and host in line and "500" in line for line in lines)
    assert not any("PRIVATE" in line or KEY in line for line in lines)


def test_an_answer_and_a_stream_know_their_attempts(client: Client, upstream: FakeUpstream) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}]
    again = Answer.json({"error": {"message": "later"}}, 503, retry_after_ms="1")
    upstream.answers += [again, answered({"content": "a"}), again, again, Answer.sse(chunks)]
    assert client.completion(**options(upstream)).attempts == 2
    stream = client.completion(**options(upstream, stream=True))
    assert stream.attempts == 3
    assert "openai/gpt-4o" in repr(stream)
    assert "open" in repr(stream)
    assert stream.whole().attempts == 3
    assert "finished" in repr(stream)


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached",
                                  "monthly_spend_limit_exceeded", "organization_spend_limit_exceeded"])  # fmt: skip
def test_an_account_without_money_is_asked_once(client: Client, upstream: FakeUpstream, code: str) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "no", "code": code}}, 429))
    assert failure(client, upstream).attempts == len(upstream.received) == 1


HUGE_DATE = "Mon, 99999999999999999999 Jan 2020 00:00:00 -0000"


@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms", "x-ratelimit-reset-requests", "date"])
def test_no_header_of_an_error_hides_it(client: Client, upstream: FakeUpstream, name: str) -> None:
    for value in (HUGE_DATE, "1e999", "-1", "\u0663".encode().decode("latin-1"), "," * 99):
        head = {"content-type": "application/json", name: value}
        upstream.answers.append(Answer(429, b'{"error": {"message": "slow down"}}', head))
        error = failure(client, upstream, max_retries=0)
        assert (type(error), error.message, error.retry_after) == (RateLimitError, "slow down", None)


# --- structured output ---


@pytest.mark.parametrize(("reason", "blames"), [("stop", False), ("length", True)])
def test_parsed_says_what_is_wrong_and_blames_a_limit_only_where_it_was_reached(
    client: Client, upstream: FakeUpstream, reason: str, blames: bool
) -> None:
    upstream.answers.append(answered({"content": '{"name": "Oslo"}'}, reason))
    answer = client.completion(**options(upstream, response_format=City))
    with pytest.raises(APIResponseValidationError) as caught:
        _ = answer.parsed
    assert "size: Field required" in str(caught.value)
    assert ("max_tokens" in str(caught.value)) is blames


# --- what a provider documents as ignored ---


@pytest.mark.parametrize("form", ["json", "text", "verbose_json"])
def test_a_stream_of_a_model_that_does_not_stream_hands_out_the_one_answer(
    client: Client, upstream: FakeUpstream, form: str
) -> None:
    plain = Answer(200, b"hello", {"content-type": "text/plain"})
    document = Answer.json({"text": "hello", "usage": {"type": "duration", "seconds": 3}})
    upstream.answers.append(plain if form == "text" else document)
    asked: dict[str, Any] = {"api_key": KEY, "api_base": upstream.base_url, "response_format": form, "stream": True}
    stream = client.transcription("whisper-1", ("a.wav", b"RIFF"), **asked)
    assert [(event.type, event.text) for event in stream] == [("transcript.text.done", "hello")]
    assert stream.whole().text == "hello"
    assert [(entry.parameter, entry.action) for entry in stream.ledger] == [("stream", "emulated")]
    assert b"stream" not in upstream.received[0]["body"]
    assert form == "text" or stream.cost == pytest.approx(0.0003)
