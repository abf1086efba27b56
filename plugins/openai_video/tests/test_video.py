"""Videos through the SDK: jobs, waiting with progress and deadline, jobs that fail, and the video itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import (
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AsyncClient,
    BadRequestError,
    Client,
    ContentPolicyViolationError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    UnsupportedParamsError,
)
from llmgate_core.testing import Answer, FakeUpstream

Call = Callable[..., Any]

MODEL = "openai/sora-2"
PNG = b"\x89PNG\r\n\x1a\nmade up"
JOB = {
    "id": "video/1",
    "object": "video",
    "model": "sora-2",
    "status": "queued",
    "progress": 0,
    "created_at": 1,
    "completed_at": None,
    "expires_at": None,
    "prompt": "A calm sea",
    "size": "1280x720",
    "seconds": "4",
    "remixed_from_video_id": None,
    "error": None,
}
RUNNING = {**JOB, "status": "in_progress", "progress": 50}
COMPLETED = {**JOB, "status": "completed", "progress": 100, "completed_at": 2, "expires_at": 3}

pytestmark = pytest.mark.filterwarnings("ignore:openai/.* gives 2026-09-24 as the end of:UserWarning")


def quick(job: dict[str, Any]) -> Answer:
    return Answer.json(job, retry_after_ms="1")


def test_the_shutdown_date_is_said_once(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(JOB))
    with pytest.warns(UserWarning, match=r"2026-09-24.*sora-2|sora-2.*2026-09-24") as caught:
        call("video_generation", MODEL, "A calm sea")
    assert len(caught) == 1


def test_without_a_file_a_video_is_asked_for_as_json(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(JOB))
    reference = {"file_id": "file-1"}
    job = call("video_generation", MODEL, "A calm sea", seconds="8", size="1280x720", input_reference=reference)
    (request,) = upstream.received
    assert (request["method"], request["path"]) == ("POST", "/v1/videos")
    assert request["json"] == {
        "model": "sora-2",
        "prompt": "A calm sea",
        "seconds": "8",
        "size": "1280x720",
        "input_reference": reference,
    }
    assert (job.id, job.status, job.progress) == ("video/1", "queued", 0)


@pytest.mark.parametrize("reference", [("sea.png", PNG), [("sea.png", PNG)]])
@pytest.mark.parametrize("wait", [False, True])
def test_a_file_makes_it_a_form(reference: Any, wait: bool, call: Call, upstream: FakeUpstream, form_of: Call) -> None:
    upstream.answers.append(Answer.json(COMPLETED))
    call("video_generation", MODEL, "A calm sea", seconds="4", input_reference=reference, wait=wait)
    assert form_of(upstream.received[0]) == [
        ("model", "sora-2"),
        ("prompt", "A calm sea"),
        ("seconds", "4"),
        ("input_reference", ("sea.png", "image/png", PNG)),
    ]


def test_seconds_as_a_number_are_sent_as_text_and_the_ledger_says_so(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(JOB))
    job = call("video_generation", MODEL, "A calm sea", seconds=8)
    assert upstream.received[0]["json"]["seconds"] == "8"
    assert [(entry.parameter, entry.action, entry.lossy) for entry in job.ledger] == [("seconds", "replaced", False)]


@pytest.mark.parametrize(
    ("prompt", "arguments", "param"),
    [
        ("A calm sea", {"seconds": "5"}, "seconds"),
        ("A calm sea", {"seconds": 5}, "seconds"),
        ("A calm sea", {"seconds": True}, "seconds"),
        ("A calm sea", {"size": "1x1"}, "size"),
        ("A calm sea", {"stream": True}, "stream"),
        ("x" * 32_001, {}, "prompt"),
        ("x" * 32_001, {"wait": True}, "prompt"),
    ],
)
def test_what_is_known_to_be_refused_is_refused_before_sending(
    prompt: str, arguments: dict[str, Any], param: str, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        call("video_generation", MODEL, prompt, **arguments)
    assert caught.value.param == param
    assert upstream.received == []


@pytest.mark.parametrize("reference", [[("a.png", PNG)] * 2, ("a.png", b""), "nowhere.png", 7, []])
def test_a_reference_that_cannot_be_sent_is_refused_before_sending(
    reference: Any, call: Call, upstream: FakeUpstream
) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("video_generation", MODEL, "A calm sea", input_reference=reference)
    assert caught.value.param == "input_reference"
    assert upstream.received == []


def test_an_unknown_model_is_sent_whatever_was_given(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"id": "1"}))
    call("video_generation", "openai/your-own-model", "A calm sea", seconds=5, size="1x1")
    assert upstream.received[0]["json"] == {
        "model": "your-own-model",
        "prompt": "A calm sea",
        "seconds": 5,
        "size": "1x1",
    }


def test_waiting_looks_at_the_job_until_it_is_completed_and_tells_how_far_it_is(
    call: Call, upstream: FakeUpstream
) -> None:
    upstream.answers += [quick(JOB), quick(RUNNING), Answer.json({}, 500, retry_after="0"), Answer.json(COMPLETED)]
    seen: list[Any] = []
    video = call("video_generation", MODEL, "A calm sea", wait=True, on_progress=seen.append, max_retries=1)
    assert [(request["method"], request["path"]) for request in upstream.received] == [
        ("POST", "/v1/videos"),
        ("GET", "/v1/videos/video%2F1"),
        ("GET", "/v1/videos/video%2F1"),
        ("GET", "/v1/videos/video%2F1"),
    ]
    assert upstream.received[0]["json"] == {"model": "sora-2", "prompt": "A calm sea"}
    assert [(job["status"], job["progress"]) for job in seen] == [
        ("queued", 0),
        ("in_progress", 50),
        ("completed", 100),
    ]
    assert (video.status, video.expires_at) == ("completed", 3)


def test_the_caller_says_how_often_to_look(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(JOB, retry_after="50"), Answer.json(COMPLETED)]
    assert call("video_generation", MODEL, "A calm sea", wait=True, poll_seconds=0.01).status == "completed"


def test_a_status_that_is_not_known_is_waited_for(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [quick({**JOB, "status": "thinking"}), Answer.json(COMPLETED)]
    assert call("video_generation", MODEL, "A calm sea", wait=True).status == "completed"


def test_a_remix_can_be_waited_for(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [quick({**JOB, "id": "video_2"}), Answer.json({**COMPLETED, "id": "video_2"})]
    video = call("video_remix", "video/1", "At night", model="openai/sora-2", wait=True)
    assert (video.id, video.status) == ("video_2", "completed")
    assert [request["path"] for request in upstream.received] == ["/v1/videos/video%2F1/remix", "/v1/videos/video_2"]
    assert upstream.received[0]["json"] == {"prompt": "At night"}


def test_a_job_that_is_late_raises_with_the_job_so_far(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [quick(JOB), Answer.json(RUNNING, retry_after="30")]
    with pytest.raises(APITimeoutError) as caught:
        call("video_generation", MODEL, "A calm sea", wait=True, timeout=5)
    assert caught.value.partial == RUNNING
    assert len(upstream.received) == 2


@pytest.mark.parametrize(
    ("ending", "kind", "status", "words"),
    [
        (
            {"error": {"code": "moderation_blocked", "message": "not that"}},
            ContentPolicyViolationError,
            400,
            "not that",
        ),
        ({"error": {"code": "rate_limit_exceeded", "message": "too many"}}, RateLimitError, 429, "too many"),
        ({"error": {"code": "server_error", "message": "broken"}}, InternalServerError, 500, "broken"),
        ({"error": {"code": "odd", "message": "odd things"}}, APIStatusError, 200, "odd things"),
        ({"error": None}, APIStatusError, 200, "'video/1' ended as 'failed'"),
        ({"status": "expired"}, APIStatusError, 200, "ended as 'expired'"),
        ({"status": "cancelled"}, APIStatusError, 200, "ended as 'cancelled'"),
    ],
)
def test_a_job_that_ends_badly_raises_by_its_code_with_the_job_in_partial(
    ending: dict[str, Any], kind: type[APIStatusError], status: int, words: str, call: Call, upstream: FakeUpstream
) -> None:
    failed = {**JOB, "status": "failed", "progress": 7, **ending}
    upstream.answers += [quick(JOB), Answer.json(failed, x_request_id="req_2")]
    with pytest.raises(APIStatusError, match=words) as caught:
        call("video_generation", MODEL, "A calm sea", wait=True, max_retries=2)
    error = caught.value
    assert type(error) is kind
    assert (error.status_code, error.partial, error.request_id) == (status, failed, "req_2")
    assert (error.provider, error.model) == ("openai", "sora-2")
    assert len(upstream.received) == 2


def test_the_key_is_not_in_the_error_of_a_job_that_repeats_it(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(
        Answer.json({**JOB, "status": "failed", "error": {"code": "x", "message": "sk-test is bad"}})
    )
    with pytest.raises(APIStatusError, match="is bad") as caught:
        call("video_generation", MODEL, "A calm sea", wait=True)
    assert "sk-test" not in str(caught.value)


def test_a_job_that_is_gone_while_waiting_is_not_found_with_the_job_so_far(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [quick(JOB), Answer.json({"error": {"message": "no such video"}}, 404)]
    with pytest.raises(NotFoundError) as caught:
        call("video_generation", MODEL, "A calm sea", wait=True)
    assert caught.value.partial == JOB


@pytest.mark.parametrize("answer", [[], {}, {"object": "video"}])
@pytest.mark.parametrize("wait", [False, True])
def test_an_answer_that_is_no_job_is_refused(answer: Any, wait: bool, call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(answer))
    with pytest.raises(APIResponseValidationError):
        call("video_generation", MODEL, "A calm sea", wait=wait)


def test_an_error_object_instead_of_a_job_is_that_error(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "no", "code": "invalid_request_error"}})] * 2
    for wait in (False, True):
        with pytest.raises(BadRequestError, match="no"):
            call("video_generation", MODEL, "A calm sea", wait=wait)


def test_a_video_that_failed_can_be_looked_at(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({**JOB, "status": "failed", "error": {"code": "x", "message": "no"}}))
    video = call("video_status", "video/1")
    assert (video.status, video.error.message) == ("failed", "no")
    assert upstream.received[0]["path"] == "/v1/videos/video%2F1"


def test_videos_are_listed_and_deleted(call: Call, upstream: FakeUpstream) -> None:
    page = {"object": "list", "data": [JOB], "first_id": "video/1", "last_id": "video/1", "has_more": False}
    gone = {"id": "video/1", "object": "video.deleted", "deleted": True}
    upstream.answers += [Answer.json(page), Answer.json(gone)]
    listed = call("video_list", limit=5, order="desc", after="video/0")
    deleted = call("video_delete", "video/1")
    assert ([job["id"] for job in listed], listed.has_more) == (["video/1"], False)
    assert deleted.deleted is True
    first, second = upstream.received
    assert first["method"] == "GET"
    path, _, query = first["path"].partition("?")
    assert (path, set(query.split("&"))) == ("/v1/videos", {"limit=5", "order=desc", "after=video%2F0"})
    assert (second["method"], second["path"], second["body"]) == ("DELETE", "/v1/videos/video%2F1", b"")


@pytest.mark.parametrize("video_id", ["", " ", "..", None, 7])
def test_an_id_that_cannot_stand_in_a_path_is_refused(video_id: Any, call: Call, upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("video_status", video_id)
    assert caught.value.param == "video_id"
    assert upstream.received == []


def test_the_video_comes_whole_or_in_blocks(call: Call, upstream: FakeUpstream) -> None:
    movie = Answer(200, [b"mp4", b"\0" * 1000], {"content-type": "video/mp4"})
    upstream.answers += [movie, movie]
    whole = call("video_content", "video_1", variant="video")
    blocks, _ = call("video_content", "video_1", stream=True)
    assert (whole.content, whole.content_type) == (b"mp4" + b"\0" * 1000, "video/mp4")
    assert b"".join(blocks) == whole.content
    assert [request["path"] for request in upstream.received] == [
        "/v1/videos/video_1/content?variant=video",
        "/v1/videos/video_1/content",
    ]


def test_the_video_goes_to_a_file(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.answers += [Answer(200, [b"mp4", b"\0" * 1000], {"content-type": "video/mp4"})] * 2
    known = {"api_key": "sk-test", "api_base": upstream.base_url}
    with Client(**known) as client:
        client.video_content("video_1", stream=True).stream_to_file(tmp_path / "sync.mp4")

    async def run() -> None:
        async with AsyncClient(**known) as aclient:
            await (await aclient.video_content("video_1", stream=True)).stream_to_file(tmp_path / "async.mp4")

    asyncio.run(run())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["async.mp4", "sync.mp4"]
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"mp4" + b"\0" * 1000}


def test_a_video_that_has_expired_is_not_found(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "the content has expired"}}, 404)] * 2
    for arguments in ({}, {"stream": True}):
        with pytest.raises(NotFoundError, match="expired"):
            call("video_content", "video_1", **arguments)
