"""What a message becomes: whole, as a stream, and in the next turn."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from llmgate_anthropic.wire import ChatStream
from pydantic import TypeAdapter

from llmgate_core import APIResponseValidationError, Client, Settings
from llmgate_core.plugin import SSEEvent, encode
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.anthropic_calls import OLDER, answered, call_of, event_of, route_of, sent
from tests.support.anthropic_messages import MESSAGES
from tests.support.anthropic_wire import events_of
from tests.support.examples import examples

REASONS = {
    "text": "stop",
    "thought": "stop",
    "call": "tool_calls",
    "paused": "stop",
    "refused": "content_filter",
    "cut": "length",
    "window": "length",
    "sequence": "stop",
}
HI = [{"role": "user", "content": "hi"}]
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}


def choice_of(name: str) -> dict[str, Any]:
    choice: dict[str, Any] = answered(MESSAGES[name]).body["choices"][0]
    return choice


def streamed(message: dict[str, Any], model: str = "claude-sonnet-5-5", **body: Any) -> tuple[list[Any], ChatStream]:
    """Return the chunks of a message's events, and the parser."""
    parser = ChatStream(call_of(stream=True, stream_options={"include_usage": True}, **body), route_of(model))
    return [chunk for name, data in events_of(message) for chunk in parser.feed(event_of(name, data))], parser


def joined(chunks: list[Any]) -> dict[str, Any]:
    """Return the message that the deltas of chunks add up to."""
    message: dict[str, Any] = {}
    for delta in (choice["delta"] for chunk in chunks for choice in chunk["choices"]):
        for name, piece in delta.items():
            if name == "tool_calls":
                _join_call(message.setdefault(name, []), piece[0])
            elif isinstance(piece, (str, list)) and name != "role":
                message[name] = message.get(name, type(piece)()) + piece
            else:
                message[name] = piece
    return {**message, "content": message["content"] or None}


def _join_call(calls: list[Any], piece: dict[str, Any]) -> None:
    index = piece["index"]
    if index == len(calls):
        calls.append({name: copy.deepcopy(value) for name, value in piece.items() if name != "index"})
    else:
        calls[index]["function"]["arguments"] += piece["function"]["arguments"]


# --- whole answers ---


@pytest.mark.parametrize("name", MESSAGES)
def test_the_sdk_reads_the_message_and_so_do_we(name: str) -> None:
    theirs = Message.model_validate(MESSAGES[name])
    ours = choice_of(name)
    texts = "".join(block.text for block in theirs.content if block.type == "text")
    assert (ours["message"]["content"] or "") == texts
    calls = [block.id for block in theirs.content if block.type == "tool_use"]
    assert [call["id"] for call in ours["message"].get("tool_calls", [])] == calls


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_every_reason_to_stop_has_a_finish_reason(name: str, reason: str) -> None:
    assert choice_of(name)["finish_reason"] == reason


def test_a_reason_that_is_not_known_is_kept() -> None:
    choice = answered({**MESSAGES["text"], "stop_reason": "odd"}).body["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["provider_specific_fields"]["stop_reason"] == "odd"


def test_a_paused_turn_says_so() -> None:
    assert choice_of("paused")["message"]["provider_specific_fields"]["stop_reason"] == "pause_turn"


def test_a_refusal_has_the_words_of_the_upstream() -> None:
    message = choice_of("refused")["message"]
    assert message["refusal"] == "That may harm people."
    assert message["provider_specific_fields"]["stop_details"]["category"] == "cyber"


def test_cached_tokens_are_a_part_of_the_prompts() -> None:
    usage = answered(MESSAGES["text"]).body["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (1030, 50, 1080)
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 900,
        "cache_write_tokens": 30,
        "cache_write_5m_tokens": 10,
        "cache_write_1h_tokens": 20,
    }
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 20}
    assert usage["web_search_calls"] == 2


def test_the_counts_of_iterations_are_summed() -> None:
    steps = [{"type": "compaction", "input_tokens": 100, "output_tokens": 5}, {"input_tokens": 7, "output_tokens": 2}]
    usage = {"input_tokens": 7, "output_tokens": 2, "iterations": steps}
    counted = answered({**MESSAGES["text"], "usage": usage}).body["usage"]
    assert (counted["prompt_tokens"], counted["completion_tokens"]) == (107, 7)


def test_citations_of_pages_are_annotations_with_their_place() -> None:
    (annotation,) = choice_of("search")["message"]["annotations"]
    content = choice_of("search")["message"]["content"]
    cited = annotation["url_citation"]
    assert (cited["url"], content[cited["start_index"] : cited["end_index"]]) == ("https://e.example/it", "It is here")
    document = choice_of("citation")["message"]
    assert "annotations" not in document
    assert document["provider_specific_fields"]["content_blocks"] == MESSAGES["citation"]["content"]


def test_a_name_that_was_sent_under_another_comes_back() -> None:
    tools = [{"type": "function", "function": {"name": "it.look"}}]
    other = sent(tools=tools).body["tools"][0]["name"]
    block = {"type": "tool_use", "id": "toolu_1", "name": other, "input": {}}
    message = {**MESSAGES["call"], "content": [block]}
    assert (
        answered(message, tools=tools).body["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "it.look"
    )
    assert joined(streamed(message, tools=tools)[0])["tool_calls"][0]["function"]["name"] == "it.look"


def test_the_input_of_the_tool_for_structured_output_is_the_content() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "json_tool_call", "input": {"a": 1}}
    message = {**MESSAGES["call"], "content": [block]}
    whole = answered(message, OLDER, response_format=FORMAT).body["choices"][0]
    assert (whole["message"]["content"], whole["finish_reason"]) == ('{"a":1}', "stop")
    assert "tool_calls" not in whole["message"]
    chunks, _ = streamed(message, OLDER, response_format=FORMAT)
    assert joined(chunks)["content"] == '{"a": 1}'
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("body", [{}, {"content": None}, {"content": "x"}, [], "x", {"type": "error"}])
def test_an_answer_that_is_no_message_is_the_upstreams_fault(body: Any) -> None:
    with pytest.raises(APIResponseValidationError):
        answered(body)


# --- the next turn ---


@pytest.mark.parametrize("name", [name for name in MESSAGES if MESSAGES[name]["content"]])
def test_the_next_turn_has_the_blocks_as_they_came(name: str) -> None:
    whole, (chunks, _) = choice_of(name)["message"], streamed(MESSAGES[name])
    for message in (whole, {"role": "assistant", **joined(chunks)}):
        given = {field: value for field, value in message.items() if field not in ("annotations", "refusal")}
        made = sent(messages=[*HI, given, *HI])
        assert made.messages[1]["content"] == MESSAGES[name]["content"]


def test_a_message_that_was_edited_is_sent_as_it_is_now() -> None:
    message = {**choice_of("search")["message"], "content": "Another text."}
    blocks = sent(messages=[*HI, message, *HI]).messages[1]["content"]
    assert [block["type"] for block in blocks] == ["server_tool_use", "web_search_tool_result", "text"]


def test_a_client_that_drops_our_fields_still_sends_what_is_signed() -> None:
    message = {k: v for k, v in choice_of("search")["message"].items() if k != "provider_specific_fields"}
    blocks = sent(messages=[*HI, message, *HI]).messages[1]["content"]
    assert [block["type"] for block in blocks] == ["server_tool_use", "web_search_tool_result", "text"]


WORDS = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), st.lists, max_leaves=4)
THOUGHTS = st.one_of(
    st.builds(lambda text, mark: {"type": "thinking", "thinking": text, "signature": mark}, st.text(), NAMES),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, NAMES),
)
TEXTS = st.builds(lambda text: {"type": "text", "text": text}, WORDS)
CALLS = st.builds(
    lambda name, given: {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": given},
    NAMES,
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
)
BLOCKS = st.lists(st.one_of(THOUGHTS, TEXTS, CALLS), min_size=1, max_size=6)


@examples(200)
@given(BLOCKS)
def test_any_blocks_survive_a_chat_and_come_back_whole_and_streamed(blocks: list[Any]) -> None:
    message = {**MESSAGES["text"], "content": blocks}
    whole = answered(message).body["choices"][0]["message"]
    assert sent(messages=[*HI, whole, *HI]).messages[1]["content"] == blocks
    chunks, _ = streamed(message)
    again = {"role": "assistant", **joined(chunks)}
    assert sent(messages=[*HI, again, *HI]).messages[1]["content"] == blocks


@examples(100)
@given(BLOCKS)
def test_a_chat_message_is_the_same_after_a_round_trip(blocks: list[Any]) -> None:
    first = answered({**MESSAGES["text"], "content": blocks}).body["choices"][0]["message"]
    turn = sent(messages=[*HI, first, *HI]).messages[1]
    assert answered({**MESSAGES["text"], **turn}).body["choices"][0]["message"] == first


# --- streams ---


@pytest.mark.parametrize("name", MESSAGES)
def test_the_chunks_add_up_to_the_whole_answer(name: str) -> None:
    for _, data in events_of(MESSAGES[name]):
        if data["type"] != "ping":
            EVENT.validate_python(data)
    chunks, parser = streamed(MESSAGES[name])
    whole = answered(MESSAGES[name]).body
    message = joined(chunks)
    for call in message.get("tool_calls", []):
        call["function"]["arguments"] = call["function"]["arguments"].replace(": ", ":").replace(", ", ",")
    assert message == whole["choices"][0]["message"]
    assert chunks[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert chunks[-1]["usage"] == whole["usage"]
    assert parser.done
    assert sum("role" in choice["delta"] for chunk in chunks for choice in chunk["choices"]) == 1


def test_a_call_without_input_has_the_arguments_of_an_empty_object() -> None:
    calls = joined(streamed(MESSAGES["calls"])[0])["tool_calls"]
    assert [call["function"]["arguments"] for call in calls][1] == "{}"


def test_counts_of_the_beginning_hold_where_the_end_does_not_repeat_them() -> None:
    parser = ChatStream(call_of(stream=True), route_of())
    for name, data in events_of(MESSAGES["text"]):
        parser.feed(event_of(name, {**data, "usage": {"output_tokens": 50}} if name == "message_delta" else data))
    assert parser.usage is not None
    assert (parser.usage["prompt_tokens"], parser.usage["completion_tokens"]) == (1030, 50)


@pytest.mark.parametrize("count", range(len(events_of(MESSAGES["search"])) - 1))
def test_a_stream_that_ends_early_is_not_done(count: int) -> None:
    parser = ChatStream(call_of(stream=True), route_of())
    chunks = [
        chunk for name, data in events_of(MESSAGES["search"])[:count] for chunk in parser.feed(event_of(name, data))
    ]
    assert not parser.done
    assert all(choice["finish_reason"] is None for chunk in chunks for choice in chunk["choices"])


def test_every_byte_may_come_alone(upstream: FakeUpstream) -> None:
    upstream.otherwise = Answer.sse(events_of(MESSAGES["search"]), done=False)
    with Client(api_key="k", api_base=upstream.base_url, settings=Settings()) as client:
        at_once = client.completion("anthropic/claude-sonnet-5-5", HI, stream=True).whole()
        upstream.otherwise = Answer.sse(events_of(MESSAGES["search"]), done=False, drip=1)
        dripped = client.completion("anthropic/claude-sonnet-5-5", HI, stream=True).whole()
    assert dripped.choices[0].message.model_dump() == at_once.choices[0].message.model_dump()


def test_what_the_api_adds_later_is_passed_over_and_recorded() -> None:
    events = events_of(MESSAGES["text"])
    odd = [
        ("odd_event", {"type": "odd_event"}),
        ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "odd_delta"}}),
    ]
    parser = ChatStream(call_of(stream=True), route_of())
    chunks = [chunk for name, data in [*events[:4], *odd, *events[4:]] for chunk in parser.feed(event_of(name, data))]
    assert joined(chunks)["content"] == "It is there."
    assert [entry.parameter for entry in parser.ledger] == ["stream"]


@pytest.mark.parametrize("data", ["", "x", "[]", "5", "null"])
def test_an_event_that_is_not_an_object_is_the_upstreams_fault(data: str) -> None:
    with pytest.raises(APIResponseValidationError):
        ChatStream(call_of(stream=True), route_of()).feed(SSEEvent(data, "message_start"))


def test_a_block_that_is_not_known_is_kept_for_the_next_turn() -> None:
    blocks = [{"type": "odd_block", "x": 1}, {"type": "text", "text": "hi"}]
    for message in (answered({**MESSAGES["text"], "content": blocks}).body["choices"][0]["message"],):
        assert message["provider_specific_fields"]["content_blocks"] == blocks
        assert sent(messages=[*HI, message, *HI]).messages[1]["content"] == blocks
    assert encode(blocks)
