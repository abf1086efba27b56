"""A chat call -> POST /chat/completions and its stored answers. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, Route, UpstreamRequest, endpoint_request, hookimpl


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send the body as it stands; core adds the model."""
    return endpoint_request(call, route)
