"""Typed results of the embedding family.

Pure. `embedding` is a list of numbers, or a base64 string of little-endian float32 numbers if the
caller asked for that.

Source: OpenAI API reference, `CreateEmbeddingResponse`.
"""

from __future__ import annotations

from llmgate_core.types.base import Response, Result, TokenUsage

__all__ = ["Embedding", "EmbeddingResponse"]


class Embedding(Result):
    """The vector of one input."""

    object: str | None = None
    index: int = 0
    embedding: list[float] | str


class EmbeddingResponse(Response):
    """The vectors of all inputs, in order."""

    object: str | None = None
    model: str | None = None
    data: list[Embedding]
    usage: TokenUsage | None = None
