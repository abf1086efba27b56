"""`whole()` gives the whole answer however much of the stream was read before, or says why it cannot."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from llmgate_core import AsyncClient, Client, LLMGateError, Settings, StreamTruncatedError, fold_chunks
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
SAYS = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "gpt-4o"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


class City(BaseModel):
    name: str


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {**SAYS, "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


USAGE = {**SAYS, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"na'}}
CHAT = [
    delta(role="assistant", tool_calls=[CALL]),
    delta(content='{"name": '),
    delta(content='"Paris"}'),
    delta(tool_calls=[{"index": 0, "function": {"arguments": 'me": 1}'}}]),
    delta("tool_calls"),
    USAGE,
]
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": '{"name": "Paris"}'}]}
RESPONSE = {"id": "resp_1", "object": "response", "model": "gpt-5", "output": []}
EVENTS = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.completed", "response": {**RESPONSE, "status": "completed"}},
]


class Reader:
    """Reads a stream of either kind in the same words."""

    def __init__(self, mode: str, upstream: FakeUpstream) -> None:
        self._is_async = mode == "async"
        self._runner = asyncio.new_event_loop()
        given: dict[str, Any] = {"api_base": upstream.base_url, "api_key": "sk-x", "settings": Settings(max_retries=0)}
        self._client: Any = AsyncClient(**given) if self._is_async else Client(**given)

    def _done(self, value: Any) -> Any:
        return self._runner.run_until_complete(value) if self._is_async else value

    def open(self, family: str, **arguments: Any) -> Any:
        async def opened() -> Any:
            return await getattr(self._client, family)(**arguments)

        return self._done(opened()) if self._is_async else getattr(self._client, family)(**arguments)

    def chat(self, **arguments: Any) -> Any:
        return self.open("completion", model="gpt-4o", messages=HI, stream=True, **arguments)

    def take(self, stream: Any, count: int) -> None:
        for _ in range(count):
            self._done(stream.__anext__()) if self._is_async else next(stream)

    def all_of(self, view: Any) -> list[Any]:
        async def listed(view: AsyncIterator[Any]) -> list[Any]:
            return [piece async for piece in view]

        return self._done(listed(view)) if self._is_async else list(view)

    def whole(self, stream: Any) -> Any:
        return self._done(stream.whole())

    def close(self, stream: Any) -> None:
        self._done(stream.aclose() if self._is_async else stream.close())

    def end(self) -> None:
        self._done(self._client.aclose() if self._is_async else self._client.close())
        self._runner.close()


@pytest.fixture(params=["sync", "async"])
def reader(request: pytest.FixtureRequest, upstream: FakeUpstream) -> Iterator[Reader]:
    made = Reader(request.param, upstream)
    yield made
    made.end()


@pytest.mark.parametrize("count", range(len(CHAT) + 1))
def test_a_chat_read_in_part_is_whole(count: int, reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT)]
    stream = reader.chat(tools=[TOOL])
    reader.take(stream, count)
    whole = reader.whole(stream)
    assert whole == fold_chunks(CHAT) == reader.whole(stream)
    call = whole.choices[0].message.tool_calls[0]
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "look", '{"name": 1}')
    assert whole.usage.total_tokens == 4
    assert whole.cost == stream.cost
    assert whole.cost > 0


@pytest.mark.parametrize("view", ["text", "events"])
def test_a_chat_read_through_a_view_is_whole(view: str, reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT)]
    stream = reader.chat()
    reader.all_of(getattr(stream, view)())
    reader.close(stream)  # which the end of a `with` block does; nothing is lost by it
    assert reader.whole(stream) == fold_chunks(CHAT)


@pytest.mark.parametrize("count", range(len(EVENTS) + 1))
def test_a_response_read_in_part_is_whole_and_parsed(count: int, reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(EVENTS)]
    stream = reader.open("responses", model="gpt-5", input="hi", stream=True, text_format=City)
    reader.take(stream, count)
    whole = reader.whole(stream)
    assert (whole.id, whole.status, whole.output_text) == ("resp_1", "completed", '{"name": "Paris"}')
    assert whole.output_parsed == whole.parsed == City(name="Paris")


def test_a_chat_is_parsed_as_without_a_stream(reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT), Answer.json(fold_chunks(CHAT).model_dump())]
    whole = reader.whole(reader.chat(response_format=City))
    same = reader.open("completion", model="gpt-4o", messages=HI, response_format=City)
    assert whole.parsed == whole.choices[0].message.parsed == same.parsed == City(name="Paris")
    assert type(whole) is type(same)


def test_a_fake_stream_is_whole_and_parsed(reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({**RESPONSE, "status": "completed", "output": [ITEM]})]
    stream = reader.open("completion", model="o1-pro", messages=HI, stream=True, fake_stream=True, response_format=City)
    reader.take(stream, 1)
    assert reader.whole(stream).choices[0].message.content == '{"name": "Paris"}'
    assert reader.whole(stream).parsed == City(name="Paris")


def test_a_stream_that_broke_raises_its_error_again_never_a_part(reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT[:3], done=False)]
    stream = reader.chat()
    for _ in range(3):
        with pytest.raises(StreamTruncatedError) as caught:
            reader.whole(stream)
        assert caught.value.partial["choices"][0]["message"]["content"] == '{"name": "Paris"}'
        assert caught.value.provider == "openai"


def test_a_stream_that_was_closed_early_says_so(reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT)]
    stream = reader.chat()
    reader.take(stream, 1)
    reader.close(stream)
    with pytest.raises(LLMGateError):
        reader.whole(stream)


def test_a_stream_of_nothing_is_no_answer(reader: Reader, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse([])]
    with pytest.raises(LLMGateError):
        reader.whole(reader.chat())
    with pytest.raises(LLMGateError):
        fold_chunks([])


def test_bytes_are_whole_from_their_start_only_and_not_kept(reader: Reader, upstream: FakeUpstream) -> None:
    sound = Answer(200, [b"ab", b"cd"], [("content-type", "audio/mpeg")])
    upstream.answers += [sound, sound]
    arguments = {"model": "gpt-4o-mini-tts", "input": "hi", "voice": "alloy", "stream": True}
    assert reader.whole(reader.open("speech", **arguments)).content == b"abcd"
    stream = reader.open("speech", **arguments)
    reader.take(stream, 1)
    assert stream._past.chunks == []
    with pytest.raises(LLMGateError):
        reader.whole(stream)
    reader.close(stream)


def test_sound_in_events_is_whole_and_costs_what_its_stream_did(reader: Reader, upstream: FakeUpstream) -> None:
    usage = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
    events = [{"type": "speech.audio.delta", "audio": "YWI="}, {"type": "speech.audio.delta", "audio": "Y2Q="}]
    upstream.answers += [Answer.sse([*events, {"type": "speech.audio.done", "usage": usage}])]
    arguments = {"model": "gpt-4o-mini-tts", "input": "hi", "voice": "alloy", "stream": True}
    stream = reader.open("speech", stream_format="sse", **arguments)
    reader.take(stream, 1)
    whole = reader.whole(stream)
    copies = [copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))]
    assert [it.content for it in copies] == [b"abcd"] * 3
    assert stream.cost is not None
    assert [it.cost for it in (whole, *copies)] == [stream.cost] * 4


def test_a_broken_stream_that_is_dropped_has_no_cycle(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(CHAT[:2], done=False)]
    gc.disable()
    try:
        with Client(api_base=upstream.base_url, api_key="sk-x", settings=Settings(max_retries=0)) as made:
            stream = made.completion("gpt-4o", HI, stream=True)
            with pytest.raises(StreamTruncatedError):
                list(stream)
            dropped = weakref.ref(stream)
            del stream
            assert dropped() is None
    finally:
        gc.enable()
