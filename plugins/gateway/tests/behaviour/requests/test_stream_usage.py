"""Tokens of streams whose clients did not ask for them are counted, and the clients see nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway.calls.stream_usage import with_usage, without_usage

from llmgate_core.testing import Answer
from tests.support.examples import examples

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
COUNTS = {"options": {"counts_usage": True}}


def chunk(**fields: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **fields}


def said(text: str | None, finish: str | None = None) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


PLAIN = [said('say "usage":null'), said(None, "stop")]
WITH_USAGE = [*({**one, "usage": None} for one in PLAIN), chunk(choices=[], usage=USAGE)]


def sse(events: list[dict[str, Any]]) -> Answer:
    return Answer.sse(events)


def test_the_usage_is_asked_counted_and_taken_out_again(serve: Any, upstream: Any) -> None:
    gateway = serve(**COUNTS)
    upstream.answers.append(sse(WITH_USAGE))
    body = b'{ "model":"m", "messages":[{"role":"user","content":"hi"}],"stream":true }'
    reply = gateway.post("/v1/chat/completions", body)
    assert upstream.received[0]["body"] == (
        b'{"stream_options":{"include_usage":true}, "model":"gpt-4o", '
        b'"messages":[{"role":"user","content":"hi"}],"stream":true }'
    )
    events = [json.loads(line[6:]) for line in reply.text.split("\n\n") if line.startswith("data: {")]
    assert events == PLAIN
    assert reply.text.endswith("data: [DONE]\n\n")
    assert "stream_options" in reply.headers["x-llmgate-ledger"]
    record = gateway.wait_records(1)[0]
    assert (record.usage, record.cost is not None) == (USAGE, True)


def test_a_client_that_asked_gets_its_usage(serve: Any, upstream: Any) -> None:
    gateway = serve(**COUNTS)
    upstream.answers.append(sse(WITH_USAGE))
    reply = gateway.chat(stream=True, stream_options={"include_usage": True})
    assert '"usage":{' in reply.text.replace(" ", "")
    assert "stream_options" not in reply.headers.get("x-llmgate-ledger", "")


def test_other_options_of_the_stream_are_kept(serve: Any, upstream: Any) -> None:
    gateway = serve(**COUNTS)
    upstream.answers.append(sse(WITH_USAGE))
    gateway.chat(stream=True, stream_options={"include_obfuscation": False})
    assert upstream.received[0]["json"]["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("counts", "setting", "asked"),
    [(False, None, False), (False, True, True), (True, None, True), (True, False, False)],
)
def test_a_setting_decides_and_by_default_whether_something_counts(
    serve: Any, upstream: Any, counts: bool, setting: bool | None, asked: bool
) -> None:
    gateway = serve(options={"counts_usage": counts}, general={} if setting is None else {"stream_usage": setting})
    upstream.answers.append(sse(WITH_USAGE))
    gateway.chat(stream=True)
    assert ("stream_options" in upstream.received[0]["json"]) is asked


def test_a_whole_answer_and_other_families_are_not_asked(serve: Any, upstream: Any) -> None:
    gateway = serve(**COUNTS)
    upstream.answers.append(Answer.json({"id": "c", "choices": [], "usage": USAGE}))
    gateway.chat()
    assert "stream_options" not in upstream.received[0]["json"]


@pytest.mark.parametrize("status", [400, 422])
def test_an_upstream_that_does_not_know_the_option_is_served_without(serve: Any, upstream: Any, status: int) -> None:
    gateway = serve(**COUNTS)
    refusal = Answer.json({"error": {"message": "Extra inputs are not permitted: stream_options"}}, status)
    upstream.answers += [refusal, sse(PLAIN), sse(PLAIN)]
    assert [gateway.chat(stream=True).status_code for _ in range(2)] == [200, 200]
    assert ["stream_options" in request["json"] for request in upstream.received] == [True, False, False]


def test_a_clients_own_mistake_does_not_end_the_counting(serve: Any, upstream: Any) -> None:
    gateway = serve(**COUNTS)
    refusal = {"error": {"message": "no such parameter: stream_optionsx"}}
    upstream.answers += [Answer.json(refusal, 400), Answer.json(refusal, 400), sse(WITH_USAGE)]
    assert gateway.chat(stream=True, stream_optionsx=1).status_code == 400
    gateway.chat(stream=True)
    assert "stream_options" in upstream.received[-1]["json"]


def test_the_user_is_in_the_record(serve: Any, upstream: Any) -> None:
    gateway = serve()
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    gateway.chat(user="alice@example.com")
    assert gateway.wait_records(1)[0].user == "alice@example.com"


ODD = ['"usage":null', ',"usage":null}', "}]{["]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(ODD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["usage", "choices", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@examples(200)
@given(st.dictionaries(st.sampled_from(["a", "delta", "choices"]), JSON, min_size=1, max_size=3), st.booleans())
def test_nothing_but_the_added_null_is_taken_out_of_an_event(event: dict[str, Any], spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    if event.get("choices") == []:
        event["choices"] = [1]
    text = json.dumps({**event, "usage": None}, separators=separators)

    async def blocks() -> AsyncIterator[bytes]:
        yield f"data: {text}\n\ndata: [DONE]\n\n".encode()

    async def read() -> bytes:
        return b"".join([block async for block in without_usage(blocks())])

    kept = asyncio.run(read())
    first, done, rest = kept.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    assert json.loads(first[6:]) == event


@examples(100)
@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name != "stream_options"), JSON, min_size=1, max_size=3))
def test_bytes_are_otherwise_unchanged(body: dict[str, Any]) -> None:
    content = b" \n" + json.dumps(body).encode()
    asking, spliced = with_usage(body, content)
    assert spliced is not None
    assert json.loads(spliced) == asking == {**body, "stream_options": {"include_usage": True}}
    assert spliced.replace(b'"stream_options":{"include_usage":true},', b"", 1) == content
