"""Wait for a job of an upstream: create it, then poll it until it has ended. The steps of the hook `exchange`.

Pure: core sends, sleeps and keeps the deadline.

Source: OpenAI API reference, `status` of a video and of a response; the headers `openai-poll-after-ms`,
`retry-after-ms` and `retry-after`, by which an upstream says when to poll again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import Exchange, Progress, Sleep, UpstreamRequest, UpstreamResponse
from llmgate_core.endpoints.openai import path_segment
from llmgate_core.errors import APIResponseValidationError, BadRequestError, status_error_class
from llmgate_core.reading.retry_after import number_of_units
from llmgate_core.reading.upstream_errors import error_of_object

__all__ = ["Job"]

MAX_POLL_SECONDS = 60.0  # an upstream that asks for a longer wait is polled all the same
WAIT_HEADERS = (("openai-poll-after-ms", 1000.0), ("retry-after-ms", 1000.0), ("retry-after", 1.0))
"""Response header -> how many of its units are a second."""


@dataclass(frozen=True, slots=True)
class Job:
    """How an upstream's jobs are polled.

    Attributes:
        path: of one job; `{id}` is replaced by its id.
        poll_seconds: the wait between polls where neither the caller nor the upstream says.
        completed: statuses of a job that ended well.
        failed: statuses of a job that did not; so did one that has an `error`.
        running: statuses of a job that goes on; None: every other one.
    """

    path: str
    poll_seconds: float
    completed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    running: frozenset[str] | None = None

    def steps(self, call: Call, route: Route, request: UpstreamRequest) -> Exchange:
        """Send `request`, then poll the job that it answers with, at the same origin; return the job that has ended.

        An exchange goes on from there with `job = yield from JOB.steps(call, route, request)`. The request is sent
        once, unless it says `retry=True` or has an `idempotency-key`; a poll is repeated like any GET.

        Raises:
            APIError: the job failed, by the code of its error; it is in `partial`.
            APIResponseValidationError: an answer is not a JSON object.
        """
        response = yield request
        while True:
            job = _job_of(response)
            if "id" not in job:
                return job  # core says what is wrong with it
            yield Progress(job)
            status = str(job.get("status"))
            if job.get("error") or status in self.failed:
                _raise_failure(job, route, response)
            if not self._is_running(status):
                return job
            yield Sleep(self._wait_after(response) if call.poll_seconds is None else call.poll_seconds)
            path = self.path.format(id=path_segment("id", job["id"]))
            response = yield UpstreamRequest("GET", path, origin=request.origin)

    def _is_running(self, status: str) -> bool:
        return status not in self.completed if self.running is None else status in self.running

    def _wait_after(self, response: UpstreamResponse | None) -> float:
        """Return how many seconds the upstream asks to wait, up to the maximum; a date is not understood."""
        for name, per_second in WAIT_HEADERS:
            wait = None if response is None else number_of_units(response.headers.get(name))
            if wait is not None:
                return min(wait / per_second, MAX_POLL_SECONDS)
        return self.poll_seconds


def _job_of(response: UpstreamResponse | None) -> JsonObject:
    job = None if response is None else response.json()
    if isinstance(job, dict):
        return job
    status = None if response is None else response.status
    raise APIResponseValidationError("the answer is not a job: it must be a JSON object", status_code=status)


def _raise_failure(job: JsonObject, route: Route, response: UpstreamResponse | None) -> NoReturn:
    """Raise the error that the job ended with, by its code; the job is in `partial`."""
    reported = job.get("error") or {"message": f"the job {job['id']!r:.80} ended as {job.get('status')!r:.80}"}
    code = reported.get("code") if isinstance(reported, dict) else None
    is_policy = status_error_class(400, str(code)) is not BadRequestError
    headers = None if response is None else response.headers
    error = error_of_object(reported, 400 if is_policy else 200, headers, route.all_secrets)
    error.partial, error.provider, error.model = job, route.provider, route.model
    raise error
