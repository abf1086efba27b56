"""Chat at `vertex_ai/`: which wire a model speaks is in its name.

Pure. `claude-…` is Claude; a name with its publisher, such as `meta/llama-…`, goes to the endpoint in OpenAI's shape;
every other one is Google's own, or an endpoint of a tuned model.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import (
    Call,
    Converted,
    Exchange,
    JsonObject,
    ParamRule,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)
from llmgate_vertex.claude import VertexClaude
from llmgate_vertex.gemini import VertexGemini
from llmgate_vertex.open_models import VertexOpenAI
from llmgate_vertex.provider import Vertex, vertex_info

__all__ = ["VertexChat"]

OF_GOOGLE = ("publishers/google/", "endpoints/")
OF_ANTHROPIC = ("claude-", "anthropic/", "publishers/anthropic/")
GEMINI, CLAUDE, OPEN = VertexGemini(), VertexClaude(), VertexOpenAI()
Wire = VertexGemini | VertexClaude | VertexOpenAI


def wire_of(route: Route) -> Wire:
    """Return the plugin whose wire a model speaks."""
    if route.model.startswith(OF_ANTHROPIC):
        return CLAUDE
    return OPEN if "/" in route.model and not route.model.startswith(OF_GOOGLE) else GEMINI


class VertexChat(Vertex):
    """Serves `vertex_ai/` in the family chat."""

    info = vertex_info()

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Return the request of the model's wire."""
        return wire_of(route).transform_request(call, route)

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the canonical answer."""
        return wire_of(route).transform_response(call, route, response)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return the parser of a stream; None: its chunks are canonical."""
        return wire_of(route).stream_parser(call, route)

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge a parameter by the model's wire."""
        return wire_of(route).supports_param(route, param, value)

    @hookimpl
    def map_error(
        self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError
    ) -> errors.LLMGateError | None:
        """Return the error that the answer means."""
        wire = wire_of(route)
        if isinstance(wire, VertexOpenAI):
            return wire.map_error(response, error)
        return wire.map_error(call, route, response, error)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the requests of a call that may need several; None: one request, one answer."""
        wire = wire_of(route)
        return None if isinstance(wire, VertexOpenAI) else wire.exchange(call, route)
