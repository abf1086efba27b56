"""What the tests of the reverse bridge share: a route, and checks against the official SDK's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from llmgate_core.contract.call import Call, JsonObject, Route

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture(scope="session")
def at() -> Callable[..., Route]:
    """Return a route with the given facts and policy."""

    def at(policy: str = "error", **facts: Any) -> Route:
        base_url = "https://llm.example.test/v1"
        return Route("openai", "openai", "chat", "a-model", base_url, facts=facts or None, param_policy=policy)

    return at


@pytest.fixture(scope="session")
def ask() -> Callable[..., Call]:
    """Return a Responses call with the given body."""

    def ask(**body: Any) -> Call:
        return Call("responses", "openai/a-model", {"input": "hi", **body}, bool(body.get("stream")))

    return ask


@pytest.fixture(scope="session")
def checked() -> Callable[[list[JsonObject]], list[JsonObject]]:
    """Return the events it is given, once the SDK's types and the rules of a Responses stream have seen them."""

    def checked(events: list[JsonObject]) -> list[JsonObject]:
        for event in events:
            EVENT.validate_python(event)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        _check_pairs(events)
        return events

    return checked


@pytest.fixture(scope="session")
def valid_response() -> Callable[[JsonObject], JsonObject]:
    """Return the response it is given, once the SDK's type has seen it."""

    def valid_response(body: JsonObject) -> JsonObject:
        Response.model_validate(body)
        return body

    return valid_response


def _check_pairs(events: list[JsonObject]) -> None:
    """Every item and part that is added is done, under the same id and index, and the response holds it as it was."""
    items: dict[int, str] = {}
    parts: set[tuple[str, str, int]] = set()
    done: dict[int, JsonObject] = {}
    for event in events:
        kind = event["type"].removeprefix("response.")
        index: Any = event.get("output_index")
        if kind == "output_item.added":
            assert index == len(items)
            items[index] = event["item"]["id"]
        elif kind == "output_item.done":
            assert items[index] == event["item"]["id"]
            assert not [part for part in parts if part[0] == event["item"]["id"]]
            done[index] = event["item"]
        elif "item_id" in event:
            assert items[index] == event["item_id"]
            assert index not in done
        if kind.startswith(("content_part.", "reasoning_summary_part.")):
            name, _, step = kind.partition(".")
            key: Any = (event["item_id"], name, event.get("content_index", event.get("summary_index")))
            (parts.add if step == "added" else parts.remove)(key)
    assert not parts
    assert sorted(done) == sorted(items)
    assert events[-1]["response"]["output"] == [done[index] for index in sorted(done)]
