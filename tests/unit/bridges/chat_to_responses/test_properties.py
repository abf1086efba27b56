"""What holds for every message, every answer and every way to cut it into events."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import LLMGateError
from llmgate_core.reading.accumulate.chunks import fold
from tests.support.bridge_data import (
    added,
    call_item,
    completed,
    completion,
    created,
    custom_item,
    done,
    event,
    message_item,
    new_stream,
    raw_item,
    request,
    response,
    summary_item,
    url_citation,
    without_nulls,
)
from tests.support.examples import examples

PROPERTY = examples(200)
WORDS = st.text("abc \n", min_size=1, max_size=8)
INDEX = st.integers(0, 3)

# --- requests ---

PARTS = st.one_of(
    WORDS.map(lambda text: {"type": "text", "text": text}),
    WORDS.map(lambda url: {"type": "image_url", "image_url": {"url": url}}),
    WORDS.map(lambda name: {"type": "file", "file": {"file_id": name}}),
)
CONTENTS = st.one_of(WORDS, st.lists(PARTS, min_size=1, max_size=3))
TURNS = st.one_of(
    st.builds(
        lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "developer"]), CONTENTS
    ),
    st.builds(lambda content: {"role": "system", "content": content}, WORDS),
    st.builds(lambda content: {"role": "assistant", "content": content}, WORDS),
    st.builds(lambda text, output, custom: (text, output, custom), WORDS, CONTENTS, st.booleans()),
)


def conversation(turns: list[Any]) -> list[dict[str, Any]]:
    """Spell a tool turn out as a call and its answer, with an id of its own."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if isinstance(turn, dict):
            messages.append(turn)
            continue
        text, output, custom = turn
        kind, field = ("custom", "input") if custom else ("function", "arguments")
        called = {"id": f"call_{number}", "type": kind, kind: {"name": "f", field: "{}"}}
        messages.append({"role": "assistant", "content": text, "tool_calls": [called]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": output})
    return messages


def words_of(value: Any) -> list[str]:
    """Return every text that a model would read, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [word for item in value for word in words_of(item)]
    if not isinstance(value, dict):
        return []
    names = ("content", "text", "image_url", "url", "file", "file_id", "output")
    return [word for name in names if name in value for word in words_of(value[name])]


@PROPERTY
@given(st.lists(TURNS, min_size=1, max_size=5).map(conversation))
def test_every_text_arrives_in_order_and_nothing_is_lost(messages: list[dict[str, Any]]) -> None:
    before = copy.deepcopy(messages)
    body, ledger = request(messages)
    assert messages == before
    assert [entry for entry in ledger if entry.lossy] == []
    assert body["input"]
    sent = "".join(words_of([body.get("instructions", ""), body["input"]]))
    assert sent.replace("\n", "") == "".join(words_of(messages)).replace("\n", "")
    assert json.loads(json.dumps(body)) == body


@PROPERTY
@given(st.lists(TURNS, min_size=1, max_size=5).map(conversation))
def test_every_call_keeps_its_answer(messages: list[dict[str, Any]]) -> None:
    items = request(messages)[0]["input"]
    calls = {item["call_id"]: item["type"] for item in items if item["type"].endswith("_call")}
    answers = {item["call_id"]: item["type"] for item in items if item["type"].endswith("_output")}
    assert answers == {call_id: f"{kind}_output" for call_id, kind in calls.items()}
    assert set(calls) == {tool["id"] for message in messages for tool in message.get("tool_calls", ())}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "user", "assistant", "tool", "text", "f"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "tool_calls", "id", "function", "tool_call_id", "name"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@PROPERTY
@given(st.lists(JUNK, max_size=3), st.sampled_from(["error", "drop", "forward"]), JUNK, JUNK)
def test_junk_is_converted_or_refused_and_never_an_exception_of_another_kind(
    messages: list[Any], policy: str, tools: Any, other: Any
) -> None:
    with contextlib.suppress(LLMGateError):
        request(
            messages, policy=policy, tools=tools, tool_choice=other, response_format=other, include=other, text=other
        )


# --- answers ---


FILE_CITATION = {"type": "file_citation", "file_id": "file-1", "index": 0}


@st.composite
def outputs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw output items as an upstream makes them."""
    items: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["message", "refusal", "summary", "raw", "call", "custom", "other"]))
        texts = draw(st.lists(WORDS, min_size=1, max_size=3))
        if kind == "message":
            items.append(message_item(*({"type": "output_text", "text": text} for text in texts), id=f"msg_{number}"))
        elif kind == "refusal":
            items.append(message_item({"type": "refusal", "refusal": texts[0]}, id=f"msg_{number}"))
        elif kind == "summary":
            items.append(summary_item(*texts, id=f"rs_{number}", encrypted_content="secret"))
        elif kind == "raw":
            items.append(raw_item(*texts, id=f"rs_{number}"))
        elif kind == "call":
            items.append(call_item(f"call_{number}", "f", texts[0]))
        elif kind == "custom":
            items.append(custom_item(f"call_{number}", texts[0]))
        else:
            items.append({"id": f"ws_{number}", "type": "web_search_call"})
    for part in (part for item in items if item["type"] == "message" for part in item["content"] if "text" in part):
        part["annotations"] = draw(st.lists(st.sampled_from([url_citation(0, 1), FILE_CITATION]), max_size=2))
    return items


def events_of(draw: st.DrawFn, output: list[dict[str, Any]]) -> list[SSEEvent]:
    """Cut an output into events: every item with or without deltas, in pieces of any size."""
    events = [created()]
    for index, item in enumerate(output):
        if draw(st.booleans()):
            bare = {**item, "content": [], "summary": [], "arguments": "", "input": ""}
            events += [added(index, bare), *deltas(draw, index, item)]
        events.append(done(index, item))
    return events


def pieces(draw: st.DrawFn, text: str) -> list[str]:
    cut = draw(st.integers(0, len(text)))
    return [text[:cut], text[cut:]]


def deltas(draw: st.DrawFn, index: int, item: dict[str, Any]) -> list[SSEEvent]:
    place: dict[str, Any] = {"output_index": index, "item_id": item["id"]}
    made: list[SSEEvent] = []

    def say(kind: str, field: str, text: str, **fields: Any) -> None:
        if draw(st.booleans()):
            made.extend(event(f"response.{kind}.delta", **place, **fields, delta=part) for part in pieces(draw, text))
        made.append(event(f"response.{kind}.done", **place, **fields, **{field: text}))

    for number, part in enumerate(item.get("content", ())):
        at = {"content_index": number}
        if "refusal" in part:
            say("refusal", "refusal", part["refusal"], **at)
        elif item["type"] == "reasoning":
            made.extend(
                event("response.reasoning_text.delta", **place, **at, delta=piece)
                for piece in pieces(draw, part["text"])
            )
        else:
            say("output_text", "text", part["text"], **at)
            for annotation in part.get("annotations", ()):
                made.append(event("response.output_text.annotation.added", **place, **at, annotation=annotation))
    for number, part in enumerate(item.get("summary", ())):
        at = {"summary_index": number}
        made.append(event("response.reasoning_summary_part.added", **place, **at, part={}))
        made.extend(
            event("response.reasoning_summary_text.delta", **place, **at, delta=piece)
            for piece in pieces(draw, part["text"])
        )
    if item["type"] == "function_call":
        say("function_call_arguments", "arguments", item["arguments"])
    if item["type"] == "custom_tool_call":
        say("custom_tool_call_input", "input", item["input"])
    return made


USAGES = st.none() | st.builds(lambda n: {"input_tokens": n, "output_tokens": 1, "total_tokens": n + 1}, INDEX)


@PROPERTY
@given(st.data(), outputs(), USAGES, st.booleans(), st.booleans())
def test_a_stream_folds_into_the_whole_answer(
    data: st.DataObject, output: list[dict[str, Any]], usage: Any, one_document: bool, repeats: bool
) -> None:
    params: dict[str, Any] = {"stream_options": {"include_usage": True}}
    if one_document:
        params["response_format"] = {"type": "json_object"}
    stream = new_stream(**params)
    fields = {"usage": usage, "service_tier": "default"}
    events = [*events_of(data.draw, output), completed(*(output if repeats else ()), **fields)]
    chunks = [chunk for each in events for chunk in stream.feed(each)]
    assert list(stream.close()) == []

    folded = without_nulls(fold("chat", chunks))
    whole = without_nulls(completion(response(*output, **fields), **params))
    message = folded["choices"][0]["message"]
    if not message["content"]:  # the first chunk says "", where a whole answer of calls alone says null
        del message["content"]
        whole["choices"][0]["message"].pop("content", None)
    assert folded == whole
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"]].count(None) == sum(
        bool(chunk["choices"]) for chunk in chunks
    ) - 1


KINDS = [
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.refusal.delta",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_text.delta",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.custom_tool_call_input.done",
    "response.completed",
    "response.incomplete",
    "response.failed",
    "error",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "a", "message", "function_call", "reasoning"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "id", "content", "summary", "text", "output", "error", "code", "usage", "annotations"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
ODD_EVENTS = st.builds(
    lambda kind, fields: event(kind, **fields),
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(
            [
                "output_index",
                "content_index",
                "summary_index",
                "item_id",
                "item",
                "delta",
                "text",
                "annotation",
                "response",
            ]
        ),
        ODD,
        max_size=4,
    ),
)


@PROPERTY
@given(st.lists(ODD_EVENTS, max_size=6))
def test_odd_events_make_chunks_or_errors_of_ours(events: list[SSEEvent]) -> None:
    stream = new_stream()
    with contextlib.suppress(LLMGateError):
        for each in events:
            for chunk in stream.feed(each):
                assert chunk["object"] == "chat.completion.chunk"


@PROPERTY
@given(ODD)
def test_odd_responses_make_an_answer_or_an_error_of_ours(found: Any) -> None:
    assert completion(response(**{"output": [found], "usage": found, "incomplete_details": found}))["choices"]
    with contextlib.suppress(LLMGateError):
        completion(found)
