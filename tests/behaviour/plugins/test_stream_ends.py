"""When a stream that a plugin's parser reads is complete, and what its events may report."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import errors
from llmgate_core.plugin import ProviderInfo, SSEEvent, UpstreamRequest, decode, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]


class Plugin:
    """Its parsers are made by `parser`, a function of the hook's `response`."""

    info = ProviderInfo(api=(1, 1), name="words", base_url="https://words.example", env_key_optional=True)

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    @hookimpl
    def transform_request(self) -> UpstreamRequest:
        return UpstreamRequest("POST", "/stream", {})

    @hookimpl
    def stream_parser(self, response: Any) -> Any:
        return self._parser(response)


class Words:
    """Each event is a word; `[END]` is the end, if there is a marker of it."""

    marker: str | None = None
    finish_reason: str | None = None
    rest: tuple[dict[str, Any], ...] = ()

    def __init__(self, response: Any, **attributes: Any) -> None:
        self.head = response
        vars(self).update(attributes)

    def feed(self, event: SSEEvent) -> list[dict[str, Any]]:
        if event.data in ("[DONE]", "[END]"):
            self.done = self.marker == event.data
            return []
        return [{"choices": [{"delta": {"content": event.data}, "finish_reason": self.finish_reason}]}]

    def close(self) -> list[dict[str, Any]]:
        return list(self.rest)


def words(**attributes: Any) -> Plugin:
    return Plugin(lambda response: Words(response, **attributes))


STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["completion", "responses"])
def streamed(request: pytest.FixtureRequest, mode: str, upstream: FakeUpstream) -> Any:
    """Stream a plugin's answer, as chat or over the bridge; return what the caller reads as text."""
    function = str(request.param)

    def streamed(plugin: Plugin, *events: Any) -> str:
        given = {"input": "hi"} if function == "responses" else {"messages": HI}
        upstream.answers.append(Answer.sse(events, done=False))
        pieces = ask(mode, plugin, "words", function, model="words/m", api_base=upstream.origin, stream=True, **given)
        if function == "completion":
            return "".join(choice.delta.text or "" for chunk in pieces for choice in chunk.choices)
        assert pieces[-1].type in ("response.completed", "response.incomplete")  # without a finish_reason the latter
        return "".join(event.delta for event in pieces if event.type == "response.output_text.delta")

    return streamed


# --- complete, or cut ---


@pytest.mark.parametrize(
    ("attributes", "end"),
    [
        ({"finish_reason": "stop"}, []),  # as Gemini: the last chunk has a reason, and nothing follows
        ({"rest": (STOP,)}, []),
        ({"marker": "[END]"}, ["[END]"]),
        ({}, ["[DONE]"]),
    ],
    ids=["a finish_reason", "a finish_reason from close", "done", "[DONE]"],
)
def test_a_stream_is_complete_that_says_so(streamed: Any, attributes: dict[str, Any], end: list[str]) -> None:
    assert streamed(words(**attributes), "one ", "two", *end) == "one two"


@pytest.mark.parametrize("attributes", [{}, {"marker": "[END]"}, {"rest": ({"choices": []},)}])
def test_a_parser_that_closes_without_a_word_does_not_hide_a_cut_stream(
    streamed: Any, attributes: dict[str, Any]
) -> None:
    with pytest.raises(errors.StreamTruncatedError):
        streamed(words(**attributes), "one ", "two")
    with pytest.raises(errors.StreamTruncatedError):
        streamed(words(**attributes))


def test_nothing_is_read_after_done(streamed: Any) -> None:
    assert streamed(words(marker="[END]"), "one", "[END]", "two") == "one"


class Answers:
    """Typed events as they come."""

    def feed(self, event: SSEEvent) -> list[dict[str, Any]]:
        return [decode(event.data)]

    def close(self) -> list[dict[str, Any]]:
        return []


def test_typed_events_are_complete_after_one_of_the_last(upstream: FakeUpstream) -> None:
    from llmgate_core import Client, Settings

    last = {"type": "response.completed", "response": {"id": "r", "output": []}}
    first = {"type": "response.created", "response": {"id": "r", "output": []}}
    with Client(settings=Settings(), api_base=upstream.origin, max_retries=0) as client:
        client.add_plugin(Plugin(lambda _: Answers()), family="responses", prefix="words")
        upstream.answers += [Answer.sse([first, last], done=False), Answer.sse([first], done=False)]
        assert [event.type for event in client.responses("words/m", "hi", stream=True)] == [first["type"], last["type"]]
        with pytest.raises(errors.StreamTruncatedError):
            list(client.responses("words/m", "hi", stream=True))


# --- the head ---


def test_a_parser_is_made_with_the_head_of_the_answer(mode: str, upstream: FakeUpstream) -> None:
    heads: list[Any] = []
    plugin = Plugin(lambda response: heads.append(response) or Words(response, finish_reason="stop"))
    given: Any = {"date": "Sun, 29 Nov 2026 12:00:00 GMT", "x_ratelimit_remaining_requests": "7", "openai_model": "m-2"}
    upstream.answers.append(Answer.sse(["one"], done=False, **given))
    ask(mode, plugin, "words", model="words/m", api_base=upstream.origin, messages=HI, stream=True)
    (head,) = heads
    assert (head.status, head.content) == (200, b"")
    assert {name.replace("_", "-"): head.headers[name.replace("_", "-")] for name in given} == {
        name.replace("_", "-"): value for name, value in given.items()
    }


# --- errors in events ---

ERROR = ("error", {"error": {"message": "too many", "code": "rate_limit_exceeded"}})


def refused(message: str) -> Any:
    return lambda event: errors.ContextWindowExceededError(message, status_code=400)


@pytest.mark.parametrize("before", [[], ["one "]])
def test_an_error_event_is_an_error_by_its_code_or_by_the_parser(streamed: Any, before: list[str]) -> None:
    for error in ({}, {"error": lambda event: None}):
        with pytest.raises(errors.RateLimitError, match="too many"):
            streamed(words(**error), *before, ERROR)
    with pytest.raises(errors.ContextWindowExceededError, match="too long"):
        streamed(words(error=refused("too long")), *before, ERROR)


def test_an_error_of_the_parser_that_is_no_failed_call_is_raised_as_it_is(streamed: Any) -> None:
    with pytest.raises(errors.ConfigError, match="not this one"):
        streamed(words(error=lambda event: errors.ConfigError("not this one")), "one", ERROR)


@pytest.mark.parametrize("odd", [5, "text", ValueError("x"), errors.RateLimitError, {}])
def test_an_odd_error_of_the_parser_is_a_plugin_error(streamed: Any, odd: Any) -> None:
    with pytest.raises(errors.PluginError) as caught:
        streamed(words(error=lambda event: odd), "one", ERROR)
    assert caught.value.hook == "stream_parser"


def failing(event: SSEEvent) -> Any:
    raise KeyError("code")


@pytest.mark.parametrize("attributes", [{"error": failing}, {"error": 5}])
def test_a_broken_error_function_is_a_plugin_error(streamed: Any, attributes: dict[str, Any]) -> None:
    with pytest.raises(errors.PluginError):
        streamed(words(**attributes), "one", ERROR)
