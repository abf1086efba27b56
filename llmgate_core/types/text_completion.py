"""Typed results of the text_completion family.

Pure. In this family a streamed chunk has the shape of a complete response.

Source: OpenAI API reference, `CreateCompletionResponse`.
"""

from __future__ import annotations

from llmgate_core.types.base import Count, Document, Response, Result, Usage

__all__ = ["TextChoice", "TextCompletion", "TextCompletionChunk"]


class TextChoice(Result):
    """One continuation of a prompt."""

    index: int = 0
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Document | None = None


class TextCompletion(Response):
    """A complete text completion."""

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[TextChoice]
    usage: Usage | None = None
    service_tier: str | None = None


class TextCompletionChunk(Result):
    """One streamed chunk of a text completion."""

    essential_fields = frozenset({"choices"})

    id: str | None = None
    object: str | None = None
    created: Count | None = None
    model: str | None = None
    choices: list[TextChoice] | None = None
    usage: Usage | None = None
    service_tier: str | None = None
