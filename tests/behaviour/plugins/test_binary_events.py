"""A provider that streams AWS messages: a parser with `framing = "aws-eventstream"` is all it takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmgate_core import Client, Settings, Timeouts, errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.behaviour.plugins.binary_events import plugin
from tests.support.plugin_calls import ask
from tests.support.plugin_site import PluginSite
from tests.support.running_gateway import running_gateway

HI = [{"role": "user", "content": "hi"}]
COUNTS = {"usage": {"inputTokens": 3, "outputTokens": 2}}
WHOLE = {"output": {"message": {"content": [{"text": "Hello, Ada!"}]}}, "stopReason": "end_turn", **COUNTS}
EVENTS: list[Any] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"delta": {"text": "Hello, "}}),
    ("contentBlockDelta", {"delta": {"text": "Ada!"}}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", COUNTS),
]
ANSWER: Any = {"x_amzn_requestid": "aws-1"}


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def called(mode: str, upstream: FakeUpstream, function: str = "completion", /, **arguments: Any) -> Any:
    given = {"input": "hi"} if function == "responses" else {"messages": HI}
    return ask(mode, plugin, "binary", function, model="binary/a:1", api_base=upstream.origin, **given, **arguments)


def text_of(chunks: list[Any]) -> str:
    return "".join(choice.delta.text or "" for chunk in chunks for choice in chunk.choices)


def test_a_whole_answer_and_a_stream_agree(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(WHOLE), Answer.eventstream(EVENTS, **ANSWER)]
    whole, chunks = called(mode, upstream), called(mode, upstream, stream=True)
    assert [request["path"] for request in upstream.received] == [
        "/model/a%3A1/converse",
        "/model/a%3A1/converse-stream",
    ]
    assert whole.choices[0].message.content == text_of(chunks) == "Hello, Ada!"
    assert whole.usage == chunks[-1].usage
    assert whole.usage.total_tokens == 5
    assert {chunk.id for chunk in chunks} == {"aws-1"}  # which the parser has from the answer's head
    assert chunks[2].choices[0].finish_reason == whole.choices[0].finish_reason == "stop"


def test_responses_are_served_over_it(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(WHOLE), Answer.eventstream(EVENTS, **ANSWER)]
    assert called(mode, upstream, "responses").output_text == "Hello, Ada!"
    last = called(mode, upstream, "responses", stream=True)[-1]
    assert (last.type, last.response.usage.total_tokens) == ("response.completed", 5)


def test_a_gateway_serves_it_as_server_sent_events(
    upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "from tests.behaviour.plugins.binary_events import plugin\n"
    PluginSite(tmp_path, monkeypatch).install("llmgate-binary", {"chat:binary": "plugin"}, source=source)
    params = {"model": "binary/m", "api_base": upstream.origin, "api_key": "sk-upstream-0123456789", "max_retries": 0}
    throttled = ("throttlingException", {"message": "slow down"})
    with running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as gateway:
        upstream.answers += [Answer.json(WHOLE), Answer.eventstream(EVENTS, **ANSWER)]
        assert gateway.chat().json()["choices"][0]["message"] == {"role": "assistant", "content": "Hello, Ada!"}
        chunks = events_of(gateway.chat(stream=True).text)
        assert (len(chunks), chunks[-1]) == (5, "[DONE]")
        assert {json.loads(chunk)["id"] for chunk in chunks[:-1]} == {"aws-1"}
        upstream.answers += [Answer.eventstream([throttled], **ANSWER)]
        refused = gateway.chat(stream=True)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "throttlingException")
        upstream.answers += [Answer.eventstream([*EVENTS[:2], throttled], **ANSWER)]
        late = events_of(gateway.chat(stream=True).text)
        assert json.loads(late[-2])["error"]["message"] == "slow down"


def events_of(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


# --- ends, errors, the clock ---


def test_a_stream_that_is_cut_anywhere_never_looks_finished() -> None:
    body = b"".join(Answer.eventstream(EVENTS).body)
    ends_well = len(b"".join(Answer.eventstream(EVENTS[:4]).body))  # a finish_reason came, and no half message
    with fake_upstream() as upstream, Client(settings=Settings(), max_retries=0, api_key="k") as client:
        client.add_plugin(plugin, family="chat", prefix="binary")
        for size in {*range(0, len(body), 3), len(body) - 1} - {ends_well}:
            for function, given in (("completion", {"messages": HI}), ("responses", {"input": "hi"})):
                upstream.answers.append(Answer(200, body[:size], {"x-amzn-requestid": "1"}, until_close=True))
                with pytest.raises(errors.StreamTruncatedError):
                    list(getattr(client, function)("binary/m", api_base=upstream.origin, stream=True, **given))


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("throttlingException", errors.RateLimitError, "throttlingException"),
        ("validationException", errors.BadRequestError, "validationException"),
        ("oddException", errors.APIStatusError, "oddException"),
        ("modelStreamErrorException", errors.BadGatewayError, "model_stream_error"),
    ],
)
def test_an_exception_in_a_stream_is_an_error(
    mode: str, upstream: FakeUpstream, before: int, name: str, kind: type[errors.APIError], code: str
) -> None:
    upstream.answers.append(Answer.eventstream([*EVENTS[:before], (name, {"message": "no more"})], **ANSWER))
    with pytest.raises(kind, match="no more") as caught:
        called(mode, upstream, stream=True)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert (caught.value.partial is not None) == bool(before)


def test_a_message_whose_checksum_is_wrong_is_the_upstreams_fault(mode: str, upstream: FakeUpstream) -> None:
    first, broken = Answer.eventstream(EVENTS[1:3]).body
    upstream.answers.append(Answer.eventstream([first, broken[:-1] + bytes([broken[-1] ^ 1])], **ANSWER))
    with pytest.raises(errors.APIResponseValidationError, match="checksum"):
        called(mode, upstream, stream=True)


def test_a_document_in_answer_to_a_stream_request_is_an_error(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json({"error": {"message": "no such model"}}), Answer.json(WHOLE)]
    with pytest.raises(errors.APIStatusError, match="no such model"):
        called(mode, upstream, stream=True)
    with pytest.raises(errors.APIResponseValidationError, match="a whole answer came"):
        called(mode, upstream, stream=True)


def test_an_event_without_a_chunk_is_a_sign_of_life(mode: str, upstream: FakeUpstream) -> None:
    pings = [("ping", {})] * 6
    upstream.answers.append(Answer.eventstream([*pings, *EVENTS[:2], *pings, *EVENTS[2:]], **ANSWER))
    upstream.answers[-1] = replaced(upstream.answers[-1], pause_seconds=0.1)
    chunks = called(mode, upstream, stream=True, timeout=Timeouts(idle=0.5, first_event=0.5))
    assert text_of(chunks) == "Hello, Ada!"


def replaced(answer: Answer, **fields: Any) -> Answer:
    return Answer(answer.status, answer.body, answer.headers, **fields)
