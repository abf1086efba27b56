"""The hooks of an upstream that has POST /responses, for plugins to inherit.

Pure. Responses calls go as they are, chats over the bridge. A background response that the caller waits for is polled.

    class Acme(ResponsesCompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_to_responses.params import supports_param
from llmgate_core.bridges.chat_to_responses.request import request_body
from llmgate_core.bridges.chat_to_responses.response import chat_completion
from llmgate_core.bridges.chat_to_responses.stream import ChatStream
from llmgate_core.bridges.responses_to_chat import StreamRepair
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.hooks import hookimpl
from llmgate_core.contract.provider import ParamRule
from llmgate_core.contract.upstream import Converted, Exchange, StreamParser, UpstreamRequest, UpstreamResponse
from llmgate_core.endpoints.compatible import OpenAICompatible
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from llmgate_core.reading.jobs import Job

__all__ = ["ResponsesCompatible"]

BACKGROUND_RESPONSE = Job(
    "/responses/{id}",
    poll_seconds=2.0,
    failed=frozenset({"failed"}),
    running=frozenset({"queued", "in_progress"}),
)
COUNTED = frozenset({"model", "input", *OPENAI_PARAMETERS["responses.input_tokens"]})
"""What POST /responses/input_tokens takes of the body of a response."""


class ResponsesCompatible(OpenAICompatible):
    """The family responses unchanged, and the family chat converted to it."""

    inputs = MappingProxyType({"responses": {"input": None}})  # the catalogue knows which kinds a model takes

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send a Responses call unchanged, a chat call through the bridge."""
        if route.family != "chat":
            return super().transform_request(call, route)
        body, ledger = request_body(call, route)
        if call.operation == "count_tokens":
            body = {name: value for name, value in body.items() if name in COUNTED}
            return UpstreamRequest("POST", "/responses/input_tokens", body=body, ledger=ledger)
        return UpstreamRequest("POST", "/responses", body=body, ledger=ledger)

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer in the shape of the family that was called."""
        is_converted = route.family == "chat" and call.operation == "create"
        return chat_completion(call, route, response) if is_converted else response

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return None for the provider's own events, which are complete; other servers leave fields out."""
        if route.family == "chat":
            return ChatStream(call, route)
        return None if route.is_provider_host else StreamRepair(call, route)

    def passes_answers(self, route: Route) -> bool:
        """Return whether the call is not read again: neither to convert its answer, nor to repair its events."""
        return route.family != "chat" and route.is_provider_host and self._has_hooks_of(ResponsesCompatible)

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter of a Responses call, or of a chat that is bridged to one."""
        if route.family == "chat":
            return supports_param(route, param, value)
        return super().supports_param(route, param, value)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the steps of a call that waits for a background response; None: one request, one answer."""
        if not call.wait or route.family != "responses" or call.operation not in ("create", "retrieve"):
            return None
        return BACKGROUND_RESPONSE.steps(call, route, super().transform_request(call, route))
