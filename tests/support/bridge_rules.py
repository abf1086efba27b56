"""What a bridge may send a parameter as, and a check of its requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tests.support.prepared_requests import Sent

BECOMES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "messages": frozenset({"input", "instructions"}),
        "max_tokens": frozenset({"max_output_tokens"}),
        "max_completion_tokens": frozenset({"max_output_tokens"}),
        "reasoning_effort": frozenset({"reasoning"}),
        "verbosity": frozenset({"text"}),
        "response_format": frozenset({"text"}),
        "functions": frozenset({"tools"}),
        "function_call": frozenset({"tool_choice"}),
        "web_search_options": frozenset({"tools"}),
        "logprobs": frozenset({"include"}),
        "top_logprobs": frozenset({"include"}),
    }
)
"""Chat parameter -> what it is sent as to POST /responses, besides its own name."""

BECOMES_ON_CHAT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "input": frozenset({"messages"}),
        "instructions": frozenset({"messages"}),
        "max_output_tokens": frozenset({"max_tokens"}),
        "reasoning": frozenset({"reasoning_effort"}),
        "text": frozenset({"response_format", "verbosity"}),
        "include": frozenset({"logprobs"}),
        "top_logprobs": frozenset({"logprobs"}),
        "stream": frozenset({"stream_options"}),  # the event that ends a Responses stream must have the usage
    }
)
"""Parameter of a Responses call -> what it is sent as to an upstream that knows only chat."""

STATE = frozenset(
    {"previous_response_id", "conversation", "background", "prompt", "context_management", "background_options"}
)
"""What is refused under every policy, since it needs what only a Responses API keeps."""


def assert_explained(given: Iterable[str], sent: Sent, becomes: Mapping[str, frozenset[str]]) -> None:
    """Each key of the body comes from a parameter that was given, and each of those is sent or in the ledger."""
    assert sent.wrong is None, (sent.wrong, sent.body)
    names = set(given)
    allowed = {"model"} | names | {name for each in names for name in becomes.get(each, ())}
    assert sent.body.keys() <= allowed, "a key that nobody asked for"
    kept = sent.body.keys() | sent.noted
    lost = [each for each in names if each not in kept and becomes.get(each, frozenset()).isdisjoint(sent.body)]
    assert lost == [], "left out in silence"
