"""What Converse says, read by our plugin and by AWS's SDK alike: whole answers, streams, failures."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from llmgate_bedrock import plugin
from llmgate_bedrock.converse.stream import ConverseStream

from llmgate_core.plugin import Call, SSEEvent, UpstreamResponse, errors
from tests.support.bedrock_model import answer_of, sdk_events, without_bytes
from tests.support.bedrock_upstream import event_message

BYTES = base64.b64encode(b"\x00\x01 sealed").decode()
USAGE = {
    "inputTokens": 10,
    "outputTokens": 4,
    "totalTokens": 64,
    "cacheReadInputTokens": 20,
    "cacheWriteInputTokens": 30,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 30}],
}
THOUGHT: Any = {"reasoningContent": {"reasoningText": {"text": "Hm, 雪.", "signature": "EqQB+/=="}}}
REDACTED: Any = {"reasoningContent": {"redactedContent": BYTES}}
CALL: Any = {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Paris"}}}
ASKED = Call("chat", "bedrock/m", {"messages": [{"role": "user", "content": "hi"}]})


def said(*blocks: Any, reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": list(blocks)}
    return {"output": {"message": message}, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 7}, **more}


def completion(answer: Any, call: Call = ASKED) -> dict[str, Any]:
    return plugin.transform_response(call, UpstreamResponse(200, (), json.dumps(answer).encode()))


def read(events: Any, call: Call = ASKED) -> list[dict[str, Any]]:
    parser = ConverseStream(call)
    return [chunk for name, data in events for chunk in parser.feed(SSEEvent(json.dumps(data), name))]


def test_text_thoughts_and_calls_become_a_message_and_usage_counts_the_cache() -> None:
    answer = completion(said(THOUGHT, REDACTED, {"text": "It is "}, {"text": "sunny."}, CALL, reason="tool_use"))
    choice = answer["choices"][0]
    function = {"name": "weather", "arguments": '{"city":"Paris"}'}
    assert choice == {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": "It is sunny.",
            "reasoning_content": "Hm, 雪.",
            "reasoning_items": [THOUGHT, REDACTED],
            "tool_calls": [{"id": "tooluse_1", "type": "function", "function": function}],
        },
    }
    assert answer["usage"] == {
        "prompt_tokens": 60,
        "completion_tokens": 4,
        "total_tokens": 64,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30, "cache_write_1h_tokens": 30},
    }


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("a_new_reason", "stop"),
    ],
)
def test_every_stop_reason_has_its_word(reason: str, finish: str) -> None:
    assert completion(said({"text": "a"}, reason=reason))["choices"][0]["finish_reason"] == finish
    assert read([("messageStop", {"stopReason": reason})])[-1]["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
def test_output_that_is_malformed_is_an_error_that_may_be_tried_again(reason: str) -> None:
    for ask in (
        lambda: completion(said({"text": "a"}, reason=reason)),
        lambda: read([("messageStop", {"stopReason": reason})]),
    ):
        with pytest.raises(errors.BadGatewayError) as caught:
            ask()
        assert (caught.value.code, caught.value.retry) == (reason, True)


def test_citations_pictures_and_what_is_new_are_kept() -> None:
    web = {"title": "A page", "location": {"web": {"url": "https://a.example"}}}
    page = {"title": "A file", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
    cited = {"citationsContent": {"content": [{"text": "As said."}], "citations": [web, page]}}
    picture = {"image": {"format": "png", "source": {"bytes": BYTES}}}
    novel = {"novelContent": {"a": 1}}
    trace = {"guardrail": {"actionReason": "x"}}
    answer = completion(said(cited, picture, novel, trace=trace, serviceTier={"type": "flex"}))
    message = answer["choices"][0]["message"]
    assert message["content"] == "As said."
    assert message["annotations"] == [
        {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A page"}},
        {"type": "document_citation", "document_citation": page},
    ]
    assert message["images"] == [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BYTES}"}}]
    assert message["provider_specific_fields"] == {"content_blocks": [novel]}
    assert (answer["trace"], answer["service_tier"], answer["metrics"]) == (trace, "flex", {"latencyMs": 7})


def test_the_sdk_and_we_read_the_same_of_a_whole_answer() -> None:
    content = said(THOUGHT, REDACTED, {"text": "naïve"}, CALL, reason="tool_use")
    theirs = without_bytes(answer_of(json.dumps(content).encode()))
    ours = completion(content)
    blocks = theirs["output"]["message"]["content"]
    message = ours["choices"][0]["message"]
    assert message["reasoning_items"] == blocks[:2]
    assert message["content"] == blocks[2]["text"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == blocks[3]["toolUse"]["input"]
    assert theirs["usage"] == USAGE


def at(index: int, **delta: Any) -> tuple[str, dict[str, Any]]:
    return "contentBlockDelta", {"delta": delta, "contentBlockIndex": index, "p": "abcdef"}


def end(index: int) -> tuple[str, dict[str, Any]]:
    return "contentBlockStop", {"contentBlockIndex": index}


def begin(index: int, name: str) -> tuple[str, dict[str, Any]]:
    start = {"toolUse": {"toolUseId": f"tooluse_{index}", "name": name}}
    return "contentBlockStart", {"start": start, "contentBlockIndex": index}


STREAM: Any = [
    ("messageStart", {"role": "assistant"}),
    at(0, reasoningContent={"text": "Hm, "}),
    at(0, reasoningContent={"text": "雪."}),
    at(0, reasoningContent={"signature": "EqQB+/=="}),
    end(0),
    at(1, reasoningContent={"redactedContent": BYTES}),
    end(1),
    at(2, text="It is "),
    at(2, text="sunny."),
    end(2),
    begin(3, "weather"),
    at(3, toolUse={"input": '{"city": '}),
    at(3, toolUse={"input": '"Paris"}'}),
    end(3),
    begin(4, "now"),
    end(4),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 7}}),
]


def test_a_stream_makes_the_chunks_of_its_blocks() -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in read(STREAM) if chunk["choices"]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm, 雪."
    assert [item for delta in deltas for item in delta.get("reasoning_items", ())] == [THOUGHT, REDACTED]
    assert "".join(delta.get("content") or "" for delta in deltas) == "It is sunny."
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert [call["index"] for call in calls] == [0, 0, 0, 1, 1]
    assert "".join(call["function"]["arguments"] for call in calls[:3]) == '{"city": "Paris"}'
    assert calls[-1]["function"]["arguments"] == "{}"


def test_the_usage_is_at_the_end_where_it_is_asked_for() -> None:
    asked = Call("chat", "bedrock/m", {**ASKED.body, "stream_options": {"include_usage": True}}, stream=True)
    assert read(STREAM)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert read(STREAM, asked)[-1] == {"choices": [], "usage": completion(said())["usage"]}


def test_the_sdk_and_we_read_the_same_of_a_stream() -> None:
    content = b"".join(event_message(name, json.dumps(data)) for name, data in STREAM)
    theirs = sdk_events(content)
    deltas = [chunk["choices"][0]["delta"] for chunk in read(STREAM) if chunk["choices"]]
    texts = [event["contentBlockDelta"]["delta"].get("text") for event in theirs if "contentBlockDelta" in event]
    assert "".join(text for text in texts if text) == "".join(delta.get("content") or "" for delta in deltas)
    assert [next(iter(event)) for event in theirs] == [name for name, _ in STREAM]
    assert theirs[5]["contentBlockDelta"]["delta"] == {"reasoningContent": {"redactedContent": BYTES}}


def test_names_of_tools_come_back_as_the_caller_wrote_them() -> None:
    tool = {"type": "function", "function": {"name": "mcp__a.b/c é"}}
    call = Call("chat", "bedrock/m", {**ASKED.body, "tools": [tool]})
    sent: Any = plugin.transform_request(call, _route())
    name = sent.body["toolConfig"]["tools"][0]["toolSpec"]["name"]
    whole = completion(said({"toolUse": {"toolUseId": "1", "name": name, "input": {}}}, reason="tool_use"), call)
    assert whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "mcp__a.b/c é"
    assert read([begin(0, name)], call)[0]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "mcp__a.b/c é"


def _route() -> Any:
    from llmgate_core.plugin import Route

    return Route("bedrock", "bedrock", "chat", "m", "https://bedrock-runtime.us-west-2.amazonaws.com")


@pytest.mark.parametrize("answer", [[], "x", {}, {"output": 1}, {"output": {"message": {"content": "x"}}}])
def test_what_is_not_an_answer_is_the_upstreams_fault(answer: Any) -> None:
    with pytest.raises(errors.APIResponseValidationError):
        completion(answer)


def test_what_the_api_adds_later_is_passed_over_and_recorded_once() -> None:
    parser = ConverseStream(ASKED)
    for name, data in [at(0, someDelta={}), ("someEvent", {}), ("initial-response", {}), at(0, text="a")] * 2:
        parser.feed(SSEEvent(json.dumps(data), name))
    assert [(entry.parameter, entry.action) for entry in parser.ledger] == [("stream", "dropped")] * 2
