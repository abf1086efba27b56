"""What is large is neither parsed where that would hold up other calls, nor kept while the upstream works."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core import APIResponseValidationError, AsyncClient, Client, Limits, Settings
from llmgate_core.plugin import ProviderInfo, ResponsesCompatible, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.relay_calls import HI, KEY, Relay, text_event

STREAM: dict[str, Any] = {"model": "m", "messages": HI, "stream": True}
START = '{"id":"c1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]'
END = '{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
MANY = ',"x":[' + "[]," * 300_000 + "[]]}"
LONG = ',"x":"' + "[]," * 600_000 + '"}'
USAGE = '"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}'


def stream(*events: str) -> Answer:
    return Answer(200, b"".join(text_event(event) for event in events), {"content-type": "text/event-stream"})


@pytest.mark.parametrize("more", [MANY, LONG])
def test_a_large_event_is_passed_on_as_it_came(relay: Relay, upstream: FakeUpstream, more: str) -> None:
    upstream.answers.append(stream(START + more, END, "[DONE]"))
    streamed = relay(STREAM)
    assert streamed.error is None
    assert text_event(START + more) in streamed.content


def test_a_large_last_chunk_ends_the_stream_and_says_its_usage(relay: Relay, upstream: FakeUpstream) -> None:
    last = '{"id":"c1","x":[' + "[]," * 300_000 + '[]],"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
    upstream.answers.append(stream(START + "}", last + USAGE + "}"))
    streamed = relay(STREAM)
    assert streamed.error is None
    assert streamed.stream.record.usage == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize("name", ["event: response.completed\n", ""])
def test_a_large_last_event_ends_a_stream_of_events(relay: Relay, upstream: FakeUpstream, name: str) -> None:
    last = '{"type":"response.completed","response":{"output":[' + "[]," * 300_000 + "[]]," + USAGE + "}}"
    content = name.encode() + text_event(last)
    upstream.answers.append(Answer(200, content, {"content-type": "text/event-stream"}))
    streamed = relay({"model": "m", "input": "hi", "stream": True}, "responses", "acme/any")
    assert streamed.content == b"event: response.completed\n" + text_event(last)
    assert streamed.stream.record.usage["total_tokens"] == 15


@pytest.mark.parametrize(
    "event", ["[" + "[]," * 400_000 + "[]]", '{"x":[' + "[]," * 400_000, '"' + "x" * 2_000_000 + '"']
)
def test_a_large_event_that_is_no_object_is_an_error(relay: Relay, upstream: FakeUpstream, event: str) -> None:
    upstream.answers.append(stream(START + "}", event, END, "[DONE]"))
    assert isinstance(relay(STREAM).error, APIResponseValidationError)


def test_a_large_error_is_an_error(relay: Relay, upstream: FakeUpstream) -> None:
    upstream.answers.append(stream(START + "}", '{"error": {"message": "x"}' + MANY))
    assert "too large to be read" in str(relay(STREAM).error)


@pytest.mark.parametrize(("limits", "fails"), [(Limits(), True), (Limits(event_values=400_000), False)])
def test_the_sdk_refuses_an_event_of_too_many_values(upstream: FakeUpstream, limits: Limits, fails: bool) -> None:
    upstream.answers.append(stream(START + "}", START + MANY, END, "[DONE]"))
    with Client(api_key=KEY, api_base=upstream.base_url, limits=limits, max_retries=0) as client:
        chunks: Iterator[Any] = iter(client.completion("openai/m", HI, stream=True))
        assert next(chunks).choices[0].delta.content == "a"
        if not fails:
            assert len(list(chunks)) == 2
            return
        with pytest.raises(APIResponseValidationError, match="event_values"):
            list(chunks)


def test_a_large_body_is_not_kept_decoded_while_the_upstream_works(upstream: FakeUpstream) -> None:
    """Count the marked objects of the body that are alive while the upstream has not answered."""
    hold = threading.Event()
    upstream.otherwise = Answer(200, json.dumps(WHOLE).encode(), {"content-type": "application/json"}, hold=hold)

    async def run() -> int:
        async with AsyncClient(api_key=KEY, api_base=upstream.base_url, settings=Settings()) as client:
            call = asyncio.create_task(relayed(client))
            await asyncio.to_thread(upstream.wait_received, 1)
            gc.collect()
            alive = sum(isinstance(it, Marked) for it in gc.get_objects())
            hold.set()
            assert (await call).status == 200
            return alive

    assert asyncio.run(run()) == 0
    assert len(upstream.received[0]["json"]["x"]) == 20_000


class Marked(list[Any]):
    """An array of a body, to be recognised."""


async def relayed(client: AsyncClient) -> Any:
    content = json.dumps({"model": "m", "messages": HI, "x": [["a" * 12]] * 20_000}).encode()
    body = json.loads(content)
    body["x"] = [Marked(item) for item in body["x"]]
    call = client.relay("chat", "openai/other", body, content=content)
    del body, content
    return await call


PATIENCE_SECONDS = 20.0
WHOLE = {"id": "c", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant"}}]}


@pytest.mark.parametrize("relays", [True, False])
def test_the_loop_turns_while_a_large_answer_is_converted(upstream: FakeUpstream, relays: bool) -> None:
    text = {"type": "output_text", "text": "x" * 20, "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [text] * 30_000}
    answer = {"id": "r", "object": "response", "status": "completed", "output": [message], "model": "m"}
    upstream.otherwise = Answer.json(answer)
    turns, converted = 0, list[int]()

    class Counting(ResponsesCompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url=upstream.base_url, env_key="ACME_API_KEY")

        @hookimpl
        def transform_response(self, call: Any, route: Any, response: Any) -> Any:
            before = turns
            result = super().transform_response(call, route, response)
            ends = time.monotonic() + PATIENCE_SECONDS
            while turns == before and time.monotonic() < ends:
                time.sleep(0.01)  # on the loop, it would never turn
            converted.append(turns - before)
            return result

    async def run() -> None:
        nonlocal turns
        async with AsyncClient(api_key=KEY, api_base=upstream.base_url) as client:
            client.add_plugin(Counting(), family="chat", prefix="acme")
            body = {"model": "m", "messages": HI}
            work = client.relay("chat", "acme/any", body) if relays else client.completion("acme/any", HI)
            call = asyncio.create_task(work)
            while not call.done():
                turns += 1
                await asyncio.sleep(0)
            await call

    asyncio.run(run())
    assert converted[0] > 0


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/responses/gpt-5-mini"])
def test_the_loop_turns_while_a_large_call_is_prepared(upstream: FakeUpstream, model: str) -> None:
    upstream.otherwise = Answer.json({**WHOLE, "output": [], "status": "completed"})
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 20}] * 30_000}
    turns, prepared = 0, list[int]()

    class Watch:
        @hookimpl
        def before_call(self) -> None:
            prepared.append(turns)

    async def run() -> None:
        nonlocal turns
        async with AsyncClient(api_key=KEY, api_base=upstream.base_url, extensions=[Watch()]) as client:
            call = asyncio.create_task(client.relay("chat", model, body, content=json.dumps(body).encode()))
            while not call.done():
                turns += 1
                await asyncio.sleep(0)
            await call

    asyncio.run(run())
    assert prepared[0] > 20
