"""What is asked rarely: older forms, the API's own words in a chat, counting without a client, odd answers."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_anthropic.wire import ChatStream, chat_usage, count_request, counted_tokens, request_body, supports_param

from llmgate_core import APIResponseValidationError, BadRequestError, UnsupportedParamsError
from llmgate_core.plugin import UpstreamResponse, encode
from tests.support.anthropic_calls import OLDER, call_of, event_of, route_of, sent

ASKED = {"role": "user", "content": "Where?"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"properties": {}}}}
MARK = {"type": "ephemeral"}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# --- messages ---


def test_calls_of_the_older_form_get_ids_of_their_own() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
    result = {"role": "function", "name": "look", "content": "there"}
    made = sent(messages=[ASKED, call, result], functions=[TOOL["function"]], function_call={"name": "look"})
    (used,), (answer,) = made.messages[1]["content"], made.messages[2]["content"]
    assert used["id"] == answer["tool_use_id"]
    assert made.body["tool_choice"] == {"type": "tool", "name": "look"}
    both = sent(tools=[TOOL], tool_choice="auto", function_call="none")
    assert (both.body["tool_choice"], both.actions["function_call"]) == ({"type": "auto"}, ["dropped"])


def test_a_refusal_goes_back_as_text_and_that_is_recorded() -> None:
    made = sent(messages=[ASKED, {"role": "assistant", "content": None, "refusal": "No."}, ASKED])
    assert made.messages[1]["content"] == [said("No.")]
    assert any(entry.lossy for entry in made.ledger)
    part = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert sent(messages=[ASKED, part, ASKED]).messages[1]["content"] == [said("No.")]


def test_names_of_speakers_are_lost_and_recorded() -> None:
    assert any(entry.lossy for entry in sent(messages=[{**ASKED, "name": "Ada"}]).ledger)


def test_an_assistants_message_without_content_is_left_out() -> None:
    made = sent(messages=[ASKED, {"role": "assistant", "content": None}, ASKED])
    assert [turn["role"] for turn in made.messages] == ["user"]
    assert made.actions["messages"] == ["dropped"]


def test_parts_may_be_strings_and_pictures_may_be_urls() -> None:
    picture = {"type": "image_url", "image_url": "https://e.example/a.png"}
    detailed = {"type": "image_url", "image_url": {"url": "https://e.example/a.png", "detail": "low"}}
    made = sent(messages=[{"role": "user", "content": ["hi", picture, detailed]}])
    assert [block["type"] for block in made.messages[0]["content"]] == ["text", "image", "image"]
    assert any(entry.lossy for entry in made.ledger)


def test_a_file_may_be_a_url_or_a_picture() -> None:
    url = {"type": "file", "file": {"file_id": "https://e.example/a.pdf"}}
    picture = {"type": "file", "file": {"file_data": "data:image/jpg;base64,/9j/"}}
    document, image = sent(messages=[{"role": "user", "content": [url, picture]}]).messages[0]["content"]
    assert document["source"] == {"type": "url", "url": "https://e.example/a.pdf"}
    assert image["source"]["media_type"] == "image/jpeg"


def test_cache_marks_of_messages_calls_and_results_stay() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": {"x": 1}}, "cache_control": MARK}
    history = [
        {**ASKED, "cache_control": MARK},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "x", "cache_control": MARK},
    ]
    for turn in sent(messages=history).messages:
        assert turn["content"][-1]["cache_control"] == MARK


@pytest.mark.parametrize(
    "call",
    [
        {"id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}},
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": 5}},
    ],
)
def test_a_call_that_the_api_has_not_is_refused(call: Any) -> None:
    with pytest.raises(BadRequestError):
        sent(messages=[ASKED, {"role": "assistant", "content": None, "tool_calls": [call]}])


# --- parameters ---


def test_a_system_prompt_in_the_words_of_the_api_comes_first() -> None:
    messages = [{"role": "system", "content": "b"}, ASKED]
    assert sent(system="a", messages=messages).body["system"] == [said("a"), said("b")]
    assert sent(system="a").body["system"] == "a"


def test_output_config_is_merged_and_the_callers_part_wins() -> None:
    made = sent(output_config={"effort": "max"}, reasoning_effort="low")
    assert made.body["output_config"] == {"effort": "max"}
    assert any(entry.lossy for entry in made.ledger)
    assert sent(output_config="odd", reasoning_effort="low").body["output_config"] == "odd"


def test_what_is_forwarded_is_sent_as_it_is() -> None:
    values = {"seed": 1, "prompt_cache_retention": "odd", "service_tier": "flex", "reasoning_effort": "odd"}
    body = sent(policy="forward", response_format={"type": "json_object"}, **values).body
    assert (body["seed"], body["prompt_cache_retention"], body["service_tier"]) == (1, "odd", "flex")
    assert body["response_format"] == {"type": "json_object"}
    assert body["output_config"] == {"effort": "odd"}
    neutral = sent(n=1, logprobs=False, prompt_cache_retention="in_memory", parallel_tool_calls=True)
    assert not {"n", "logprobs", "prompt_cache_retention"} & neutral.body.keys()
    with pytest.raises(UnsupportedParamsError):
        sent(response_format={"type": "json_object"})


def test_labels_are_sent_with_preview_features_as_far_as_they_are_taken() -> None:
    labels = {"user_id": "u", "team": "t"}
    body, ledger = request_body(call_of(metadata=labels), route_of(preview_features=True))
    assert body["metadata"] == {"user_id": "u"}
    assert any(entry.lossy for entry in ledger)
    assert "metadata" not in sent(metadata=labels).body


def test_a_mark_of_the_caller_wins_over_a_retention() -> None:
    made = sent(cache_control=MARK, prompt_cache_retention="24h")
    assert (made.body["cache_control"], made.actions["prompt_cache_retention"]) == (MARK, ["dropped"])


def test_searches_of_openai_become_searches_here() -> None:
    (tool,) = sent(tools=[{"type": "web_search", "search_context_size": "low"}]).body["tools"]
    assert (tool["type"], tool["max_uses"]) == ("web_search_20250305", 1)


def test_a_choice_in_the_words_of_the_api_passes() -> None:
    for choice in ({"type": "any"}, {"type": "tool", "name": "look"}):
        assert sent(OLDER, tools=[TOOL], tool_choice=choice).body["tool_choice"] == choice
    for odd in (5, {"type": "odd"}, {"type": "function", "function": {}}):
        with pytest.raises(BadRequestError):
            sent(tools=[TOOL], tool_choice=odd)


def test_storing_is_refused_and_not_storing_is_what_happens() -> None:
    refused, kept = (supports_param(route_of(), "store", value) for value in (True, False))
    assert refused is not None
    assert not refused.supported
    assert kept is not None
    assert kept.supported


# --- counting ---


def test_a_count_is_a_request_of_its_own() -> None:
    request = count_request(call_of(speed="fast", max_tokens=5), route_of())
    assert (request.method, request.path) == ("POST", "/messages/count_tokens")
    assert request.body == {
        "model": "claude-sonnet-5-5",
        "messages": [{"role": "user", "content": [said("hi")]}],
    }
    assert request.headers == {"anthropic-beta": "fast-mode-2026-02-01"}


def test_a_count_is_a_number() -> None:
    assert counted_tokens(UpstreamResponse(200, [], b'{"input_tokens": 5}')) == 5
    for content in (b"{}", b"[]", b'{"input_tokens": "5"}'):
        with pytest.raises(APIResponseValidationError):
            counted_tokens(UpstreamResponse(200, [], content))


@pytest.mark.parametrize("usage", [None, {}, [], "x", {"odd": 1}])
def test_a_usage_without_counts_is_none(usage: Any) -> None:
    assert chat_usage(usage) is None


# --- streams ---


def test_a_second_beginning_and_a_lost_index_are_read_over() -> None:
    parser = ChatStream(call_of(stream=True), route_of())
    begun = {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}
    events = [
        begun,
        begun,
        {"type": "content_block_start", "content_block": {"type": "text", "text": "a"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "b"}},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "?"}},
        {"type": "content_block_stop", "index": 7},
        {"type": "message_delta", "delta": None, "usage": None},
        {"type": "message_stop"},
    ]
    chunks = [chunk for event in events for chunk in parser.feed(event_of(event["type"], event))]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [delta.get("content") for delta in deltas] == ["", "a", "b", None]
    assert parser.feed(event_of("message_start", begun)) == ()
    assert encode(chunks)


def test_an_input_that_is_no_json_stays_as_text() -> None:
    parser = ChatStream(call_of(stream=True), route_of())
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": call},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"a'}},
        {"type": "content_block_stop", "index": 0},
    ]
    chunks = [chunk for event in events for chunk in parser.feed(event_of(event["type"], event))]
    assert chunks[-1]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] == '{"a'
