"""A Responses or chat call -> POST /responses and its further operations. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, ChatOverResponses, Route, UpstreamRequest, endpoint_request, hookimpl
from llmgate_openai_responses.modalities import check_input


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send a Responses call as it stands, a chat through the bridge."""
    if route.family != "chat":
        if route.facts is not None:
            check_input(call, route)
        return endpoint_request(call, route)
    body, ledger = ChatOverResponses.request_body(call, route)
    return UpstreamRequest("POST", "/responses", body=body, ledger=ledger)
