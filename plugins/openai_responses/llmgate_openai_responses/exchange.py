"""Wait for a response that runs in the background: create it, then look at it until it has ended. Pure.

Source: OpenAPI 2.3.0, `Response.status`.
"""

from __future__ import annotations

from llmgate_core.plugin import (
    Call,
    Exchange,
    JsonObject,
    Progress,
    Route,
    Sleep,
    UpstreamRequest,
    UpstreamResponse,
    endpoint_request,
    error_of_object,
    errors,
    hookimpl,
    path_segment,
)

POLL_SECONDS = 2.0
RUNNING = frozenset({"queued", "in_progress"})


@hookimpl
def exchange(call: Call, route: Route) -> Exchange | None:
    """Return the steps of a call that waits; None: one request, one answer."""
    if not call.wait or route.family != "responses" or call.operation not in ("create", "retrieve"):
        return None
    return _steps(call, route)


def _steps(call: Call, route: Route) -> Exchange:
    job = _job((yield endpoint_request(call, route)))
    while job.get("status") in RUNNING:
        yield Progress(job)
        yield Sleep(POLL_SECONDS if call.poll_seconds is None else call.poll_seconds)
        path = f"/responses/{path_segment('id', job.get('id'))}"
        job = _job((yield UpstreamRequest("GET", path)))
    yield Progress(job)
    if job.get("status") == "failed":
        error = error_of_object(job.get("error") or {"message": "the response failed"})
        error.partial = job
        raise error
    return job


def _job(response: UpstreamResponse | None) -> JsonObject:
    job = None if response is None else response.json()
    if not isinstance(job, dict):
        raise errors.APIResponseValidationError("the answer is no Response", status_code=200)
    return job
