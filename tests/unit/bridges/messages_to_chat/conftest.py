"""Calls and routes for the tests of the bridge, and a check of what it makes by the types of Anthropic's own SDK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from llmgate_core.contract.call import Call, JsonObject, Route

EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def ask() -> Callable[..., Call]:
    """Return a function that makes a Messages call."""

    def make(*, stream: bool = False, operation: str = "create", **body: Any) -> Call:
        full = {"messages": HI, "max_tokens": 100, **body, **({"stream": True} if stream else {})}
        return Call("messages", "acme/m-1", full, stream=stream, operation=operation)

    return make


@pytest.fixture
def at() -> Callable[..., Route]:
    """Return a function that makes a route to a chat upstream."""

    def make(policy: str = "error", **fields: Any) -> Route:
        return Route("acme", "acme", "chat", "m-1", "https://acme.test/v1", param_policy=policy, **fields)

    return make


@pytest.fixture
def checked_events() -> Callable[[list[JsonObject]], list[JsonObject]]:
    """Return a function that checks the rules of a message's stream, and returns its events."""

    def check(events: list[JsonObject]) -> list[JsonObject]:
        for event in events:
            EVENTS.validate_python(event)
        assert [event["type"] for event in events].count("message_start") == 1
        assert events[0]["type"] == "message_start"
        assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
        started, is_open = -1, False
        for event in events:
            if event["type"] == "content_block_start":
                assert not is_open
                started, is_open = started + 1, True
            if event["type"].startswith("content_block_"):
                assert is_open
                assert event["index"] == started
            if event["type"] == "content_block_stop":
                is_open = False
        assert not is_open
        return events

    return check


@pytest.fixture
def checked_message() -> Callable[[JsonObject], JsonObject]:
    """Return a function that checks a whole message, and returns it."""

    def check(message: JsonObject) -> JsonObject:
        Message.model_validate(message, strict=True)
        return message

    return check
