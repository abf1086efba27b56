"""Count the tokens of a request before it is sent: POST /messages/count_tokens.

Pure. The endpoint takes what says something to the model, and refuses the rest of a request.

Source: Anthropic API reference, `MessageCountTokensParams`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from llmgate_anthropic.wire.betas import beta_header, take_betas
from llmgate_anthropic.wire.paths import path_below
from llmgate_anthropic.wire.request import request_body
from llmgate_core.plugin import Call, JsonObject, LedgerEntry, Route, UpstreamRequest, UpstreamResponse, errors

__all__ = ["COUNTED", "count_body", "count_request", "counted_tokens"]

COUNTED = frozenset(
    {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
        "mcp_servers",
        "context_management",
        "betas",
    }
)
"""The fields that the endpoint takes."""
LIMIT = "max_tokens"
"""Nothing is written, so an entry about the limit would say nothing."""


def count_body(call: Call, route: Route, *, lacks: Collection[str] = ()) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of POST /messages/count_tokens for a chat call, and the ledger entries of the conversion.

    `lacks` as in the request.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: the body is malformed.
    """
    body, ledger = request_body(call, route, lacks=lacks)
    counted = {name: value for name, value in body.items() if name in COUNTED}
    return counted, tuple(entry for entry in ledger if entry.parameter != LIMIT)


def count_request(call: Call, route: Route) -> UpstreamRequest:
    """Return the request that counts the tokens of a chat call on Anthropic's own API.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: the body is malformed.
    """
    body, ledger = count_body(call, route)
    sent, betas = take_betas(body)
    return UpstreamRequest("POST", path_below(route.base_url, "count_tokens"), sent, beta_header(betas), ledger=ledger)


def counted_tokens(response: UpstreamResponse) -> int:
    """Return the number of tokens in an answer.

    Raises:
        APIResponseValidationError: it has none.
    """
    said: Any = response.json()
    tokens = said.get("input_tokens") if isinstance(said, dict) else None
    if type(tokens) is not int:
        raise errors.APIResponseValidationError("the answer has no input_tokens", status_code=response.status)
    return tokens
