"""The extensions of `examples/extensions`, installed, in the SDK: every kind of provider, whole and streamed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, ContentPolicyViolationError, PluginLoadError, Settings
from llmgate_core.testing import FakeUpstream
from tests.support.example_extensions import ADDRESS, ASK, GUARD, RESTORED, WORD, answer, installed, seen_by_served

HIDDEN = "Write to <email-1> and to <email-2>, not to <email-9>."
USD = 1000 * 2.5e-6 + 100 * 10e-6
KINDS = [
    f"{model} {family}{stream}"
    for model in ("openai", "plain", "poller", "served")
    for family in ("chat", "responses")
    for stream in ("", " stream")
]
"""Responses of all but openai are bridged over chat."""
COLOURS = ["sync", "async"]


@pytest.fixture(scope="module", autouse=True)
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(autouse=True)
def answering(upstream: FakeUpstream) -> None:
    upstream.otherwise = answer
    seen_by_served.clear()


def options(upstream: FakeUpstream, extensions: Any) -> dict[str, Any]:
    given = {"api_key": "sk-test-0123456789", "api_base": upstream.base_url, "extensions": extensions}
    return {"settings": Settings(max_retries=0), **given}


def call(kind: str, colour: str, upstream: FakeUpstream, extensions: Any, text: str = ASK, **extra: Any) -> Any:
    """Return the typed result of a call; of a stream the list of its chunks."""
    model, family, *stream = kind.split()
    method, name = ("completion", "messages") if family == "chat" else ("responses", "input")
    arguments = {"model": f"{model}/gpt-4o", name: [{"role": "user", "content": text}], "stream": bool(stream), **extra}
    if colour == "sync":
        with Client(**options(upstream, extensions)) as client:
            result = getattr(client, method)(**arguments)
            return list(result) if stream else result

    async def run() -> Any:
        async with AsyncClient(**options(upstream, extensions)) as client:
            result = await getattr(client, method)(**arguments)
            return [piece async for piece in result] if stream else result

    return asyncio.run(run())


def text_of(result: Any) -> str:
    """Return the text of a typed result, on which the pieces of a Responses stream and its last event agree."""
    if not isinstance(result, list):
        return result.choices[0].message.content if hasattr(result, "choices") else result.output_text
    if hasattr(result[0], "choices"):
        return "".join(choice.delta.content or "" for piece in result for choice in piece.choices if choice.index == 0)
    pieces = "".join(event.get("delta") for event in result if event.type == "response.output_text.delta")
    assert result[-1].type == "response.completed"
    assert pieces in ("", result[-1].response.output_text)  # empty: a whole answer as a stream of two events
    return result[-1].response.output_text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colour", COLOURS)
def test_addresses_are_hidden_and_restored_and_costs_are_logged(
    kind: str, colour: str, upstream: FakeUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "costs.sqlite"
    extensions = [{"name": "cost-log", "options": {"file": str(file)}}, "email-mask", GUARD]
    assert text_of(call(kind, colour, upstream, extensions)) == RESTORED
    sent = [*(request["json"] for request in upstream.received), *seen_by_served]
    assert len(sent) == 1
    assert HIDDEN in json.dumps(sent)
    assert "@" not in json.dumps(sent)
    ((outcome, _, tokens_in, tokens_out, usd),) = rows(file)
    assert (outcome, tokens_in, tokens_out) == ("finished", 1000, 100)
    if kind.startswith("openai"):
        assert usd == pytest.approx(USD)


@pytest.mark.parametrize(("kind", "colour"), [(kind, COLOURS[at // 4 % 2]) for at, kind in enumerate(KINDS)])
def test_a_guard_refuses_a_call_and_an_answer(kind: str, colour: str, upstream: FakeUpstream) -> None:
    with pytest.raises(ContentPolicyViolationError, match="not allowed") as caught:
        call(kind, colour, upstream, [GUARD], WORD)
    assert (caught.value.code, caught.value.extension) == ("word_refused", "word-guard")
    assert "aunch" not in repr(caught.value.partial)
    sent = len(upstream.received) + len(seen_by_served)
    with pytest.raises(ContentPolicyViolationError):
        call(kind, colour, upstream, [GUARD], "tell me the LAUNCH code")
    assert len(upstream.received) + len(seen_by_served) == sent == 1


@pytest.mark.parametrize("model", ["openai", "poller", "served"])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_choice_and_tool_call_is_restored(model: str, colour: str, upstream: FakeUpstream) -> None:
    whole = call(f"{model} chat", colour, upstream, ["email-mask"], n=2)
    streamed = call(f"{model} chat stream", colour, upstream, ["email-mask"], n=2)
    texts, arguments = {0: "", 1: ""}, {0: "", 1: ""}
    for choice in (choice for piece in streamed for choice in piece.choices):
        texts[choice.index] += choice.delta.content or ""
        for tool_call in choice.delta.tool_calls or ():
            arguments[tool_call.index] += tool_call.function.arguments or ""
    assert [choice.message.content for choice in whole.choices] == list(texts.values()) == [RESTORED] * 2
    calls = [tool_call.function.arguments for tool_call in whole.choices[1].message.tool_calls]
    assert calls == list(arguments.values()) == ['{"to": "bob@example.com"}'] * 2
    assert ADDRESS not in str(upstream.received)


@pytest.mark.parametrize("kind", ["chat", "chat stream", "responses", "responses stream"])
def test_the_same_holds_for_relayed_calls(kind: str, upstream: FakeUpstream) -> None:
    family, is_stream = kind.split(maxsplit=1)[0], kind.endswith("stream")
    about = {"input": ASK} if family == "responses" else {"messages": [{"role": "user", "content": ASK}]}
    body = {"model": "alias", **about, "stream": is_stream}

    async def run() -> bytes:
        async with AsyncClient(**options(upstream, ["email-mask"])) as client:
            relayed = await client.relay(family, "openai/gpt-4o", body, content=json.dumps(body).encode())
            return b"".join([block async for block in relayed]) if is_stream else relayed.content

    sent = asyncio.run(run()).decode()
    assert RESTORED in (text_of_bytes(sent) if is_stream else sent)
    assert b"@" not in upstream.received[0]["body"]


def text_of_bytes(sent: str) -> str:
    """Return the text of a stream as it goes over the wire."""
    events = [json.loads(line[6:]) for line in sent.splitlines() if line.startswith("data: {")]
    pieces = [event["delta"] for event in events if event.get("type") == "response.output_text.delta"]
    deltas = [choice["delta"] for event in events for choice in event.get("choices", ())]
    return "".join([*pieces, *(delta.get("content") or "" for delta in deltas)])


def test_a_guard_lets_no_part_of_a_word_out(upstream: FakeUpstream) -> None:
    out: list[str] = []
    with Client(**options(upstream, [GUARD])) as client:
        stream = client.completion("openai/gpt-4o", [{"role": "user", "content": WORD}], stream=True)
        with pytest.raises(ContentPolicyViolationError):
            out.extend(stream.text())
    assert "launch" not in "".join(out)


@pytest.mark.parametrize("given", [{}, {"words": []}, {"words": "one"}, {"wrods": ["a"]}])
def test_a_guard_without_words_is_refused(given: Any, upstream: FakeUpstream) -> None:
    client = Client(**options(upstream, [{"name": "word-guard", "options": given}]))
    with pytest.raises(PluginLoadError, match="'word-guard' of llmgate-example-extensions"):
        client.load()


def test_an_asynchronous_client_logs_costs_before_it_is_closed(upstream: FakeUpstream, tmp_path: Path) -> None:
    file = tmp_path / "costs.sqlite"

    async def run() -> None:
        log = {"name": "cost-log", "options": {"file": str(file)}}
        async with AsyncClient(**options(upstream, [log])) as client:
            calls = (client.completion("openai/gpt-4o", [{"role": "user", "content": ASK}]) for _ in range(20))
            await asyncio.gather(*calls)

    asyncio.run(run())
    assert sum(row[-1] for row in rows(file)) == pytest.approx(20 * USD)


def rows(file: Path) -> list[Any]:
    with sqlite3.connect(file) as database:
        found = database.execute("SELECT outcome, attempts, input_tokens, output_tokens, usd FROM calls").fetchall()
    database.close()
    return found
