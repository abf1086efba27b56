"""Responses that outlive a call: work in the background, what is stored, and what goes back as input."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import APIError, APITimeoutError, BadRequestError, LLMGateError, RateLimitError
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.openai_upstream import answered, response
from tests.support.sync_and_async import outcome_of

HI = [{"role": "user", "content": "hi"}]
BODY = {"model": "gpt-5"}
each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


@pytest.fixture(autouse=True)
def _reached_by_the_environment(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = answered
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")


# --- work in the background ---


def job(status: str, **fields: Any) -> Answer:
    return Answer.json({**response(BODY, status=status), **fields}, x_request_id="req-9")


@each_mode
def test_a_background_response_is_looked_at_until_it_has_ended(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [job("queued"), job("in_progress"), job("completed")]
    seen: list[str] = []
    wait = {"wait": True, "poll_seconds": 0, "on_progress": lambda state: seen.append(state["status"])}
    answer = outcome_of(mode, "responses", "gpt-5", "hi", background=True, **wait).result
    assert (answer.output_text, seen) == ("Paris.", ["queued", "in_progress", "completed"])
    asked_for = [(request["method"], request["path"]) for request in upstream.received]
    assert asked_for == [("POST", "/v1/responses"), *[("GET", "/v1/responses/resp_1")] * 2]
    assert upstream.received[0]["json"] == {"model": "gpt-5", "input": "hi", "background": True}


@each_mode
def test_a_background_response_that_fails_raises_by_its_code_with_the_job(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [job("queued"), job("failed", error={"code": "rate_limit_exceeded", "message": "slow down"})]
    error = outcome_of(mode, "responses", "gpt-5", "hi", background=True, wait=True, poll_seconds=0).error
    assert (type(error), error.code, error.partial["status"]) == (RateLimitError, "rate_limit_exceeded", "failed")


@each_mode
def test_a_background_response_that_is_late_says_what_to_look_at_later(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [job("queued")]
    wait = {"wait": True, "poll_seconds": 30, "timeout": 5}
    error = outcome_of(mode, "responses", "gpt-5", "hi", background=True, **wait).error
    assert (type(error), error.partial["id"]) == (APITimeoutError, "resp_1")


@each_mode
def test_a_bridged_chat_in_the_background_names_the_function_that_polls(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [job("queued")]
    error: LLMGateError = outcome_of(mode, "completion", "openai/responses/gpt-5", HI, background=True).error
    assert type(error) is APIError
    assert "get_responses('resp_1')" in str(error)


# --- stored responses ---


@each_mode
@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("get_responses", "GET", "/v1/responses/resp_1"),
        ("cancel_responses", "POST", "/v1/responses/resp_1/cancel"),
        ("delete_responses", "DELETE", "/v1/responses/resp_1"),
        ("list_input_items", "GET", "/v1/responses/resp_1/input_items"),
    ],
)
def test_a_stored_response_is_reached_by_its_id(
    function: str, method: str, path: str, mode: str, upstream: FakeUpstream
) -> None:
    assert outcome_of(mode, function, "resp_1").error is None
    (request,) = upstream.received
    assert (request["method"], request["path"], request["body"]) == (method, path, b"")


@each_mode
@pytest.mark.parametrize("name", ["", "..", "a\nb"])
def test_an_id_that_cannot_stand_in_a_path_is_refused_before_sending(
    name: str, mode: str, upstream: FakeUpstream
) -> None:
    error = outcome_of(mode, "get_responses", name).error
    assert (type(error), error.param, upstream.received) == (BadRequestError, "response_id", [])


@each_mode
def test_a_stored_response_that_failed_can_be_looked_at(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [job("failed", error={"code": "server_error", "message": "no more"})]
    answer = outcome_of(mode, "get_responses", "resp_1").result
    assert (answer.status, answer.error.code) == ("failed", "server_error")


@each_mode
def test_items_of_an_answer_go_back_as_they_came(mode: str, upstream: FakeUpstream) -> None:
    first = outcome_of(mode, "responses", "gpt-5", "hi").result
    more = {"role": "user", "content": "and?"}
    outcome_of(mode, "responses", "gpt-5", [*first.output, more])
    assert upstream.received[1]["json"]["input"] == [*response(BODY)["output"], more]
