"""Chunks folded into a whole answer, and a whole answer unfolded into chunks, case by case.

That both fit the description and undo each other is in `tests/behaviour`.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.reading.accumulate.chunks import PARTS, fold, unfold
from llmgate_core.reading.accumulate.events import fold_events

BASE = {"id": "c1", "created": 1, "model": "m"}


def chunk(*choices: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**BASE, "object": "chat.completion.chunk", "choices": list(choices), **fields}


def delta(index: int | None = 0, finish: str | None = None, *, logprobs: Any = None, **fields: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": index, "delta": fields, "finish_reason": finish}
    return choice if logprobs is None else {**choice, "logprobs": logprobs}


def message_of(*deltas: dict[str, Any]) -> dict[str, Any]:
    whole = fold("chat", [chunk(delta(**fields)) for fields in deltas])
    message: dict[str, Any] = whole["choices"][0]["message"]
    return {name: value for name, value in message.items() if value is not None and name != "role"}


# --- fold ---


def test_lists_within_an_object_are_added_up_as_those_beside_it() -> None:
    cited, more = [{"start": 0}], [{"start": 5}]
    pieces = [{"provider_specific_fields": {"citations": items, "plan": "p"}} for items in (cited, more)]
    assert message_of(*pieces) == {"provider_specific_fields": {"citations": [{"start": 0}, {"start": 5}], "plan": "p"}}
    assert (cited, more) == ([{"start": 0}], [{"start": 5}])


def test_choices_that_are_mixed_come_apart_in_their_order() -> None:
    pieces = [delta(1, content="b"), delta(0, content="a"), delta(1, "length", content="B"), delta(0, "stop")]
    whole = fold("chat", [chunk(*pieces[:2]), *map(chunk, pieces[2:])])
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in whole["choices"]] == [
        (0, "a", "stop"),
        (1, "bB", "length"),
    ]


def test_the_last_word_on_a_field_of_the_answer_wins_and_padding_is_left_out() -> None:
    whole = fold(
        "chat",
        [
            chunk(delta(content="a"), usage={"total_tokens": 1}, obfuscation="xx", new={"a": 1}),
            chunk(usage={"total_tokens": 2}, service_tier="flex", model=None),
            chunk(usage=None),
        ],
    )
    assert {name: whole[name] for name in whole if name != "choices"} == {
        **BASE,
        "object": "chat.completion",
        "usage": {"total_tokens": 2},
        "service_tier": "flex",
        "new": {"a": 1},
    }


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        ([{"role": "assistant", "content": ""}, {"content": "a"}, {"content": None}], {"content": "a"}),
        ([{"content": "a"}, {"content": ""}, {"content": "b"}], {"content": "ab"}),
        ([{"content": None}, {}], {}),
        ([{"refusal": "I "}, {"refusal": "won't"}], {"refusal": "I won't"}),
        ([{"reasoning_content": "hm"}, {"content": "a"}], {"reasoning_content": "hm", "content": "a"}),
        ([{"content": ["odd"]}, {"content": "a"}], {"content": ["odd", {"type": "text", "text": "a"}]}),
        (
            [{"audio": {"id": "a1", "data": "QU", "transcript": "h"}}, {"audio": {"data": "JD", "transcript": "i"}},
             {"audio": {"expires_at": 9}}],
            {"audio": {"id": "a1", "data": "QUJD", "transcript": "hi", "expires_at": 9}},
        ),
        ([{"audio": {"data": "QQ=="}}, {"audio": {"data": "QkM="}}], {"audio": {"data": "QUJD"}}),
        ([{"audio": {"data": "no="}}, {"audio": {"data": "b64"}}], {"audio": {"data": "no=b64"}}),
        (
            [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}],
            {"function_call": {"name": "f", "arguments": "{}"}},
        ),
        ([{"annotations": [1]}, {"annotations": [2]}], {"annotations": [1, 2]}),
        ([{"new": "a"}, {"new": "b"}, {"new": None}], {"new": "ab"}),
        (
            [{"content": [{"type": "text", "text": "a"}]}, {"content": [{"type": "text", "text": "b"}]}],
            {"content": [{"type": "text", "text": "ab"}]},
        ),
        (  # not parts of a text: each item is whole, whatever it looks like
            [{"reasoning_items": [{"type": "t", "text": "a"}]}, {"reasoning_items": [{"type": "t", "text": "b"}]}],
            {"reasoning_items": [{"type": "t", "text": "a"}, {"type": "t", "text": "b"}]},
        ),
    ],
)  # fmt: skip
def test_each_part_of_a_message_grows_in_its_own_way(deltas: list[dict[str, Any]], message: dict[str, Any]) -> None:
    assert message_of(*deltas) == message


def test_tool_calls_are_put_together_by_their_index_whatever_the_order() -> None:
    pieces: list[list[dict[str, Any]]] = [
        [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}],
        [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "x"}}],
        [{"index": 1, "function": {"arguments": '{"q"', "name": None}}, {"index": 0, "custom": {"input": "y"}}],
        [{"index": 1, "id": None, "function": {"arguments": ":1}"}}],
    ]
    assert message_of(*({"tool_calls": calls} for calls in pieces))["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "f", "input": "xy"}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"q":1}'}},
    ]


def test_tool_calls_without_an_index_are_each_one_of_its_own() -> None:
    calls = [{"id": name, "function": {"name": "f", "arguments": name}} for name in "ab"]
    assert message_of(*({"tool_calls": [call]} for call in calls), {"tool_calls": None})["tool_calls"] == calls


def test_logprobs_of_all_chunks_are_kept() -> None:
    whole = fold(
        "chat",
        [
            chunk(delta(content="a", logprobs={"content": [1], "refusal": None})),
            chunk(delta(content="b", logprobs={"content": [2, 3], "refusal": [4]})),
        ],
    )
    assert whole["choices"][0]["logprobs"] == {"content": [1, 2, 3], "refusal": [4]}


def test_a_text_completion_grows_by_its_text() -> None:
    pieces = [
        {"index": 0, "text": "a"},
        {"index": None, "text": None},
        {"index": 0, "text": "b", "finish_reason": "stop"},
    ]
    whole = fold("text_completion", [{**BASE, "choices": [piece]} for piece in pieces])
    (choice,) = whole["choices"]
    assert (whole["object"], choice["text"], choice["finish_reason"]) == ("text_completion", "ab", "stop")


def test_no_chunks_make_an_answer_without_choices() -> None:
    for chunks in ([], [{}], [{"choices": None}]):
        assert fold("chat", chunks) == {"object": "chat.completion", "choices": []}


def test_a_long_answer_is_folded_whole() -> None:
    pieces = [chunk(delta(content="x" * 100)) for _ in range(20_000)]
    assert len(fold("chat", pieces)["choices"][0]["message"]["content"]) == 2_000_000


# --- unfold ---

CALLS = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
MESSAGE = {
    "role": "assistant",
    "tool_calls": CALLS,
    "content": "Hello",
    "refusal": None,
    "annotations": [],
    "reasoning_content": "hm",
    "new": 1,
}
ANSWER = {
    **BASE,
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": {"content": [1]}},
        {"index": 1, "message": {"role": "assistant", "content": None}, "finish_reason": None},
    ],
    "usage": {"total_tokens": 3},
    "service_tier": "flex",
}


def test_a_chat_begins_with_its_role_says_each_part_and_ends_with_its_reason() -> None:
    chunks = unfold("chat", ANSWER, with_usage=False)
    first = [piece["choices"][0] for piece in chunks if piece["choices"][0]["index"] == 0]
    assert [choice["delta"] for choice in first] == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "Hello"},
        {"tool_calls": [{"index": 0, **CALLS[0]}]},
        {"new": 1},
    ]
    assert [choice["finish_reason"] for choice in first] == [None, None, None, None, "stop"]
    assert [choice["logprobs"] for choice in first if choice.get("logprobs")] == [{"content": [1]}]
    second = [piece["choices"][0]["delta"] for piece in chunks if piece["choices"][0]["index"] == 1]
    assert second == [{"role": "assistant", "content": ""}, {}]
    said = {**BASE, "object": "chat.completion.chunk", "service_tier": "flex"}
    for piece in chunks:
        assert {name: value for name, value in piece.items() if name not in ("choices", "usage")} == said
    assert set(PARTS) >= {"content", "tool_calls"}


def test_the_usage_comes_last_and_only_where_it_was_asked_for() -> None:
    assert unfold("chat", ANSWER, with_usage=True)[-1]["usage"] == {"total_tokens": 3}
    assert unfold("chat", ANSWER, with_usage=True)[-1]["choices"] == []
    assert not any(piece.get("usage") for piece in unfold("chat", ANSWER, with_usage=False))


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_response_begins_empty_and_ends_as_it_is(status: str) -> None:
    answer = {"id": "r", "status": status, "output": [1], "usage": {"total_tokens": 3}}
    begun, running, ended = unfold("responses", answer, with_usage=False)
    assert (begun["type"], begun["response"]["output"], begun["response"]["usage"]) == ("response.created", [], None)
    assert begun["response"]["status"] == "in_progress"
    assert (ended["type"], ended["response"]) == (f"response.{status}", answer)
    assert (running["type"], running["response"]) == ("response.in_progress", begun["response"])
    assert [event["sequence_number"] for event in (begun, running, ended)] == [0, 1, 2]


def test_the_other_families_are_one_event() -> None:
    (event,) = unfold("transcription", {"text": "hi"}, with_usage=False)
    assert (event["type"], event["text"]) == ("transcript.text.done", "hi")
    text = {"choices": [{"text": "a"}], "usage": {"total_tokens": 1}}
    assert unfold("text_completion", text, with_usage=False) == [text]


def test_each_item_of_a_response_is_added_sent_and_done() -> None:
    summary, thought = {"type": "summary_text", "text": "I see"}, {"type": "reasoning_text", "text": "so"}
    text = {"type": "output_text", "text": "Hi", "annotations": [{"type": "url_citation"}], "logprobs": [{"t": 1}]}
    refusal = {"type": "refusal", "refusal": "No"}
    output = [
        {"type": "reasoning", "id": "rs", "summary": [summary], "content": [thought], "encrypted_content": "x"},
        {"type": "message", "id": "msg", "status": "completed", "role": "assistant", "content": [text, refusal]},
        {"type": "function_call", "id": "fc", "name": "f", "call_id": "c", "arguments": "{}", "status": "completed"},
        {"type": "custom_tool_call", "id": "ct", "name": "g", "call_id": "d", "input": ""},
        {"type": "mcp_call", "id": "mc", "name": "h", "arguments": "[]"},
        {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"query": "q"}},
    ]
    answer = {"id": "r", "status": "completed", "output": output, "usage": {"total_tokens": 3}}
    events = unfold("responses", answer, with_usage=False)
    assert [event["type"].removeprefix("response.") for event in events] == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done"),
        *("content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
        *("output_text.annotation.added", "content_part.done"),
        *("content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        *("output_item.added", "custom_tool_call_input.done", "output_item.done"),
        *("output_item.added", "mcp_call_arguments.delta", "mcp_call_arguments.done", "output_item.done"),
        *("output_item.added", "output_item.done", "completed"),
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    assert added[1] == {"type": "message", "id": "msg", "status": "in_progress", "role": "assistant", "content": []}
    assert (added[2]["arguments"], added[5]["status"], added[0]["encrypted_content"]) == ("", "in_progress", "x")
    assert [event["item"] for event in events if event["type"] == "response.output_item.done"] == output
    assert [event["name"] for event in events if event["type"] == "response.function_call_arguments.done"] == ["f"]
    delta = next(event for event in events if event["type"] == "response.output_text.delta")
    assert (delta["item_id"], delta["output_index"], delta["content_index"]) == ("msg", 1, 0)
    assert (delta["delta"], delta["logprobs"]) == ("Hi", [{"t": 1}])
    assert fold_events("responses", events)["output"] == output
