"""What other gateways got wrong on the way to Claude and back, as their users reported it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import pytest

from llmgate_core import Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.anthropic_calls import sent
from tests.support.anthropic_messages import MESSAGES
from tests.support.anthropic_wire import events_of
from tests.support.running_gateway import running_gateway

MODEL = "anthropic/claude-sonnet-5-5"
HI = [{"role": "user", "content": "hi"}]
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
Ask = Callable[..., Any]


def test_thoughts_do_not_become_visible_text_of_a_response(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(MESSAGES["sealed_thought"])
    answer = call("responses", MODEL, "hi")
    assert answer.output_text == "It is there."
    upstream.otherwise = Answer.sse(events_of(MESSAGES["sealed_thought"]), done=False)
    events, _ = call("responses", MODEL, "hi", stream=True)
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(texts) == "It is there."


def test_an_overload_is_not_hidden_while_tokens_are_counted(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.json(OVERLOADED, 529)
    with pytest.raises(errors.InternalServerError) as raised:
        call("count_message_tokens", MODEL, HI)
    assert raised.value.status_code == 529
    upstream.answers += [Answer.json(OVERLOADED, 529), Answer.json({"input_tokens": 3})]
    assert call("count_tokens", MODEL, HI, max_retries=1).input_tokens == 3


def test_what_is_dropped_hides_no_refusal_of_the_upstream(call: Ask, upstream: FakeUpstream) -> None:
    said = {"type": "error", "error": {"type": "invalid_request_error", "message": "odd: Extra inputs"}}
    upstream.otherwise = Answer.json(said, 400)
    with pytest.raises(errors.BadRequestError):
        call("completion", MODEL, HI, odd=1, drop_params=True)


def test_an_error_before_the_first_chunk_is_tried_again_as_a_call_is(call: Ask, upstream: FakeUpstream) -> None:
    broken = Answer.sse([events_of(MESSAGES["text"])[1], ("error", OVERLOADED)], done=False)
    upstream.answers += [broken, Answer.sse(events_of(MESSAGES["text"]), done=False)]
    chunks, _ = call("completion", MODEL, HI, stream=True, max_retries=1)
    assert len(upstream.received) == 2
    assert chunks


def test_thoughts_and_text_are_never_in_one_block(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(events_of(MESSAGES["interleaved"]), done=False)
    chunks, _ = call("completion", MODEL, HI, stream=True)
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert not any(delta.content and getattr(delta, "reasoning_content", None) for delta in deltas)
    assert sum(delta.role is not None for delta in deltas) == 1


def test_a_thinking_part_of_a_message_goes_back_as_a_block() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
    parts = [thought, {"type": "text", "text": "x"}]
    assert sent(messages=[*HI, {"role": "assistant", "content": parts}, *HI]).messages[1]["content"] == parts


def test_cached_tokens_are_not_counted_twice(call: Ask, upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(events_of(MESSAGES["text"]), done=False)
    chunks, _ = call("completion", MODEL, HI, stream=True, stream_options={"include_usage": True})
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in usages] == [(1030, 50)]


# --- a client of Anthropic's own, through a gateway ---


def echo(request: ReceivedRequest) -> Answer:
    if request["path"].partition("?")[0].endswith("/count_tokens"):
        return Answer.json({"input_tokens": 12})
    if request["json"].get("stream"):
        return Answer.sse(events_of(MESSAGES["search"]), done=False)
    return Answer.json(MESSAGES["sealed_thought"], request_id="req_1")


def test_anthropics_sdk_reaches_claude_through_a_gateway_unchanged(upstream: FakeUpstream) -> None:
    upstream.otherwise = echo
    params = {"model": MODEL, "api_key": "sk-up", "api_base": upstream.base_url}
    config = {"model_list": [{"model_name": "claude-m", "params": params}]}
    thinking: Any = {"type": "adaptive"}
    with (
        running_gateway(config) as running,
        anthropic.Anthropic(base_url=running.base_url, api_key="sk-client", max_retries=0) as client,
    ):
        ask: Any = {"model": "claude-m", "max_tokens": 9, "messages": HI, "thinking": thinking}
        message = client.messages.create(**ask, extra_headers={"anthropic-beta": "x-1"})
        with client.messages.stream(**ask) as stream:
            final = stream.get_final_message()
        counted = client.messages.count_tokens(model="claude-m", messages=ask["messages"])
    assert message.model_dump(exclude_unset=True)["content"] == MESSAGES["sealed_thought"]["content"]
    assert final.content[2].model_dump(exclude_unset=True) == MESSAGES["search"]["content"][2]
    assert counted.input_tokens == 12
    first = upstream.received[0]
    assert first["headers"]["x-api-key"] == "sk-up"
    assert first["headers"]["anthropic-beta"] == "x-1"
    assert first["json"] == {**ask, "model": "claude-sonnet-5-5"}


def test_a_chat_and_its_stream_share_one_client() -> None:
    with Client(api_key="k", settings=Settings()) as client:
        assert client.resolve("messages", MODEL).family == "messages"
        assert client.resolve("chat", MODEL).family == "chat"
