"""Extensions that rewrite calls, answers and streams, and what observers see: for every call, whatever serves it."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from llmgate_core import (
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Client,
    ConfigError,
    PermissionDeniedError,
    PluginError,
    PluginLoadError,
    RateLimitError,
    Settings,
    StreamTruncatedError,
    UnsupportedParamsError,
)
from llmgate_core.plugin import FilePart, ProviderInfo, StreamAnswer, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_site import PluginSite

HI = [{"role": "user", "content": "hi"}]
SAYS = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o"}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
CHAT = {
    **SAYS,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 7, "model": "gpt-4o", "status": "completed",
    "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}]}],
    "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
}  # fmt: skip


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {**SAYS, "object": "chat.completion.chunk", "choices": choices}


STREAM = [
    chunk(role="assistant", content="hel"),
    chunk(content="lo"),
    chunk("stop"),
    {**SAYS, "object": "chat.completion.chunk", "choices": [], "usage": USAGE},
]


def client(upstream: FakeUpstream, *extensions: Any, **options: Any) -> Client:
    settings = Settings(max_retries=options.pop("max_retries", 0))
    options = {"api_key": "sk-test-0123456789", "api_base": upstream.base_url, **options}
    return Client(settings=settings, extensions=extensions, **options)


def aclient(upstream: FakeUpstream, *extensions: Any) -> AsyncClient:
    return AsyncClient(
        settings=Settings(max_retries=0),
        api_key="sk-test-0123456789",
        api_base=upstream.base_url,
        extensions=extensions,
    )


class Marker:
    """Adds its mark to the last message of a call and to each text of an answer, in the shapes of chat or Responses."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    @hookimpl
    def rewrite_call(self, call: Any, route: Any) -> dict[str, Any]:
        if call.family == "responses":
            return {**call.body, "input": call.body["input"] + self._mark}
        messages = [{**message, "content": message["content"] + self._mark} for message in call.body["messages"]]
        return {**call.body, "messages": messages}

    @hookimpl
    def rewrite_answer(self, call: Any, route: Any, answer: Any) -> Any:
        return json.loads(json.dumps(answer).replace("hello", "hello" + self._mark))

    @hookimpl
    def rewrite_stream(self, call: Any, route: Any) -> Any:
        return HeldBack(self._mark)


class HeldBack:
    """Holds every text back until the stream ends, and adds a mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._held: list[Any] = []

    def feed(self, chunk: Any) -> list[Any]:
        if chunk.get("type") == "response.output_text.delta" or any(
            choice["delta"].get("content") for choice in chunk.get("choices", ())
        ):
            self._held.append(chunk)
            return []
        return [chunk]

    def close(self) -> list[Any]:
        if self._held and self._held[-1].get("type"):
            return [*self._held, {**self._held[-1], "delta": self._mark}]
        return [*self._held, chunk(content=self._mark)]


class Watch:
    """An observer that keeps its events and the thread that it was called in."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.threads: set[str] = set()

    @hookimpl
    def on_event(self, event: Any) -> None:
        self.events.append(event)
        self.threads.add(threading.current_thread().name)


class Hooks:
    """An extension with the hooks that a test gives it."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            setattr(self, name, hookimpl(function))


# --- calls ---


def test_calls_pass_in_order_and_answers_in_reverse(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    watch = Watch()
    with client(upstream, Marker("+a"), Marker("+b"), watch) as made:
        answer = made.completion("openai/gpt-4o", HI)
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi+a+b"}]}
    assert answer.choices[0].message.content == "hello+a+b"
    rewritten = [(entry.parameter, entry.action, entry.reason) for entry in answer.ledger]
    assert rewritten == [
        ("request", "rewritten", "by the extension 'Marker'"),
        ("answer", "rewritten", "by the extension 'Marker'"),
    ]
    event = watch.events[0]
    assert event.call.body["messages"][0]["content"] == "hi+a+b"
    assert event.ledger == answer.ledger


def test_what_an_extension_removes_appears_nowhere(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    watch = Watch()

    def rewrite_call(call: Any, route: Any) -> Any:
        return {name: value for name, value in call.body.items() if name not in ("user", "metadata")}

    async def run() -> None:
        async with aclient(upstream, Hooks(rewrite_call=rewrite_call), watch) as made:
            content = json.dumps({"model": "x", "messages": HI, "user": "hush", "metadata": {"a": "hush"}}).encode()
            await made.relay("chat", "openai/gpt-4o", json.loads(content), content=content)

    asyncio.run(run())
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI}
    assert "hush" not in repr(watch.events)


def test_on_the_way_back_an_extension_sees_the_call_that_it_saw_before(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.sse(STREAM)]
    seen: list[tuple[str, str]] = []

    def watching(name: str) -> Hooks:
        def look(call: Any) -> None:
            seen.append((name, call.body["messages"][0]["content"]))

        return Hooks(rewrite_answer=look, rewrite_stream=look)

    with client(upstream, watching("first"), Marker("+a"), watching("last")) as made:
        made.completion("openai/gpt-4o", HI)
        made.completion("openai/gpt-4o", HI, stream=True).whole()
    assert seen == [("last", "hi+a"), ("first", "hi")] * 2


def test_a_call_that_no_extension_changes_keeps_its_bytes(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    content = b'{"model" :"x","messages":[{"role":"user","content":"hi"}],  "temperature":1.00}'

    async def run() -> Any:
        async with aclient(upstream, Hooks(rewrite_call=lambda call, route: None)) as made:
            return await made.relay("chat", "openai/gpt-4o", json.loads(content), content=content)

    result = asyncio.run(run())
    assert upstream.received[0]["body"] == content.replace(b'"x"', b'"gpt-4o"')
    assert result.record.ledger == ()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("text", "str"),
        ([], "list"),
        ({"messages": HI, "model": "other"}, "model"),
        ({"messages": HI, "stream": True}, "stream"),
        ({"temperature": 1}, "messages"),
        ({1: 2, "messages": HI}, "strings"),
    ],
)
def test_a_body_that_cannot_be_is_an_error_with_the_name_of_the_extension(
    body: Any, word: str, upstream: FakeUpstream
) -> None:
    with (
        client(upstream, Hooks(rewrite_call=lambda call, route: body)) as made,
        pytest.raises(PluginError, match=f"'Hooks'.*rewrite_call.*{word}"),
    ):
        made.completion("openai/gpt-4o", HI)
    assert upstream.connections == 0


@pytest.mark.parametrize("hook", ["before_call", "rewrite_call", "rewrite_answer", "rewrite_stream"])
def test_an_exception_of_any_hook_names_the_extension(hook: str, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(STREAM) if hook == "rewrite_stream" else Answer.json(CHAT)

    def fail(call: Any, route: Any) -> Any:
        raise ValueError("why")

    with (
        client(upstream, Hooks(**{hook: fail})) as made,
        pytest.raises(PluginError, match=f"'Hooks'.*{hook} raised ValueError: why"),
    ):
        made.completion("openai/gpt-4o", HI, stream=hook == "rewrite_stream")


# --- answers and streams ---


def test_a_stream_is_rewritten_and_what_is_held_back_comes_before_its_end(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM), Answer.sse(STREAM)]
    watch = Watch()
    with client(upstream, Marker("+a"), Marker("+b"), watch) as made:
        stream = made.completion("openai/gpt-4o", HI, stream=True, stream_options={"include_usage": True})
        whole = stream.whole()

    async def run() -> bytes:
        async with aclient(upstream, Marker("+a"), Marker("+b")) as made:
            body = {"model": "x", "messages": HI, "stream": True}
            return b"".join([block async for block in await made.relay("chat", "openai/gpt-4o", body)])

    relayed = asyncio.run(run())
    assert sorted(whole.choices[0].message.content) == sorted("hello+b+a")
    assert whole.usage is not None
    assert whole.usage.total_tokens == 1100
    assert relayed.endswith(b"data: [DONE]\n\n")
    assert all(text in relayed for text in (b'"hel"', b'"+a"', b'"+b"'))
    (event,) = watch.events
    assert (event.outcome, event.usage["total_tokens"]) == ("finished", 1100)
    assert [entry.action for entry in event.ledger] == ["rewritten", "rewritten"]


def events_of_response() -> list[dict[str, Any]]:
    started = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
    deltas = [{"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
               "delta": text} for text in ("hel", "lo")]  # fmt: skip
    return [
        {"type": "response.created", "response": started},
        *deltas,
        {"type": "response.completed", "response": RESPONSE},
    ]


def test_what_is_held_back_in_a_responses_stream_comes_before_its_last_event(upstream: FakeUpstream) -> None:
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events_of_response())]
    upstream.answers += [Answer.sse(numbered, done=False), Answer.sse(numbered, done=False)]
    with client(upstream, Marker("+a")) as made:
        events = list(made.responses("openai/gpt-4o", input="hi", stream=True))

    async def run() -> bytes:
        async with aclient(upstream, Marker("+a")) as made:
            body = {"model": "x", "input": "hi", "stream": True}
            return b"".join([block async for block in await made.relay("responses", "openai/gpt-4o", body)])

    kinds = [event.type for event in events]
    assert (kinds.count("response.output_text.delta"), kinds[-1]) == (3, "response.completed")
    assert upstream.received[0]["json"]["input"] == "hi+a"
    relayed = asyncio.run(run())
    assert relayed.index(b"+a") < relayed.index(b"response.completed")
    assert relayed.count(b"event: response.output_text.delta") == 3


def test_over_the_bridge_extensions_see_the_family_that_was_called(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.sse(STREAM)]
    with client(upstream, Marker("+a")) as made:
        whole = made.responses("openai/gpt-4o", input="hi", use_chat_completions_api=True)
        stream = made.responses("openai/gpt-4o", input="hi", use_chat_completions_api=True, stream=True)
        events = list(stream)
    assert whole.output_text == "hello+a"
    assert [request["json"]["messages"][-1]["content"] for request in upstream.received] == ["hi+a", "hi+a"]
    kinds = [event.type for event in events]
    assert kinds.count("response.output_text.delta") == 3
    assert kinds[-1] == "response.completed"


def test_a_fake_stream_is_made_of_the_rewritten_answer(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    with client(upstream, Marker("+a")) as made:
        stream = made.completion("openai/gpt-4o", HI, stream=True, fake_stream=True)
        assert "".join(stream.text()) == "hello+a"
    assert upstream.received[0]["json"]["messages"][0]["content"] == "hi+a"


class Poller:
    """A plugin whose answer comes from an exchange."""

    info = ProviderInfo(api=(1, 1), name="poller", base_url="http://127.0.0.1:1/v1")

    @hookimpl
    def transform_request(self, call: Any, route: Any) -> UpstreamRequest:
        return UpstreamRequest("POST", "/jobs", call.body)

    @hookimpl
    def supports_param(self, param: str) -> bool | None:
        return False if param == "seed" else None

    @hookimpl
    def exchange(self, call: Any, route: Any) -> Iterator[Any]:
        response = yield UpstreamRequest("POST", "/jobs", call.body)
        return response.json()


def test_an_exchange_is_rewritten_like_any_other_call(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.json(CHAT)]
    with client(upstream, Marker("+a")) as made:
        made.add_plugin(Poller(), family="chat", prefix="poller")
        answer = made.completion("poller/x", HI)

    async def run() -> Any:
        async with aclient(upstream, Marker("+a")) as made:
            made.add_plugin(Poller(), family="chat", prefix="poller")
            return await made.relay("chat", "poller/x", {"model": "x", "messages": HI})

    relayed = asyncio.run(run())
    assert answer.choices[0].message.content == "hello+a"
    assert json.loads(relayed.content)["choices"][0]["message"]["content"] == "hello+a"
    assert [request["json"]["messages"][0]["content"] for request in upstream.received] == ["hi+a", "hi+a"]


class Served:
    """A plugin that answers in this process."""

    info = ProviderInfo(api=(1, 1), name="served", base_url="http://127.0.0.1:1/v1")

    @hookimpl
    def serve(self, call: Any) -> Any:
        return iter(STREAM) if call.stream else {**CHAT, "asked": call.body["messages"][0]["content"]}


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_model_of_this_process_is_rewritten_too(is_stream: bool, upstream: FakeUpstream) -> None:
    watch = Watch()

    async def run() -> Any:
        async with aclient(upstream, Marker("+a"), watch) as made:
            made.add_plugin(Served(), family="chat", prefix="served")
            answer = await made.completion("served/x", HI, stream=is_stream)
            return await answer.whole() if is_stream else answer

    answer = asyncio.run(run())
    assert sorted(answer.choices[0].message.content) == sorted("hello+a")
    assert is_stream or answer.asked == "hi+a"
    assert [(event.outcome, event.call.body["messages"][0]["content"]) for event in watch.events] == [
        ("finished", "hi+a")
    ]


class EndsInStream(Poller):
    """A plugin whose exchange ends in a stream."""

    @hookimpl
    def exchange(self, call: Any, route: Any) -> Iterator[Any]:
        yield UpstreamRequest("POST", "/jobs", call.body)
        return StreamAnswer(UpstreamRequest("GET", "/jobs/1"))


def test_the_stream_that_ends_an_exchange_is_rewritten(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({}), Answer.sse(STREAM)]
    with client(upstream, Marker("+a")) as made:
        made.add_plugin(EndsInStream(), family="chat", prefix="poller")
        whole = made.completion("poller/x", HI, stream=True).whole()
    assert sorted(whole.choices[0].message.content) == sorted("hello+a")


def test_an_answer_that_an_extension_breaks_is_its_fault(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]
    with (
        client(upstream, Hooks(rewrite_answer=lambda answer: {**answer, "choices": "none"})) as made,
        pytest.raises(PluginError, match=r"'Hooks'.*rewrite_answer"),
    ):
        made.completion("openai/gpt-4o", HI)


def test_a_stream_whose_finish_reason_an_extension_keeps_is_not_called_cut(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM, done=False)]
    keeps = SimpleNamespace(
        feed=lambda chunk: [c for c in [chunk] if not c["choices"] or not c["choices"][0]["finish_reason"]], close=list
    )
    with client(upstream, Hooks(rewrite_stream=lambda call: keeps)) as made:
        assert "".join(made.completion("openai/gpt-4o", HI, stream=True).text()) == "hello"


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (["x"], "no feed and close"),
        (SimpleNamespace(feed=lambda chunk: [chunk]), "no feed and close"),
        (SimpleNamespace(feed=lambda chunk: "text", close=list), "str"),
        (SimpleNamespace(feed=lambda chunk: {"a": 1}, close=list), "dict"),
        (SimpleNamespace(feed=lambda chunk: [1], close=list), "other things than dicts"),
        (SimpleNamespace(feed=lambda chunk: None, close=list), "NoneType"),
        (SimpleNamespace(feed=lambda chunk: [chunk], close=lambda: 1), "int"),
        (SimpleNamespace(feed=lambda chunk: (1 / 0 for _ in "a"), close=list), "ZeroDivisionError"),
    ],
)
def test_a_rewriter_that_does_what_it_may_not_names_the_extension(made: Any, word: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM)]
    with (
        client(upstream, Hooks(rewrite_stream=lambda call, route: made)) as ours,
        pytest.raises(PluginError, match=f"'Hooks'.*{word}"),
    ):
        list(ours.completion("openai/gpt-4o", HI, stream=True))


def test_a_rewriter_that_keeps_the_last_event_is_an_error(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(events_of_response(), done=False)]
    rewriter = SimpleNamespace(feed=lambda chunk: [] if chunk["type"] == "response.completed" else [chunk], close=list)
    with (
        client(upstream, Hooks(rewrite_stream=lambda call, route: rewriter)) as made,
        pytest.raises(PluginError, match=r"keeps the last event, response\.completed"),
    ):
        list(made.responses("openai/gpt-4o", input="hi", stream=True))


def test_a_stream_that_is_cut_is_truncated_with_what_was_let_through(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(STREAM[:2], done=False)]
    watch = Watch()
    upper = SimpleNamespace(feed=lambda c: [json.loads(json.dumps(c).replace("hel", "HEL"))], close=list)
    with (
        client(upstream, Hooks(rewrite_stream=lambda call, route: upper), watch) as made,
        pytest.raises(StreamTruncatedError) as caught,
    ):
        list(made.completion("openai/gpt-4o", HI, stream=True))
    assert caught.value.partial["choices"][0]["message"]["content"] == "HELlo"
    assert [event.outcome for event in watch.events] == ["truncated"]


def test_an_error_in_a_stream_stays_the_upstreams_error(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse([STREAM[0], {"error": {"message": "busy", "code": "rate_limit_exceeded"}}])]
    with client(upstream, Marker("+a")) as made, pytest.raises(RateLimitError, match="busy"):
        list(made.completion("openai/gpt-4o", HI, stream=True))


def test_a_refused_answer_is_not_asked_for_again(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.sse(STREAM)]

    def refuse(*_: Any) -> Any:
        raise RateLimitError("not today", status_code=429)

    whole = Hooks(rewrite_answer=lambda answer: refuse())
    streamed = Hooks(rewrite_stream=lambda call: SimpleNamespace(feed=refuse, close=list))
    with client(upstream, whole, streamed, max_retries=2) as made:
        for is_stream in (False, True):
            with pytest.raises(RateLimitError, match="not today"):
                made.completion("openai/gpt-4o", HI, stream=is_stream)
    assert len(upstream.received) == 2


def test_text_and_bytes(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, b"hello", {"content-type": "text/plain"})]
    upstream.answers += [Answer(200, b"\x00sound", {"content-type": "audio/mpeg"})]
    seen: list[Any] = []
    extension = Hooks(rewrite_answer=lambda answer: seen.append(answer) or {"text": answer["text"].upper()})

    async def run() -> Any:
        async with aclient(upstream, extension) as made:
            file = FilePart("a.wav", "audio/wav", 4, lambda: io.BytesIO(b"RIFF"))
            body = {"model": "x", "file": file, "response_format": "text"}
            return await made.relay("transcription", "openai/whisper-1", body)

    assert asyncio.run(run()).content == b"HELLO"
    with client(upstream, extension) as made:
        assert made.speech("openai/tts-1", input="hi", voice="alloy").content == b"\x00sound"
    assert seen == [{"text": "hello"}]


# --- observers ---


def test_observers_see_cost_attempts_and_request_ids(upstream: FakeUpstream) -> None:
    upstream.answers += [
        Answer.json({"error": {"message": "busy"}}, 429, retry_after="0"),
        Answer.json(CHAT, x_request_id="req-up"),
        Answer.json({"error": {"message": "no"}}, 400, x_request_id="req-no"),
    ]
    watch = Watch()
    with client(upstream, watch, max_retries=1) as made:
        answer = made.completion("openai/gpt-4o", HI)
        with pytest.raises(BadRequestError):
            made.completion("openai/gpt-4o", HI)
    good, bad = watch.events
    assert (good.usage, good.cost, good.attempts, good.request_id) == (USAGE, answer.cost, 2, "req-up")
    assert good.cost.source
    assert (bad.outcome, bad.cost, bad.attempts, bad.request_id) == ("failed", None, 1, "req-no")
    assert good.call.request_id != bad.call.request_id
    assert good.call.request_id.startswith("call_")


def test_observers_see_usage_and_cost_of_relayed_answers(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT), Answer.sse(STREAM)]
    watch = Watch()

    async def run() -> None:
        async with aclient(upstream, watch) as made:
            body = {"model": "x", "messages": HI}
            await made.relay("chat", "openai/gpt-4o", body, caller="team", request_id="req_7")
            async for _ in await made.relay("chat", "openai/gpt-4o", {**body, "stream": True}, caller="team"):
                pass

    asyncio.run(run())
    assert [(event.usage, event.caller, event.outcome) for event in watch.events] == [(USAGE, "team", "finished")] * 2
    assert watch.events[0].cost == watch.events[1].cost > 0
    assert watch.events[0].call.request_id == "req_7"


def test_refused_calls_are_events(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    watch = Watch()

    def refuse(call: Any) -> None:
        raise PermissionDeniedError("not here", status_code=403)

    with client(upstream, watch) as made:
        made.add_plugin(Poller(), family="chat", prefix="poller")
        with pytest.raises(UnsupportedParamsError):
            made.completion("poller/x", HI, seed=1)
        with pytest.raises(BadRequestError):
            made.embedding("openai/text-embedding-3-small", input=None)
    with client(upstream, watch, api_key=None, api_base=None) as made, pytest.raises(AuthenticationError):
        made.completion("openai/gpt-4o", HI)
    for hook in ("before_call", "rewrite_call"):
        with client(upstream, watch, Hooks(**{hook: refuse})) as made, pytest.raises(PermissionDeniedError):
            made.completion("openai/gpt-4o", HI)
    seen = [(event.outcome, event.attempts, event.route.provider, type(event.error).__name__) for event in watch.events]
    assert seen == [
        ("refused", 0, "poller", "UnsupportedParamsError"),
        ("refused", 0, "openai", "BadRequestError"),
        ("refused", 0, "openai", "AuthenticationError"),
        ("refused", 0, "openai", "PermissionDeniedError"),
        ("refused", 0, "openai", "PermissionDeniedError"),
    ]
    assert [bool(event.call.body) for event in watch.events] == [True, False, False, True, False]
    assert upstream.connections == 0


def test_a_call_that_is_only_explained_is_no_event(upstream: FakeUpstream) -> None:
    watch = Watch()
    with client(upstream, watch, api_key=None) as made:
        made.add_plugin(Poller(), family="chat", prefix="poller")
        with pytest.raises(UnsupportedParamsError):
            made.prepare("chat", "poller/x", {"messages": HI}, {"seed": 1})
    assert watch.events == []


def test_observers_of_an_asynchronous_client_run_in_their_own_thread(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(CHAT)
    watch, go_on = Watch(), threading.Event()

    def slow(event: Any) -> None:
        go_on.wait(30)

    async def run() -> None:
        async with aclient(upstream, Hooks(on_event=slow), watch) as made:
            for _ in range(3):
                await made.completion("openai/gpt-4o", HI)
            assert watch.events == []  # the calls did not wait for the observer
            go_on.set()

    asyncio.run(run())
    assert (len(watch.events), watch.threads) == (3, {"llmgate-observers"})
    assert not [thread for thread in threading.enumerate() if thread.name == "llmgate-observers"]


# --- wrappers, and what is refused at load ---


def test_a_body_that_a_wrapper_returns_gets_the_model(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(CHAT)]

    class Wraps:
        @hookimpl(wrapper=True)
        def transform_request(self, call: Any) -> Any:
            request = yield
            return request.with_body({**call.body, "user": "u"})

    with client(upstream, Wraps()) as made:
        made.completion("openai/gpt-4o", HI)
    assert upstream.received[0]["json"] == {"model": "gpt-4o", "messages": HI, "user": "u"}


class WrapsEvents:
    @hookimpl(wrapper=True)
    def on_event(self, event: Any) -> Any:
        return (yield)


@pytest.mark.parametrize(
    ("extension", "word"),
    [
        (object(), "has no hook"),
        (Hooks(transform_request=lambda call: None), "belongs to providers"),
        (WrapsEvents(), "cannot be a wrapper"),
        (Hooks(rewrites=lambda: None), "unknown hook"),
    ],
)
def test_an_extension_that_cannot_work_is_refused(extension: Any, word: str, upstream: FakeUpstream) -> None:
    with client(upstream, extension) as made, pytest.raises(PluginLoadError, match=word):
        made.load()


SOURCE = """
from llmgate_core.plugin import hookimpl
class Guard:
    def __init__(self, words=()):
        self.words = words
    def configure(self, options):
        return type(self)(options["words"])
    @hookimpl
    def before_call(self, call):
        if any(word in repr(call.body) for word in self.words):
            raise ValueError(self.words)
class Plain:
    @hookimpl
    def before_call(self, call):
        pass
class Lost(Plain):
    def configure(self, options):
        pass
guard, plain, kind, lost = Guard(), Plain(), Plain, Lost()
"""


@pytest.fixture
def site(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> PluginSite:
    made = PluginSite(tmp_path, monkeypatch)
    names = {f"extensions:{name}": name for name in ("guard", "plain", "kind", "lost")}
    made.install("llmgate-guards", names, source=SOURCE)
    return made


@pytest.mark.usefixtures("site")
def test_each_client_has_an_extension_of_its_own_options(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(CHAT)
    named = [{"name": "guard", "options": {"words": [word]}} for word in ("hi", "other")]
    with client(upstream, named[0]) as strict, client(upstream, named[1], "plain") as loose:
        loose.completion("openai/gpt-4o", HI)
        with pytest.raises(PluginError, match=r"'guard' of llmgate-guards 1.2: hook before_call raised ValueError"):
            strict.completion("openai/gpt-4o", HI)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"name": "guard", "options": {}}, "configure raised KeyError: 'words'"),
        ("guard", "configure raised KeyError"),
        ({"name": "plain", "options": {"a": 1}}, "has no function configure"),
        ("kind", "names the class Plain"),
        ("lost", "did not return"),
    ],
)
def test_options_that_an_extension_does_not_take_are_refused_at_load(
    given: Any, word: str, upstream: FakeUpstream
) -> None:
    with client(upstream, given) as made, pytest.raises(PluginLoadError, match=f"of llmgate-guards 1.2.*{word}"):
        made.load()


@pytest.mark.parametrize("given", [{"options": {}}, {"name": 1}, {"name": "x", "options": []}, {"name": "x", "on": 1}])
def test_an_entry_of_another_shape_is_a_configuration_error(given: Any, upstream: FakeUpstream) -> None:
    with client(upstream, given) as made, pytest.raises(ConfigError, match="word-guard"):
        made.load()
