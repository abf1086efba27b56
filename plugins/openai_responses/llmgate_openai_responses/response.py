"""A Response -> itself, or a chat completion where the caller asked for a chat. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, ChatOverResponses, Converted, Route, UpstreamResponse, hookimpl


@hookimpl
def transform_response(call: Call, route: Route, response: UpstreamResponse) -> Converted | UpstreamResponse:
    """Return the answer in the shape of the family that was called."""
    if route.family != "chat":
        return response
    return ChatOverResponses.chat_completion(call, route, response)
