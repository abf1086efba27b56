"""Claude at `publishers/anthropic/models/MODEL:rawPredict`, for chat and for Anthropic's messages. Pure.

The body is that of the Messages API without the model, which is in the path, and with a version.

Source: Google Cloud, "Claude on Vertex AI"; the Vertex client of the SDK anthropic 2.14.0.
"""

from __future__ import annotations

from dataclasses import replace

from llmgate_anthropic.wire import AnthropicCompatible, beta_header, take_betas
from llmgate_gemini.wire import map_error as google_error

from llmgate_core.plugin import (
    Call,
    JsonObject,
    LedgerEntry,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
    path_segment,
)
from llmgate_vertex.provider import Vertex, vertex_info

__all__ = ["VertexClaude"]

VERSION = "vertex-2023-10-16"
PUBLISHER = "publishers/anthropic/models"
COUNT = "count_tokens"
CLAUDE = ("claude-*", "anthropic/*", "publishers/anthropic/*")
"""Patterns of the names of Claude; Messages calls of other models are converted to chat."""


class VertexClaude(Vertex, AnthropicCompatible):
    """Serves Claude in the families chat and messages."""

    info = replace(vertex_info(["messages.count_tokens"]), only_models={"messages": CLAUDE})

    def request(self, call: Call, route: Route, body: JsonObject, ledger: tuple[LedgerEntry, ...]) -> UpstreamRequest:
        """Return the request for a body of POST /messages."""
        sent, betas = take_betas(body)
        model = route.model.removeprefix("anthropic/").removeprefix(f"{PUBLISHER}/")
        sent = {"anthropic_version": VERSION, **{name: value for name, value in sent.items() if name != "model"}}
        if call.family == "messages" and call.operation == COUNT:
            path, sent = f"/{PUBLISHER}/count-tokens:rawPredict", {"model": model, **sent}
        else:
            method = "streamRawPredict" if call.stream else "rawPredict"
            path = f"/{PUBLISHER}/{path_segment('model', model)}:{method}"
        return UpstreamRequest("POST", path, sent, beta_header(betas), ledger=ledger)

    def passes_answers(self, route: Route) -> bool:
        """Return whether the call is not read again to convert its answer."""
        return route.family != "chat"

    @hookimpl
    def map_error(
        self, call: Call, route: Route, response: UpstreamResponse, error: errors.APIError
    ) -> errors.LLMGateError | None:
        """Return the error that Anthropic's words mean, else that of Google's."""
        mapped = super().map_error(call, route, response, error)
        if isinstance(mapped, errors.APIError) and type(mapped) is not type(error):
            return mapped
        return google_error(response, error)
