"""The steps of waiting for a job, without a network: what is sent, how long is waited, and how a job ends."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.plugin import Call, Job, Progress, Route, Sleep, UpstreamRequest, UpstreamResponse, encode, errors

ROUTE = Route("acme", "acme", "video", "large", "https://acme.example/v1")
RENDERING = Job("/jobs/{id}", poll_seconds=3.0, completed=frozenset({"done"}), failed=frozenset({"failed"}))
THINKING = Job("/jobs/{id}", poll_seconds=3.0, failed=frozenset({"failed"}), running=frozenset({"queued"}))
CREATE = UpstreamRequest("POST", "/jobs", {"prompt": "a"})


def answer(job: Any, **headers: str) -> UpstreamResponse:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return UpstreamResponse(200, raw, encode(job))


def run(kind: Job, *jobs: Any, poll_seconds: float | None = None) -> tuple[list[Any], Any]:
    """Return every step, and what the exchange returned."""
    answers = iter(jobs)
    steps = kind.steps(Call("video", "acme/large", {}, wait=True, poll_seconds=poll_seconds), ROUTE, CREATE)
    seen: list[Any] = [steps.send(None)]
    try:
        while True:
            reply = answer(next(answers)) if isinstance(seen[-1], UpstreamRequest) else None
            seen.append(steps.send(reply))
    except StopIteration as end:
        return seen, end.value


def test_a_job_is_polled_until_it_is_completed_whatever_else_its_status_says() -> None:
    jobs = [{"id": "a/b", "status": status} for status in ("queued", "thinking", None, "done")]
    seen, result = run(RENDERING, *jobs)
    poll = UpstreamRequest("GET", "/jobs/a%2Fb")
    waits = [step for job in jobs[:3] for step in (Progress(job), Sleep(3.0), poll)]
    assert seen == [CREATE, *waits, Progress(jobs[3])]
    assert result == jobs[3]


def test_a_job_with_named_running_statuses_ends_with_any_other() -> None:
    jobs = [{"id": "1", "status": status} for status in ("queued", "incomplete")]
    seen, result = run(THINKING, *jobs, poll_seconds=0.5)
    assert [step.seconds for step in seen if isinstance(step, Sleep)] == [0.5]
    assert result == jobs[1]


@pytest.mark.parametrize(
    "job", [{"id": "1", "status": "failed"}, {"id": "1", "status": "queued", "error": {"code": "x"}}]
)
def test_a_failed_job_is_an_error_with_the_job_in_it(job: dict[str, Any]) -> None:
    with pytest.raises(errors.APIStatusError) as caught:
        run(RENDERING, job)
    assert (caught.value.partial, caught.value.provider, caught.value.model) == (job, "acme", "large")


def test_an_answer_without_an_id_is_returned_for_core_to_judge() -> None:
    assert run(RENDERING, {"error": {"message": "no"}}) == ([CREATE], {"error": {"message": "no"}})


@pytest.mark.parametrize("job", [[], 7, "done"])
def test_an_answer_that_is_not_an_object_is_refused(job: Any) -> None:
    with pytest.raises(errors.APIResponseValidationError):
        run(RENDERING, job)
