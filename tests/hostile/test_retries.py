"""Rows R14 and R15: what is tried again, how often and after how long."""

from __future__ import annotations

import email.utils
import json
import time

import pytest

from llmgate_core import APIConnectionError, APITimeoutError, RateLimitError, Timeouts
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import HI, MODEL, Caller, chat

pytestmark = pytest.mark.usefixtures("trusts_one_certificate")

GOOD = Answer.json(chat())
RETRIED = [408, 409, 429, 500, 502, 503, 504, 529]
NOT_RETRIED = [400, 401, 402, 403, 404, 405, 410, 413, 415, 418, 422, 451]


def refusal(status: int, code: str | None = None, **headers: str) -> Answer:
    return Answer.json({"error": {"message": "no", "code": code}}, status, **headers)


@pytest.mark.parametrize("status", RETRIED)
def test_what_may_pass_is_tried_three_times_with_one_body(caller: Caller, upstream: FakeUpstream, status: int) -> None:
    upstream.otherwise = refusal(status, retry_after_ms="1")
    error = caller.failure(upstream, max_retries=None)
    assert (error.status_code, error.attempts) == (status, 3)
    assert [request["json"] for request in upstream.received] == [{"model": "gpt-4o", "messages": HI}] * 3


@pytest.mark.parametrize("status", NOT_RETRIED)
def test_what_will_not_pass_is_tried_once(caller: Caller, upstream: FakeUpstream, status: int) -> None:
    upstream.otherwise = refusal(status, retry_after_ms="1")
    error = caller.failure(upstream, max_retries=2)
    assert (error.status_code, error.attempts, len(upstream.received)) == (status, 1, 1)


def test_the_answer_after_a_retry_knows_nothing_of_the_failure(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [refusal(503, retry_after_ms="1"), GOOD]
    assert caller.complete(upstream, max_retries=2).choices[0].message.content == "ok"
    assert len(upstream.received) == 2


@pytest.mark.parametrize("headers", [{}, {"x_should_retry": "true"}, {"retry_after": "1", "x_should_retry": "true"}])
def test_a_quota_that_is_gone_is_never_asked_again(
    caller: Caller, upstream: FakeUpstream, headers: dict[str, str]
) -> None:
    upstream.otherwise = refusal(429, "insufficient_quota", **headers)
    error = caller.failure(upstream, max_retries=2)
    assert type(error) is RateLimitError
    assert (error.code, error.attempts, len(upstream.received)) == ("insufficient_quota", 1, 1)


@pytest.mark.parametrize(("status", "says", "requests"), [(500, "false", 1), (429, "false", 1), (400, "true", 3)])
def test_x_should_retry_is_obeyed(
    caller: Caller, upstream: FakeUpstream, status: int, says: str, requests: int
) -> None:
    upstream.otherwise = refusal(status, x_should_retry=says, retry_after_ms="1")
    assert caller.failure(upstream, max_retries=2).status_code == status
    assert len(upstream.received) == requests


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "0.3"}, 0.3),
        ({"retry_after_ms": "300"}, 0.3),
        ({"retry_after_ms": "300", "retry_after": "9"}, 0.3),
    ],
)
def test_an_asked_wait_is_kept(caller: Caller, upstream: FakeUpstream, headers: dict[str, str], seconds: float) -> None:
    upstream.answers += [refusal(429, **headers), GOOD]
    started = time.monotonic()
    caller.complete(upstream, max_retries=1)
    assert time.monotonic() - started >= seconds


def test_a_date_to_wait_for_is_kept(caller: Caller, upstream: FakeUpstream) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)  # whole seconds: between 1 and 2 from now
    upstream.answers += [refusal(429, retry_after=date), GOOD]
    started = time.monotonic()
    caller.complete(upstream, max_retries=1)
    assert time.monotonic() - started > 0.9


@pytest.mark.parametrize(("asked", "seconds"), [("61", 61), ("86400", 86400)])
def test_a_wait_of_more_than_a_minute_fails_at_once(
    caller: Caller, upstream: FakeUpstream, asked: str, seconds: float
) -> None:
    upstream.otherwise = refusal(429, retry_after=asked)
    error = caller.failure(upstream, max_retries=2)
    assert (error.retry_after, error.attempts, len(upstream.received)) == (seconds, 1, 1)


def test_a_wait_beyond_the_deadline_fails_at_once(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusal(503, retry_after="5")
    error = caller.failure(upstream, max_retries=2, timeout=2)
    assert (error.status_code, error.retry_after, error.attempts) == (503, 5, 1)


@pytest.mark.parametrize("garbage", ["soon", "", "-5", "nan", "inf", "1e999", "Wed, 99 Foo 2026", "\x80"])
def test_a_wait_that_cannot_be_read_is_no_wait_asked_for(caller: Caller, upstream: FakeUpstream, garbage: str) -> None:
    upstream.answers += [refusal(503, retry_after=garbage), GOOD]
    assert caller.complete(upstream, max_retries=1).choices[0].message.content == "ok"


def test_a_wait_of_four_hundred_digits_is_a_typed_error_or_none(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusal(503, retry_after="9" * 400)
    assert caller.failure(upstream, max_retries=1).status_code == 503


def test_waits_without_a_header_are_jittered_and_short(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [refusal(500), GOOD]
    caller.complete(upstream, max_retries=1)


def test_a_connection_that_fails_is_tried_again(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(raw=b"", close="fin"), Answer(raw=b"", close="rst"), GOOD]
    assert caller.complete(upstream, max_retries=2).choices[0].message.content == "ok"
    assert len(upstream.received) == 3


def test_a_connection_that_always_fails_is_tried_three_times(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer(raw=b"", close="fin")
    error = caller.failure(upstream, max_retries=2)
    assert type(error) is APIConnectionError
    assert (error.attempts, len(upstream.received)) == (3, 3)


def test_a_wait_of_one_phase_that_ran_out_is_tried_again(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(delay_seconds=5), GOOD]
    limits = Timeouts(first_event=0.3)
    assert caller.complete(upstream, max_retries=1, timeout=limits).choices[0].message.content == "ok"


def test_the_total_holds_over_all_tries(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer(delay_seconds=5)
    error = caller.failure(upstream, max_retries=9, timeout=Timeouts(total=1, first_event=0.3))
    assert type(error) is APITimeoutError


def test_no_retries_means_one_request(caller: Caller, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusal(503)
    assert caller.failure(upstream, max_retries=0).attempts == 1
    assert len(upstream.received) == 1


def test_opening_a_stream_is_tried_again_like_any_request(caller: Caller, upstream: FakeUpstream) -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
    upstream.answers += [
        refusal(503, retry_after_ms="1"),
        Answer(raw=b"", close="fin"),
        Answer.sse([json.dumps(event)]),
    ]
    assert len(caller.read(upstream, max_retries=2, model=MODEL)) == 1
    assert len(upstream.received) == 3
