"""A provider that streams NDJSON: a parser with `framing = "lines"` is all it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Limits, Settings, Timeouts, errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.behaviour.plugins.lines import plugin
from tests.support.plugin_calls import ask
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway

HI = [{"role": "user", "content": "hi"}]
COUNTS = {"prompt_eval_count": 3, "eval_count": 2}
WHOLE = {"message": {"role": "assistant", "content": "Hello, Ada!"}, "done": True, "done_reason": "stop", **COUNTS}
LINES = [
    {"message": {"role": "assistant", "content": "Hello, "}, "done": False},
    {"message": {"content": "Ada!"}, "done": False},
    {"message": {}, "done": True, "done_reason": "stop", **COUNTS},
]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def called(mode: str, upstream: FakeUpstream, function: str = "completion", /, **arguments: Any) -> Any:
    given = {"input": "hi"} if function == "responses" else {"messages": HI}
    return ask(mode, plugin, "lines", function, model="lines/m", api_base=upstream.base_url, **given, **arguments)


def text_of(chunks: list[Any]) -> str:
    return "".join(chunk.choices[0].delta.text or "" for chunk in chunks)


# --- what the caller gets ---


def test_a_whole_answer_has_what_the_provider_does_not_send(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(WHOLE))
    answer = called(mode, upstream, temperature=0.5)
    assert upstream.received[0]["json"]["options"] == {"temperature": 0.5}
    assert answer.choices[0].message.content == "Hello, Ada!"
    assert answer.usage.model_dump(exclude_unset=True) == USAGE
    assert answer.id.startswith("chatcmpl-")
    assert answer.created > 1_700_000_000
    assert (answer.object, answer.model, answer.choices[0].index) == ("chat.completion", "m", 0)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("drip", [None, 1, 7])
def test_a_stream(mode: str, upstream: FakeUpstream, end: bytes, drip: int | None) -> None:
    body = (end or b"\n").join(json.dumps(line).encode() for line in LINES) + end
    upstream.answers.append(Answer(200, [body], {"content-type": "application/x-ndjson"}, drip=drip))
    chunks = called(mode, upstream, stream=True)
    assert text_of(chunks) == "Hello, Ada!"
    assert chunks[-1].usage.model_dump(exclude_unset=True) == USAGE
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert {(chunk.object, chunk.model, chunk.choices[0].index) for chunk in chunks} == {
        ("chat.completion.chunk", "m", 0)
    }


def test_the_whole_of_a_stream_is_the_whole_answer(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(WHOLE), Answer.lines(LINES)]
    with Client(settings=Settings(), api_base=upstream.base_url) as client:
        client.add_plugin(plugin, family="chat", prefix="lines")
        whole = client.completion("lines/m", HI)
        with client.completion("lines/m", HI, stream=True) as stream:
            folded = stream.whole()
    ours = {"id", "created"}  # made for each answer
    assert folded.model_dump(exclude_none=True, exclude=ours) == whole.model_dump(exclude_none=True, exclude=ours)


def test_responses_are_served_over_it(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(WHOLE), Answer.lines(LINES)]
    assert called(mode, upstream, "responses").output_text == "Hello, Ada!"
    events = called(mode, upstream, "responses", stream=True)
    assert events[-1].type == "response.completed"
    assert events[-1].response.created_at > 1_700_000_000
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hello, Ada!"


def test_a_gateway_serves_it_as_server_sent_events(
    upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from tests.behaviour.plugins.lines import plugin\n"
    PluginSite(tmp_path, monkeypatch).install("llmgate-lines", {"chat:lines": "plugin"}, source=source)
    params = {"model": "lines/m", "api_base": upstream.base_url, "max_retries": 0}
    with running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as gateway:
        upstream.answers += [Answer.json(WHOLE), Answer.lines(LINES), Answer.lines(LINES[:2]), Answer.lines(LINES)]
        whole = gateway.chat().json()
        assert whole["choices"][0]["message"] == WHOLE["message"]
        assert (whole["object"], whole["usage"]) == ("chat.completion", USAGE)
        chunks = events_of(gateway.chat(stream=True).text)
        assert chunks[-1] == "[DONE]"
        assert [json.loads(chunk)["choices"][0]["delta"].get("content") for chunk in chunks[:-1]] == [
            "Hello, ",
            "Ada!",
            None,
        ]
        cut = events_of(gateway.chat(stream=True).text)
        assert json.loads(cut[-2])["error"]["code"] == "stream_truncated"
        reply = gateway.post("/v1/responses", {"model": "m", "input": "hi", "stream": True}).text
        assert json.loads(events_of(reply)[-1])["type"] == "response.completed"


def events_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


# --- ends and errors ---


def test_a_stream_that_is_cut_anywhere_never_looks_finished() -> None:
    body = b"".join(json.dumps(line).encode() + b"\n" for line in LINES)
    with fake_upstream() as upstream, Client(settings=Settings(), max_retries=0) as client:
        client.add_plugin(plugin, family="chat", prefix="lines")
        for size in range(len(body) - 1):  # the last line may lack its end
            for function, given in (("completion", {"messages": HI}), ("responses", {"input": "hi"})):
                upstream.answers.append(Answer(200, body[:size], until_close=True))
                with pytest.raises(errors.StreamTruncatedError):
                    list(getattr(client, function)("lines/m", api_base=upstream.base_url, stream=True, **given))


def test_a_cut_stream_has_the_answer_so_far(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.lines(LINES[:2]))
    with pytest.raises(errors.StreamTruncatedError) as caught:
        called(mode, upstream, stream=True)
    assert caught.value.partial["choices"][0]["message"]["content"] == "Hello, Ada!"


@pytest.mark.parametrize("before", [0, 1])
def test_a_line_with_an_error_is_that_error(mode: str, upstream: FakeUpstream, before: int) -> None:
    upstream.answers.append(
        Answer.lines([*LINES[:before], {"error": {"message": "full", "code": "rate_limit_exceeded"}}])
    )
    with pytest.raises(errors.RateLimitError, match="full"):
        called(mode, upstream, stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_a_200_is_found_before_the_hook_misses_its_fields(
    mode: str, upstream: FakeUpstream, stream: bool
) -> None:
    upstream.answers.append(Answer.json({"error": "model 'm' not found"}))
    with pytest.raises(errors.APIStatusError, match="model 'm' not found"):
        called(mode, upstream, stream=stream)


@pytest.mark.parametrize("line", ["{", '{"done": tru}', "[1", '{"done": NaN'])
def test_a_line_that_is_not_json_is_the_upstreams_fault(mode: str, upstream: FakeUpstream, line: str) -> None:
    upstream.answers.append(Answer.lines([LINES[0], line, LINES[2]]))
    with pytest.raises(errors.APIResponseValidationError):
        called(mode, upstream, stream=True)


def test_a_long_line_and_one_of_many_values_are_refused(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.lines([LINES[0], "x" * 1000]), Answer.lines([LINES[0], f"[{'{},' * 100}1]"])]
    with Client(settings=Settings(), limits=Limits(event=900, event_values=90), max_retries=0) as client:
        client.add_plugin(plugin, family="chat", prefix="lines")
        for name in ("event exceeds|line exceeds", r"Limits\.event_values"):
            with pytest.raises(errors.APIResponseValidationError, match=name):
                list(client.completion("lines/m", HI, api_base=upstream.base_url, stream=True))


@pytest.mark.parametrize("parts", [[b"."] * 4000, [b"\n"] * 4000], ids=["bytes of one line", "blank lines"])
def test_bytes_that_complete_no_event_are_no_sign_of_life(
    mode: str, upstream: FakeUpstream, parts: list[bytes]
) -> None:
    first = json.dumps(LINES[0]).encode() + b"\n"
    upstream.answers.append(Answer(200, [first, *parts], pause_seconds=0.05))
    with pytest.raises(errors.APITimeoutError) as caught:
        called(mode, upstream, stream=True, timeout=Timeouts(idle=0.4))
    assert caught.value.phase == "idle"
