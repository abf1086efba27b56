"""The events of a response's stream -> chat chunks."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import (
    APIError,
    APIResponseValidationError,
    APIStatusError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    RateLimitError,
    StreamTruncatedError,
)
from llmgate_core.types.chat import ChatCompletionChunk
from tests.support.bridge_data import (
    UNKNOWN_MODEL,
    added,
    call_item,
    chunks_of,
    completed,
    created,
    custom_item,
    deltas_of,
    done,
    event,
    lossy,
    message_item,
    new_stream,
    raw_item,
    response,
    summary_item,
    text_delta,
    text_item,
    url_citation,
)

USAGE = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
CHAT_USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
JSON = {"response_format": {"type": "json_object"}}


def arguments_delta(text: str, index: int = 0) -> SSEEvent:
    return event("response.function_call_arguments.delta", output_index=index, item_id="i", delta=text)


def summary_event(kind: str, index: int, part: int, **fields: Any) -> SSEEvent:
    return event(f"response.reasoning_summary_{kind}", output_index=index, summary_index=part, item_id="i", **fields)


def test_a_text_stream() -> None:
    same = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1760000000, "model": UNKNOWN_MODEL}

    def chunk(delta: dict[str, Any], reason: str | None = None, **fields: Any) -> dict[str, Any]:
        return {**same, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **fields}

    side = {"provider_specific_fields": {"response_id": "resp_1"}}
    got = chunks_of(
        [created(), text_delta("a"), text_delta("b"), completed(text_item("ab"), usage=USAGE, service_tier="flex")],
        stream_options={"include_usage": True},
    )
    assert got == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "a"}),
        chunk({"content": "b"}),
        chunk(side, "stop", service_tier="flex", **side),
        {**same, "choices": [], "usage": CHAT_USAGE},
    ]
    for each in got:
        ChatCompletionChunk.model_validate(each)


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": False}}, {"stream_options": None}])
def test_usage_that_was_not_asked_for_is_kept_but_not_handed_out(options: dict[str, Any]) -> None:
    stream = new_stream(**options)
    chunks = [*stream.feed(created()), *stream.feed(completed(text_item("a"), usage=USAGE))]
    assert [chunk for chunk in chunks if "usage" in chunk] == []
    assert stream.usage == CHAT_USAGE


@pytest.mark.parametrize("last", [None, {}, []])
def test_usage_that_comes_with_every_event_is_that_of_the_answer(last: Any) -> None:
    early = [created(usage={**USAGE, "output_tokens": 0}), text_delta("a", usage=USAGE)]
    got = chunks_of([*early, completed(text_item("a"), usage=last)], stream_options={"include_usage": True})
    assert got[-1]["usage"] == CHAT_USAGE


def test_no_usage_no_usage_chunk() -> None:
    got = chunks_of([created(), completed(usage=None)], stream_options={"include_usage": True})
    assert len(got) == 2


@pytest.mark.parametrize(
    "silent",
    [
        event("response.in_progress", response=response()),
        event("response.queued", response=response()),
        event("response.output_item.added", output_index=0, item={"type": "message", "id": "i"}),
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "i"}),
        event("response.output_item.added", output_index=0, item={"type": "web_search_call", "id": "i"}),
        event("response.output_item.done", output_index=0, item={"type": "web_search_call", "id": "i"}),
        event(
            "response.content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": "x"}
        ),
        event("response.content_part.done", output_index=0, content_index=0, part={"type": "output_text", "text": "x"}),
        event("response.reasoning_summary_text.done", output_index=0, summary_index=0, text="x"),
        event("response.reasoning_summary_part.done", output_index=0, summary_index=0, part={}),
        event("response.reasoning_text.done", output_index=0, content_index=0, text="x"),
        event("response.web_search_call.completed", output_index=0, item_id="i"),
        event("response.code_interpreter_call_code.delta", output_index=0, delta="x"),
        event("response.mcp_call_arguments.delta", output_index=0, delta="x"),
        event("response.image_generation_call.partial_image", output_index=0, partial_image_b64="x"),
        event("response.audio.delta", delta="x"),
        event("response.from_tomorrow", delta="x"),
        event("response.output_text.delta", output_index=0, content_index=0, delta=""),
        arguments_delta(""),
        SSEEvent('{"no": "type"}'),
    ],
    ids=lambda silent: silent.event,
)
def test_an_event_that_chat_has_nothing_for_makes_no_chunk(silent: SSEEvent) -> None:
    stream = new_stream()
    stream.feed(created())
    assert list(stream.feed(silent)) == []


# --- text, refusals, annotations ---


def text_done(text: str, index: int = 0, content_index: int = 0, **fields: Any) -> SSEEvent:
    return event(
        "response.output_text.done", output_index=index, content_index=content_index, text=text, item_id="i", **fields
    )


def test_a_text_that_had_no_delta_comes_whole_and_one_that_had_does_not_come_again() -> None:
    ends = [completed(message_item({"type": "output_text", "text": "ab"}, {"type": "output_text", "text": "c"}))]
    assert deltas_of([created(), text_delta("ab"), text_done("ab"), text_done("c", content_index=1), *ends]) == [
        {"content": "ab"},
        {"content": "c"},
    ]


def test_logprobs_come_with_their_text() -> None:
    one = {"token": "a", "logprob": -1.0}
    got = chunks_of([created(), text_delta("a", logprobs=[one]), text_delta("b", logprobs=[]), completed()])
    assert got[1]["choices"][0]["logprobs"] == {"content": [one], "refusal": None}
    assert "logprobs" not in got[2]["choices"][0]


def test_refusals_are_deltas_of_their_own() -> None:
    place = {"output_index": 0, "content_index": 0, "item_id": "i"}
    said = [event("response.refusal.delta", **place, delta=text) for text in ("N", "o")]
    whole = event("response.refusal.done", **place, refusal="No")
    end = completed(message_item({"type": "refusal", "refusal": "No"}))
    assert deltas_of([created(), *said, whole, end]) == [{"refusal": "N"}, {"refusal": "o"}]
    assert deltas_of([created(), whole, end]) == [{"refusal": "No"}]


def annotation_added(annotation: Any, index: int = 0, content_index: int = 0) -> SSEEvent:
    return event(
        "response.output_text.annotation.added",
        output_index=index,
        content_index=content_index,
        annotation_index=0,
        annotation=annotation,
        item_id="i",
    )


def test_citations_are_nested_and_moved_by_the_text_before_their_part() -> None:
    other = {"type": "file_citation", "file_id": "file-1"}
    got = chunks_of(
        [
            created(),
            text_delta("12345"),
            annotation_added(url_citation(0, 2)),
            text_delta("678", content_index=1),
            annotation_added(url_citation(1, 3), content_index=1),
            annotation_added(other, content_index=1),
            text_delta("9", index=1),
            annotation_added(url_citation(0, 1), index=1),
            completed(text_item("12345678", annotations=[other])),
        ]
    )
    deltas = [chunk["choices"][0]["delta"] for chunk in got]
    citations = [delta["annotations"][0]["url_citation"] for delta in deltas if "annotations" in delta]
    assert [(it["start_index"], it["end_index"]) for it in citations] == [(0, 2), (6, 8), (8, 9)]
    assert deltas[-1]["provider_specific_fields"]["annotations"] == [other]


def test_only_the_first_of_several_json_documents_is_content() -> None:
    first, second = text_item('{"a":1}'), text_item('{"b":2}', id="msg_2")
    stream = new_stream(**JSON)
    events = [
        created(),
        added(0, {**first, "content": []}),
        text_delta('{"a":1}'),
        done(0, first),
        added(1, {**second, "content": []}),
        text_delta('{"b":2}', index=1),
        done(1, second),
        completed(first, second),
    ]
    chunks = [chunk for each in events for chunk in stream.feed(each)]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [delta["content"] for delta in deltas if delta.get("content")] == ['{"a":1}']
    assert deltas[-1]["provider_specific_fields"]["output_items"] == [second]
    assert [(entry.parameter, entry.lossy) for entry in stream.ledger] == [("response_format", False)]


# --- reasoning ---


def test_summary_parts_are_parted_by_a_blank_line_over_the_whole_stream() -> None:
    end = completed(summary_item("a", "b"), summary_item("c", id="rs_2"))
    got = deltas_of(
        [
            created(),
            summary_event("part.added", 0, 0),
            summary_event("text.delta", 0, 0, delta="a"),
            summary_event("part.added", 0, 1),
            summary_event("text.delta", 0, 1, delta="b"),
            summary_event("part.added", 1, 0),
            summary_event("text.delta", 1, 0, delta="c"),
            end,
        ]
    )
    assert [delta["reasoning_content"] for delta in got] == ["a", "\n\n", "b", "\n\n", "c"]


def test_a_summary_part_that_was_not_announced_is_parted_too() -> None:
    said = [summary_event("text.delta", 0, part, delta=text) for part, text in enumerate("ab")]
    got = deltas_of([created(), *said, completed(summary_item("a", "b"))])
    assert "".join(delta["reasoning_content"] for delta in got) == "a\n\nb"


def test_raw_reasoning_is_sent_and_its_summary_is_not() -> None:
    raw = event("response.reasoning_text.delta", output_index=0, content_index=0, item_id="i", delta="raw")
    got = deltas_of(
        [
            created(),
            raw,
            summary_event("part.added", 0, 0),
            summary_event("text.delta", 0, 0, delta="short"),
            completed(raw_item("raw", "short")),
        ]
    )
    assert got == [{"reasoning_content": "raw"}]


def test_the_last_chunk_has_the_reasoning_items_for_a_later_turn() -> None:
    item = summary_item("a", encrypted_content="secret")
    last = chunks_of([created(), completed(item, text_item("x"))])[-1]["choices"][0]["delta"]
    assert last["reasoning_items"] == [item]


# --- calls ---


def test_parallel_calls_have_indexes_in_order_of_appearance_even_when_their_deltas_interleave() -> None:
    first, second = call_item("call_1", "f", "12"), call_item("call_2", "g", "34")
    got = deltas_of(
        [
            created(),
            added(0, summary_item()),
            added(1, {**first, "arguments": ""}),
            added(2, {**second, "arguments": ""}),
            arguments_delta("1", 1),
            arguments_delta("3", 2),
            arguments_delta("2", 1),
            arguments_delta("4", 2),
            done(1, first),
            done(2, second),
            completed(summary_item(), first, second),
        ]
    )
    assert got == [
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "3"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "2"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "4"}}]},
    ]


def test_a_custom_call_streams_its_input() -> None:
    item = custom_item("call_1", "go")
    place = {"output_index": 0, "item_id": "i"}
    start = [created(), added(0, {**item, "input": ""})]
    announced = {"tool_calls": [{"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "c", "input": ""}}]}
    whole = event("response.custom_tool_call_input.done", **place, input="go")
    said = [event("response.custom_tool_call_input.delta", **place, delta=text) for text in ("g", "o")]
    piece = {"tool_calls": [{"index": 0, "custom": {"input": "g"}}]}
    assert deltas_of([*start, *said, whole, done(0, item), completed(item)])[:2] == [announced, piece]
    assert deltas_of([*start, whole, done(0, item), completed(item)]) == [
        announced,
        {"tool_calls": [{"index": 0, "custom": {"input": "go"}}]},
    ]


@pytest.mark.parametrize("where", ["arguments done", "item done", "end"])
def test_arguments_that_had_no_delta_come_once(where: str) -> None:
    item = call_item("call_1", "f", "{}")
    whole = event("response.function_call_arguments.done", output_index=0, item_id="i", arguments="{}", name="f")
    said = {"arguments done": [whole, done(0, item)], "item done": [done(0, item)], "end": []}[where]
    got = deltas_of([created(), added(0, {**item, "arguments": ""}), *said, completed(item)])
    assert got[1:] == [{"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}]


@pytest.mark.parametrize("where", ["item done", "end"])
def test_an_item_that_was_never_announced_comes_whole(where: str) -> None:
    output = [
        summary_item("a", "b"),
        text_item("x", annotations=[url_citation()]),
        message_item({"type": "refusal", "refusal": "No"}, id="msg_2"),
        call_item("call_1", "f", "{}"),
    ]
    said = [done(index, item) for index, item in enumerate(output)] if where == "item done" else []
    assert deltas_of([created(), *said, completed(*output)]) == [
        {"reasoning_content": "a\n\nb"},
        {"content": "x"},
        {
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "https://example.test/a", "title": "A", "start_index": 0, "end_index": 1},
                }
            ]
        },
        {"refusal": "No"},
        {
            "tool_calls": [
                {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ]
        },
    ]


def test_nothing_comes_twice_from_a_server_that_counts_its_items_in_another_way() -> None:
    got = deltas_of(
        [
            created(),
            text_delta("x"),
            arguments_delta("lost without a name", 1),
            completed(summary_item(), text_item("x")),
        ]
    )
    assert got == [{"content": "x"}]


def test_a_call_does_not_come_twice_from_a_server_that_counts_its_items_in_another_way() -> None:
    item = {**call_item("call_1", "f", "{}"), "id": "another"}
    begun = {**call_item("call_1", "f", "{}"), "arguments": ""}
    got = deltas_of([created(), added(0, begun), arguments_delta("{}"), completed(summary_item(), item)])
    assert len(got) == 2


# --- beginnings and ends ---


def test_a_stream_begins_once() -> None:
    got = chunks_of([created(), created(id="resp_2"), text_delta("a"), completed(text_item("a"))])
    assert [chunk["choices"][0]["delta"].get("role") for chunk in got] == ["assistant", None, None]
    assert {chunk["id"] for chunk in got} == {"chatcmpl-1"}


def test_a_stream_without_its_beginning_still_begins_with_the_role() -> None:
    got = chunks_of([text_delta("a"), completed(text_item("a"))])
    assert got[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len({chunk["id"] for chunk in got}) == 1
    alone = chunks_of([completed(text_item("a"))])
    assert [chunk["choices"][0]["delta"].get("content") for chunk in alone] == ["", "a", None]
    assert {chunk["id"] for chunk in alone} == {"chatcmpl-1"}


def test_an_end_without_output_is_rebuilt_from_the_items_seen() -> None:
    item = call_item("call_1", "f", "{}")
    reasoning = summary_item("a", encrypted_content="secret")
    events = [created(), done(0, reasoning), added(1, {**item, "arguments": ""}), done(1, item), completed(output=None)]
    last = chunks_of(events)[-1]["choices"][0]
    assert last["finish_reason"] == "tool_calls"
    assert last["delta"]["reasoning_items"] == [reasoning]


@pytest.mark.parametrize(
    ("reason", "expected"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_incomplete_response_ends_the_stream_with_its_reason(reason: str, expected: str) -> None:
    found = response(text_item("a"), status="incomplete", incomplete_details={"reason": reason})
    got = chunks_of([created(), text_delta("a"), event("response.incomplete", response=found)])
    assert got[-1]["choices"][0]["finish_reason"] == expected


def test_the_type_of_the_last_event_says_that_it_is_incomplete_where_the_response_does_not() -> None:
    got = chunks_of([created(), event("response.incomplete", response={"id": "resp_1", "output": []})])
    assert got[-1]["choices"][0]["finish_reason"] == "length"


def test_done_may_follow_the_end_and_nothing_after_it_counts() -> None:
    stream = new_stream()
    for each in (created(), completed()):
        assert not stream.done
        stream.feed(each)
    assert stream.done
    assert list(stream.feed(SSEEvent("[DONE]"))) == []
    assert list(stream.feed(text_delta("late"))) == []
    assert list(stream.close()) == []


@pytest.mark.parametrize("end", ["close", "[DONE]"])
def test_a_stream_without_its_end_is_truncated(end: str) -> None:
    stream = new_stream()
    stream.feed(created())
    stream.feed(text_delta("a"))
    with pytest.raises(StreamTruncatedError, match=r"response\.completed"):
        stream.close() if end == "close" else stream.feed(SSEEvent(end))


def test_an_item_that_waits_for_an_answer_is_in_the_ledger_of_the_stream() -> None:
    stream = new_stream()
    stream.feed(created())
    assert stream.ledger == []
    stream.feed(completed({"type": "computer_call", "id": "cc_1"}))
    assert lossy(stream.ledger) == ["output computer_call"]


def test_obfuscation_goes_along() -> None:
    got = chunks_of([created(), text_delta("a", obfuscation="xyz"), completed()])
    assert got[1]["obfuscation"] == "xyz"


# --- errors ---


CODES = [
    ("rate_limit_exceeded", RateLimitError, 429),
    ("server_error", InternalServerError, 500),
    ("vector_store_timeout", InternalServerError, 500),
    ("bio_policy", ContentPolicyViolationError, 400),
    ("invalid_prompt", BadRequestError, 400),
]


@pytest.mark.parametrize(("code", "error_class", "status"), [*CODES, ("of_tomorrow", BadRequestError, 400)])
def test_a_failed_response_raises_by_its_code(code: str, error_class: type[APIError], status: int) -> None:
    stream = new_stream()
    stream.feed(created())
    found = response(status="failed", error={"code": code, "message": "why"}, usage=USAGE)
    with pytest.raises(APIError) as caught:
        stream.feed(event("response.failed", response=found))
    assert type(caught.value) is error_class
    assert (caught.value.status_code, caught.value.code, caught.value.message) == (status, code, "why")
    assert stream.usage == CHAT_USAGE
    with pytest.raises(StreamTruncatedError):
        stream.close()


@pytest.mark.parametrize(("code", "error_class", "status"), [*CODES, ("of_tomorrow", APIStatusError, None)])
@pytest.mark.parametrize("nested", [True, False])
def test_an_error_event_raises_by_its_code_in_both_shapes(
    code: str, error_class: type[APIError], status: int | None, nested: bool
) -> None:
    words = {"code": code, "message": "why", "param": "input"}
    stream = new_stream()
    with pytest.raises(APIError) as caught:
        stream.feed(event("error", error={"type": "some", **words}) if nested else event("error", **words))
    error = caught.value
    assert type(error) is error_class
    assert (error.status_code, error.code, error.message, error.param) == (status, code, "why", "input")
    assert error.type == ("some" if nested else None)


def test_an_error_frame_without_a_type_raises_too() -> None:
    with pytest.raises(RateLimitError):
        new_stream().feed(SSEEvent('{"error": {"code": "429", "message": "slow"}}'))
    with pytest.raises(APIStatusError, match="plain words"):
        new_stream().feed(SSEEvent('{"error": "plain words"}'))


def test_a_cancelled_response_raises() -> None:
    with pytest.raises(APIError, match="cancelled"):
        new_stream().feed(event("response.cancelled", response=response()))


@pytest.mark.parametrize("data", ["{", "[]", "7", '{"type": 5}', ""])
def test_an_event_that_is_none_is_a_validation_error(data: str) -> None:
    with pytest.raises(APIResponseValidationError):
        new_stream().feed(SSEEvent(data))
