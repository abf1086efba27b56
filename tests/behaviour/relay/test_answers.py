"""Whole answers that are relayed: the upstream's own bytes, unless they are no answer (rows R8, R9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate_core import (
    APIConnectionError,
    APIResponseValidationError,
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    InternalServerError,
    Limits,
    NotFoundError,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import APIStatusError
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.relay_calls import HI, KEY, Relay, chat

BODY: dict[str, Any] = {"model": "m", "messages": HI}
JSON_KIND = {"content-type": "application/json"}


def answered(content: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Answer:
    return Answer(
        status, content, {"content-type": kind, **{name.replace("_", "-"): headers[name] for name in headers}}
    )


VERBATIM = {
    "spaces, nulls and unknown fields": b'{ "choices" : [ ],\n "x":null, "new":{"a":1e2} }\n',
    "escapes as they are": b'{"choices":[],"text":"\\u00e9\\/\xc3\xa9"}',
    "a lone surrogate": b'{"choices":[],"text":"\\ud800"}',
    "a number beyond a float": b'{"choices":[],"n":123456789012345678901234567890,"f":1e999}',
    "an error that is null": b'{"error":null,"choices":[]}',
    "two equal names": b'{"choices":[],"a":1,"a":2}',
}


@pytest.mark.parametrize("name", VERBATIM)
def test_an_answer_comes_back_byte_for_byte(relay: Relay, upstream: FakeUpstream, name: str) -> None:
    upstream.answers.append(answered(VERBATIM[name], "application/json; charset=utf-8", x_request_id="req_1"))

    answer = relay(BODY)

    assert (answer.status, answer.content, answer.content_type) == (200, VERBATIM[name], "application/json")
    assert answer.headers["X-Request-ID"] == answer.record.request_id == "req_1"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_the_record_has_usage_tier_cost_provider_and_attempts(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "busy"}}, 500, retry_after="0")]
    upstream.answers += [Answer.json(chat(service_tier="priority"))]

    record = relay(BODY, max_retries=1).record

    assert (record.usage["total_tokens"], record.tier, record.provider) == (15, "priority", "openai")
    assert (record.attempts, record.ledger) == (2, ())
    assert record.cost_of(record.usage, "priority") > record.cost_of(record.usage) > 0


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, "many", [1], {"new_tokens": {"a": 1}}])
def test_a_usage_that_is_missing_or_odd_stays_as_it_came(relay: Relay, upstream: FakeUpstream, usage: Any) -> None:
    upstream.answers.append(Answer.json(chat(usage=usage)))
    record = relay(BODY).record
    assert record.usage == usage
    record.cost_of(record.usage)  # raises nothing


def test_an_answer_without_usage_has_none(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"choices": []}))
    record = relay(BODY).record
    assert (record.usage, record.tier, record.cost_of(record.usage)) == (None, None, None)


DEEP = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BROKEN = {
    "empty": (b"", "application/json"),
    "blank": (b" \n", "application/json"),
    "HTML": (b"<html><body>gateway</body></html>", "text/html"),
    "cut": (b'{"choices":[{"index":0', "application/json"),
    "null": (b"null", "application/json"),
    "a list": (b"[]", "application/json"),
    "a text": (b'"choices"', "application/json"),
    "a number": (b"7", "application/json"),
    "NaN": (b'{"choices":[],"n":NaN}', "application/json"),
    "two documents": (b'{"choices":[]}{"choices":[]}', "application/json"),
    "no UTF-8": (b'{"choices":[],"a":"\xff"}', "application/json"),
    "too deep": (DEEP, "application/json"),
    "events unasked": (b'data: {"choices":[]}\n\ndata: [DONE]\n\n', "text/event-stream"),
    "no choices": (b'{"id":"c1","object":"chat.completion"}', "application/json"),
    "choices that are no list": (b'{"choices":{}}', "application/json"),
    "another kind of answer": (b'{"ok":true}', "application/json"),
    "large and no object": (b"[" + b"0," * 600_000 + b"0]", "application/json"),
    "large and cut": (b'{"choices":["' + b"x" * 1_200_000, "application/json"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer_is_a_typed_error_with_a_short_excerpt(
    relay: Relay, upstream: FakeUpstream, name: str
) -> None:
    content, kind = BROKEN[name]
    upstream.answers.append(answered(content, kind, x_request_id="req_1"))

    with pytest.raises(APIResponseValidationError) as caught:
        relay(BODY)

    error = caught.value
    assert (error.status_code, error.provider, error.model, error.attempts) == (200, "openai", "gpt-4o", 1)
    assert (error.request_id, len(error.body or "") <= 2048, len(str(error)) < 2300) == ("req_1", True, True)


@pytest.mark.parametrize(
    ("family", "model", "body", "content"),
    [
        ("embedding", "openai/text-embedding-3-small", {"input": "a"}, b'{"object":"list"}'),
        ("moderation", "openai/omni-moderation-latest", {"input": "a"}, b'{"results":null}'),
        ("text_completion", "text-completion-openai/gpt-3.5-turbo-instruct", {"prompt": "a"}, b'{"data":[]}'),
        ("responses", "openai/gpt-5", {"input": "a"}, b"[]"),
        ("image", "openai/gpt-image-1", {"prompt": "a"}, b"null"),
    ],
)
def test_every_family_refuses_what_is_not_its_answer(
    relay: Relay, upstream: FakeUpstream, family: str, model: str, body: dict[str, Any], content: bytes
) -> None:
    upstream.answers.append(answered(content))
    with pytest.raises(APIResponseValidationError):
        relay(body, family, model)


def test_a_large_answer_is_passed_on_unparsed_and_one_beyond_the_limit_refused(
    relay: Relay, upstream: FakeUpstream
) -> None:
    content = b'{"choices":[],"text":"' + b"x" * 1_500_000 + b'"} \n'
    upstream.answers += [answered(content)] * 2

    answer = relay(BODY)
    assert (answer.content == content, answer.record.usage) == (True, None)
    with pytest.raises(APIResponseValidationError, match=r"1000000.*Limits\.body"):
        relay(BODY, client={"limits": Limits(body=1_000_000)})


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        ({"message": "slow down", "code": "rate_limit_exceeded"}, RateLimitError, 429),
        ({"message": "too long", "code": "context_length_exceeded"}, ContextWindowExceededError, 400),
        ({"message": "no", "type": "server_error"}, InternalServerError, 500),
        ({"message": "no", "code": "404"}, NotFoundError, 404),
        ("it broke", APIStatusError, 200),
    ],
)
def test_an_error_object_under_a_200_is_an_error_of_its_own_class(
    relay: Relay, upstream: FakeUpstream, error: Any, kind: type[Exception], status: int
) -> None:
    upstream.answers.append(Answer.json({"error": error}))
    with pytest.raises(APIStatusError) as caught:
        relay(BODY)
    assert (type(caught.value), caught.value.status_code) == (kind, status)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequestError), (401, AuthenticationError), (404, NotFoundError), (429, RateLimitError)],
)
def test_an_error_status_is_a_typed_error_without_the_key(
    relay: Relay, upstream: FakeUpstream, status: int, kind: type[Exception]
) -> None:
    error = {"message": f"wrong key {KEY}", "type": "t", "code": "c", "param": "p"}
    upstream.answers.append(Answer.json({"error": error}, status, retry_after="7", x_request_id=KEY))

    with pytest.raises(kind) as caught:
        relay(BODY)

    found: Any = caught.value
    assert (found.message, found.type, found.code, found.param) == ("wrong key ***", "t", "c", "p")
    assert (found.retry_after, found.request_id, found.response_headers["x-request-id"]) == (7.0, "***", "***")


def test_a_redirect_is_not_followed(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(answered(b"", status=307, location="http://elsewhere.example/secret"))
    with pytest.raises(APIStatusError, match=r"'http://elsewhere\.example'") as caught:
        relay(BODY)
    assert (caught.value.status_code, len(upstream.received)) == (307, 1)


@pytest.mark.parametrize("close", ["fin", "rst"])
def test_an_upstream_that_dies_inside_the_body_is_a_truncated_answer(
    relay: Relay, upstream: FakeUpstream, close: Any
) -> None:
    upstream.answers.append(Answer(200, json.dumps(chat()).encode(), JSON_KIND, truncate_at=40, close=close))
    with pytest.raises(APIConnectionError) as caught:
        relay(BODY)
    assert isinstance(caught.value, StreamTruncatedError)
    assert (caught.value.phase, caught.value.provider) == ("body", "openai")


def test_a_response_that_failed_is_an_answer_since_its_status_says_so(relay: Relay, upstream: FakeUpstream) -> None:
    failed = {"id": "resp_1", "object": "response", "status": "failed", "error": {"code": "server_error"}}
    upstream.answers.append(Answer.json(failed))
    assert json.loads(relay({"input": "a"}, "responses", "openai/gpt-5").content) == failed


# --- answers that are no JSON ---

RECORDING = "transcription", "openai/whisper-1"


def form() -> dict[str, Any]:
    from llmgate_core.files.uploads import file_part

    return {"file": file_part(("a.wav", b"RIFF"), param="file")}


@pytest.mark.parametrize("kind", sorted(FAMILIES["transcription"].operations["create"].text_when[1]))  # type: ignore[index]
def test_a_text_format_comes_back_as_it_is_with_its_type(relay: Relay, upstream: FakeUpstream, kind: str) -> None:
    upstream.answers.append(answered(b"1\n00:00 --> 00:01\nhi\xff\n", "text/plain; charset=utf-8"))
    answer = relay({**form(), "response_format": kind}, *RECORDING)
    assert (answer.content, answer.content_type) == (b"1\n00:00 --> 00:01\nhi\xff\n", "text/plain; charset=utf-8")
    assert b'name="response_format"' in upstream.received[0]["body"]


@pytest.mark.parametrize(("content", "kind"), [(b"", "text/plain"), (b"<html>", "text/html")])
def test_a_text_format_without_a_text_is_a_typed_error(
    relay: Relay, upstream: FakeUpstream, content: bytes, kind: str
) -> None:
    upstream.answers.append(answered(content, kind))
    with pytest.raises(APIResponseValidationError):
        relay({**form(), "response_format": "srt"}, *RECORDING)


SPEECH = ({"input": "hi", "voice": "alloy"}, "speech", "openai/tts-1")


def test_bytes_come_back_as_they_are_with_their_type(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(answered(b"\x00\xff\r\n", "audio/mpeg"))
    answer = relay(*SPEECH)
    assert answer.content == b"\x00\xff\r\n"
    assert answer.stream.record.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize(("content", "kind"), [(b"", "audio/mpeg"), (b"<html>", "text/html")])
def test_bytes_that_are_none_are_a_typed_error(relay: Relay, upstream: FakeUpstream, content: bytes, kind: str) -> None:
    upstream.answers.append(answered(content, kind))
    with pytest.raises(APIResponseValidationError):
        relay(*SPEECH)


def test_an_error_object_instead_of_bytes_is_an_error_of_its_own_class(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "no", "code": "insufficient_quota"}}))
    with pytest.raises(RateLimitError):
        relay(*SPEECH)


def test_a_job_that_is_waited_for_comes_back_as_it_ended(relay: Relay, upstream: FakeUpstream) -> None:
    job = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5", "output": []}
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    upstream.answers.append(Answer.json({**job, "status": "queued"}))
    upstream.answers.append(Answer.json({**job, "status": "completed", "usage": usage}))

    answer = relay({"input": "a", "background": True}, "responses", "openai/gpt-5", wait=True, poll_seconds=0.01)

    assert json.loads(answer.content) == {**job, "status": "completed", "usage": usage}
    assert answer.record.usage == usage
    assert [request["method"] for request in upstream.received] == ["POST", "GET"]


# --- what the SDK reads around, a relay does too ---


def test_a_byte_order_mark_is_not_passed_on(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(answered(b'\xef\xbb\xbf{"choices":[]}', "application/json"))
    assert relay(BODY).content == b'{"choices":[]}'


@pytest.mark.parametrize(
    "body",
    [
        {"id": "c1", "choices": [{"message": {"content": "half"}}], "error": {"message": "no", "code": 429}},
        {"id": "c1", "choices": [{"message": {"content": "half"}, "error": {"message": "no", "code": 429}}]},
    ],
)
def test_an_error_beside_choices_is_an_error(relay: Relay, upstream: FakeUpstream, body: dict[str, Any]) -> None:
    upstream.answers.append(Answer.json(body))
    with pytest.raises(RateLimitError):
        relay(BODY, max_retries=0)


@pytest.mark.parametrize("kind", ["json", "text"])
def test_a_stream_that_a_model_ignores_is_its_answer_in_one_event(
    relay: Relay, upstream: FakeUpstream, kind: str
) -> None:
    plain = answered(b"hi\xff", "text/plain")
    upstream.answers.append(plain if kind == "text" else Answer.json({"text": "hi"}))
    told = relay({**form(), "response_format": kind, "stream": True}, *RECORDING)
    body = b"".join(told.events)
    assert body.startswith(b"event: transcript.text.done\ndata: ")
    assert json.loads(body.splitlines()[1].removeprefix(b"data: "))["text"].startswith("hi")
    assert [entry.parameter for entry in told.stream.record.ledger] == ["stream"]
    assert b"stream" not in upstream.received[0]["body"]
