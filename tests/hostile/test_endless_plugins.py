"""Plugins that never come to an end: each is stopped by a deadline or a limit, alone, and holds up nobody else."""

from __future__ import annotations

import asyncio
import itertools
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from llmgate_core import APITimeoutError, AsyncClient, Client, Limits, LLMGateError, PluginError, Settings
from llmgate_core.plugin import (
    Call,
    CallEvent,
    OpenAICompatible,
    Progress,
    ProviderInfo,
    Route,
    Sleep,
    SSEEvent,
    UpstreamRequest,
    hookimpl,
)
from llmgate_core.registry.extensions import Extension
from llmgate_core.registry.guards import GuardedParser
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.openai_upstream import answered
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]
GET = UpstreamRequest("GET", "/jobs/1")
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


def provider(upstream: FakeUpstream, **hooks: Callable[..., Any]) -> OpenAICompatible:
    """Return Acme's plugin with these hooks, which speaks to `upstream`."""
    named = {name: hookimpl(hook) for name, hook in hooks.items()}
    info = ProviderInfo(api=(1, 1), name="acme", base_url=upstream.base_url, env_key="ACME_API_KEY")
    made: OpenAICompatible = type("Acme", (OpenAICompatible,), {"info": info, **named})()
    return made


def failure(mode: str, plugin: object, **arguments: Any) -> LLMGateError:
    with pytest.raises(LLMGateError) as caught:
        ask(mode, plugin, "acme", model="acme/m", messages=HI, **{"timeout": 2.0, **arguments})
    return caught.value


STEPS = {"progress": Progress({"status": "running"}), "no sleep": Sleep(0), "requests": GET}


@pytest.mark.parametrize("step", ["progress", "no sleep", "requests"])
@MODES
def test_an_exchange_that_never_ends_and_never_sleeps_is_stopped(
    mode: str, step: str, fake_upstream: FakeUpstream
) -> None:
    def exchange(self: Any, call: Call, route: Route) -> Iterator[Any]:
        while True:
            yield STEPS[step]

    fake_upstream.otherwise = lambda _: Answer.json({"status": "running"})
    error = failure(mode, provider(fake_upstream, exchange=exchange), timeout=60.0)
    assert isinstance(error, PluginError)
    assert "hook exchange" in str(error)
    assert "Sleep" in str(error)


@MODES
def test_an_exchange_that_polls_without_end_is_ended_by_the_deadline(mode: str, fake_upstream: FakeUpstream) -> None:
    def exchange(self: Any, call: Call, route: Route) -> Iterator[Any]:
        while True:
            yield GET
            yield Sleep(0.01)

    fake_upstream.otherwise = lambda _: Answer.json({"status": "running"})
    assert isinstance(failure(mode, provider(fake_upstream, exchange=exchange), timeout=0.3), APITimeoutError)


@MODES
def test_credentials_that_ask_without_end_are_stopped(mode: str, fake_upstream: FakeUpstream) -> None:
    def credentials(self: Any, route: Route) -> Iterator[Any]:
        while True:
            yield UpstreamRequest("POST", "/token", {})

    fake_upstream.otherwise = lambda _: Answer.json({"access_token": "none"})
    error = failure(mode, provider(fake_upstream, credentials=credentials), timeout=60.0)
    assert isinstance(error, PluginError)
    assert "hook credentials" in str(error)
    assert len(fake_upstream.received) <= 20


@MODES
def test_a_flow_that_asks_without_end_is_stopped(mode: str, fake_upstream: FakeUpstream) -> None:
    def auth(self: Any, route: Route) -> Any:
        def flow(request: UpstreamRequest) -> Iterator[Any]:
            while True:
                yield replace(request, path="/token")

        return flow

    fake_upstream.otherwise = lambda _: Answer.json({"access_token": "none"})
    error = failure(mode, provider(fake_upstream, auth=auth), timeout=60.0)
    assert isinstance(error, PluginError)
    assert "hook auth" in str(error)
    assert len(fake_upstream.received) <= 20


def endless_chunks() -> Iterator[dict[str, Any]]:
    for number in itertools.count():
        yield {"choices": [{"index": 0, "delta": {"content": f"{number} " * 200}, "finish_reason": None}]}


@MODES
def test_a_function_that_makes_chunks_without_end_is_stopped_by_the_limit_of_a_body(
    mode: str, fake_upstream: FakeUpstream
) -> None:
    def serve(self: Any, call: Call, route: Route) -> Iterator[Any]:
        return endless_chunks()

    plugin = provider(fake_upstream, serve=serve)
    limits = Limits(body=1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(LLMGateError) as caught:
            call_once(mode, plugin, limits)
        assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert not isinstance(caught.value, APITimeoutError)


def call_once(mode: str, plugin: object, limits: Limits) -> None:
    arguments: dict[str, Any] = {"model": "acme/m", "messages": HI, "api_key": "k", "timeout": 20.0}
    if mode == "sync":
        with Client(settings=Settings(), limits=limits) as client:
            client.add_plugin(plugin, family="chat", prefix="acme")
            client.completion(**arguments)
        return

    async def call() -> None:
        async with AsyncClient(settings=Settings(), limits=limits) as client:
            client.add_plugin(plugin, family="chat", prefix="acme")
            await client.completion(**arguments)

    asyncio.run(call())


HOOKS = ["transform_request", "supports_param", "serve", "stream_parser", "map_error", "transform_response"]


@MODES
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_wants_to_end_the_program_fails_alone(mode: str, hook: str, fake_upstream: FakeUpstream) -> None:
    def ends(*_: Any) -> Any:
        raise SystemExit("bye")

    arguments = {
        "transform_request": lambda self, call, route: ends(),
        "supports_param": lambda self, route, param, value: ends(),
        "serve": lambda self, call, route: ends(),
        "stream_parser": lambda self, call, route: ends(),
        "map_error": lambda self, call, route, response: ends(),
        "transform_response": lambda self, call, route, response: ends(),
    }
    status = 500 if hook == "map_error" else 200
    fake_upstream.otherwise = lambda _: Answer.json({"error": {"message": "no"}} if status == 500 else {}, status)
    plugin = provider(fake_upstream, **{hook: arguments[hook]})
    error = failure(mode, plugin, stream=hook == "stream_parser", temperature=0.5)
    assert isinstance(error, PluginError)
    assert f"hook {hook} raised SystemExit" in str(error)


class Endless:
    """A parser, or a rewriter of a stream, that makes chunks of one without end."""

    def feed(self, chunk: Any) -> Iterator[dict[str, Any]]:
        return endless_chunks()

    def close(self) -> list[dict[str, Any]]:
        return []


def test_a_parser_that_makes_chunks_without_end_is_stopped() -> None:
    parser = GuardedParser(Extension(Endless(), "acme"), Endless())  # through a client it takes seconds
    with pytest.raises(PluginError, match="of one event"):
        deque(parser.feed(SSEEvent("{}")), maxlen=0)


def chunk_of(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def test_a_rewriter_that_makes_chunks_without_end_is_stopped(fake_upstream: FakeUpstream) -> None:
    class Added:
        @hookimpl
        def rewrite_stream(self, call: Call, route: Route) -> Endless:
            return Endless()

    fake_upstream.otherwise = lambda _: Answer.sse([chunk_of("hi")])
    with Client(settings=Settings(), extensions=[Added()]) as client:
        client.add_plugin(provider(fake_upstream), family="chat", prefix="acme")
        with pytest.raises(PluginError, match="rewrite_stream"):
            list(client.completion("acme/m", HI, api_key="k", stream=True))


@MODES
def test_an_observer_that_wants_to_end_the_program_goes_on_observing(mode: str, fake_upstream: FakeUpstream) -> None:
    seen = []

    class Added:
        @hookimpl
        def on_event(self, event: CallEvent) -> None:
            seen.append(event)
            raise SystemExit("bye")

    fake_upstream.otherwise = answered
    plugin = provider(fake_upstream)
    if mode == "sync":
        with Client(settings=Settings(), extensions=[Added()]) as client:
            client.add_plugin(plugin, family="chat", prefix="acme")
            for _ in range(2):
                client.completion("acme/m", HI, api_key="k")
    else:

        async def call() -> None:
            async with AsyncClient(settings=Settings(), extensions=[Added()]) as client:
                client.add_plugin(plugin, family="chat", prefix="acme")
                for _ in range(2):
                    await client.completion("acme/m", HI, api_key="k")

        asyncio.run(call())
    assert len(seen) == 2
