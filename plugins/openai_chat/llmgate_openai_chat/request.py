"""A chat call -> POST /chat/completions. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, Route, UpstreamRequest, hookimpl


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send the body as it stands; core adds the model."""
    return UpstreamRequest("POST", "/chat/completions", body=call.body)
