"""`/v1/models` answers Anthropic's clients in the shape of their API, and all others in OpenAI's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.running_gateway import KEY, RunningGateway, running_gateway

NAMES = [f"claude-{number}" for number in range(25)]
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def many() -> Iterator[RunningGateway]:
    entries = [{"model_name": name, "params": {"model": "openai/gpt-4o", "api_key": KEY}} for name in NAMES]
    with running_gateway({"model_list": entries}) as gateway:
        yield gateway


def ids_of(many: RunningGateway, query: str) -> tuple[list[str], bool]:
    page = many.http.get(f"/v1/models{query}", headers=VERSION).json()
    ids = [model["id"] for model in page["data"]]
    assert (page["first_id"], page["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))
    return ids, page["has_more"]


@pytest.mark.parametrize(
    ("path", "headers", "is_anthropics"),
    [
        ("/v1/models", VERSION, True),
        ("/models", VERSION, True),
        ("/v1/models", {**VERSION, "authorization": "Bearer k"}, True),
        ("/v1/models", {"x-api-key": "k"}, True),
        ("/v1/models", {"x-api-key": "k", "authorization": "Bearer k"}, False),
        ("/v1/models", {"authorization": "Bearer k"}, False),
        ("/v1/models", {}, False),
        ("/anthropic/v1/models", {}, True),
    ],
)
def test_the_shape_is_that_of_the_client(
    many: RunningGateway, path: str, headers: dict[str, str], *, is_anthropics: bool
) -> None:
    answer = many.http.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer.json().get("object") == (None if is_anthropics else "list")
    assert ("request-id" in answer.headers) == is_anthropics
    one = many.http.get(f"{path}/claude-3", headers=headers).json()
    assert one["id"] == "claude-3"
    assert one.get("type") == ("model" if is_anthropics else None)
    missing = many.http.get(f"{path}/nobody", headers=headers)
    assert (missing.status_code, "type" in missing.json()) == (404, is_anthropics)


@pytest.mark.parametrize(
    ("query", "ids", "has_more"),
    [
        ("", NAMES[:20], True),
        ("?limit=1000", NAMES, False),
        ("?limit=3", NAMES[:3], True),
        ("?limit=25", NAMES, False),
        ("?after_id=claude-19", NAMES[20:], False),
        ("?after_id=claude-24", [], False),
        ("?limit=2&after_id=claude-2", NAMES[3:5], True),
        ("?limit=2&before_id=claude-5", NAMES[3:5], True),
        ("?before_id=claude-2", NAMES[:2], False),
        ("?before_id=claude-0", [], False),
    ],
)
def test_a_page_of_the_list(many: RunningGateway, query: str, ids: list[str], *, has_more: bool) -> None:
    assert ids_of(many, query) == (ids, has_more)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=%D9%A3", "limit"),
        ("after_id=nobody", "after_id"),
        ("before_id=nobody", "before_id"),
        ("after_id=claude-1&before_id=claude-2", "before_id"),
    ],
)
def test_a_query_that_asks_for_no_page_is_refused(many: RunningGateway, query: str, param: str) -> None:
    answer = many.http.get(f"/v1/models?{query}", headers=VERSION)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == {"error_code": "invalid_value", "param": param}


@pytest.mark.parametrize("dialects", [["anthropic"], ["openai"], ["anthropic", "openai"]])
def test_each_dialect_can_be_left_out(dialects: list[str]) -> None:
    entry: dict[str, Any] = {"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": KEY}}
    with running_gateway({"model_list": [entry], "general_settings": {"dialects": dialects}}) as gateway:
        messages, chat = gateway.post("/v1/messages", {}), gateway.post("/v1/chat/completions", {})
        assert (messages.status_code == 404) == ("anthropic" not in dialects)
        assert (chat.status_code == 404) == ("openai" not in dialects)
        is_first = dialects[0] == "anthropic"
        assert ("type" in gateway.http.get("/nowhere").json()) == is_first
        assert ("has_more" in gateway.http.get("/v1/models").json()) == is_first
