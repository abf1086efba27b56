"""Every error of the API: its class, its code, whether another try may help, and its request id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.anthropic_messages import MESSAGES
from tests.support.anthropic_wire import events_of

MODEL = "anthropic/claude-sonnet-5-5"
HI = [{"role": "user", "content": "hi"}]
TOO_LONG = "prompt is too long: 210000 tokens > 200000 maximum"
Ask = Callable[..., Any]

ROWS = [
    (400, "invalid_request_error", "x", errors.BadRequestError),
    (400, "invalid_request_error", TOO_LONG, errors.ContextWindowExceededError),
    (
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 199000 + 8000 > 200000",
        errors.ContextWindowExceededError,
    ),
    (401, "authentication_error", "invalid x-api-key", errors.AuthenticationError),
    (402, "billing_error", "x", errors.APIStatusError),
    (403, "permission_error", "x", errors.PermissionDeniedError),
    (404, "not_found_error", "model: odd", errors.NotFoundError),
    (409, "conflict_error", "x", errors.ConflictError),
    (413, "request_too_large", "x", errors.APIStatusError),
    (429, "rate_limit_error", "x", errors.RateLimitError),
    (500, "api_error", "x", errors.InternalServerError),
    (504, "timeout_error", "x", errors.InternalServerError),
    (529, "overloaded_error", "Overloaded", errors.InternalServerError),
]
RETRIED = {"rate_limit_error", "api_error", "timeout_error", "overloaded_error"}


def said(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_body"}


@pytest.mark.parametrize(("status", "kind", "message", "error_class"), ROWS)
def test_an_error_by_its_status(
    status: int, kind: str, message: str, error_class: type[Exception], call: Ask, upstream: FakeUpstream
) -> None:
    upstream.otherwise = Answer.json(said(kind, message), status, retry_after="0", request_id="req_head")
    with pytest.raises(error_class) as raised:
        call("completion", MODEL, HI)
    error: Any = raised.value
    assert (error.status_code, error.type, error.message) == (status, kind, message)
    assert error.request_id == "req_head"
    assert error.retry_after == 0
    upstream.received.clear()
    with pytest.raises(error_class):
        call("completion", MODEL, HI, max_retries=1)
    assert len(upstream.received) == (2 if kind in RETRIED or status == 409 else 1)


def test_the_context_limit_has_the_code_that_clients_know(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(said("invalid_request_error", TOO_LONG), 400)
    with pytest.raises(errors.ContextWindowExceededError) as raised:
        call("completion", MODEL, HI)
    assert raised.value.code == "context_length_exceeded"
    assert raised.value.request_id == "req_body"


@pytest.mark.parametrize(("status", "kind", "message", "error_class"), ROWS)
def test_an_error_after_a_200(
    status: int, kind: str, message: str, error_class: type[Exception], call: Ask, upstream: FakeUpstream
) -> None:
    events = events_of(MESSAGES["text"])[:4]
    upstream.otherwise = Answer.sse([*events, ("error", said(kind, message))], done=False)
    with pytest.raises(error_class) as raised:
        call("completion", MODEL, HI, stream=True)
    error: Any = raised.value
    assert (error.status_code, error.type, error.message) == (status, kind, message)
    assert error.partial["choices"][0]["message"]["content"] == "It is "


def test_a_stream_that_begins_with_an_overload_is_tried_again(call: Ask, upstream: FakeUpstream) -> None:
    overloaded = Answer.sse([("error", said("overloaded_error", "Overloaded"))], done=False)
    upstream.answers += [overloaded, Answer.sse(events_of(MESSAGES["text"]), done=False)]
    chunks, _ = call("completion", MODEL, HI, stream=True, max_retries=1)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "It is there."
    assert len(upstream.received) == 2


def test_a_stream_without_its_end_is_cut(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(events_of(MESSAGES["text"])[:-1], done=False)
    with pytest.raises(errors.StreamTruncatedError) as raised:
        call("completion", MODEL, HI, stream=True)
    assert raised.value.partial["choices"][0]["message"]["content"] == "It is there."


def test_an_unknown_kind_of_error_is_an_error_all_the_same(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(
        [("error", {"type": "error", "error": {"type": "odd", "message": "x"}})], done=False
    )
    with pytest.raises(errors.APIError) as raised:
        call("completion", MODEL, HI, stream=True)
    assert raised.value.type == "odd"
