"""Calls over a socket: sync, async and through a gateway; headers, keys, addresses, both families."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from llmgate_core import Client, Settings, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.anthropic_messages import MESSAGES, USAGE
from tests.support.anthropic_wire import events_of
from tests.support.running_gateway import running_gateway

MODEL = "anthropic/claude-sonnet-5-5"
HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
Ask = Callable[..., Any]


def api(message: dict[str, Any]) -> Callable[[ReceivedRequest], Answer]:
    """Return what answers with a message, whole or streamed."""

    def answer(request: ReceivedRequest) -> Answer:
        if request["path"].endswith("/count_tokens"):
            return Answer.json({"input_tokens": 12})
        if request["json"].get("stream"):
            return Answer.sse(events_of(message), done=False, headers={"request-id": "req_1"})
        return Answer.json(message, request_id="req_1")

    return answer


def tool_loop(request: ReceivedRequest) -> Answer:
    """Ask for a tool, and refuse a second turn without the signed thought in front."""
    turns = request["json"]["messages"]
    if len(turns) == 1:
        return api(MESSAGES["thought_and_call"])(request)
    if turns[1]["content"] != MESSAGES["thought_and_call"]["content"]:
        said = {"type": "invalid_request_error", "message": "thinking blocks must be sent back unchanged"}
        return Answer.json({"type": "error", "error": said}, 400)
    return api(MESSAGES["text"])(request)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_is_one_request_to_messages(stream: bool, call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    answer = call("completion", MODEL, HI, max_tokens=5, stream=stream)
    if stream:
        chunks, _ = answer
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "It is there."
    else:
        assert answer.choices[0].message.content == "It is there."
        assert answer._request_id == "req_1"
    (request,) = upstream.received
    assert request["path"] == "/v1/messages"
    assert request["headers"]["x-api-key"] == "sk-test"
    assert request["headers"]["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request["headers"]
    assert request["json"] == {
        "model": "claude-sonnet-5-5",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        **({"stream": True} if stream else {}),
    }


def test_a_tool_loop_sends_the_signed_thought_back(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = tool_loop
    message = call("completion", MODEL, HI, tools=[TOOL], reasoning_effort="low").choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "there"}
    answer = call("completion", MODEL, [*HI, message, result], tools=[TOOL], reasoning_effort="low")
    assert answer.choices[0].message.content == "It is there."


def test_a_streamed_tool_loop_sends_the_signed_thought_back(upstream: FakeUpstream) -> None:
    upstream.otherwise = tool_loop
    with Client(api_key="sk-test", api_base=upstream.base_url, settings=Settings()) as client:
        message = client.completion(MODEL, HI, tools=[TOOL], stream=True).whole().choices[0].message
        assert message.tool_calls
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "there"}
        answer = client.completion(MODEL, [*HI, message, result], tools=[TOOL], stream=True).whole()
    assert answer.choices[0].message.content == "It is there."


def test_responses_over_the_plugin_keep_the_signature(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = tool_loop
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    first = call("responses", MODEL, "hi", tools=tools)
    output = {"type": "function_call_output", "call_id": "toolu_01", "output": "there"}
    assert call("responses", MODEL, [*HI, *first.output, output], tools=tools).output_text == "It is there."


def test_a_gateway_serves_it_to_the_sdk_of_openai(upstream: FakeUpstream) -> None:
    upstream.otherwise = tool_loop
    params = {"model": MODEL, "api_key": "sk-up", "api_base": upstream.base_url}
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
    ):
        first = client.chat.completions.create(model="m", messages=HI, tools=[TOOL], reasoning_effort="low")
        message = first.choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "there"}
        history: Any = [*HI, message.model_dump(), result]
        chunks = list(client.chat.completions.create(model="m", messages=history, tools=[TOOL], stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "It is there."
    assert upstream.received[0]["headers"]["x-api-key"] == "sk-up"


def test_the_cost_has_every_part(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    cost = call("completion", MODEL, HI).cost
    parts = {
        "input": 100 * 2,
        "cached_input": 900 * 0.1,
        "cache_write_5m": 10 * 2.5,
        "cache_write_1h": 20 * 4,
        "output": 50 * 10,
        "web_search": 2 * 10_000,
    }
    assert {name: round(usd * 1e6, 6) for name, usd in cost.breakdown.items()} == parts


@pytest.mark.parametrize(
    ("usage", "is_known"),
    [({"speed": "fast"}, False), ({"inference_geo": "us"}, True), ({"inference_geo": "moon"}, False)],
)
def test_what_costs_more_is_priced_or_not_known(usage: Any, is_known: bool, call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    plain = call("completion", MODEL, HI).cost
    upstream.otherwise = api({**MESSAGES["text"], "usage": {**USAGE, **usage}})
    cost = call("completion", MODEL, HI).cost
    assert (cost is not None) is is_known
    assert cost is None or cost > plain


def test_betas_are_a_header(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    call("completion", MODEL, HI, speed="fast", betas=["x-1"])
    (request,) = upstream.received
    assert request["headers"]["anthropic-beta"] == "x-1,fast-mode-2026-02-01"
    assert "betas" not in request["json"]
    call("completion", MODEL, HI, extra_headers={"anthropic-beta": "y-1"})
    assert upstream.received[1]["headers"]["anthropic-beta"] == "y-1"


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_address_may_have_the_version_or_not(
    suffix: str, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.origin + suffix)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-env")
    with Client(settings=Settings()) as client:
        client.completion(MODEL, HI)
    assert [request["path"] for request in upstream.received] == ["/v1/messages"]


def test_a_token_is_a_bearer_where_there_is_no_key(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.origin)
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "tok-1")
    with Client(settings=Settings()) as client:
        client.completion(MODEL, HI)
        client.completion(MODEL, HI, api_key="sk-1")
    first, second = (request["headers"] for request in upstream.received)
    assert (first["authorization"], "x-api-key" in first) == ("Bearer tok-1", False)
    assert (second["x-api-key"], "authorization" in second) == ("sk-1", False)


# --- the family messages ---


def test_a_call_of_messages_goes_as_it_is(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["thought_and_call"])
    body = {"system": "Be.", "thinking": {"type": "adaptive"}, "odd": [1]}
    answer = call("messages", MODEL, HI, 5, **body)
    assert [block.type for block in answer.content] == ["thinking", "text", "tool_use"]
    (request,) = upstream.received
    assert request["path"] == "/v1/messages"
    assert request["json"] == {"model": "claude-sonnet-5-5", "messages": HI, "max_tokens": 5, **body}


def test_events_of_messages_come_as_they_are(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["search"])
    events, _ = call("messages", MODEL, HI, 5, stream=True)
    assert [event.type for event in events if event.type != "ping"] == [
        name for name, _ in events_of(MESSAGES["search"]) if name != "ping"
    ]


def test_tokens_of_a_message_are_counted_upstream(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    assert call("count_message_tokens", MODEL, HI).input_tokens == 12
    assert upstream.received[0]["path"] == "/v1/messages/count_tokens"


def test_tokens_of_a_chat_are_counted_upstream(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    counted = call("count_tokens", MODEL, [{"role": "system", "content": "Be."}, *HI], tools=[TOOL])
    assert (counted.input_tokens, counted.is_estimate) == (12, False)
    (request,) = upstream.received
    assert request["path"] == "/v1/messages/count_tokens"
    assert request["json"].keys() == {"model", "system", "messages", "tools"}


def test_betas_of_a_call_of_messages_are_a_header(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = api(MESSAGES["text"])
    call("messages", MODEL, HI, 5, betas=["x-1"])
    (request,) = upstream.received
    assert request["headers"]["anthropic-beta"] == "x-1"
    assert request["json"] == {"model": "claude-sonnet-5-5", "messages": HI, "max_tokens": 5}


# --- turns that pause ---


def test_a_paused_turn_goes_on_if_the_caller_wants_it(call: Ask, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(MESSAGES["paused"]), Answer.json(MESSAGES["text"])]
    answer = call("completion", MODEL, HI, continue_paused=True)
    assert answer.choices[0].message.content == "It is there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 100
    first, second = (request["json"]["messages"] for request in upstream.received)
    assert first == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert second == [*first, {"role": "assistant", "content": MESSAGES["paused"]["content"]}]
    assert "continue_paused" not in upstream.received[0]["json"]


def test_a_turn_that_pauses_for_ever_is_returned_as_it_is(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(MESSAGES["paused"])
    answer = call("completion", MODEL, HI, continue_paused=True)
    assert answer.choices[0].message.provider_specific_fields["stop_reason"] == "pause_turn"
    assert len(upstream.received) == 10


def test_a_stream_does_not_go_on(call: Ask, upstream: FakeUpstream) -> None:
    with pytest.raises(UnsupportedParamsError) as raised:
        call("completion", MODEL, HI, continue_paused=True, stream=True)
    assert raised.value.param == "continue_paused"
    assert upstream.received == []


# --- facts ---


def test_every_row_has_its_prices_and_a_trait() -> None:
    from importlib.resources import files

    from llmgate_anthropic.wire import traits_of

    from tests.support.anthropic_calls import route_of

    rows = json.loads(Path(str(files("llmgate_anthropic") / "models" / "anthropic.json")).read_text("utf-8"))["models"]
    for name, row in rows.items():
        assert traits_of(route_of(name)).known, name
        assert traits_of(route_of(name)).max_output == row["limits"]["max_output_tokens"], name
        prices = row["pricing"]["standard"]
        assert prices["cache_write_1h"] == pytest.approx(2 * prices["input"]), name
        assert prices["cache_write_5m"] == pytest.approx(1.25 * prices["input"]), name


def test_a_bare_name_leads_here() -> None:
    with Client(api_key="k", settings=Settings()) as client:
        assert client.resolve("chat", "claude-opus-5-5").prefix == "anthropic"
