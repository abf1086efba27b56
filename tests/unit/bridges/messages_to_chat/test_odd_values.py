"""Each field of a request, an answer and a chunk may be missing, null or of another type: never a bare error."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from llmgate_core.bridges.messages_to_chat import MessagesStream, message_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.errors import APIResponseValidationError, BadRequestError, StreamTruncatedError
from llmgate_core.reading.accumulate.events import fold_events
from llmgate_core.testing import Reply, ToolCall
from llmgate_core.testing.conformance import message_wires, openai_wires
from llmgate_core.testing.conformance.mutations import mutated

At = Callable[..., Route]
CheckedEvents = Callable[[list[JsonObject]], list[JsonObject]]
REPLY = Reply(
    "all", "Hello", (ToolCall("call_1", "f", '{"a": 1}'), ToolCall("call_2", "g", "{}")), reasoning="Hm.", signature="s"
)
MARK = {"type": "ephemeral"}
BLOCKS: list[JsonObject] = [
    {"type": "text", "text": "Hi", "cache_control": MARK},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
    {"type": "document", "title": "t", "source": {"type": "text", "media_type": "text/plain", "data": "T"}},
    {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "x"}]},
    {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": True, "content": [{"type": "text", "text": "x"}]},
]
SPOKEN: list[JsonObject] = [
    {"type": "thinking", "thinking": "t", "signature": "llmgate:acme:eyJpdGVtcyI6W3siaWQiOiJyMSJ9XX0="},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "text", "text": "Hi", "citations": None},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
]
BODY: JsonObject = {
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": SPOKEN},
        {"role": "user", "content": BLOCKS},
    ],
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief."}],
    "tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search", "user_location": {"type": "approximate", "city": "Oslo"}},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["END"],
    "service_tier": "standard_only",
    "mcp_servers": [],
    "cache_control": MARK,
}
FACTS = {"capabilities": {"reasoning": True}, "reasoning": {"efforts": ["low"], "summaries": ["auto"]}}


def odd(whole: Mapping[str, Any]) -> Iterator[Any]:
    """Yield copies with one place changed."""
    for _, value in mutated(whole):
        yield value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


@pytest.mark.parametrize("policy", ["error", "drop", "forward"])
@pytest.mark.parametrize("takes", [True, False])
def test_an_odd_request_is_converted_or_refused(policy: str, takes: bool, at: At) -> None:
    route, count = at(policy, facts=FACTS), 0
    for body in filter(_is_object, odd(BODY)):
        count += 1
        call = Call("messages", "acme/m", body)
        try:
            chat, _ = to_chat(call, route, lambda *_: takes)
        except BadRequestError:
            continue
        assert isinstance(chat.body["messages"], list)
        assert all(isinstance(message, dict) and message["role"] for message in chat.body["messages"])
    assert count > 200


def test_an_odd_answer_is_a_message_or_the_upstreams_fault(at: At) -> None:
    call = Call("messages", "acme/m", BODY)
    whole = openai_wires.chat(REPLY)
    whole["choices"][0]["message"]["reasoning_items"] = [{"id": "r"}]
    for answer in odd(whole):
        try:
            message = message_object(call, at(), answer).body if isinstance(answer, dict) else {"content": []}
        except APIResponseValidationError:
            continue
        assert isinstance(message["content"], list)


def test_odd_chunks_make_a_right_stream_or_are_the_upstreams_fault(at: At, checked_events: CheckedEvents) -> None:
    call = Call("messages", "acme/m", BODY, stream=True)
    chunks: list[Any] = [chunk for chunk in openai_wires.chat_chunks(REPLY) if isinstance(chunk, dict)]
    for number, chunk in enumerate(chunks):
        for changed in odd(chunk):
            stream = MessagesStream(call, at())
            try:
                events = [e for c in [*chunks[:number], changed, *chunks[number + 1 :]] for e in stream.feed_chunk(c)]
                events += stream.close(True)
            except (APIResponseValidationError, StreamTruncatedError):
                continue
            checked_events(events)


def test_folding_odd_events_never_fails() -> None:
    events = [event for _, event in message_wires.message_events(REPLY)]
    for number, event in enumerate(events):
        for changed in odd(event):
            sent = [*events[:number], changed, *events[number + 1 :]]
            folded = fold_events("messages", [one for one in sent if isinstance(one, dict)])
            assert folded is None or isinstance(folded["content"], list)
