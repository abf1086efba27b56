"""OpenAI Responses for llmgate, called as such or as a chat."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    Call,
    ChatOverResponses,
    Converted,
    Exchange,
    Job,
    JsonObject,
    OpenAICompatible,
    ParamRule,
    Route,
    StreamParser,
    StreamRepair,
    UpstreamRequest,
    UpstreamResponse,
    hookimpl,
    provider_info,
)

OPERATIONS = ("retrieve", "cancel", "delete", "input_items", "input_tokens", "compact")
BACKGROUND_JOB = Job(
    "/responses/{id}",
    poll_seconds=2.0,
    failed=frozenset({"failed"}),
    running=frozenset({"queued", "in_progress"}),
)


class OpenAIResponses(OpenAICompatible):
    """Serves `openai/` and `openai/responses/` in the family responses, and chat at the latter: the bridge."""

    info = provider_info("openai", operations=(f"responses.{name}" for name in OPERATIONS))
    params = MappingProxyType({"responses": OPENAI_PARAMETERS["responses"]})
    inputs = MappingProxyType({"responses": {"input": None}})  # the catalogue knows which kinds of input a model takes

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send a Responses call as it is, a chat through the bridge."""
        if route.family != "chat":
            return super().transform_request(call, route)
        body, ledger = ChatOverResponses.request_body(call, route)
        return UpstreamRequest("POST", "/responses", body=body, ledger=ledger)

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer in the shape of the family that was called."""
        return response if route.family != "chat" else ChatOverResponses.chat_completion(call, route, response)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return None for OpenAI's own events, which are complete; other servers leave fields out."""
        if route.family == "chat":
            return ChatOverResponses.ChatStream(call, route)
        return None if route.is_provider_host else StreamRepair(call, route)

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of a Responses call, or of a chat that is bridged to one."""
        if route.family == "chat":
            return ChatOverResponses.supports_param(route, param, value)
        return super().supports_param(route, param, value)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the steps of a call that waits for a background response; None: one request, one answer."""
        if not call.wait or route.family != "responses" or call.operation not in ("create", "retrieve"):
            return None
        return BACKGROUND_JOB.steps(call, route, super().transform_request(call, route))


plugin = OpenAIResponses()

__all__ = ["plugin"]
