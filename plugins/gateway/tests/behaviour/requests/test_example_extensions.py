"""The extensions of `examples/extensions`, installed, in one gateway: every kind of provider, whole and streamed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.example_extensions import ASK, GUARD, RESTORED, WORD, answer, installed, seen_by_served
from tests.support.running_gateway import KEY, RunningGateway, running_gateway

MODELS = ["openai", "plain", "poller", "served"]
"""Responses of all but openai are bridged over chat."""


class Running(NamedTuple):
    gateway: RunningGateway
    upstream: FakeUpstream
    costs: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("site")
    costs = folder / "costs.sqlite"
    extensions = [{"name": "cost-log", "options": {"file": str(costs)}}, "email-mask", GUARD]
    with installed(folder), fake_upstream() as upstream:
        params = {"api_key": KEY, "api_base": upstream.base_url, "max_retries": 0}
        models = [{"model_name": name, "params": {"model": f"{name}/gpt-4o", **params}} for name in MODELS]
        with running_gateway({"model_list": models, "settings": {"extensions": extensions}}) as gateway:
            yield Running(gateway, upstream, costs)


@pytest.fixture(autouse=True)
def answering(running: Running) -> None:
    running.upstream.received.clear()
    running.upstream.otherwise = answer
    seen_by_served.clear()


def ask(running: Running, model: str, family: str, text: str, **extra: Any) -> Any:
    path, name = ("/v1/chat/completions", "messages") if family == "chat" else ("/v1/responses", "input")
    return running.gateway.post(path, {"model": model, name: [{"role": "user", "content": text}], **extra})


def events_of(response: Any) -> list[Any]:
    """Return the chunks or events of a response; of a whole answer there is one."""
    if response.headers["content-type"].startswith("application/json"):
        return [response.json()]
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]


def texts_of(response: Any) -> dict[Any, str]:
    """Return the texts of a response by what they belong to: choices, tool calls, or the answer of a Responses API."""
    texts: dict[Any, str] = {}
    for event in events_of(response):
        for choice in event.get("choices", ()):
            said = choice.get("delta") or choice.get("message") or {}
            texts[choice["index"]] = texts.get(choice["index"], "") + (said.get("content") or "")
            for at, call in enumerate(said.get("tool_calls") or ()):
                place = choice["index"], call.get("index", at)
                texts[place] = texts.get(place, "") + (call["function"].get("arguments") or "")
        if event.get("type") == "response.output_text.delta":
            texts["delta"] = texts.get("delta", "") + event["delta"]
        for item in (event.get("response") or event).get("output") or ():
            texts["output"] = "".join(part["text"] for part in item.get("content") or ())
    return texts


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("family", ["chat", "responses"])
@pytest.mark.parametrize("model", MODELS)
def test_addresses_are_restored_and_costs_are_logged(model: str, family: str, stream: bool, running: Running) -> None:
    count = len(running.gateway.records)
    response = ask(running, model, family, ASK, stream=stream)
    assert response.status_code == 200, response.text
    texts = texts_of(response)
    assert set(texts.values()) == {RESTORED}
    assert ("delta" in texts) == (family == "responses" and stream)
    sent = [*(request["json"] for request in running.upstream.received), *seen_by_served]
    assert len(sent) == 1
    assert "@" not in json.dumps(sent)
    record = running.gateway.wait_records(count + 1)[count]
    assert cost_row(running.costs, record.request_id) == ("finished", 1000, 100)


def cost_row(file: Path, request_id: str) -> Any:
    """Return what was logged of a request, which an observer's thread writes after its end."""
    deadline = time.monotonic() + 30
    query = "SELECT outcome, input_tokens, output_tokens FROM calls WHERE id = ?"
    while time.monotonic() < deadline:
        if file.exists():
            with closing(sqlite3.connect(file)) as database:
                try:
                    row = database.execute(query, (request_id,)).fetchone()
                except sqlite3.OperationalError:  # it has no table yet
                    row = None
            if row is not None:
                return row
        time.sleep(0.01)
    raise AssertionError(f"{request_id} was not logged")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("family", ["chat", "responses"])
@pytest.mark.parametrize("model", MODELS)
def test_a_guard_refuses_a_call_and_an_answer(model: str, family: str, stream: bool, running: Running) -> None:
    response = ask(running, model, family, WORD, stream=stream)
    assert response.status_code == (200 if response.headers["content-type"].startswith("text/event-stream") else 400)
    assert (response.status_code == 400) or stream
    assert "word_refused" in response.text
    assert not any("aunch" in text for text in texts_of(response).values())
    refused = ask(running, model, family, "tell me the LAUNCH code", stream=stream)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "word_refused")
    assert len(running.upstream.received) + len(seen_by_served) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_every_choice_and_tool_call_is_restored(model: str, stream: bool, running: Running) -> None:
    arguments = '{"to": "bob@example.com"}'
    texts = texts_of(ask(running, model, "chat", ASK, stream=stream, n=2))
    assert texts == {0: RESTORED, 1: RESTORED, (1, 0): arguments, (1, 1): arguments}
