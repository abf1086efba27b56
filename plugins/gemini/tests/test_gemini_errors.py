"""Errors are typed by what Google says beside the status, and say how long to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest

from llmgate_core import (
    APIError,
    AuthenticationError,
    BadRequestError,
    Client,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
)
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import fault
from tests.support.running_gateway import running_gateway

MODEL = "gemini/gemini-3.8-flash"
GOOGLE = "type.googleapis.com/google.rpc"
WRONG_KEY = fault(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    {"@type": f"{GOOGLE}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
)


def quota(quota_id: str, delay: str) -> dict[str, Any]:
    violation = {"quotaMetric": "generate_content_requests", "quotaId": quota_id}
    return fault(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota.",
        {"@type": f"{GOOGLE}.QuotaFailure", "violations": [violation]},
        {"@type": f"{GOOGLE}.RetryInfo", "retryDelay": delay},
    )


TOO_LONG = "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."
ROWS: dict[str, tuple[int, Any, type[APIError], str | None]] = {
    "a wrong key": (400, WRONG_KEY, AuthenticationError, None),
    "an expired key": (
        400,
        fault(400, "INVALID_ARGUMENT", "API key expired.", {"reason": "API_KEY_EXPIRED"}),
        AuthenticationError,
        None,
    ),
    "a wrong key without details": (
        400,
        {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}},
        AuthenticationError,
        None,
    ),
    "a bad request": (400, fault(400, "INVALID_ARGUMENT", "Unknown name"), BadRequestError, None),
    "a region": (400, fault(400, "FAILED_PRECONDITION", "User location is not supported"), BadRequestError, None),
    "a prompt that is too long": (400, fault(400, "INVALID_ARGUMENT", TOO_LONG), ContextWindowExceededError, None),
    "no permission": (
        403,
        fault(403, "PERMISSION_DENIED", "no", {"reason": "SERVICE_DISABLED"}),
        PermissionDeniedError,
        "SERVICE_DISABLED",
    ),
    "no such model": (404, fault(404, "NOT_FOUND", "models/x is not found"), NotFoundError, None),
    "a minute's quota": (429, quota("GenerateRequestsPerMinute", "17.5s"), RateLimitError, None),
    "a day's quota": (429, quota("GenerateRequestsPerDayPerProject", "40000s"), RateLimitError, "insufficient_quota"),
    "a fault of theirs": (500, fault(500, "INTERNAL", "boom"), InternalServerError, None),
    "an overload": (503, fault(503, "UNAVAILABLE", "overloaded"), ServiceUnavailableError, None),
    "a deadline": (504, fault(504, "DEADLINE_EXCEEDED", "late"), InternalServerError, None),
    "a list": (503, [fault(503, "UNAVAILABLE", "overloaded")], ServiceUnavailableError, None),
    "no JSON": (503, "<html>", ServiceUnavailableError, None),
    "details of another type": (400, {"error": {"message": "x", "details": [7, {"reason": 7}]}}, BadRequestError, None),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ROWS)
def test_each_error(ask: Callable[..., Any], fake_upstream: FakeUpstream, name: str, stream: bool) -> None:
    status, said, kind, code = ROWS[name]
    fake_upstream.otherwise = Answer(status, said.encode()) if isinstance(said, str) else Answer.json(said, status)
    with pytest.raises(APIError) as caught:
        ask("completion", model=MODEL, messages="hi", stream=stream)
    assert (type(caught.value), caught.value.code) == (kind, code)
    if isinstance(said, dict) and "status" in said["error"]:
        assert caught.value.type == said["error"]["status"]
        assert said["error"]["message"] in caught.value.message


def test_the_server_says_how_long_to_wait(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(quota("GenerateRequestsPerMinute", "17.5s"), 429)
    with pytest.raises(RateLimitError) as caught:
        client.completion(MODEL, "hi")
    assert caught.value.retry_after == 17.5
    fake_upstream.otherwise = Answer.json(quota("GenerateRequestsPerMinute", "17.5s"), 429, retry_after="2")
    with pytest.raises(RateLimitError) as caught:
        client.completion(MODEL, "hi")
    assert caught.value.retry_after == 2


def test_a_days_quota_is_not_tried_again(fake_upstream: FakeUpstream, client: Client) -> None:
    fake_upstream.otherwise = Answer.json(quota("GenerateRequestsPerDayPerProject", "0s"), 429)
    with pytest.raises(RateLimitError):
        client.completion(MODEL, "hi", max_retries=2)
    assert len(fake_upstream.received) == 1


def test_the_clients_of_a_gateway_see_what_happened(fake_upstream: FakeUpstream) -> None:
    params = {"model": MODEL, "api_key": "k-canary-1", "api_base": f"{fake_upstream.origin}/v1beta"}
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
    ):
        seen = {}
        for name in ("a wrong key", "a prompt that is too long", "a minute's quota", "an overload"):
            status, said, *_ = ROWS[name]
            if status == 429:
                said = quota("GenerateRequestsPerMinute", "0s")  # the gateway waits as long as it is asked to
            fake_upstream.otherwise = Answer.json(said, status)
            with pytest.raises(openai.APIStatusError) as caught:
                client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
            seen[name] = (caught.value.status_code, caught.value.code)
            assert "canary" not in str(caught.value)
    assert seen == {
        "a wrong key": (502, "upstream_auth"),
        "a prompt that is too long": (400, "context_length_exceeded"),
        "a minute's quota": (429, "rate_limit_exceeded"),
        "an overload": (503, None),
    }
