"""OpenAI embeddings for llmgate."""

from __future__ import annotations

from types import MappingProxyType

from llmgate_core.plugin import (
    OPENAI_PARAMETERS,
    Call,
    Exchange,
    OpenAICompatible,
    Route,
    UpstreamRequest,
    hookimpl,
    provider_info,
)
from llmgate_openai_embeddings.batches import batched_request, batches_of, send_batches


class OpenAIEmbeddings(OpenAICompatible):
    """Serves `openai/` in the family embedding; more inputs than the endpoint takes are sent in batches."""

    info = provider_info("openai")
    params = MappingProxyType({"embedding": OPENAI_PARAMETERS["embedding"]})
    encodes_vectors = True

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the operation's path; of too many inputs the first batch."""
        batches = batches_of(call.body.get("input"))
        return batched_request(call, route, batches) if batches else super().transform_request(call, route)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the requests of a call with too many inputs for one; None: one request, one answer."""
        batches = batches_of(call.body.get("input"))
        return send_batches(call, route, batches) if batches else None


plugin = OpenAIEmbeddings()

__all__ = ["plugin"]
