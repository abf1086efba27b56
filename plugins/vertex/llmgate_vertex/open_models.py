"""Models that are named with their publisher (`meta/…`, `google/…`), over the endpoint in OpenAI's shape. Pure.

Source: Google Cloud, "Using OpenAI libraries with Vertex AI": `endpoints/openapi/chat/completions`.
"""

from __future__ import annotations

from types import MappingProxyType

from llmgate_gemini.wire import map_error

from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    Call,
    OpenAICompatible,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)
from llmgate_vertex.provider import Vertex, vertex_info, with_place

__all__ = ["VertexOpenAI"]

PATH = "/endpoints/openapi/chat/completions"


class VertexOpenAI(Vertex, OpenAICompatible):
    """Chat in OpenAI's shape."""

    info = vertex_info()
    params = MappingProxyType({"chat": OPENAI_PARAMETERS["chat"]})

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body as it is."""
        return with_place(super().transform_request(call, route), PATH)

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.APIError:
        """Return core's error with what Google's details say."""
        return map_error(response, error)
