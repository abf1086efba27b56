"""Claude over InvokeModel: what Anthropic's own client for Bedrock sends and reads, and what chat makes of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from anthropic import AnthropicBedrock

from llmgate_core import Client, Settings
from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.bedrock_model import problems
from tests.support.bedrock_upstream import event_message
from tests.support.installed_calls import ask_installed

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
USAGE = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 4}
MESSAGE = {
    "id": "msg_bdrk_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello!"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 2},
    },
    {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
]
HI: Any = [{"role": "user", "content": "hi"}]
TOOL = {"name": "weather", "input_schema": {"type": "object"}}
BOTH = pytest.mark.parametrize("mode", ["sync", "async"])
STREAM_TYPE = {"content-type": "application/vnd.amazon.eventstream"}


def frame(event: dict[str, Any]) -> bytes:
    return event_message("chunk", json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}))


@pytest.fixture
def host() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = lambda request: (
            Answer(200, b"".join(map(frame, EVENTS)), STREAM_TYPE)
            if "stream" in request["path"]
            else Answer.json({"inputTokens": 12} if "count" in request["path"] else MESSAGE)
        )
        yield running


def call(mode: str, host: FakeUpstream, function: str = "messages", **arguments: Any) -> Any:
    known = {"api_base": host.origin, "api_key": "k", "model": f"bedrock/invoke/{MODEL}", "messages": HI}
    return ask_installed(mode, function, **{**known, **arguments})


CALLS: list[dict[str, Any]] = [
    {},
    {"system": "Be kind.", "stop_sequences": ["END"]},
    {"tools": [TOOL], "tool_choice": {"type": "any"}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"metadata": {"user_id": "u1"}, "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
]


@BOTH
@pytest.mark.parametrize("arguments", CALLS, ids=range(len(CALLS)))
@pytest.mark.parametrize("stream", [False, True])
def test_messages_are_what_anthropics_own_client_sends(
    mode: str, host: FakeUpstream, arguments: dict[str, Any], stream: bool
) -> None:
    theirs = AnthropicBedrock(api_key="k", base_url=host.origin, aws_region="us-east-1", max_retries=0)
    said = theirs.messages.create(model=MODEL, max_tokens=2000, messages=HI, stream=stream, **arguments)
    events = list(said) if stream else []
    ours = call(mode, host, max_tokens=2000, stream=stream, **arguments)
    first, second = host.received
    assert unquote(second["path"]) == unquote(first["path"])
    assert first["json"].pop("anthropic_version")  # its newest, of which AWS's documentation does not speak yet
    assert second["json"].pop("anthropic_version") == "bedrock-2023-05-31"
    assert second["json"] == first["json"]
    if stream:
        assert [event.type for event in ours] == [event["type"] for event in EVENTS]
        assert [event.type for event in ours if event.type != "ping"] == [
            event.type for event in events if event.type != "ping"
        ]
    else:
        assert ours.content[0].text == said.content[0].text == "Hello!"
    assert second["headers"]["authorization"] == "Bearer k"


@BOTH
def test_a_chat_is_converted_whole_and_streamed(mode: str, host: FakeUpstream) -> None:
    whole = call(mode, host, "completion", max_tokens=5)
    chunks = call(mode, host, "completion", max_tokens=5, stream=True, stream_options={"include_usage": True})
    assert whole.choices[0].message.content == "Hello!"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello!"
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens == 7
    assert host.received[0]["json"] == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


@BOTH
def test_betas_of_a_header_and_of_a_parameter_are_in_the_body(mode: str, host: FakeUpstream) -> None:
    named = "context-1m-2025-08-07,claude-code-20250219, advanced-tool-use-2025-11-20"
    call(mode, host, max_tokens=5, extra_headers={"anthropic-beta": named})
    call(mode, host, max_tokens=5, betas=["compact-2026-01-12", "files-api-2025-04-14"])
    first, second = host.received
    assert first["json"]["anthropic_beta"] == ["context-1m-2025-08-07", "tool-search-tool-2025-10-19"]
    assert "anthropic-beta" not in first["headers"]
    assert second["json"]["anthropic_beta"] == ["compact-2026-01-12"]


@pytest.mark.parametrize("place", [0, 4])
def test_errors_within_a_stream_are_raised_at_any_place(host: FakeUpstream, place: int) -> None:
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    for last in (frame(overloaded), event_message("throttlingException", '{"message": "slow down"}')):
        host.otherwise = Answer(200, b"".join([*map(frame, EVENTS[:place]), last]), STREAM_TYPE)
        with pytest.raises(errors.APIStatusError) as caught:
            call("sync", host, "completion", max_tokens=5, stream=True)
        assert caught.value.status_code in (529, 429, 503, None)


@pytest.mark.parametrize(
    "payload", ['{"bytes": 1}', "{}", '{"bytes": "!"}', '{"bytes": "bm90IEpTT04="}', '{"bytes": "W10="}', "[]"]
)
def test_a_frame_without_an_event_is_the_upstreams_fault(host: FakeUpstream, payload: str) -> None:
    host.otherwise = Answer(200, event_message("chunk", payload), STREAM_TYPE)
    with pytest.raises(errors.APIResponseValidationError):
        call("sync", host, "completion", max_tokens=5, stream=True)


def test_a_stream_of_messages_that_is_cut_is_truncated(host: FakeUpstream) -> None:
    content = b"".join(map(frame, EVENTS))
    with Client(settings=Settings(), api_base=host.origin, api_key="k", max_retries=0) as client:
        for cut in range(1, len(content), 41):
            host.otherwise = Answer(200, content[:cut], STREAM_TYPE)
            with pytest.raises(errors.StreamTruncatedError):
                list(client.messages(f"bedrock/invoke/{MODEL}", HI, 5, stream=True))


@BOTH
def test_tokens_of_messages_are_counted(mode: str, host: FakeUpstream) -> None:
    counted = call(mode, host, "count_message_tokens", system="Be kind.")
    assert counted.input_tokens == 12
    sent = host.received[0]["json"]["input"]["invokeModel"]["body"]
    assert json.loads(base64.b64decode(sent)) == {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 1,
        "messages": HI,
        "system": "Be kind.",
    }
    assert problems({"input": {"invokeModel": {"body": sent}}}, "CountTokens") == []


@BOTH
def test_tokens_of_a_chat_are_counted_by_bedrock(mode: str, host: FakeUpstream) -> None:
    counted = call(mode, host, "count_tokens")
    assert (counted.input_tokens, counted.is_estimate) == (12, False)
    sent = json.loads(base64.b64decode(host.received[0]["json"]["input"]["invokeModel"]["body"]))
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


@BOTH
@pytest.mark.parametrize("given", ["a", 5, {"a": 1}, [{"a": 1}], [5]])
def test_betas_of_any_type_are_left_for_bedrock_to_refuse(mode: str, host: FakeUpstream, given: Any) -> None:
    named = {"anthropic-beta": "context-1m-2025-08-07"}
    call(mode, host, max_tokens=5, anthropic_beta=given, extra_headers=named)
    call(mode, host, max_tokens=5, anthropic_beta=given, betas=["context-1m-2025-08-07"])
    wanted = [*given, "context-1m-2025-08-07"] if isinstance(given, list) else given
    assert [request["json"]["anthropic_beta"] for request in host.received] == [wanted, wanted]


@pytest.mark.parametrize("text", [float("nan"), "\ud83d", object()])
def test_what_json_has_no_form_for_is_the_callers_error_in_a_count_too(host: FakeUpstream, text: Any) -> None:
    with pytest.raises(errors.BadRequestError):
        call("sync", host, "count_tokens", messages=[{"role": "user", "content": text}])
    assert not host.received
