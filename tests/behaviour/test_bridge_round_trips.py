"""What a chat call says is the same after it went through both bridges, and what is not the same is in the ledger.

chat -> responses -> chat, by `llmgate_core.bridges.chat_to_responses` on the way there and
`llmgate_core.bridges.responses_to_chat` on the way back. Nothing is sent.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.bridges.responses_to_chat import ResponsesStream, response_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse
from llmgate_core.json_codec import encode
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.reading.accumulate.events import fold_events
from tests.support.examples import examples
from tests.support.round_trip import expected_body
from tests.support.strategies.chat_answers import answers, chunks_of, losing_answers
from tests.support.strategies.chat_requests import bodies
from tests.support.strategies.responses import BUILT_IN, events_of, responses

PROPERTY = examples(100)
FACTS = {
    "mode": "chat",
    "endpoints": ["chat.completions"],
    "capabilities": {"custom_tools": True, "web_search": True},
    "params": {"max_tokens_param": "max_completion_tokens"},
}
"""Of a chat upstream that has all that chat can have."""

THERE = Route(
    "openai", "openai/responses", "chat", "m", "https://a.example.test/v1", preview_features=True, param_policy="drop"
)
BACK = Route("acme", "acme", "chat", "m", "https://b.example.test/v1", facts=FACTS, param_policy="drop")

NAMES = {"input": "messages", "max_output_tokens": "max_tokens", "text": "response_format"}
"""A parameter of a Responses call -> the chat parameter that the caller wrote."""


def there_and_back(body: JsonObject) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the chat body that comes back, and the entries of both ways."""
    sent, there = ChatOverResponses.request_body(Call("chat", "m", body, bool(body.get("stream"))), THERE)
    del sent["model"]
    made, back = to_chat(Call("responses", "m", sent, bool(sent.get("stream"))), BACK)
    return made.body, (*there, *back)


def written(entries: tuple[LedgerEntry, ...], *, lossy: bool = False) -> set[str]:
    """Return the chat parameters that the entries speak of."""
    return {NAMES.get(entry.parameter, entry.parameter) for entry in entries if entry.lossy or not lossy}


@PROPERTY
@given(bodies())
def test_a_chat_call_says_the_same_after_both_bridges(body: JsonObject) -> None:
    before = copy.deepcopy(body)
    made, _ = there_and_back(body)
    assert made == expected_body(body)[0]
    assert body == before


@PROPERTY
@given(bodies())
def test_exactly_what_did_not_survive_is_marked_as_lost(body: JsonObject) -> None:
    _, entries = there_and_back(body)
    assert written(entries, lossy=True) == expected_body(body)[1]


@PROPERTY
@given(bodies())
def test_every_change_is_in_the_ledger(body: JsonObject) -> None:
    made, entries = there_and_back(body)
    changed = {name for name, value in body.items() if made.get(name) != value}
    spelled_out = {"tools"}  # chat's defaults, which are others on /responses
    assert changed - spelled_out <= written(entries)


# --- answers ---


SIDE_FIELDS = ("reasoning_items", "provider_specific_fields")
"""What the bridge shows beside the documented fields, for a replay over /responses."""


def expected_answer(answer: JsonObject) -> JsonObject:
    """Return the chat completion that comes back: the same, in the words that both APIs have."""
    (choice,) = answer["choices"]
    message = {name: value for name, value in choice["message"].items() if value is not None}
    calls, ended = message.get("tool_calls"), choice["finish_reason"]
    if ended in ("stop", "tool_calls"):  # a response says that it is whole; which of the two, its output tells
        ended = "tool_calls" if calls else "stop"
    message.setdefault("refusal", None)
    message.setdefault("content", None if calls or message["refusal"] else "")
    logprobs = choice["logprobs"]
    if logprobs:
        logprobs = {"content": [with_bytes(token) for token in logprobs["content"]], "refusal": None}
    expected = {**answer, "choices": [{**choice, "message": message, "finish_reason": ended, "logprobs": logprobs}]}
    if "usage" in answer:  # both details must be there, with zeros for what is not known
        sent = {"cached_tokens": 0, "cache_write_tokens": 0, **answer["usage"].get("prompt_tokens_details", {})}
        made = {"reasoning_tokens": 0, **answer["usage"].get("completion_tokens_details", {})}
        expected["usage"] = {**answer["usage"], "prompt_tokens_details": sent, "completion_tokens_details": made}
    return expected


def with_bytes(token: JsonObject) -> JsonObject:
    """Return a token whose unknown bytes are an empty list, since a Response has no null there."""
    others = [{**other, "bytes": other["bytes"] or []} for other in token["top_logprobs"]]
    return {**token, "bytes": token["bytes"] or [], "top_logprobs": others}


ASKED = Call("responses", "acme/m", {"input": "hi"}, True)
CHAT = Call("chat", "openai/responses/m", {"messages": [], "stream_options": {"include_usage": True}}, True)


def completion_of(response: JsonObject) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the chat completion of a response without its side fields, which must only be about the response."""
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    return without_side_fields(done.body), done.ledger


def without_side_fields(completion: JsonObject) -> JsonObject:
    body = {name: value for name, value in completion.items() if name not in SIDE_FIELDS}
    choices = [
        {**choice, "message": {name: item for name, item in choice["message"].items() if name not in SIDE_FIELDS}}
        for choice in body["choices"]
    ]
    return {**body, "choices": choices}


@PROPERTY
@given(answers())
def test_a_chat_answer_says_the_same_after_both_bridges(answer: JsonObject) -> None:
    before = copy.deepcopy(answer)
    made = response_object(ASKED, BACK, answer)
    completion, ledger = completion_of(made.body)
    assert completion == expected_answer(answer)
    assert (made.ledger, ledger) == ((), ())
    assert answer == before


@PROPERTY
@given(st.data(), answers())
def test_a_chat_stream_says_the_same_after_both_bridges(data: st.DataObject, answer: JsonObject) -> None:
    there, back = ResponsesStream(ASKED, BACK), ChatOverResponses.ChatStream(CHAT, THERE)
    events = [event for chunk in data.draw(chunks_of(answer)) for event in there.feed_chunk(chunk)]
    events += there.close(True)
    chunks = [chunk for event in events for chunk in back.feed(as_sse(event))]
    assert [*back.close(), *there.ledger, *back.ledger] == []
    folded = without_side_fields(fold("chat", chunks))
    assert without_nulls(folded) == without_nulls(as_folded(expected_answer(answer)))


@PROPERTY
@given(st.data(), answers())
def test_the_events_of_a_chat_stream_fold_into_the_response_of_its_whole_answer(
    data: st.DataObject, answer: JsonObject
) -> None:
    stream = ResponsesStream(ASKED, BACK)
    events = [event for chunk in data.draw(chunks_of(answer)) for event in stream.feed_chunk(chunk)]
    events += stream.close(True)
    whole = response_object(ASKED, BACK, answer).body
    assert events[-1]["response"] == whole
    assert fold_events("responses", events) == whole
    rebuilt = fold_events("responses", events[:-1])  # from its items alone
    assert rebuilt is not None
    assert [settled(item) for item in rebuilt["output"]] == [settled(item) for item in whole["output"]]


def settled(item: JsonObject) -> JsonObject:
    """Return an item without its status: which item was cut is known at the end only."""
    return {name: value for name, value in item.items() if name != "status"}


@PROPERTY
@given(st.data(), responses())
def test_the_chunks_of_a_responses_stream_fold_into_the_completion_of_its_whole_answer(
    data: st.DataObject, response: JsonObject
) -> None:
    stream = ChatOverResponses.ChatStream(CHAT, THERE)
    chunks = [chunk for event in data.draw(events_of(response)) for chunk in stream.feed(as_sse(event))]
    assert list(stream.close()) == []
    whole = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    assert without_nulls(fold("chat", chunks)) == without_nulls(as_folded(whole.body))
    assert tuple(stream.ledger) == whole.ledger


@PROPERTY
@given(st.data(), losing_answers())
def test_what_an_answer_loses_on_the_way_to_a_response_is_marked_whole_and_streamed(
    data: st.DataObject, drawn: tuple[JsonObject, set[str]]
) -> None:
    answer, losses = drawn
    assert written(response_object(ASKED, BACK, answer).ledger) == losses
    stream = ResponsesStream(ASKED, BACK)
    for chunk in data.draw(chunks_of(answer)):
        stream.feed_chunk(chunk)
    stream.close(True)
    assert written(tuple(stream.ledger)) == losses


@PROPERTY
@given(st.data(), responses())
def test_the_partial_answer_of_a_broken_stream_says_what_came_before(data: st.DataObject, response: JsonObject) -> None:
    events = data.draw(events_of(response))
    came = events[: data.draw(st.integers(1, len(events)))]
    partial = fold_events("responses", came)
    assert partial is not None
    parts = [part for item in partial["output"] for part in item.get("content") or ()]
    for kind, field in (("output_text", "text"), ("refusal", "refusal"), ("reasoning_text", "text")):
        deltas = [event["delta"] for event in came if event["type"] == f"response.{kind}.delta"]
        assert "".join(part[field] for part in parts if part["type"] == kind) == "".join(deltas)


UNANSWERABLE = {"computer_call", "mcp_approval_request"}
"""Of the items drawn, those that wait for an answer which no chat call can carry."""


@PROPERTY
@given(responses())
def test_everything_that_a_response_holds_is_in_the_completion_or_marked_as_lost(response: JsonObject) -> None:
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    message = done.body["choices"][0]["message"]
    beside = message["provider_specific_fields"]
    items = response["output"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    assert (message["content"] or "") == "".join(part.get("text", "") for part in parts)
    assert (message["refusal"] or "") == "".join(part.get("refusal", "") for part in parts)
    shown = message.get("annotations", []) + beside.get("annotations", [])
    assert len(shown) == sum(len(part.get("annotations", ())) for part in parts)
    assert message.get("reasoning_items", []) == [item for item in items if item["type"] == "reasoning"]
    calls = [item["call_id"] for item in items if item["type"] in ("function_call", "custom_tool_call")]
    assert [call["id"] for call in message.get("tool_calls", [])] == calls
    raw = [item for item in items if item["type"] in {each["type"] for each in BUILT_IN}]
    assert beside.get("output_items", []) == raw
    assert written(done.ledger) == {f"output {item['type']}" for item in raw if item["type"] in UNANSWERABLE}


def as_sse(event: JsonObject) -> SSEEvent:
    return SSEEvent(encode(event).decode(), event["type"])


def as_folded(completion: JsonObject) -> JsonObject:
    """Return an answer as its stream folds: the first chunk says "", so that no content is null."""
    (choice,) = completion["choices"]
    message = {**choice["message"], "content": choice["message"]["content"] or ""}
    return {**completion, "choices": [{**choice, "message": message}]}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
