"""What a chat call says is the same after it went through both bridges, and what is not the same is in the ledger.

chat -> responses -> chat, by `llmgate_core.chat_over_responses` on the way there and
`llmgate_core.responses_over_chat` on the way back. Nothing is sent.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings

from llmgate_core.chat_over_responses import ChatOverResponses
from llmgate_core.contracts import Call, JsonObject, LedgerEntry, Route
from llmgate_core.responses_over_chat import to_chat
from tests.properties.conversations import bodies
from tests.properties.said_again import expected_body

MANY = settings(max_examples=100, deadline=None, database=None)
FACTS = {
    "mode": "chat",
    "endpoints": ["chat.completions"],
    "capabilities": {"custom_tools": True, "web_search": True},
    "params": {"max_tokens_param": "max_completion_tokens"},
}
"""Of a chat upstream that has all that chat can have."""

THERE = Route(
    "openai", "openai/responses", "chat", "m", "https://a.example.test/v1", preview_features=True, param_policy="drop"
)
BACK = Route("acme", "acme", "chat", "m", "https://b.example.test/v1", facts=FACTS, param_policy="drop")

NAMES = {"input": "messages", "max_output_tokens": "max_tokens", "text": "response_format"}
"""A parameter of a Responses call -> the chat parameter that the caller wrote."""


def there_and_back(body: JsonObject) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the chat body that comes back, and the entries of both ways."""
    sent, there = ChatOverResponses.request_body(Call("chat", "m", body, bool(body.get("stream"))), THERE)
    del sent["model"]
    made, back = to_chat(Call("responses", "m", sent, bool(sent.get("stream"))), BACK)
    return made.body, (*there, *back)


def written(entries: tuple[LedgerEntry, ...], *, lossy: bool = False) -> set[str]:
    """Return the chat parameters that the entries speak of."""
    return {NAMES.get(entry.parameter, entry.parameter) for entry in entries if entry.lossy or not lossy}


@MANY
@given(bodies())
def test_a_chat_call_says_the_same_after_both_bridges(body: JsonObject) -> None:
    before = copy.deepcopy(body)
    made, _ = there_and_back(body)
    assert made == expected_body(body)[0]
    assert body == before


@MANY
@given(bodies())
def test_exactly_what_did_not_survive_is_marked_as_lost(body: JsonObject) -> None:
    _, entries = there_and_back(body)
    assert written(entries, lossy=True) == expected_body(body)[1]


@MANY
@given(bodies())
def test_every_change_is_in_the_ledger(body: JsonObject) -> None:
    made, entries = there_and_back(body)
    changed = {name for name, value in body.items() if made.get(name) != value}
    spelled_out = {"tools"}  # chat's defaults, which are others on /responses
    assert changed - spelled_out <= written(entries)
