"""The extensions of `examples/extensions` in the SDK: whole and streamed, chat, Responses, bridge and exchange."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, ContentPolicyViolationError, PluginLoadError, Settings
from llmgate_core.plugin import ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from llmgate_core.testing.fake_upstream import ReceivedRequest
from tests.support.example_extensions import install_examples

ADDRESS = "ann.lee+x@mail.example.org"
ASK = f"Write to {ADDRESS} and to bob@example.com, not to <email-9>."
HIDDEN = "Write to <email-1> and to <email-2>, not to <email-9>."
ANSWER = "Dear <email-1>, see <email-2>, <email-9> <3 <email"
RESTORED = f"Dear {ADDRESS}, see bob@example.com, <email-9> <3 <email"
SAYS = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
USD = 1000 * 2.5e-6 + 100 * 10e-6


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_examples(tmp_path, monkeypatch)


def answering(text: str) -> Any:
    """Return an upstream's function: it answers with a text, in a stream one character at a time."""

    def answer(request: ReceivedRequest) -> Answer:
        is_stream = request["json"].get("stream")
        if request["path"].endswith("/responses"):
            return Answer.sse(response_events(text), done=False) if is_stream else Answer.json(response_of(text))
        if is_stream:
            return Answer.sse([*map(chunk, text), chunk(None, "stop"), {**chunk(None), "choices": [], "usage": USAGE}])
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return Answer.json({**SAYS, "choices": choices, "usage": USAGE})

    return answer


def chunk(text: str | None, finish: str | None = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}]
    return {**SAYS, "object": "chat.completion.chunk", "choices": choices}


def response_of(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}]
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    head = {"id": "resp_1", "object": "response", "created_at": 7, "model": "gpt-4o", "status": "completed"}
    return {**head, "output": output, "usage": usage}


def response_events(text: str) -> list[dict[str, Any]]:
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    started = {**response_of(text), "status": "in_progress", "output": [], "usage": None}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg_1"}},
        *({"type": "response.output_text.delta", **place, "delta": letter} for letter in text),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.completed", "response": response_of(text)},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


class Poller:
    info = ProviderInfo(api=(1, 1), name="poller", base_url="http://127.0.0.1:1/v1")

    @hookimpl
    def transform_request(self, call: Any) -> UpstreamRequest:
        return UpstreamRequest("POST", "/chat/completions", call.body)

    @hookimpl
    def exchange(self, call: Any) -> Iterator[Any]:
        answer = yield UpstreamRequest("POST", "/chat/completions", call.body)
        return answer.json()


KINDS = ["chat", "chat stream", "responses", "responses stream", "bridge", "bridge stream", "exchange"]


def ask(kind: str, upstream: FakeUpstream, *extensions: Any) -> str:
    """Return the text of an answer to `ASK`."""
    with Client(**options(upstream, extensions)) as client:
        client.add_plugin(Poller(), family="chat", prefix="poller")
        is_stream = kind.endswith("stream")
        if kind.startswith(("chat", "exchange")):
            model = "poller/gpt-4o" if kind == "exchange" else "openai/gpt-4o"
            answer = client.completion(model, [{"role": "user", "content": ASK}], stream=is_stream)
            return "".join(answer.text()) if is_stream else answer.choices[0].message.content
        bridged = kind.startswith("bridge")
        result = client.responses("openai/gpt-4o", input=ASK, stream=is_stream, use_chat_completions_api=bridged)
        return text_of_events(list(result)) if is_stream else result.output_text


def text_of_events(events: list[Any]) -> str:
    """Return the text of a Responses stream, which its pieces and its last event must agree on."""
    pieces = "".join(event.get("delta") for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == pieces
    return pieces


def options(upstream: FakeUpstream, extensions: Any) -> dict[str, Any]:
    given = {"api_key": "sk-test-0123456789", "api_base": upstream.base_url, "extensions": extensions}
    return {"settings": Settings(max_retries=0), **given}


@pytest.mark.parametrize("kind", KINDS)
def test_addresses_are_hidden_from_the_upstream_and_restored(kind: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = answering(ANSWER)
    assert ask(kind, upstream, "email-mask") == RESTORED
    (request,) = upstream.received
    assert HIDDEN.encode() in request["body"]
    assert b"@" not in request["body"]


@pytest.mark.parametrize("kind", ["chat", "chat stream", "responses", "responses stream"])
def test_the_same_holds_for_relayed_calls(kind: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = answering(ANSWER)
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


GUARD = {"name": "word-guard", "options": {"words": ["launch code", "geheim"]}}


@pytest.mark.parametrize("kind", KINDS)
def test_a_guard_refuses_a_call_and_an_answer(kind: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = answering("The Launch Code is 7")
    with pytest.raises(ContentPolicyViolationError, match="not allowed") as caught:
        ask(kind, upstream, GUARD)
    assert caught.value.code == "word_refused"
    assert "aunch" not in repr(caught.value.partial)
    assert len(upstream.received) == 1
    strict = {"name": "word-guard", "options": {"words": ["BOB"]}}
    with pytest.raises(ContentPolicyViolationError):
        ask(kind, upstream, strict)
    assert len(upstream.received) == 1
    upstream.otherwise = answering("The launch is at 7, the code lunch")
    assert ask(kind, upstream, GUARD) == "The launch is at 7, the code lunch"


def test_a_guard_lets_no_part_of_a_word_out(upstream: FakeUpstream) -> None:
    upstream.otherwise = answering("The launch code")
    out: list[str] = []
    with Client(**options(upstream, [GUARD])) as client:
        stream = client.completion("openai/gpt-4o", [{"role": "user", "content": "hi"}], stream=True)
        with pytest.raises(ContentPolicyViolationError):
            out.extend(stream.text())
    assert "launch" not in "".join(out)


@pytest.mark.parametrize("given", [{}, {"words": []}, {"words": "one"}, {"wrods": ["a"]}])
def test_a_guard_without_words_is_refused(given: Any, upstream: FakeUpstream) -> None:
    client = Client(**options(upstream, [{"name": "word-guard", "options": given}]))
    with pytest.raises(PluginLoadError, match="'word-guard' of llmgate-example-extensions"):
        client.load()


@pytest.mark.parametrize("kind", KINDS)
def test_the_log_of_costs_has_the_numbers_of_every_kind_of_call(
    kind: str, upstream: FakeUpstream, tmp_path: Path
) -> None:
    upstream.otherwise = answering("hello")
    file = tmp_path / "costs.sqlite"
    ask(kind, upstream, {"name": "cost-log", "options": {"file": str(file)}}, "email-mask")
    outcome, attempts, tokens_in, tokens_out, usd = rows(file)[0]
    assert (outcome, attempts) == ("finished", 1)
    assert (tokens_in, tokens_out) == (1000, 100)
    if kind != "exchange":
        assert usd == pytest.approx(USD)


def test_an_asynchronous_client_logs_costs_before_it_is_closed(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.otherwise = answering("hello")
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
