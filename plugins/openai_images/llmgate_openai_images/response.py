"""An answer with images is canonical as it stands. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, Route, UpstreamResponse, hookimpl


@hookimpl
def transform_response(call: Call, route: Route, response: UpstreamResponse) -> UpstreamResponse:
    """Return the answer itself, so that it is read straight from its bytes."""
    return response
