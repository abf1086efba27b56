"""Calls of Anthropic's plugin without a client: what its wire makes of a chat."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from llmgate_anthropic.wire import chat_completion, request_body

from llmgate_core.plugin import Call, Converted, LedgerEntry, Route, SSEEvent, UpstreamResponse, encode

__all__ = ["NEWEST", "OLDER", "answered", "call_of", "route_of", "sent"]

NEWEST = "claude-sonnet-5-5"
OLDER = "claude-opus-4-0"
"""Thinks by a budget, and has no structured output."""

HI = [{"role": "user", "content": "hi"}]


def route_of(model: str = NEWEST, policy: str = "error", **fields: Any) -> Route:
    """Return a route to a model of Anthropic's."""
    known = {"family": "chat", "base_url": "https://api.anthropic.com/v1", **fields}
    return Route(provider="anthropic", prefix="anthropic", model=model, param_policy=policy, **known)


def call_of(*, stream: bool = False, **body: Any) -> Call:
    """Return a chat call; without messages it says hi."""
    return Call("chat", "anthropic/claude", {"messages": HI, **body}, stream=stream)


def sent(model: str = NEWEST, policy: str = "error", **body: Any) -> SimpleNamespace:
    """Return the body of POST /messages for a chat, and the ledger's entries and actions by parameter."""
    made, ledger = request_body(call_of(**body), route_of(model, policy))
    actions: dict[str, list[str]] = {}
    for entry in ledger:
        actions.setdefault(entry.parameter, []).append(entry.action)
    return SimpleNamespace(body=made, ledger=ledger, actions=actions, messages=made["messages"])


def answered(message: dict[str, Any], model: str = NEWEST, **body: Any) -> Converted:
    """Return the chat completion of a message."""
    response = UpstreamResponse(200, [(b"content-type", b"application/json")], encode(message))
    return chat_completion(call_of(**body), route_of(model), response)


def event_of(name: str, data: dict[str, Any]) -> SSEEvent:
    """Return an event of a stream."""
    return SSEEvent(encode(data).decode(), name)


def entries_of(ledger: tuple[LedgerEntry, ...], parameter: str) -> list[str]:
    """Return the actions of a parameter's entries."""
    return [entry.action for entry in ledger if entry.parameter == parameter]
