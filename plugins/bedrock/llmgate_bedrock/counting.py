"""The answer of CountTokens.

Pure.

Source: service model `bedrock-runtime`, `CountTokensResponse`.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import JsonObject, UpstreamResponse, errors

__all__ = ["counted_tokens"]


def counted_tokens(response: UpstreamResponse) -> JsonObject:
    """Return the canonical count.

    Raises:
        APIResponseValidationError: the answer has none.
    """
    said: Any = response.json()
    tokens = said.get("inputTokens") if isinstance(said, dict) else None
    if type(tokens) is not int:
        raise errors.APIResponseValidationError("the answer has no inputTokens", status_code=response.status)
    return {"input_tokens": tokens}
