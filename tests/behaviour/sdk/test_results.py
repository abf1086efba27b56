"""What comes back: results, headers, tool calls, structured output, streams and their views, and what observers see."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_core
from llmgate_core import (
    APIResponseValidationError,
    AsyncClient,
    BadRequestError,
    Client,
    RateLimitError,
    Settings,
    StreamTruncatedError,
    fold_chunks,
)
from llmgate_core.plugin import hookimpl
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
SAYS = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o-2024-08-06"}
CHAT = {
    **SAYS,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    "brand_new_field": {"kept": True},
}
VECTORS = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}]}
HEADERS = [
    ("Content-Type", "application/json"),
    ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("openai-model", "gpt-4o-2024-08-06"),
    ("openai-organization", "org-1"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("X-Request-ID", "req-1"),
    ("x-ratelimit-limit-requests", "10"),
    ("x-ratelimit-limit-tokens", "11"),
    ("x-ratelimit-remaining-requests", "12"),
    ("x-ratelimit-remaining-tokens", "13"),
    ("x-ratelimit-reset-requests", "14ms"),
    ("x-ratelimit-reset-tokens", "15ms"),
    ("CF-RAY", "abc-XYZ"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
]


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": fields, "finish_reason": finish}
    return {**SAYS, "object": "chat.completion.chunk", "choices": [choice]}


USAGE = {**SAYS, "object": "chat.completion.chunk", "choices": [], "usage": CHAT["usage"]}
STREAM = [delta(role="assistant", content=""), delta(content="hel"), delta(content="lo"), delta(finish="stop"), USAGE]


def client(upstream: FakeUpstream, **arguments: Any) -> Client:
    arguments.setdefault("settings", Settings(max_retries=0))
    return Client(api_base=upstream.base_url, api_key="sk-test-0123456789", **arguments)


def aclient(upstream: FakeUpstream, **arguments: Any) -> AsyncClient:
    arguments.setdefault("settings", Settings(max_retries=0))
    return AsyncClient(api_base=upstream.base_url, api_key="sk-test-0123456789", **arguments)


def with_headers(body: bytes | Iterable[bytes], **changed: str) -> Answer:
    return Answer(200, body, [(name, changed.get(name, value)) for name, value in HEADERS])


# --- a whole answer ---


def test_an_answer_is_read_by_attribute_by_item_and_printed(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    with client(upstream) as made:
        answer = made.completion("openai/gpt-4o", HI)
    assert answer.choices[0].message.content == answer["choices"][0]["message"]["content"] == "hello"
    assert [part for part in ("chatcmpl-1", "gpt-4o-2024-08-06", "hello") if part not in f"{answer!r}"] == []
    assert str(answer) in f"{answer}"
    assert answer.brand_new_field == answer["brand_new_field"] == {"kept": True}
    assert ("usage" in answer, "no_such" in answer, answer.get("no_such", 5)) == (True, False, 5)
    with pytest.raises(KeyError):
        answer["no_such"]
    assert answer.model_dump(exclude_unset=True) == CHAT


def test_a_legacy_model_called_as_chat_answers_as_chat(upstream: FakeUpstream) -> None:
    text = {"id": "cmpl-1", "object": "text_completion", "choices": [{"index": 0, "text": "hello"}]}
    upstream.answers += [Answer.json(text)] * 2
    model = "text-completion-openai/gpt-3.5-turbo-instruct"
    with client(upstream) as made:
        chat, legacy = made.completion(model, HI), made.text_completion(model, "hi")
    assert (chat.object, chat.choices[0].message.content) == ("chat.completion", "hello")
    assert (legacy.object, legacy.choices[0].text) == ("text_completion", "hello")
    assert [(it["path"], it["json"]["prompt"]) for it in upstream.received] == [("/v1/completions", "hi")] * 2


def test_keys_of_a_message_may_come_in_any_order(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    messages = [{"content": "be kind", "role": "system"}, {"content": "hi", "role": "user"}]
    with client(upstream) as made:
        made.completion("gpt-4o", messages)
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": messages}


@pytest.mark.parametrize("given", ["hello", ["hello"], [1, 2]])
def test_an_embedding_sends_its_input_and_nothing_unasked(given: Any, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(VECTORS)]
    with client(upstream) as made:
        answer = made.embedding(model="text-embedding-ada-002", input=given)
    assert answer.data[0].embedding == answer["data"][0]["embedding"] == [0.5, -1.0]
    assert upstream.received[0]["json"] == {"model": "text-embedding-ada-002", "input": given}


# --- headers ---


def headered(family: str, made: Client) -> Any:
    if family == "embedding":
        return made.embedding("text-embedding-3-small", "hi")
    return made.completion("gpt-4o", HI, stream=family == "stream")


def answer_for(family: str) -> Answer:
    if family == "stream":
        body = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in STREAM]
        return with_headers([*body, b"data: [DONE]\n\n"], **{"Content-Type": "text/event-stream"})
    return with_headers(json.dumps(VECTORS if family == "embedding" else CHAT).encode())


@pytest.mark.parametrize("family", ["chat", "stream", "embedding"])
def test_response_headers_are_kept_whole_and_looked_up_in_any_case(family: str, upstream: FakeUpstream) -> None:
    upstream.answers += [answer_for(family)]
    with client(upstream, settings=Settings(return_response_headers=True)) as made:
        result = headered(family, made)  # a stream has not been iterated here
        headers = result._response_headers
        if family == "stream":
            assert list(result.text()) == ["hel", "lo"]
    single = [(name, value) for name, value in HEADERS if name not in ("Set-Cookie", "Content-Type")]
    assert [(name, headers[name.upper()]) for name, _ in single] == single
    assert headers["cf-ray"] == headers.get("Cf-Ray") == "abc-XYZ"
    assert headers.get_list("SET-COOKIE") == ["a=1", "b=2"]
    assert ("X-Request-Id" in headers, "no-such" in headers) == (True, False)
    assert headers.get("Transfer-Encoding") == ("chunked" if family == "stream" else None)
    assert result._request_id == "req-1"


@pytest.mark.parametrize("family", ["chat", "stream", "embedding"])
def test_without_the_flag_there_are_no_response_headers(family: str, upstream: FakeUpstream) -> None:
    upstream.answers += [answer_for(family)]
    with client(upstream) as made:
        result = headered(family, made)
        assert (result._response_headers, result._request_id) == (None, "req-1")
        if family == "stream":
            result.close()


def test_the_flag_of_the_module_reaches_its_functions(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.answers += [answer_for("chat")] * 2
    where = {"api_base": upstream.base_url, "api_key": "sk-x"}
    monkeypatch.setattr(llmgate_core, "return_response_headers", True)
    answer = llmgate_core.completion("gpt-4o", HI, **where)
    assert answer._response_headers is not None
    assert answer._response_headers["openai-model"] == "gpt-4o-2024-08-06"
    monkeypatch.setattr(llmgate_core, "return_response_headers", False)
    assert llmgate_core.completion("gpt-4o", HI, **where)._response_headers is None


# --- tool calls ---


def call_of(number: int) -> dict[str, Any]:
    return {
        "id": f"call_{number}",
        "type": "function",
        "function": {"name": "get_weather", "arguments": json.dumps({"city": f"city {number}"})},
    }


TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
CALLS = [call_of(number) for number in range(3)]
WITH_CALLS = {
    **SAYS,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": CALLS},
        }
    ],
}


def test_tool_calls_come_whole_and_our_own_message_goes_back_without_nulls(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(WITH_CALLS), Answer.json(CHAT)]
    messages: list[Any] = list(HI)
    with client(upstream) as made:
        answer = made.completion("gpt-3.5-turbo-1106", messages, tools=[TOOL], tool_choice="auto")
        message = answer.choices[0].message
        assert message.tool_calls is not None
        assert [call.model_dump(exclude_unset=True) for call in message.tool_calls] == CALLS
        assert isinstance(message.tool_calls[0]["function"]["arguments"], str)
        messages += [
            message,
            *({"role": "tool", "tool_call_id": call.id, "content": "12"} for call in message.tool_calls),
        ]
        made.completion("gpt-3.5-turbo-1106", messages, tools=[TOOL])
    first, second = (request["json"] for request in upstream.received)
    assert first == {"model": "gpt-3.5-turbo-1106", "messages": HI, "tools": [TOOL], "tool_choice": "auto"}
    assert second["messages"] == [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": CALLS},
        *({"role": "tool", "tool_call_id": f"call_{number}", "content": "12"} for number in range(3)),
    ]


def streamed_calls() -> list[dict[str, Any]]:
    """Three parallel calls whose pieces come interleaved."""
    begun = [
        {"index": number, **call_of(number), "function": {"name": "get_weather", "arguments": ""}}
        for number in range(3)
    ]
    chunks = [delta(role="assistant", content=None), delta(tool_calls=begun)]
    for start in range(0, 20, 4):
        for number, call in enumerate(CALLS):
            piece = call["function"]["arguments"][start : start + 4]
            chunks.append(delta(tool_calls=[{"index": number, "function": {"arguments": piece}}]))
    return [*chunks, delta(finish="tool_calls"), USAGE]


def test_streamed_parallel_tool_calls_keep_their_index_and_fold_to_the_whole(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(streamed_calls())] * 2
    with client(upstream) as made:
        chunks = list(made.completion("gpt-4o", HI, tools=[TOOL], stream=True))
        whole = made.completion("gpt-4o", HI, tools=[TOOL], stream=True).whole()
    assert [chunk.model_dump(exclude_unset=True) for chunk in chunks] == streamed_calls()
    folded = fold_chunks(chunks)
    assert folded == whole == fold_chunks(streamed_calls())
    assert folded.choices[0].finish_reason == "tool_calls"
    assert [call.model_dump() for call in folded.choices[0].message.tool_calls] == CALLS
    assert folded.usage.total_tokens == 4


# --- structured output ---


class Street(BaseModel):
    name: str
    number: int | None = None


class City(BaseModel):
    name: str
    streets: list[Street]


def says(content: str, finish: str = "stop", **fields: Any) -> Answer:
    message = {"role": "assistant", "content": content, **fields}
    return Answer.json({**SAYS, "choices": [{"index": 0, "message": message, "finish_reason": finish}]})


def objects_of(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in objects_of(item)]
    if not isinstance(schema, dict):
        return []
    return [*([schema] if "properties" in schema else []), *objects_of(list(schema.values()))]


def test_a_pydantic_class_goes_as_a_strict_schema_and_comes_back_parsed(upstream: FakeUpstream) -> None:
    city = City(name="Paris", streets=[Street(name="Rue", number=1)])
    upstream.answers += [says(city.model_dump_json())]
    with client(upstream) as made:
        answer = made.completion("gpt-4o", HI, response_format=City)
    assert answer.parsed == answer.choices[0].message.parsed == city
    sent = upstream.received[0]["json"]["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)
    found = objects_of(sent["json_schema"]["schema"])
    assert sorted(tuple(schema["properties"]) for schema in found) == [("name", "number"), ("name", "streets")]
    assert [schema["required"] for schema in found] == [list(schema["properties"]) for schema in found]
    assert {schema["additionalProperties"] for schema in found} == {False}
    assert "default" not in json.dumps(sent)


def test_a_cut_structured_answer_raises_when_it_is_parsed(upstream: FakeUpstream) -> None:
    upstream.answers += [says('{"name": "Par', "length")]
    with client(upstream) as made:
        answer = made.completion("gpt-4o", HI, response_format=City)
    assert answer.choices[0].message.content == '{"name": "Par'
    with pytest.raises(APIResponseValidationError, match=r"City.*max_tokens") as caught:
        _ = answer.parsed
    assert (caught.value.partial, caught.value.param) == ('{"name": "Par', "response_format")


def test_a_refusal_is_parsed_to_nothing(upstream: FakeUpstream) -> None:
    upstream.answers += [says("", refusal="I will not")]
    with client(upstream) as made:
        answer = made.completion("gpt-4o", HI, response_format=City)
    assert (answer.parsed, answer.choices[0].message.refusal) == (None, "I will not")


# --- views of a stream ---


def test_a_stream_is_chunks_text_events_or_the_whole(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM)] * 4
    with client(upstream) as made:
        one, two, three, four = (made.completion("gpt-4o", HI, stream=True) for _ in range(4))
        chunks = list(one)
        texts = list(two.text())
        events = [(event.kind, event.index, event.text) for event in three.events()]
        whole = four.whole()
    assert [chunk.model_dump(exclude_unset=True) for chunk in chunks] == STREAM
    assert "hel" in repr(chunks[1])
    assert texts == ["hel", "lo"]
    assert events == [("text", 0, "hel"), ("text", 0, "lo"), ("finish", 0, "stop"), ("usage", 0, "")]
    assert (whole.choices[0].message.content, whole.object, whole.usage.total_tokens) == ("hello", "chat.completion", 4)


def test_an_async_stream_has_the_same_views(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM)] * 4

    async def listed(items: AsyncIterator[Any]) -> list[Any]:
        return [item async for item in items]

    async def run() -> tuple[Any, ...]:
        async with aclient(upstream) as made:
            chunks, texts, events, whole = [await made.completion("gpt-4o", HI, stream=True) for _ in range(4)]
            return await listed(chunks), await listed(texts.text()), await listed(events.events()), await whole.whole()

    chunks, texts, events, whole = asyncio.run(run())
    assert [chunk.model_dump(exclude_unset=True) for chunk in chunks] == STREAM
    assert texts == ["hel", "lo"]
    assert [event.kind for event in events] == ["text", "text", "finish", "usage"]
    assert whole.choices[0].message.content == "hello"


# --- extra body and headers ---


def test_the_extra_body_is_merged_last(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    extra = {"temperature": 0.5, "brand_new": {"nested": None}}
    with client(upstream) as made:
        made.completion("gpt-4o", HI, temperature=1.0, top_p=None, extra_body=extra)
        with pytest.raises(BadRequestError, match="extra_body"):
            made.completion("gpt-4o", HI, extra_body=[1])
    assert [it["json"] for it in upstream.received] == [{"model": "gpt-4o", "messages": HI, **extra}]


def test_an_extra_header_wins_over_ours_of_the_same_name(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    extra = {"OpenAI-Organization": "org-extra", "X-Mine": "1", "User-Agent": "mine/2"}
    with client(upstream, organization="org-client") as made:
        made.completion("gpt-4o", HI, extra_headers=extra)
    raw = [(name.lower(), value) for name, value in upstream.received[0]["raw_headers"]]
    assert [pair for pair in raw if pair[0] in ("openai-organization", "x-mine", "user-agent")] == [
        ("user-agent", "mine/2"),
        ("openai-organization", "org-extra"),
        ("x-mine", "1"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AI-Resource Group", "default"),
        ("Authorization", "Bearer sk-other"),
        ("HOST", "elsewhere.example"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("x-bad:name", "1"),
        ("", "1"),
        ("x-value", "a\r\nx-injected: b"),
        ("x-number", 5),
    ],
)
def test_a_header_that_may_not_be_set_is_named_and_nothing_is_sent(
    name: str, value: Any, upstream: FakeUpstream
) -> None:
    with client(upstream, settings=Settings()) as made, pytest.raises(BadRequestError) as caught:
        made.completion("gpt-4o", HI, extra_headers={name: value})
    assert name in str(caught.value)
    assert (caught.value.status_code, caught.value.param, upstream.connections) == (400, "extra_headers", 0)


# --- observers ---


class Observer:
    """An extension that keeps what it is told; made to raise, it must change nothing."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.events: list[Any] = []
        self._failure = failure
        self.told = threading.Event()

    @hookimpl
    def on_event(self, event: Any) -> None:
        self.events.append(event)
        self.told.set()
        if self._failure is not None:
            raise self._failure

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        return [(event.outcome, event.chunks) for event in self.events]


def held_after_one_chunk() -> Answer:
    """Return a stream that stays silent after its first chunk."""
    part = b"data: " + json.dumps(STREAM[1]).encode() + b"\n\n"
    headers = {"content-type": "text/event-stream"}
    return Answer(200, [part, part], headers, hold=threading.Event(), hold_at=1)


@pytest.mark.parametrize("preview", [True, False])
def test_metadata_goes_to_observers_always_and_upstream_with_preview_features(
    preview: bool, upstream: FakeUpstream
) -> None:
    upstream.answers += [Answer.json(CHAT)]
    observer = Observer()
    labels = {"team": "red", "run": "7"}
    with client(upstream, extensions=[observer], settings=Settings(enable_preview_features=preview)) as made:
        made.completion("gpt-4o", HI, metadata=labels)
    body = {"model": "gpt-4o", "messages": HI, **({"metadata": labels} if preview else {})}
    assert upstream.received[0]["json"] == body
    assert [event.call.metadata for event in observer.events] == [labels]


def test_metadata_that_is_no_text_is_refused_by_key_with_preview_features(upstream: FakeUpstream) -> None:
    settings = Settings(enable_preview_features=True)
    with client(upstream, settings=settings) as made, pytest.raises(BadRequestError, match="number"):
        made.completion("gpt-4o", HI, metadata={"text": "1", "number": 2})
    assert upstream.connections == 0


def test_an_observer_that_raises_changes_nothing(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.sse(STREAM), Answer.json({"error": {"message": "no"}}, 429)]
    bad, good = Observer(RuntimeError("oops")), Observer()
    with client(upstream, extensions=[bad, good]) as made:
        assert made.completion("gpt-4o", HI).choices[0].message.content == "hello"
        assert list(made.completion("gpt-4o", HI, stream=True).text()) == ["hel", "lo"]
        with pytest.raises(RateLimitError, match="no"):
            made.completion("gpt-4o", HI)
    assert bad.outcomes == good.outcomes == [("finished", 0), ("finished", 5), ("failed", 0)]


def test_an_error_of_before_call_stops_the_call(upstream: FakeUpstream) -> None:
    class Guard:
        @hookimpl
        def before_call(self, call: Any, route: Any) -> None:
            raise BadRequestError(f"no {route.model} today", status_code=400)

    observer = Observer()
    with client(upstream, extensions=[Guard(), observer]) as made, pytest.raises(BadRequestError, match="no gpt-4o"):
        made.completion("gpt-4o", HI)
    assert (observer.outcomes, upstream.connections) == ([("refused", 0)], 0)


def test_every_sync_call_ends_in_exactly_one_way(upstream: FakeUpstream) -> None:
    observer = Observer()
    broken = {"error": {"message": "broke", "type": "server_error"}}
    upstream.answers += [
        Answer.json(CHAT),
        Answer.sse(STREAM),
        Answer.json({"error": {"message": "busy"}}, 429),
        Answer.sse([*STREAM[:2], broken]),
        Answer.sse(STREAM[:3], done=False),
        held_after_one_chunk(),
    ]
    with client(upstream, extensions=[observer]) as made:
        made.completion("gpt-4o", HI)
        made.completion("gpt-4o", HI, stream=True).whole()
        with pytest.raises(RateLimitError):
            made.completion("gpt-4o", HI, stream=True)
        with pytest.raises(llmgate_core.InternalServerError, match="broke"):
            list(made.completion("gpt-4o", HI, stream=True))
        with pytest.raises(StreamTruncatedError) as cut:
            list(made.completion("gpt-4o", HI, stream=True))
        stream = made.completion("gpt-4o", HI, stream=True)
        next(stream)
        stream.close()
        stream.close()
    assert cut.value.partial["choices"][0]["message"]["content"] == "hello"
    assert observer.outcomes == [
        ("finished", 0),
        ("finished", 5),
        ("failed", 0),
        ("failed", 2),
        ("truncated", 3),
        ("cancelled", 1),
    ]
    kinds = [type(event.error).__name__ for event in observer.events]
    assert kinds == [
        "NoneType",
        "NoneType",
        "RateLimitError",
        "InternalServerError",
        "StreamTruncatedError",
        "NoneType",
    ]
    assert [event.usage for event in observer.events[:3]] == [CHAT["usage"], CHAT["usage"], None]


def test_every_async_call_ends_in_exactly_one_way(upstream: FakeUpstream) -> None:
    observer = Observer()
    upstream.answers += [
        Answer.json(CHAT),
        Answer.sse(STREAM),
        Answer.json({"error": {"message": "busy"}}, 429),
        Answer.sse(STREAM[:3], done=False),
        Answer(200, b"{}", hold=threading.Event()),
        held_after_one_chunk(),
    ]

    async def run() -> None:
        async with aclient(upstream, extensions=[observer]) as made:
            await made.completion("gpt-4o", HI)
            await (await made.completion("gpt-4o", HI, stream=True)).whole()
            with pytest.raises(RateLimitError):
                await made.completion("gpt-4o", HI)
            with pytest.raises(StreamTruncatedError):
                await (await made.completion("gpt-4o", HI, stream=True)).whole()
            task = asyncio.create_task(made.completion("gpt-4o", HI))
            await asyncio.get_running_loop().run_in_executor(None, upstream.wait_received, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            stream = await made.completion("gpt-4o", HI, stream=True)
            await stream.__anext__()
            await stream.aclose()
            await stream.aclose()

    asyncio.run(run())
    assert observer.outcomes == [
        ("finished", 0),
        ("finished", 5),
        ("failed", 0),
        ("truncated", 3),
        ("cancelled", 0),
        ("cancelled", 1),
    ]


def test_a_stream_that_is_dropped_is_cancelled_and_its_upstream_sees_it(upstream: FakeUpstream) -> None:
    observer = Observer()
    upstream.answers += [held_after_one_chunk()]
    with client(upstream, extensions=[observer]) as made:
        stream = made.completion("gpt-4o", HI, stream=True)
        next(stream)
        del stream
        upstream.wait_disconnect()
    assert observer.told.wait(5)
    assert observer.outcomes == [("cancelled", 1)]


def test_a_stream_that_is_never_read_is_cancelled_and_its_upstream_sees_it(upstream: FakeUpstream) -> None:
    observer = Observer()
    upstream.answers += [held_after_one_chunk(), held_after_one_chunk()]
    with client(upstream, extensions=[observer]) as made:
        made.completion("gpt-4o", HI, stream=True).close()
        upstream.wait_disconnect()

    async def run() -> None:
        async with aclient(upstream, extensions=[observer]) as made:
            await (await made.completion("gpt-4o", HI, stream=True)).aclose()
            await asyncio.get_running_loop().run_in_executor(None, lambda: upstream.wait_disconnect(count=2))

    asyncio.run(run())
    assert [event.outcome for event in observer.events] == ["cancelled", "cancelled"]
