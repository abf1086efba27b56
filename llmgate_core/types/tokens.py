"""The typed result of counting the tokens of a chat.

Pure.
"""

from __future__ import annotations

from llmgate_core.types.base import Count, Response

__all__ = ["TokenCount"]


class TokenCount(Response):
    """The number of tokens of a request.

    Attributes:
        is_estimate: llmgate has estimated it, since the provider does not count; no request was made.
        source: of an estimate, what it was made with: `tiktoken o200k_base`, or `3.5 bytes a token`.
    """

    input_tokens: Count
    is_estimate: bool = False
    source: str | None = None
