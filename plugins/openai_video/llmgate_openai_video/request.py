"""A video call -> /videos and what lies below it.

Pure. A new video is JSON, or a form where a file goes along; the file stays where it is, core streams it.

Source: OpenAPI 2.3.0, `CreateVideoJsonBody`, `CreateVideoMultipartBody`, `CreateVideoRemixBody`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmgate_core.plugin import (
    Call,
    FilePart,
    Ledger,
    LedgerEntry,
    Route,
    UpstreamRequest,
    as_form,
    endpoint_request,
    errors,
    hookimpl,
    judge_value,
)
from llmgate_openai_video.params import PROMPT, SOURCE


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send the operation to its path.

    Raises:
        BadRequestError: an id that cannot stand in a path, or a reference that is neither one file nor an object.
        UnsupportedParamsError: a prompt that no model takes, or a stream where there is none.
    """
    entries = _input_entries(call, route)
    request = endpoint_request(call, route)
    reference = call.body.get("input_reference")
    if isinstance(reference, list) and len(reference) == 1:
        (reference,) = reference
    if isinstance(reference, FilePart):
        return replace(request, body=as_form({"model": route.model, **call.body}), ledger=entries)
    if not isinstance(reference, (Mapping, type(None))):
        raise errors.BadRequestError(
            "input_reference must be one file, or {'image_url': ...} or {'file_id': ...}",
            status_code=400,
            param="input_reference",
            provider=route.provider,
            model=route.model,
            attempts=0,
        )
    return replace(request, ledger=entries)


def _input_entries(call: Call, route: Route) -> tuple[LedgerEntry, ...]:
    """Refuse what no model takes; core judges parameters, inputs are the plugin's."""
    ledger = Ledger(route, SOURCE)
    if call.stream and call.operation != "content":
        raise ledger.refuse("stream", "a video is a job that is looked at, not streamed: wait=True waits for its end")
    refused = None if route.facts is None else judge_value("prompt", call.body.get("prompt"), PROMPT, SOURCE)
    if refused is None:
        return ()
    if route.param_policy != "forward":
        raise ledger.refuse("prompt", refused.reason)
    ledger.forwards("prompt", refused.reason)
    return ledger.entries
