"""Which call a streamed piece belongs to, and what a call keeps: one rule for whole answers and for the bridge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.responses_to_chat import ResponsesStream
from llmgate_core.contract.call import Call, Route
from llmgate_core.reading.accumulate.chunks import fold
from tests.support.examples import examples

ROUTE = Route("acme", "acme", "chat", "m", "https://acme.example.test/v1")
CALL = Call("responses", "acme/m", {"input": "hi", "stream": True}, True)


def piece(arguments: Any = None, name: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"function": function, **fields}


def calls_of(pieces: Any) -> list[tuple[Any, Any, Any]]:
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [one]}}]} for one in pieces]
    message = fold("chat", chunks)["choices"][0]["message"]
    calls = message.get("tool_calls", [])
    return [(call.get("id"), call["function"].get("name"), call["function"].get("arguments")) for call in calls]


CASES: dict[str, tuple[list[dict[str, Any]], list[tuple[Any, Any, Any]]]] = {
    "empty words later": (
        [piece('{"a"', "f", index=0, id="c1"), piece(":1}", "", index=0, id="", type="")],
        [("c1", "f", '{"a":1}')],
    ),
    "no index": ([piece('{"a"', "f", id="c1"), piece(":1}")], [("c1", "f", '{"a":1}')]),
    "no index, two calls": (
        [piece("{", "f", id="c1"), piece("}"), piece("[", "g", id="c2"), piece("]")],
        [("c1", "f", "{}"), ("c2", "g", "[]")],
    ),
    "no index, the id with each piece": ([piece("{", "f", id="c1"), piece("}", id="c1")], [("c1", "f", "{}")]),
    "no index and no ids": ([piece("{}", "f"), piece("[]", "g")], [(None, "f", "{}"), (None, "g", "[]")]),
    "one index for all": (
        [piece("{}", "f", index=0, id="c1"), piece("[]", "g", index=0, id="c2"), piece("!", index=0, id="c1")],
        [("c1", "f", "{}!"), ("c2", "g", "[]")],
    ),
    "another id with each piece": (
        [piece("{", "f", index=0, id="c1"), piece("}", index=0, id="c9")],
        [("c1", "f", "{}")],
    ),
    "an index that is a string": ([piece("{", "f", index="0", id="c1"), piece("}", index="0")], [("c1", "f", "{}")]),
    "arguments that are an object": ([piece({"a": 1}, "f", index=0, id="c1")], [("c1", "f", {"a": 1})]),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_find_their_call(name: str) -> None:
    pieces, calls = CASES[name]
    assert calls_of(pieces) == calls


def test_one_call_in_the_place_of_a_list_is_taken() -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": piece("{}", "f", id="c1")}}]}]
    message = fold("chat", chunks)["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]


PIECES = st.lists(
    st.builds(
        lambda arguments, name, fields: piece(arguments, name, **fields),
        st.sampled_from(["", "{", "}"]),
        st.sampled_from([None, "", "f", "g"]),
        st.fixed_dictionaries({}, optional={"index": st.integers(0, 2), "id": st.sampled_from(["", "c1", "c2"])}),
    ),
    min_size=1,
    max_size=8,
)


@examples(300)
@given(PIECES)
def test_the_bridge_tells_calls_apart_as_a_whole_answer_does(pieces: list[dict[str, Any]]) -> None:
    stream = ResponsesStream(CALL, ROUTE)
    for one in pieces:
        stream.feed_chunk({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [one]}}]})
    stream.feed_chunk({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
    output = stream.close()[-1]["response"]["output"]
    bridged = sorted((item["name"], item["arguments"]) for item in output)
    assert bridged == sorted((name or "", arguments or "") for _, name, arguments in calls_of(pieces))


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "thinking", "something_new"])
def test_a_text_field_of_any_name_is_whole(field: str) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"role": "assistant", field: text}}]} for text in ("a", "", "b")]
    message = fold("chat", chunks)["choices"][0]["message"]
    assert (message[field], message["role"]) == ("ab", "assistant")


def test_an_empty_word_never_undoes_one_that_was_said() -> None:
    chunks: list[dict[str, Any]] = [
        {"id": "c1", "model": "m", "service_tier": "flex", "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
        {"id": "", "model": "", "choices": [{"index": 0, "delta": {"role": ""}, "finish_reason": "stop"}]},
        {"id": "", "choices": [{"index": 0, "delta": {}, "finish_reason": ""}], "usage": {"total_tokens": 1}},
        {"choices": [], "usage": {}},
    ]
    whole = fold("chat", chunks)
    assert (whole["id"], whole["model"], whole["service_tier"], whole["usage"]) == (
        "c1",
        "m",
        "flex",
        {"total_tokens": 1},
    )
    assert (whole["choices"][0]["finish_reason"], whole["choices"][0]["message"]["role"]) == ("stop", "assistant")
