"""Events of a Response -> themselves, or chat chunks where the caller asked for a chat. Pure."""

from __future__ import annotations

from llmgate_core.plugin import Call, ChatOverResponses, Route, StreamParser, StreamRepair, hookimpl


@hookimpl
def stream_parser(call: Call, route: Route) -> StreamParser | None:
    """Return None for OpenAI's own events, which are whole; other servers leave fields out, which are filled in."""
    if route.family == "chat":
        return ChatOverResponses.ChatStream(call, route)
    return None if route.is_provider_host else StreamRepair(call, route)
