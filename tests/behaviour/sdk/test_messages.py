"""`messages` and its twin: over chat, over Responses, and as it is; whole and streamed, and cut at every byte."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from llmgate_core import Client, errors
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.serving import FAMILIES, error_tail, message_error
from llmgate_core.testing import Answer, FakeUpstream, Reply, ToolCall
from llmgate_core.testing.conformance import message_wires, openai_wires
from tests.support.sync_and_async import outcome_of

HI = [{"role": "user", "content": "hi"}]
TOOL = {"name": "get_weather", "input_schema": {"type": "object"}}
REPLY = Reply(
    "all",
    "Hello 雪",
    (ToolCall("call_1", "get_weather", '{"city": "Oslo"}'), ToolCall("call_2", "get_weather", "{}")),
    reasoning="Hm.",
    finish_reason="tool_calls",
)
each_mode = pytest.mark.parametrize("mode", ["sync", "async"])


class Acme(OpenAICompatible):
    """An upstream that has the Messages API."""

    info = ProviderInfo(
        api=(1, 1),
        name="acme",
        base_url="https://api.acme.example/v1",
        env_key="ACME_API_KEY",
        operations=frozenset({"messages.count_tokens"}),
        request_id_header="request-id",
    )


def at(upstream: FakeUpstream) -> dict[str, str]:
    return {"api_base": upstream.base_url, "api_key": "sk-test-0123456789"}


def acme(upstream: FakeUpstream) -> Client:
    client = Client(**at(upstream))  # type: ignore[arg-type]
    client.add_plugin(Acme(), family="messages", prefix="acme")
    return client


def shown(message: Any) -> list[tuple[Any, ...]]:
    return [
        (block.type, block.thinking or block.text or block.input or None)
        for block in message.content
        if block.type != "thinking" or block.thinking
    ]


WANTED = [("thinking", "Hm."), ("text", "Hello 雪"), ("tool_use", {"city": "Oslo"}), ("tool_use", None)]


@each_mode
def test_a_message_over_chat(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(openai_wires.chat(REPLY), x_request_id="req-1"))
    outcome = outcome_of(mode, "messages", "openai/gpt-4o", HI, 99, tools=[TOOL], **at(upstream))
    message = outcome.result
    assert shown(message) == WANTED
    assert message.stop_reason == "tool_use"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (18, 5)
    assert message.cost == pytest.approx((18 * 2.5 + 5 * 1.25 + 7 * 10) / 1e6)
    assert message.attempts == 1
    assert [entry.parameter for entry in message.ledger] == ["messages"]
    assert upstream.received[0]["json"]["max_tokens"] == 99


@each_mode
def test_a_stream_over_chat_adds_up_to_the_message(mode: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([c for c in openai_wires.chat_chunks(REPLY) if c != "[DONE]"]))
    outcome = outcome_of(mode, "messages", "openai/gpt-4o", HI, 99, stream=True, **at(upstream))
    assert outcome.error is None
    assert outcome.pieces[0].type == "message_start"
    assert outcome.pieces[-1].type == "message_stop"
    assert outcome.result.cost == pytest.approx((18 * 2.5 + 5 * 1.25 + 7 * 10) / 1e6)
    texts = [event.delta.text for event in outcome.pieces if event.get("delta") and event.delta.get("text")]
    assert "".join(texts) == "Hello 雪"


def test_the_whole_of_a_stream_its_text_and_its_events(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.sse(openai_wires.chat_chunks(REPLY), done=False)] * 3
    client = Client(**at(upstream))  # type: ignore[arg-type]

    def stream() -> Any:
        return client.messages("openai/gpt-4o", HI, 99, stream=True)

    assert shown(stream().whole()) == WANTED
    assert "".join(stream().text()) == "Hello 雪"
    kinds = [event.kind for event in stream().events()]
    assert list(dict.fromkeys(kinds)) == ["usage", "reasoning", "text", "tool_call", "finish"]


def test_a_burst_of_an_upstream_that_does_not_stream(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(openai_wires.chat(REPLY)))
    client = Client(**at(upstream))  # type: ignore[arg-type]
    stream = client.messages("openai/gpt-4o", HI, 99, stream=True, fake_stream=True)
    assert shown(stream.whole()) == WANTED
    assert "stream" not in upstream.received[0]["json"]


THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAAA=="}
CALL = {"id": "fc_1", "type": "function_call", "call_id": "call_9", "name": "get_weather", "arguments": "{}"}


def test_encrypted_reasoning_of_responses_survives_a_loop_of_tools(upstream: FakeUpstream) -> None:
    """BerriAI/litellm#26916: it must come back as reasoning, and never as visible text."""
    response = {**openai_wires.response(Reply("tool")), "output": [THOUGHT, CALL]}
    upstream.answers += [Answer.json(response)] * 2
    client = Client(**at(upstream))  # type: ignore[arg-type]
    first = client.messages("openai/responses/gpt-5", HI, 99, tools=[TOOL], thinking={"type": "adaptive"})
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    assert first.text == ""
    assert upstream.received[0]["json"]["include"] == ["reasoning.encrypted_content"]
    result = {"type": "tool_result", "tool_use_id": first.content[1].id, "content": "18"}
    for turn in (first, json.loads(first.model_dump_json())):
        client.messages("openai/responses/gpt-5", [*HI, turn, {"role": "user", "content": [result]}], 99, tools=[TOOL])
        sent = upstream.received[-1]["json"]["input"]
        assert [item["type"] for item in sent] == ["message", "reasoning", "function_call", "function_call_output"]
        assert sent[1] == THOUGHT
        assert sent[2]["call_id"] == sent[3]["call_id"] == "call_9"
        upstream.answers.append(Answer.json(response))


def test_a_model_that_reasons_is_asked_over_responses_on_its_providers_own_host() -> None:
    client = Client(api_key="sk-test-0123456789", api_base="https://api.openai.com/v1")
    inputs = {"messages": HI, "max_tokens": 9}
    assert client.prepare("messages", "openai/gpt-5", inputs, {}).route.prefix == "openai/responses"
    assert client.prepare("messages", "openai/gpt-4o", inputs, {}).route.prefix == "openai"
    elsewhere = client.prepare("messages", "openai/gpt-5", inputs, {"api_base": "https://your-host.example/v1"})
    assert elsewhere.route.prefix == "openai"
    assert client.prepare("chat", "openai/gpt-5", {"messages": HI}, {}).route.prefix == "openai"


# --- an upstream that has the Messages API ---


def test_a_native_call_goes_as_it_is_without_what_was_sealed_for_another_provider(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json(message_wires.message(REPLY), request_id="req-7"))
    native = {"type": "thinking", "thinking": "t", "signature": "EqMBCkgI+/=="}
    sealed = {"type": "thinking", "thinking": "o", "signature": "llmgate:openai:e30="}
    history: list[Any] = [*HI, {"role": "assistant", "content": [native, sealed, {"type": "text", "text": "Hi"}]}, *HI]
    message = acme(upstream).messages("acme/m", history, 99, metadata={"user_id": "{}"}, thinking={"type": "adaptive"})
    sent = upstream.received[0]["json"]
    assert upstream.received[0]["path"] == "/v1/messages"
    assert sent["messages"][1]["content"] == [native, {"type": "text", "text": "Hi"}]
    assert (sent["metadata"], sent["thinking"]) == ({"user_id": "{}"}, {"type": "adaptive"})
    assert shown(message) == WANTED
    assert [entry.parameter for entry in message.ledger] == ["messages"]


def test_usage_of_a_native_stream_has_what_each_event_says(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse(message_wires.message_events(REPLY), done=False))
    whole = acme(upstream).messages("acme/m", HI, 99, stream=True).whole()
    assert shown(whole) == WANTED
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.output_tokens) == (18, 5, 7)


@pytest.mark.parametrize("native", [True, False])
def test_a_stream_that_is_cut_at_any_byte_is_never_whole(native: bool, upstream: FakeUpstream) -> None:
    events = message_wires.message_events(REPLY) if native else openai_wires.chat_chunks(REPLY)
    content = b"".join(Answer.sse(events, done=False).parts())
    client, model = (acme(upstream), "acme/m") if native else (Client(**at(upstream)), "openai/gpt-4o")  # type: ignore[arg-type]
    ends = content.rindex(b"message_stop") if native else content.rindex(b'"finish_reason": "')
    for size in range(1, ends, 97):
        upstream.answers.append(Answer(200, content[:size], {"content-type": "text/event-stream"}))
        with pytest.raises(errors.StreamTruncatedError) as caught:
            list(client.messages(model, HI, 99, stream=True, max_retries=0))
        partial = caught.value.partial
        assert partial is None or partial["type"] == "message"


@each_mode
def test_an_error_after_the_start_is_raised_with_the_message_so_far(mode: str, upstream: FakeUpstream) -> None:
    said = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = [*message_wires.message_events(REPLY)[:4], ("error", said)]
    upstream.answers.append(Answer.sse(events, done=False))
    if mode == "async":
        chunks = [*openai_wires.chat_chunks(REPLY)[:3], {"error": said["error"]}]
        upstream.answers[:] = [Answer.sse(chunks, done=False)]
        outcome = outcome_of(mode, "messages", "openai/gpt-4o", HI, 9, stream=True, **at(upstream))
        error = outcome.error
    else:
        with pytest.raises(errors.APIError) as caught:
            list(acme(upstream).messages("acme/m", HI, 9, stream=True))
        error = caught.value
    assert (error.type, error.status_code) == ("overloaded_error", 503)
    assert error.partial["content"]
    assert error.partial["stop_reason"] is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (418, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_in_the_shape_of_the_messages_api(status: int, kind: str, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "no", "type": "x"}}, status))
    with pytest.raises(errors.APIStatusError) as caught:
        Client(**at(upstream), max_retries=0).messages("openai/gpt-4o", HI, 9)  # type: ignore[arg-type]
    wanted = {"type": "error", "error": {"type": kind, "message": "no"}}
    assert message_error(caught.value) == wanted
    name, data = error_tail(FAMILIES["messages"], caught.value).decode().rstrip().split("\n")
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: ")) == wanted


@pytest.mark.parametrize("answer", [{}, {"content": 7}, {"choices": []}, {"choices": [{"message": None}], "usage": 7}])
def test_an_odd_answer_is_the_upstreams_fault_or_a_message(answer: Any, upstream: FakeUpstream) -> None:
    upstream.answers += [Answer.json(answer)] * 2
    for client, model in ((Client(**at(upstream)), "openai/gpt-4o"), (acme(upstream), "acme/m")):  # type: ignore[arg-type]
        with suppress(errors.APIResponseValidationError):
            assert isinstance(client.messages(model, HI, 9).content, list)
