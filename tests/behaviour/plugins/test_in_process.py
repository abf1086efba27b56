"""Plugins that answer in this process: every kind of function, in every form in which an answer may be asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import (
    APITimeoutError,
    AsyncClient,
    Client,
    LLMGateError,
    PluginError,
    PluginLoadError,
    RateLimitError,
    Settings,
    Timeouts,
)
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support import sketch_in_process
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway
from tests.support.sketch_in_process import answer, chunk

HI = [{"role": "user", "content": "hi"}]
PATIENCE_SECONDS = 20.0

KINDS: dict[str, tuple[Any, str]] = {
    "function": (sketch_in_process.plugin, "function"),
    "iterator": (sketch_in_process.plugin, "generator"),
    "generator": (sketch_in_process.generates, "m"),
    "awaitable": (sketch_in_process.plugin, "coroutine"),
    "async iterator": (sketch_in_process.plugin, "later"),
    "async function": (sketch_in_process.asynchronous, "m"),
    "async function with chunks": (sketch_in_process.asynchronous, "later"),
    "async generator": (sketch_in_process.later, "m"),
}
WHOLE = {"function", "awaitable", "async function"}


class Served:
    """A client of either colour, whose calls of `mine/...` a plugin serves. Reads a stream to its end."""

    def __init__(self, mode: str) -> None:
        self.is_sync = mode == "sync"

    def __call__(self, plugin: Any, function: str, *values: Any, family: str = "chat", **arguments: Any) -> Any:
        if not self.is_sync:
            return asyncio.run(self._later(plugin, function, values, family, arguments))
        with Client(settings=Settings()) as client:
            client.add_plugin(plugin, family=family, prefix="mine")
            result = getattr(client, function)(*values, **arguments)
            return (list(result), result) if arguments.get("stream") else result

    async def _later(self, plugin: Any, function: str, values: Any, family: str, arguments: Any) -> Any:
        async with AsyncClient(settings=Settings()) as client:
            client.add_plugin(plugin, family=family, prefix="mine")
            result = await getattr(client, function)(*values, **arguments)
            return ([piece async for piece in result], result) if arguments.get("stream") else result


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Served:
    return Served(request.param)


def made(serve: Callable[..., Any], base: type = object, **more: Any) -> Any:
    """Return a plugin with this hook."""
    info = more.pop("info", ProviderInfo(api=(1, 1), name="mine"))
    return type("Made", (base,), {"info": info, "serve": hookimpl(serve), **more})()


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def emulated(result: Any) -> list[str]:
    return [entry.parameter for entry in result.ledger if entry.action == "emulated"]


# --- what is served ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_answer(kind: str, ask: Served) -> None:
    plugin, model = KINDS[kind]
    result = ask(plugin, "completion", f"mine/{model}", HI)
    assert result.choices[0].message.content == "hello"
    assert (result.choices[0].finish_reason, result.usage.total_tokens, result.attempts) == ("stop", 3, 1)
    assert (result.object, result.model, bool(result.id), result.created > 0) == ("chat.completion", model, True, True)
    assert emulated(result) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream(kind: str, ask: Served) -> None:
    plugin, model = KINDS[kind]
    chunks, stream = ask(plugin, "completion", f"mine/{model}", HI, stream=True, stream_options={"include_usage": True})
    assert text_of(chunks) == "hello"
    assert chunks[-1].usage.total_tokens == 3
    assert {(piece.object, piece.model) for piece in chunks} == {("chat.completion.chunk", model)}
    assert len({(piece.id, piece.created) for piece in chunks}) == 1
    assert emulated(stream) == (["stream"] if kind in WHOLE else [])


@pytest.mark.parametrize("kind", KINDS)
def test_responses_are_served_over_chat(kind: str, ask: Served) -> None:
    plugin, model = KINDS[kind]
    result = ask(plugin, "responses", f"mine/{model}", "hi")
    assert (result.object, result.output_text, result.usage.total_tokens) == ("response", "hello", 3)
    events, _ = ask(plugin, "responses", f"mine/{model}", "hi", stream=True)
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert events[-1].response.output_text == "hello"


@pytest.mark.parametrize("text", ["a\nb\r\nc", "\u2028 \x00 \U0001f600", "data: [DONE]\n\n", "", '"usage"'])
def test_text_arrives_as_it_was(text: str, ask: Served) -> None:
    plugin = made(lambda self, call, route: iter([chunk(text), chunk("", "stop")]))
    assert text_of(ask(plugin, "completion", "mine/m", HI, stream=True)[0]) == text
    assert ask(plugin, "completion", "mine/m", HI).choices[0].message.content == text


def test_another_family(ask: Served) -> None:
    vectors = {"data": [{"index": 0, "embedding": [0.5, 1.0]}]}
    plugin = made(lambda self, call, route: vectors)
    assert ask(plugin, "embedding", "mine/m", "hi", family="embedding").data[0].embedding == [0.5, 1.0]


@pytest.mark.parametrize("kind", ["whole", "iterator", "asynchronous"])
def test_speech_is_bytes(kind: str, ask: Served) -> None:
    makes: dict[str, Any] = {"whole": lambda: b"abc", "iterator": lambda: iter([b"a", b"", b"bc"])}
    makes["asynchronous"] = lambda: later(b"ab", b"c")
    plugin = made(lambda self, call, route: makes[kind]())
    speech: Any = {"family": "speech"}
    assert ask(plugin, "speech", "mine/m", "hi", "alloy", **speech).content == b"abc"
    blocks, _ = ask(plugin, "speech", "mine/m", "hi", "alloy", stream=True, **speech)
    assert b"".join(blocks) == b"abc"
    for wrong in ({"a": 1}, "abc", [b"a", "b"], [{}]):
        with pytest.raises(PluginError, match="bytes"):
            ask(made(lambda self, call, route, wrong=wrong: wrong), "speech", "mine/m", "hi", "alloy", **speech)


def test_what_is_not_served_is_sent(ask: Served, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(answer("from afar"))
    info = ProviderInfo(api=(1, 1), name="mine", base_url=upstream.base_url)
    plugin = made(lambda self, call, route: None if route.model == "far" else answer(), OpenAICompatible, info=info)
    assert ask(plugin, "completion", "mine/far", HI).choices[0].message.content == "from afar"
    assert ask(plugin, "completion", "mine/near", HI).choices[0].message.content == "hello"
    assert len(upstream.received) == 1


def test_hooks_for_answers_of_an_upstream_are_not_asked(ask: Served) -> None:
    def fails(self: Any, call: Any, route: Any) -> Any:
        raise AssertionError("it was called")

    plugin = made(
        lambda self, call, route: iter([chunk("a", "stop")]),
        OpenAICompatible,
        transform_response=hookimpl(fails),
        stream_parser=hookimpl(fails),
    )
    assert ask(plugin, "completion", "mine/m", HI).choices[0].message.content == "a"
    assert text_of(ask(plugin, "completion", "mine/m", HI, stream=True)[0]) == "a"


# --- mistakes ---


class Typed:
    def model_dump(self) -> Any:
        return answer()

    def __iter__(self) -> Any:
        return iter(())


async def coroutine(value: Any) -> Any:
    return value


async def later(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


MISTAKES: dict[str, tuple[str, Callable[[], Any]]] = {
    "text": ("str", lambda: "hello"),
    "bytes": ("bytes", lambda: b"hello"),
    "number": ("int", lambda: 5),
    "object": ("Typed", Typed),
    "class": ("type", lambda: Typed),
    "awaited text": ("str", lambda: coroutine("hello")),
    "no chunk": ("without a chunk", lambda: iter(())),
    "no asynchronous chunk": ("without a chunk", later),
    "chunk of None": ("NoneType", lambda: iter([chunk("a"), None])),
    "chunk of text": ("str", lambda: later("hello")),
    "no end": ("finish_reason", lambda: iter([chunk("a")])),
    "not JSON": ("JSON", lambda: iter([{**chunk("a", "stop"), "at": object()}])),
    "whole, not JSON": ("JSON", lambda: {**answer(), "at": object()}),
    "nan": ("JSON", lambda: {**answer(), "at": float("nan")}),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_value_is_a_mistake_that_names_what_is_right(mistake: str, stream: bool, ask: Served) -> None:
    words, value = MISTAKES[mistake]
    with pytest.raises(PluginError, match=words) as caught:
        ask(made(lambda self, call, route: value()), "completion", "mine/m", HI, stream=stream)
    assert caught.value.hook == "serve"


def raising(error: BaseException) -> Iterator[Any]:
    yield chunk("a")
    raise error


async def raising_later(error: BaseException) -> AsyncIterator[Any]:
    yield chunk("a")
    raise error


async def raising_coroutine(error: BaseException) -> Any:
    raise error


def raised(error: BaseException) -> Any:
    raise error


RAISING = (raised, raising, raising_later, raising_coroutine)
ERRORS = (KeyError("x"), SystemExit(3), StopIteration(), asyncio.CancelledError(), RecursionError())


@pytest.mark.parametrize("raises", RAISING, ids=lambda function: function.__name__)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_function_raises_is_an_error_of_the_plugin(raises: Any, error: Any, stream: bool, ask: Served) -> None:
    with pytest.raises(PluginError, match="serve raised") as caught:
        ask(made(lambda self, call, route: raises(error)), "completion", "mine/m", HI, stream=stream)
    assert caught.value.hook == "serve"


@pytest.mark.parametrize("raises", RAISING, ids=lambda function: function.__name__)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_llmgates_passes_and_nothing_is_tried_again(raises: Any, stream: bool, ask: Served) -> None:
    calls: list[Any] = []

    def serve(self: Any, call: Any, route: Any) -> Any:
        calls.append(call)
        return raises(RateLimitError("too much", status_code=429))

    with pytest.raises(RateLimitError) as caught:
        ask(made(serve), "completion", "mine/m", HI, stream=stream, max_retries=3)
    assert (caught.value.provider, caught.value.model, len(calls)) == ("mine", "m", 1)


def test_nothing_served_and_nothing_to_send_is_a_mistake(ask: Served) -> None:
    with pytest.raises(PluginError, match="transform_request"):
        ask(sketch_in_process.plugin, "completion", "mine/unknown", HI)


def test_only_serve_may_be_asynchronous() -> None:
    async def later_hook(self: Any, call: Any, route: Any) -> Any: ...

    plugin = made(lambda self, call, route: answer(), transform_request=hookimpl(later_hook))
    with Client(settings=Settings()) as client, pytest.raises(PluginLoadError, match="transform_request"):
        client.add_plugin(plugin, family="chat", prefix="mine")


# --- deadlines, stops, threads ---


class Stuck:
    """Functions that go on until the test lets them end."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.has_ended = threading.Event()
        self.count = 0

    def function(self) -> Any:
        self.may_end.wait(PATIENCE_SECONDS)
        return answer()

    def generator(self) -> Iterator[Any]:
        yield chunk("a")
        self.may_end.wait(PATIENCE_SECONDS)
        yield chunk("b", "stop")

    async def coroutine(self) -> Any:
        try:
            await asyncio.sleep(PATIENCE_SECONDS)
        finally:
            self.has_ended.set()

    async def later(self) -> AsyncIterator[Any]:
        yield chunk("a")
        try:
            await asyncio.sleep(PATIENCE_SECONDS)
        finally:
            self.has_ended.set()

    def endless(self) -> Iterator[Any]:
        try:
            while True:
                self.count += 1
                yield chunk("a")
        finally:
            self.has_ended.set()

    async def endless_later(self) -> AsyncIterator[Any]:
        try:
            while True:
                self.count += 1
                yield chunk("a")
        finally:
            self.has_ended.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stuck = Stuck()
    yield stuck
    stuck.may_end.set()


@pytest.mark.parametrize("kind", ["function", "generator", "coroutine", "later"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("limit", ["total", "first_event", "idle"])
def test_a_function_that_takes_too_long_is_late(
    kind: str, stream: bool, limit: str, ask: Served, stuck: Stuck, caplog: pytest.LogCaptureFixture
) -> None:
    has_begun = kind in ("generator", "later")
    if (limit == "idle") is not has_begun and limit != "total":
        limit = "total"
    plugin = made(lambda self, call, route: getattr(stuck, kind)())
    with pytest.raises(APITimeoutError) as caught:
        ask(plugin, "completion", "mine/m", HI, stream=stream, timeout=Timeouts(**{limit: 0.2}))
    assert caught.value.phase == limit
    if kind in ("coroutine", "later"):
        assert stuck.has_ended.wait(PATIENCE_SECONDS)
    else:
        assert "a thread cannot be stopped" in caplog.text


@pytest.mark.parametrize("kind", ["coroutine", "later"])
def test_a_late_task_is_cancelled_while_its_client_is_open(kind: str, stuck: Stuck) -> None:
    with Client(settings=Settings()) as client:
        client.add_plugin(made(lambda self, call, route: getattr(stuck, kind)()), family="chat", prefix="mine")
        with pytest.raises(APITimeoutError):
            client.completion("mine/m", HI, timeout=0.1)
        assert stuck.has_ended.wait(PATIENCE_SECONDS / 2)


def test_chunks_keep_a_whole_answer_alive(ask: Served) -> None:
    def slow(self: Any, call: Any, route: Any) -> Iterator[Any]:
        for _ in range(5):
            time.sleep(0.2)
            yield chunk("a")
        yield chunk("", "stop")

    result = ask(made(slow), "completion", "mine/m", HI, timeout=Timeouts(first_event=0.8, idle=0.8))
    assert result.choices[0].message.content == "aaaaa"


@pytest.mark.parametrize("kind", ["endless", "endless_later"])
def test_a_stream_that_is_closed_ends_its_function(kind: str, stuck: Stuck) -> None:
    plugin = made(lambda self, call, route: getattr(stuck, kind)())
    with Client(settings=Settings()) as client:
        client.add_plugin(plugin, family="chat", prefix="mine")
        with client.completion("mine/m", HI, stream=True) as stream:
            assert next(iter(stream)).choices[0].delta.content == "a"
        assert stuck.has_ended.wait(PATIENCE_SECONDS)
    assert stuck.count < 20  # it is a few chunks ahead at most


@pytest.mark.parametrize("kind", ["endless", "endless_later"])
def test_a_function_does_not_run_far_ahead_of_a_slow_reader(kind: str, stuck: Stuck) -> None:
    plugin = made(lambda self, call, route: getattr(stuck, kind)())
    with Client(settings=Settings()) as client:
        client.add_plugin(plugin, family="chat", prefix="mine")
        with client.completion("mine/m", HI, stream=True) as stream:
            next(iter(stream))
            time.sleep(0.2)
            assert stuck.count < 20


@pytest.mark.parametrize("kind", ["later", "endless_later", "endless", "coroutine"])
def test_a_cancelled_task_ends_its_function(kind: str, stuck: Stuck) -> None:
    plugin = made(lambda self, call, route: getattr(stuck, kind)())

    async def read(client: AsyncClient) -> None:
        async for _ in await client.completion("mine/m", HI, stream=True):
            await asyncio.sleep(0)

    async def main() -> None:
        async with AsyncClient(settings=Settings()) as client:
            client.add_plugin(plugin, family="chat", prefix="mine")
            task = asyncio.create_task(read(client))
            await asyncio.sleep(0.2)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(stuck.has_ended.wait, PATIENCE_SECONDS)

    asyncio.run(main())


def test_a_stream_is_stopped_by_another_thread(stuck: Stuck) -> None:
    plugin = made(lambda self, call, route: stuck.generator())
    with Client(settings=Settings()) as client:
        client.add_plugin(plugin, family="chat", prefix="mine")
        stream = client.completion("mine/m", HI, stream=True)
        next(stream)
        threading.Timer(0.1, stream.close).start()
        with pytest.raises(LLMGateError):
            next(stream)


def test_a_generator_runs_in_one_thread_and_an_async_one_in_one_task(ask: Served) -> None:
    seen: list[Any] = []

    def generator(self: Any, call: Any, route: Any) -> Iterator[Any]:
        for _ in range(20):
            seen.append(threading.get_ident())
            yield chunk("a")
        yield chunk("", "stop")

    async def later(self: Any, call: Any, route: Any) -> AsyncIterator[Any]:
        for _ in range(20):
            seen.append(asyncio.current_task())
            await asyncio.sleep(0)
            yield chunk("a")
        yield chunk("", "stop")

    for serve in (generator, later):
        seen.clear()
        ask(made(serve), "completion", "mine/m", HI, stream=True)
        assert len(set(seen)) == 1


def test_asynchronous_functions_of_a_synchronous_client_share_a_loop() -> None:
    loops: list[Any] = []

    async def serve(self: Any, call: Any, route: Any) -> Any:
        loops.append(asyncio.get_running_loop())
        return answer()

    with Client(settings=Settings()) as client:
        client.add_plugin(made(serve), family="chat", prefix="mine")
        for _ in range(3):
            client.completion("mine/m", HI)
    assert len(set(loops)) == 1
    assert loops[0].is_closed()


@pytest.mark.slow
def test_many_calls_at_once_share_a_bounded_number_of_threads() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def serve(self: Any, call: Any, route: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return answer()

    async def main() -> None:
        async with AsyncClient(settings=Settings()) as client:
            client.add_plugin(made(serve), family="chat", prefix="mine")
            results = await asyncio.gather(*(client.completion("mine/m", HI) for _ in range(150)))
            assert [result.choices[0].message.content for result in results] == ["hello"] * 150

    asyncio.run(main())
    assert 1 < most <= 32


def test_a_call_that_waits_for_a_thread_until_its_deadline_is_late_and_never_runs(
    stuck: Stuck, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Any] = []

    def serve(self: Any, call: Any, route: Any) -> Any:
        calls.append(call)
        return stuck.function()

    async def main() -> None:
        async with AsyncClient(settings=Settings()) as client:
            client.add_plugin(made(serve), family="chat", prefix="mine")
            first = [asyncio.create_task(client.completion("mine/m", HI)) for _ in range(32)]
            while len(calls) < 32:
                await asyncio.sleep(0.01)
            with pytest.raises(APITimeoutError):
                await client.completion("mine/m", HI, timeout=0.1)
            assert "goes on" not in caplog.text
            stuck.may_end.set()
            await asyncio.gather(*first)

    asyncio.run(main())
    assert len(calls) == 32


def test_a_client_of_the_callers_own_has_no_effect(ask: Served) -> None:
    plugin = sketch_in_process.plugin
    ask(plugin, "completion", "mine/function", HI, **{"client_session" if ask.is_sync else "aclient_session": object()})


# --- the gateway ---


def test_the_gateway_serves_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(sketch_in_process.__file__).read_text("utf-8")
    names = ("plugin", "generates", "asynchronous", "later")
    PluginSite(tmp_path, monkeypatch).install(
        "stranger-models", {f"chat:{name}": name for name in names}, source=source
    )
    models = [
        {"model_name": name, "params": {"model": f"{name}/function", "api_key": None}, "model_info": {"mode": "chat"}}
        for name in names
    ]
    with running_gateway({"model_list": models}) as gateway:
        for model in names:
            chat = gateway.chat(model=model)
            assert chat.json()["choices"][0]["message"]["content"] == "hello"
            assert chat.json()["usage"]["total_tokens"] == 3
            stream = gateway.chat(model=model, stream=True).text
            chunks = [json.loads(data) for data in re.findall(r"^data: (\{.*)$", stream, re.MULTILINE)]
            texts = [piece["choices"][0]["delta"].get("content") or "" for piece in chunks if piece["choices"]]
            assert "".join(texts) == "hello"
            assert stream.rstrip().endswith("data: [DONE]")
            response = gateway.post("/v1/responses", {"model": model, "input": "hi"}).json()
            assert response["output"][0]["content"][0]["text"] == "hello"
            events = gateway.post("/v1/responses", {"model": model, "input": "hi", "stream": True}).text
            assert re.findall(r"^event: (.*)$", events, re.MULTILINE)[-1] == "response.completed"


SOUNDS = """
from llmgate_core.plugin import ProviderInfo, hookimpl
class Sounds:
    info = ProviderInfo(api=(1, 1), name="sounds")
    @hookimpl
    def serve(self, call, route):
        return b"RIFF" if route.family == "speech" else {"text": "hi"}
plugin = Sounds()
"""


def test_the_gateway_passes_on_speech_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_points = {"speech:sounds": "plugin", "transcription:sounds": "plugin"}
    PluginSite(tmp_path, monkeypatch).install("stranger-sounds", entry_points, source=SOUNDS)
    modes = {"speaks": "audio_speech", "hears": "audio_transcription"}
    models = [
        {"model_name": name, "params": {"model": "sounds/m"}, "model_info": {"mode": mode}}
        for name, mode in modes.items()
    ]
    with running_gateway({"model_list": models}) as gateway:
        speech = gateway.post("/v1/audio/speech", {"model": "speaks", "input": "hi", "voice": "alloy"})
        assert (speech.status_code, speech.content) == (200, b"RIFF")
        for wanted, content in (("json", '{"text":"hi"}'), ("text", "hi")):
            form = {"model": "hears", "response_format": wanted}
            reply = gateway.http.post("/v1/audio/transcriptions", data=form, files={"file": ("a.wav", b"RIFF")})
            assert (reply.status_code, reply.text) == (200, content)
