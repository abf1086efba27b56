"""Laws of the bridge, for any answer and however it is cut: stream and whole agree, and a replay says the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from llmgate_core.bridges.responses_to_chat import ResponsesStream, StreamRepair, response_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import APIResponseValidationError, BadRequestError, StreamTruncatedError
from llmgate_core.reading.accumulate.chunks import fold
from tests.support.examples import examples

ROUTE = Route("acme", "acme", "chat", "a-model", "https://acme.example.test/v1")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TOOLS: list[JsonObject] = [
    {"type": "function", "name": "f", "parameters": {"type": "object"}},
    {"type": "custom", "name": "run"},
    {"type": "namespace", "name": "crm", "description": "d", "tools": [{"type": "function", "name": "find"}]},
]
CALL = Call("responses", "acme/a-model", {"input": "hi", "tools": TOOLS})
FINISHES = ["stop", "tool_calls", "length", "content_filter"]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

texts = st.text(alphabet='ab \n"\\{}é✓', max_size=12)
calls = st.lists(
    st.tuples(st.sampled_from(["f", "run", "crm__find", "unknown"]), st.sampled_from(["{}", '{"input":"x"}', "bare"])),
    max_size=3,
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "message", "function"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "role",
                    "content",
                    "name",
                    "call_id",
                    "output",
                    "tools",
                    "text",
                    "index",
                    "delta",
                    "function",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@st.composite
def answers(draw: st.DrawFn) -> JsonObject:
    message: JsonObject = {"role": "assistant", "content": draw(st.none() | texts)}
    for field in ("refusal", "reasoning_content"):
        if text := draw(texts):
            message[field] = text
    made = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (name, arguments) in enumerate(draw(calls))
    ]
    if made:
        message["tool_calls"] = made
    choice = {"index": 0, "message": message, "finish_reason": draw(st.sampled_from(FINISHES))}
    return {"id": "chatcmpl-A1", "created": 7, "model": "m-1", "choices": [choice], "usage": USAGE}


def cut(draw: Any, text: str) -> list[str]:
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)) | {0, len(text)})
    return [text[start:end] for start, end in pairwise(places)]


def chunks_of(draw: Any, answer: JsonObject) -> list[JsonObject]:
    """Return chunks that add up to the answer, its texts cut anywhere and its calls' pieces interleaved."""
    message = answer["choices"][0]["message"]
    deltas: list[JsonObject] = [{"role": "assistant", "content": "" if message["content"] is not None else None}]
    for field in ("reasoning_content", "content", "refusal"):
        deltas += [{field: piece} for piece in cut(draw, message.get(field) or "")]
    pieces: list[JsonObject] = []
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
        pieces += [{"index": index, "function": {"arguments": piece}} for piece in cut(draw, function["arguments"])]
    order = draw(st.permutations(range(len(pieces))))
    queues = {index: [p for p in pieces if p["index"] == index] for index in range(3)}
    deltas += [{"tool_calls": [queues[pieces[place]["index"]].pop(0)]} for place in order]
    head = {"id": "chatcmpl-A1", "created": 7, "model": "m-1"}
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": answer["choices"][0]["finish_reason"]}]}
    )
    return [*chunks, {**head, "choices": [], "usage": USAGE}]


@examples(200)
@given(st.data(), answers())
def test_a_stream_ends_in_the_response_of_the_whole_answer(data: st.DataObject, answer: JsonObject) -> None:
    chunks = chunks_of(data.draw, answer)
    stream = ResponsesStream(CALL, ROUTE)
    events = [event for chunk in chunks for event in stream.feed_chunk(chunk)] + stream.close(True)
    for event in events:
        EVENT.validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    whole = response_object(CALL, ROUTE, fold("chat", chunks)).body
    assert events[-1]["response"] == whole
    assert whole == response_object(CALL, ROUTE, answer).body
    Response.model_validate(whole)
    deltas = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert deltas == (answer["choices"][0]["message"]["content"] or "")


@examples(200)
@given(answers())
def test_an_answer_that_is_sent_back_as_input_is_the_same_chat_message(answer: JsonObject) -> None:
    body = response_object(CALL, ROUTE, answer).body
    replay = Call(
        "responses", "acme/a-model", {"input": [{"role": "user", "content": "hi"}, *body["output"]], "tools": TOOLS}
    )
    messages = to_chat(replay, ROUTE)[0].body["messages"][1:]
    message = answer["choices"][0]["message"]
    told = {name: value for name, value in message.items() if value}
    for call in told.get("tool_calls", ()):
        if call["function"]["name"] == "run":  # a custom tool's input is one text, however the model wrapped it
            call["function"]["arguments"] = '{"input":"x"}' if "input" in call["function"]["arguments"] else None
    if not told.keys() - {"role", "reasoning_content"}:
        assert messages == []  # reasoning alone makes no message
        return
    [made] = messages
    for call in made.get("tool_calls", ()):
        if call["function"]["name"] == "run" and call["function"]["arguments"] != '{"input":"x"}':
            call["function"]["arguments"] = None
    assert {name: value for name, value in made.items() if value} == told


@examples(200)
@given(st.dictionaries(st.sampled_from(["input", "instructions", "tools", "tool_choice", "reasoning", "text"]), junk))
def test_any_json_is_converted_or_a_bad_request(body: JsonObject) -> None:
    try:
        made, _ = to_chat(Call("responses", "m", body), ROUTE, merge_system=True)
    except BadRequestError as error:
        assert error.attempts == 0  # noqa: PT017  # either outcome is right
    else:
        assert made.body["messages"]


@examples(200)
@given(st.lists(st.dictionaries(st.sampled_from(["choices", "id", "usage", "model", "created"]), junk), max_size=3))
def test_any_json_from_an_upstream_ends_in_events_or_a_typed_error(chunks: list[JsonObject]) -> None:
    stream = ResponsesStream(CALL, ROUTE)
    try:
        for chunk in chunks:
            stream.feed_chunk(chunk)
            response_object(CALL, ROUTE, chunk)
        stream.close(True)
    except (APIResponseValidationError, StreamTruncatedError) as error:
        assert error.provider == "acme"  # noqa: PT017  # either outcome is right


@examples(200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "response.created",
                    "response.output_item.added",
                    "response.output_item.done",
                    "response.content_part.added",
                    "response.content_part.done",
                    "response.output_text.delta",
                    "response.output_text.done",
                    "response.output_text.annotation.added",
                    "response.function_call_arguments.delta",
                    "response.reasoning_summary_text.delta",
                    "response.completed",
                ]
            ),
            st.dictionaries(
                st.sampled_from(
                    ["item", "response", "part", "delta", "item_id", "output_index", "content_index", "text"]
                ),
                junk,
                max_size=4,
            ),
        ),
        max_size=5,
    )
)
def test_any_json_of_a_foreign_stream_is_repaired_or_a_typed_error(events: list[tuple[str, JsonObject]]) -> None:
    import json

    repair = StreamRepair(CALL, ROUTE)
    try:
        made = [one for kind, data in events for one in repair.feed(SSEEvent(json.dumps({"type": kind, **data})))]
        repair.close()
    except (APIResponseValidationError, StreamTruncatedError) as error:
        assert error.provider == "acme"  # noqa: PT017  # either outcome is right
    else:
        assert all(isinstance(event["sequence_number"], int) for event in made)
