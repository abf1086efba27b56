"""The steps of waiting for a video, without a network: what is sent, and how long is waited."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_openai_video import plugin

from llmgate_core.plugin import Call, Progress, Route, Sleep, UpstreamRequest, UpstreamResponse, encode, errors

ROUTE = Route("openai", "openai", "video", "sora-2", "https://api.openai.com/v1")
JOB = {"id": "video_1", "status": "queued"}


def answer(job: Any, headers: dict[str, str]) -> UpstreamResponse:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return UpstreamResponse(200, raw, encode(job))


def first_sleep(headers: dict[str, str], poll_seconds: float | None = None) -> float:
    call = Call("video", "openai/sora-2", {"prompt": "A calm sea"}, wait=True, poll_seconds=poll_seconds)
    steps = plugin.exchange(call, ROUTE)
    assert steps is not None
    request = steps.send(None)
    assert request == UpstreamRequest("POST", "/videos", call.body)
    assert steps.send(answer(JOB, headers)) == Progress(JOB)
    sleep = steps.send(None)
    assert isinstance(sleep, Sleep)
    assert steps.send(None) == UpstreamRequest("GET", "/videos/video_1")
    return sleep.seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 5),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "7", "openai-poll-after-ms": "2000"}, 2),
        ({"retry-after": "86400"}, 60),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 5),
        ({"retry-after": "-3"}, 5),
        ({"retry-after": "nan"}, 5),
        ({"retry-after": "1.2.3"}, 5),
        ({"retry-after": "\u0663"}, 5),
    ],
)
def test_the_upstream_says_when_to_look_again_within_reason(headers: dict[str, str], seconds: float) -> None:
    assert first_sleep(headers) == seconds


def test_the_caller_wins_over_the_upstream() -> None:
    assert first_sleep({"retry-after": "7"}, poll_seconds=0.5) == 0.5


def test_a_failed_job_is_in_the_error() -> None:
    steps = plugin.exchange(Call("video", "openai/sora-2", {"prompt": "A calm sea"}, wait=True), ROUTE)
    assert steps is not None
    steps.send(None)
    failed = {**JOB, "status": "failed", "error": {"code": "bio_policy", "message": "no"}}
    assert steps.send(answer(failed, {})) == Progress(failed)
    with pytest.raises(errors.ContentPolicyViolationError, match="no") as caught:
        steps.send(None)
    assert caught.value.partial == failed


@pytest.mark.parametrize(("operation", "wait"), [("create", False), ("retrieve", True), ("list", True)])
def test_only_a_new_job_is_waited_for(operation: str, wait: bool) -> None:
    call = Call("video", "openai/", {"video_id": "video_1"}, operation=operation, wait=wait)
    assert plugin.exchange(call, ROUTE) is None
