"""Typed results of the rerank family.

Pure. The shape that Cohere and Jina share: the documents' indexes with a score each, the best first.

Source: Cohere API reference, POST /v2/rerank; Jina API reference, POST /v1/rerank.
"""

from __future__ import annotations

from llmgate_core.types.base import Count, Document, Item, Loose, Number, Response, Result

__all__ = ["RerankResponse", "RerankResult"]


class RerankResult(Result):
    """One document: its `index` in the request, and how relevant it is."""

    index: Count
    relevance_score: Number
    document: Loose[Item] | str | None = None


class RerankResponse(Response):
    """The documents in the order of their relevance."""

    id: str | None = None
    model: str | None = None
    results: list[RerankResult]
    meta: Document | None = None
    usage: Document | None = None
