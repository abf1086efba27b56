"""Google's own models over generateContent, at `publishers/google/models/MODEL` or at an endpoint of a tuned one.

Pure.

Source: Google Cloud, Vertex AI REST reference, `publishers.models.generateContent` and `endpoints.generateContent`.
"""

from __future__ import annotations

from dataclasses import replace

from llmgate_gemini.wire import GEMINI_API, GeminiCompatible

from llmgate_core.plugin import Route, path_segment
from llmgate_vertex.provider import Vertex, vertex_info

__all__ = ["VERTEX_AI", "VertexGemini"]

VERTEX_AI = replace(
    GEMINI_API, name="Vertex AI", source="Vertex AI REST reference", files_base="", takes_labels=True, service_tiers={}
)
PUBLISHER = "publishers/google/models/"
ENDPOINT = "endpoints/"


class VertexGemini(Vertex, GeminiCompatible):
    """Chat with Gemini, and with models that were tuned from it."""

    info = vertex_info()
    dialect = VERTEX_AI

    def resource_of(self, route: Route) -> str:
        """Return the resource below the project and location: of the publisher, or an endpoint's."""
        name = route.model.removeprefix(PUBLISHER)
        if name.startswith(ENDPOINT):
            return name
        return f"{ENDPOINT}{name}" if name.isdigit() else f"{PUBLISHER}{name}"

    def path_of(self, route: Route, method: str) -> str:
        """Return the path of a method of the model.

        Raises:
            BadRequestError: the name cannot be part of a path.
        """
        collection, _, name = self.resource_of(route).rpartition("/")
        return f"/{collection}/{path_segment('model', name)}:{method}"
