"""Wait for a video: create the job, then look at it until it has ended.

Pure: core sends, sleeps and keeps the deadline.

Source: OpenAPI 2.3.0, `VideoResource`; the headers `openai-poll-after-ms` and `retry-after`, by which upstreams say
when to look again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from llmgate_core.plugin import (
    Call,
    Exchange,
    JsonObject,
    Progress,
    Route,
    Sleep,
    UpstreamRequest,
    UpstreamResponse,
    encode,
    error_of_object,
    errors,
    hookimpl,
    path_segment,
)
from llmgate_openai_video.request import transform_request

POLL_SECONDS = 5.0  # a video takes minutes
MOST_POLL_SECONDS = 60.0  # an upstream that asks for more is looked at all the same
WAITS = (("openai-poll-after-ms", 1000.0), ("retry-after-ms", 1000.0), ("retry-after", 1.0))
"""Response header -> how many of its units are a second."""

ENDED_BADLY = frozenset({"failed", "expired", "cancelled", "canceled"})
MAKES_A_JOB = frozenset({"create", "remix"})


@hookimpl
def exchange(call: Call, route: Route) -> Exchange | None:
    """Return the steps of a call that waits for its video; None: one request, one answer."""
    return _steps(call, route) if call.wait and call.operation in MAKES_A_JOB else None


def _steps(call: Call, route: Route) -> Exchange:
    response = yield _first_request(call, route)
    while True:
        job = _job(response)
        if "id" not in job:
            return job  # no job at all: core says what is wrong with it
        yield Progress(job)
        status = job.get("status")
        if job.get("error") or (isinstance(status, str) and status in ENDED_BADLY):
            _raise_failure(job, route, response)
        if status == "completed":
            return job
        yield Sleep(_wait(response) if call.poll_seconds is None else call.poll_seconds)
        response = yield UpstreamRequest("GET", f"/videos/{path_segment('id', job['id'])}")


def _first_request(call: Call, route: Route) -> UpstreamRequest:
    """Return the request that makes the job, whole: what an exchange yields is sent as it stands."""
    request = transform_request(call, route)
    if not isinstance(request.body, dict):
        return request
    model = {"model": route.model} if request.body is call.body and route.model else {}
    return replace(request, body=encode({**model, **request.body}))


def _job(response: UpstreamResponse | None) -> JsonObject:
    job = None if response is None else response.json()
    if isinstance(job, dict):
        return job
    status = None if response is None else response.status
    raise errors.APIResponseValidationError("the answer is no video job", status_code=status)


def _wait(response: UpstreamResponse | None) -> float:
    """Return how many seconds the upstream asks to wait, within reason; a date is not understood."""
    for name, per_second in WAITS:
        said = None if response is None else response.headers.get(name)
        if said is not None and said.strip().replace(".", "", 1).isdecimal():
            return min(float(said) / per_second, MOST_POLL_SECONDS)
    return POLL_SECONDS


def _raise_failure(job: JsonObject, route: Route, response: UpstreamResponse | None) -> NoReturn:
    """Raise the error that the job ended with, by its code; the job is in `partial`."""
    found = job.get("error") or {"message": f"the video job {job['id']!r:.80} ended as {job.get('status')!r:.80}"}
    code = found.get("code") if isinstance(found, dict) else None
    is_policy = errors.status_error_class(400, str(code)) is not errors.BadRequestError
    headers = None if response is None else response.headers
    error = error_of_object(found, 400 if is_policy else 200, headers, (route.api_key,))
    error.partial, error.provider, error.model = job, route.provider, route.model
    raise error
