"""Typed results of the rerank family.

Pure. The shape that Cohere and Jina share: the documents' indexes with a score each, the best first.

Source: Cohere API reference, POST /v2/rerank; Jina API reference, POST /v1/rerank.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.types.base import Count, Document, Item, Loose, Number, Response, Result

__all__ = ["RerankResponse", "RerankResult"]


class RerankResult(Result):
    """One document: its `index` in the request, and how relevant it is."""

    index: Count
    relevance_score: Number
    document: Loose[Item] | str | None = None


class RerankResponse(Response):
    """The documents in the order of their relevance, the best first."""

    id: str | None = None
    model: str | None = None
    results: list[RerankResult]
    meta: Document | None = None
    usage: Document | None = None

    def expect_ranks(self, count: int) -> None:
        """Check that every result is one of `count` documents, no document twice, and put the best first.

        Raises:
            APIResponseValidationError: it is not so.
        """
        indexes: list[Any] = [result.index for result in self.results]  # at run time any value, see `Loose`
        are_known = all(type(index) is int and 0 <= index < count for index in indexes)
        if not are_known or len(set(indexes)) < len(indexes):
            error = APIResponseValidationError(
                f"the upstream's results are not of {count} documents, one for each: {indexes[:20]!r:.200}",
                status_code=200,
            )
            error.partial = self
            raise error
        scores = [result.relevance_score for result in self.results]
        if all(isinstance(score, (int, float)) for score in scores):
            self.results.sort(key=lambda result: -result.relevance_score)
