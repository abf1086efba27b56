"""Hooks that raise, or return what the contract does not allow: a `PluginError` that names the hook, nothing bare."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmgate_core import AsyncClient, Client, PluginError
from llmgate_core.plugin import OpenAICompatible, ProviderInfo, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream

HI = [{"role": "user", "content": "hi"}]
WHOLE = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
CHUNK = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]}
ODD = {
    "number": 5,
    "text": "x",
    "list": [None],
    "class": int,
    "object": object(),
    "KeyError": KeyError("x"),
    "StopIteration": StopIteration("x"),
    "RecursionError": RecursionError(),
}


def returned(value: Any) -> Any:
    """Return the value, or raise it where it is an exception."""
    if isinstance(value, Exception):
        raise value
    return value


class Parser:
    def __init__(self, feed: Callable[[], Any], close: Callable[[], Any] = list) -> None:
        self._feed, self._close = feed, close

    def feed(self, event: Any) -> Any:
        return self._feed()

    def close(self) -> Any:
        return self._close()


def late(value: Any) -> Iterator[Any]:
    """Yield one good chunk, and fail while the next one is awaited."""
    yield CHUNK
    yield returned(value)


def flow(value: Any) -> Callable[[Any], Any]:
    """Return what `auth` may return: a function whose generator yields the value."""

    def generator(request: Any) -> Any:
        yield returned(value)

    return generator


def exchange(value: Any) -> Iterator[Any]:
    yield returned(value)


def ended(value: Any) -> Iterator[Any]:
    return returned(value)
    yield


def request(**fields: Any) -> UpstreamRequest:
    return UpstreamRequest(**{"method": "POST", "path": "/x", "body": {}, **fields})


MISTAKES: dict[str, tuple[str, bool, Callable[[Any], Any]]] = {
    "transform_request": ("transform_request", False, returned),
    "method": ("transform_request", False, lambda value: request(method=value) if value != "x" else 5),
    "path": ("transform_request", False, lambda value: request(path=returned(value))),
    "body": ("transform_request", False, lambda value: request(body=returned(value))),
    "headers": ("transform_request", False, lambda value: request(headers=returned(value))),
    "header": ("transform_request", False, lambda value: request(headers={"a": value} if value != "x" else 5)),
    "query": ("transform_request", False, lambda value: request(query=returned(value))),
    "credentials": ("credentials", False, returned),
    "a token's request": ("credentials", False, exchange),
    "a credential": ("credentials", False, ended),
    "supports_param": ("supports_param", False, returned),
    "transform_response": ("transform_response", False, returned),
    "auth": ("auth", False, returned),
    "auth's function": ("auth", False, lambda value: lambda request: returned(value)),
    "auth's request": ("auth", False, flow),
    "exchange": ("exchange", False, returned),
    "exchange's step": ("exchange", False, exchange),
    "transport": ("transport", False, returned),
    "stream_parser": ("stream_parser", True, returned),
    "feed": ("stream_parser", True, lambda value: Parser(lambda: returned(value))),
    "a chunk": ("stream_parser", True, lambda value: Parser(lambda: [value] if value != "x" else 5)),
    "a late chunk": ("stream_parser", True, lambda value: Parser(lambda: late(value))),
    "close": ("stream_parser", True, lambda value: Parser(lambda: [], lambda: returned(value))),
}


def plugin_of(hook: str, make: Callable[[Any], Any], value: Any, base_url: str) -> OpenAICompatible:
    """Return a plugin of which one hook does what `make` makes of the value."""

    def implementation(self: Any) -> Any:
        return make(value)

    info = ProviderInfo(api=(1, 0), name="mine", base_url=base_url)
    kind = type("Mine", (OpenAICompatible,), {"info": info, hook: hookimpl(implementation)})
    made: OpenAICompatible = kind()
    return made


def call(mode: str, plugin: OpenAICompatible, *, stream: bool) -> None:
    arguments: dict[str, Any] = {"model": "mine/m", "messages": HI, "temperature": 1, "stream": stream}
    if mode == "sync":
        with Client(api_key="k", max_retries=0) as client:
            client.add_plugin(plugin, family="chat", prefix="mine")
            answer = client.completion(**arguments)
            deque(answer if stream else ())
        return

    async def ask() -> None:
        async with AsyncClient(api_key="k", max_retries=0) as client:
            client.add_plugin(plugin, family="chat", prefix="mine")
            answer = await client.completion(**arguments)
            if stream:
                [None async for _ in answer]

    asyncio.run(ask())


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_hook_is_an_error_that_names_it(mistake: str, mode: str, fake_upstream: FakeUpstream) -> None:
    hook, stream, make = MISTAKES[mistake]
    fake_upstream.otherwise = Answer.sse([CHUNK]) if stream else Answer.json(WHOLE)
    for value in ODD.values():
        with pytest.raises(PluginError, match=hook) as caught:
            call(mode, plugin_of(hook, make, value, fake_upstream.base_url), stream=stream)
        assert caught.value.hook == hook


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_an_error_that_is_none_of_ours_is_a_mistake_of_map_error(mode: str, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json({"error": {"message": "no"}}, status=400)
    for value in ODD.values():
        with pytest.raises(PluginError, match="map_error"):
            call(mode, plugin_of("map_error", returned, value, fake_upstream.base_url), stream=False)
