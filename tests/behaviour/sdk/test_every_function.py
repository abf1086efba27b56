"""What holds for every function alike: where it goes, whose client sends it, and which headers it shows."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest

import llmgate_core
from llmgate_core import AsyncStream, Client, Stream
from llmgate_core.client.functions import default_async_client, default_client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.openai_upstream import PNG, WAV, answered
from tests.support.sdk_calls import CALLS, OF_OTHER_PROVIDERS

HI = [{"role": "user", "content": "hi"}]
SOUND = ("speech.wav", WAV)
PICTURE = ("a.png", PNG)


class Ask(NamedTuple):
    """One way to call a function."""

    function: str
    values: tuple[Any, ...]
    arguments: dict[str, Any] = {}  # noqa: RUF012  # never changed


ASKS: dict[str, Ask] = {
    **{name: Ask(name, values) for name, (values, _) in CALLS.items()},
    "completion, bridged": Ask("completion", ("openai/responses/gpt-5", HI)),
    "completion, of a recording": Ask("completion", ("whisper-1",), {"file": SOUND}),
    "responses, over chat": Ask("responses", ("openai/gpt-5", "hi"), {"use_chat_completions_api": True}),
    "responses, waited for": Ask("responses", ("gpt-5", "hi"), {"background": True, "wait": True, "poll_seconds": 0}),
    "completion, streamed": Ask("completion", ("gpt-4o", HI), {"stream": True}),
    "completion, bridged and streamed": Ask("completion", ("openai/responses/gpt-5", HI), {"stream": True}),
    "completion, one burst": Ask("completion", ("gpt-5-pro", HI), {"stream": True, "fake_stream": True}),
    "text_completion, streamed": Ask("text_completion", CALLS["text_completion"][0], {"stream": True}),
    "messages, streamed": Ask("messages", CALLS["messages"][0], {"stream": True}),
    "messages, over Responses and streamed": Ask("messages", ("openai/responses/gpt-5", HI, 9), {"stream": True}),
    "responses, streamed": Ask("responses", ("openai/gpt-5", "hi"), {"stream": True}),
    "responses, over chat and streamed": Ask(
        "responses", ("openai/gpt-5", "hi"), {"stream": True, "use_chat_completions_api": True}
    ),
    "transcription, streamed": Ask("transcription", ("openai/gpt-4o-transcribe", SOUND), {"stream": True}),
    "speech, in blocks": Ask("speech", CALLS["speech"][0], {"stream": True}),
    "speech, in events": Ask("speech", ("openai/gpt-4o-mini-tts", "hi", "alloy"), {"stream_format": "sse"}),
    "image_generation, streamed": Ask("image_generation", CALLS["image_generation"][0], {"stream": True}),
    "image_edit, streamed": Ask("image_edit", ("openai/gpt-image-1", PICTURE, "a sea"), {"stream": True}),
    "video_content, in blocks": Ask("video_content", ("video_1",), {"stream": True}),
}
each_ask = pytest.mark.parametrize("name", list(ASKS))
each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


def with_headers(request: ReceivedRequest) -> Answer:
    """Answer sensibly, with headers of which two have one name."""
    answer = answered(request)
    own = [(name, value) for name, value in dict(answer.headers).items() if name != "x-request-id"]
    return replace(answer, headers=[*own, ("X-Request-ID", "req-9"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])


@pytest.fixture(autouse=True)
def _reached_by_the_environment(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = with_headers
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")


def done(name: str, mode: str, **more: Any) -> tuple[Any, Any]:
    """Return the result of a call and the headers it showed, those of a stream before it was read."""
    ask = ASKS[name]
    arguments = {**ask.arguments, **more}
    if mode == "sync":
        result = getattr(llmgate_core, ask.function)(*ask.values, **arguments)
        headers = result.headers
        assert headers is result._response_headers
        if isinstance(result, Stream):
            assert list(result)
        return result, headers
    return asyncio.run(adone(ask, arguments))


async def adone(ask: Ask, arguments: dict[str, Any]) -> tuple[Any, Any]:
    try:
        result = await getattr(llmgate_core, f"a{ask.function}")(*ask.values, **arguments)
        headers = result.headers
        assert headers is result._response_headers
        if isinstance(result, AsyncStream):
            assert [chunk async for chunk in result]
        return result, headers
    finally:
        await default_async_client().aclose()


# --- where it goes ---


@each_mode
@each_ask
def test_the_base_url_of_the_environment_is_reached_by_every_function(
    name: str, mode: str, upstream: FakeUpstream
) -> None:
    done(name, mode)
    assert upstream.received
    assert {request["path"].partition("?")[0][:4] for request in upstream.received} == {"/v1/"}
    assert {request["headers"]["authorization"] for request in upstream.received} == {"Bearer sk-environment"}


INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("openai/gpt-4o", {"messages": HI}),
    "responses": ("openai/gpt-5", {"input": "hi"}),
    "text_completion": ("text-completion-openai/gpt-3.5-turbo-instruct", {"prompt": "hi"}),
    "embedding": ("openai/text-embedding-3-small", {"input": "hi"}),
    "transcription": ("openai/whisper-1", {"file": SOUND}),
    "translation": ("openai/whisper-1", {"file": SOUND}),
    "speech": ("openai/tts-1", {"input": "hi", "voice": "alloy"}),
    "image": ("openai/gpt-image-2", {"prompt": "a sea"}),
    "video": ("openai/my-video-model", {"prompt": "a sea"}),
    "moderation": ("openai/omni-moderation-latest", {"input": "hi"}),
    "messages": ("openai/gpt-4o", {"messages": HI, "max_tokens": 9}),
}
LEVELS = ("call", "client", "module", "environment")
VARIABLE = {"api_base": "OPENAI_BASE_URL", "api_key": "OPENAI_API_KEY", "organization": "OPENAI_ORGANIZATION"}
DEFAULT = {"api_base": "https://api.openai.com/v1", "api_key": None, "organization": None}
COMBINATIONS = [
    tuple(level for level, chosen in zip(LEVELS, bits, strict=True) if chosen)
    for bits in itertools.product((True, False), repeat=4)
]


def value_of(name: str, level: str) -> str:
    return f"https://{level}.example/v1" if name == "api_base" else f"sk-of-the-{level}-0123456789"


def decided(family: str, name: str, levels: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patch:
        patch.delenv(VARIABLE[name], raising=False)
        if "environment" in levels:
            patch.setenv(VARIABLE[name], value_of(name, "environment"))
        if "module" in levels:
            patch.setattr(llmgate_core, name, value_of(name, "module"))
        made = Client(**({name: value_of(name, "client")} if "client" in levels else {}))
        model, inputs = INPUTS[family]
        route = made.prepare(family, model, inputs, {name: value_of(name, "call")} if "call" in levels else {}).route
    found: Any = {"api_base": route.base_url, "api_key": route.api_key, "organization": route.organization}[name]
    return found.reveal() if name == "api_key" and found is not None else found


def test_every_family_is_asked() -> None:
    assert sorted([*INPUTS, *OF_OTHER_PROVIDERS]) == sorted(FAMILIES)


@pytest.mark.parametrize("name", list(VARIABLE))
@pytest.mark.parametrize("family", list(INPUTS))
def test_call_client_module_environment_default_in_all_16_combinations(
    family: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {levels: decided(family, name, levels, monkeypatch) for levels in COMBINATIONS} == {
        levels: value_of(name, levels[0]) if levels else DEFAULT[name] for levels in COMBINATIONS
    }


# --- whose client sends it ---


@each_ask
def test_a_client_set_after_an_earlier_call_sends_every_function(
    name: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(name, "sync")
    count = len(upstream.received)
    seen: list[str] = []
    with httpx.Client(event_hooks={"request": [lambda request: seen.append(request.url.path)]}) as mine:
        monkeypatch.setattr(llmgate_core, "client_session", mine)
        done(name, "sync")
        assert not mine.is_closed
    assert seen == [request["path"].partition("?")[0] for request in upstream.received[count:]]
    assert len(seen) == count


@each_ask
def test_an_async_client_sends_every_function_in_a_second_event_loop_too(
    name: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.otherwise = with_headers_and_goodbye  # test_user_client.py shows what a kept connection does
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append(request.url.path)

    mine = httpx.AsyncClient(event_hooks={"request": [note]})
    monkeypatch.setattr(llmgate_core, "aclient_session", mine)
    done(name, "async")
    count = len(seen)

    async def again() -> None:
        try:
            await adone(ASKS[name], ASKS[name].arguments)
            assert not mine.is_closed
        finally:
            await mine.aclose()

    asyncio.run(again())
    assert seen == [request["path"].partition("?")[0] for request in upstream.received]
    assert seen == seen[:count] * 2


def with_headers_and_goodbye(request: ReceivedRequest) -> Answer:
    answer = with_headers(request)
    return replace(answer, headers=[*answer.headers, ("Connection", "close")], close="fin")


# --- which headers it shows ---


@each_mode
@each_ask
def test_every_result_and_stream_shows_the_headers_before_anything_is_read(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llmgate_core, "return_response_headers", True)
    result, headers = done(name, mode)
    assert (headers["x-request-id"], headers["X-REQUEST-ID"], result._request_id) == ("req-9", "req-9", "req-9")
    assert headers.get_list("set-cookie") == ["a=1", "b=2"]


@each_mode
@each_ask
def test_no_result_and_no_stream_shows_headers_unasked(name: str, mode: str) -> None:
    result, headers = done(name, mode)
    assert (headers, result._request_id) == (None, "req-9")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    default_client().close()
