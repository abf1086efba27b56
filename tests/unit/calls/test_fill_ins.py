"""What core adds to converted answers: what is missing, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.calls.fill_ins import filled_answer, filled_stream
from llmgate_core.calls.vectors import packed_as_asked
from llmgate_core.contract.call import Call
from llmgate_core.contract.upstream import SSEEvent

NOW = 1795514400.9
CHOICE = {"message": {"content": "hi"}, "finish_reason": "stop"}


def call(family: str = "chat", operation: str = "create", **body: Any) -> Call:
    return Call(family, "acme/large", body, operation=operation)


def filled(family: str, answer: dict[str, Any]) -> dict[str, Any]:
    return filled_answer(call(family), "large", answer, NOW)


def test_a_completion_gets_what_it_lacks() -> None:
    answer = {"choices": [CHOICE, CHOICE], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    made = filled("chat", answer)
    assert made.pop("id").startswith("chatcmpl-")
    assert made == {
        "object": "chat.completion",
        "created": 1795514400,
        "model": "large",
        "choices": [
            {"index": index, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            for index in (0, 1)
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    assert answer == {"choices": [CHOICE, CHOICE], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    assert CHOICE == {"message": {"content": "hi"}, "finish_reason": "stop"}
    assert filled("chat", answer)["id"] != filled("chat", answer)["id"]


@pytest.mark.parametrize(
    ("family", "answer", "expected"),
    [
        (
            "embedding",
            {"data": [{"embedding": [1.0]}, {"index": 5, "embedding": [2.0]}], "usage": {"prompt_tokens": 3}},
            {
                "object": "list",
                "model": "large",
                "data": [
                    {"object": "embedding", "index": 0, "embedding": [1.0]},
                    {"object": "embedding", "index": 5, "embedding": [2.0]},
                ],
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            },
        ),
        (
            "responses",
            {"id": "r", "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}},
            {
                "id": "r",
                "object": "response",
                "created_at": 1795514400,
                "model": "large",
                "output": [],
                "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            },
        ),
        (
            "text_completion",
            {"id": "t", "choices": [{"text": "a"}]},
            {
                "id": "t",
                "object": "text_completion",
                "created": 1795514400,
                "model": "large",
                "choices": [{"index": 0, "text": "a"}],
            },
        ),
        ("image", {"data": [{"url": "u"}]}, {"data": [{"url": "u"}]}),
    ],
)
def test_each_family_gets_its_own_fields(family: str, answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert filled(family, answer) == expected


WHOLE = {
    "id": "x", "object": "o", "created": 0, "model": "", "usage": {"prompt_tokens": 1, "total_tokens": 0},
    "choices": [{"index": 7, "message": {"role": "tool"}}],
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        {**WHOLE, "usage": {"prompt_tokens": 1}},
        {**WHOLE, "usage": {"prompt_tokens": "1", "completion_tokens": 2}},
        {**WHOLE, "usage": [1], "choices": [None, {"index": 0, "message": "odd"}]},
        {**WHOLE, "choices": "odd", "usage": None},
    ],
)
def test_nothing_is_overwritten_and_odd_values_are_left_to_validation(answer: dict[str, Any]) -> None:
    assert filled("chat", answer) == answer


def test_only_new_answers_are_filled() -> None:
    answer = {"deleted": True}
    assert filled_answer(call("chat", "delete"), "large", answer, NOW) is answer


class Parser:
    """Makes the chunks that it is given."""

    framing = "lines"
    done = False

    def __init__(self, *chunks: dict[str, Any]) -> None:
        self.chunks = list(chunks)

    def feed(self, event: SSEEvent) -> list[dict[str, Any]]:
        return [self.chunks.pop(0)]

    def close(self) -> list[dict[str, Any]]:
        return self.chunks


def test_all_chunks_of_a_stream_have_one_id_and_one_time() -> None:
    source = Parser({"choices": [{"delta": {}}]}, {"choices": [], "usage": None}, {"choices": [{"delta": {}}]})
    parser: Any = filled_stream(source, call(), "large", NOW)
    chunks = [*parser.feed(SSEEvent("")), *parser.feed(SSEEvent("")), *parser.close()]
    assert len({chunk["id"] for chunk in chunks}) == 1
    first, last = {"delta": {"role": "assistant"}, "index": 0}, {"delta": {}, "index": 0}
    assert [chunk["choices"] for chunk in chunks] == [[first], [], [last]]
    for chunk in chunks:
        assert (chunk["object"], chunk["created"], chunk["model"]) == ("chat.completion.chunk", 1795514400, "large")
    assert (parser.framing, parser.done) == ("lines", False)


def test_what_the_plugin_says_first_holds_for_the_chunks_behind_it() -> None:
    source = Parser({"id": "a", "created": 5, "model": "large-2", "choices": []}, {"choices": []})
    parser: Any = filled_stream(source, call(), "large", NOW)
    chunks = [*parser.feed(SSEEvent("")), *parser.close()]
    assert [(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks] == [("a", 5, "large-2")] * 2


def test_the_pieces_of_a_tool_call_have_its_index() -> None:
    def piece(*calls: Any, **choice: Any) -> dict[str, Any]:
        return {"choices": [{"delta": {"tool_calls": [*calls]}, **choice}]}

    first, second = ({"id": name, "function": {"name": "f", "arguments": "{"}} for name in "ab")
    rest = {"function": {"arguments": "}"}}
    source = Parser(
        piece(first, second), piece(rest), piece({"index": 0, **rest}), piece(first, index=1), piece("odd", None)
    )
    parser: Any = filled_stream(source, call(), "large", NOW)
    chunks = [*parser.feed(SSEEvent("")), *parser.close()]
    calls = [each["choices"][0]["delta"]["tool_calls"] for each in chunks]
    assert [[one.get("index") for one in some] for some in calls[:4]] == [[0, 1], [1], [0], [0]]
    assert calls[4] == ["odd", None]
    assert "index" not in first


def test_each_choice_of_a_stream_gets_its_role_once() -> None:
    delta = {"content": "hi"}
    piece = {"choices": [{"index": 1, "delta": delta}]}
    said = {"choices": [{"index": 2, "delta": {"role": "tool"}}, {"index": 3, "delta": {"role": None}}]}
    odd = {"choices": [{"index": [], "delta": {}}, {"index": 4, "delta": None}, 5]}
    parser: Any = filled_stream(Parser(piece, piece, said, said, odd), call(), "large", NOW)
    deltas = [[item["delta"] for item in chunk["choices"] if isinstance(item, dict)] for chunk in parser.close()]
    assert deltas[:2] == [[{"content": "hi", "role": "assistant"}], [{"content": "hi"}]]
    assert deltas[2:4] == [[{"role": "tool"}, {"role": "assistant"}], [{"role": "tool"}, {"role": None}]]
    assert deltas[4] == [{}, None]
    assert delta == {"content": "hi"}


def test_typed_events_are_left_as_they_are() -> None:
    source = Parser()
    assert filled_stream(source, call("responses"), "large", NOW) is source


def test_vectors_become_base64_if_the_caller_asked_for_it() -> None:
    rows: list[Any] = [
        {"embedding": [0.5, -0.25]},
        {"embedding": "AAAA"},
        {"embedding": ["x"]},
        {"embedding": [1e300]},
        5,
    ]
    asked = call("embedding", encoding_format="base64")
    packed = packed_as_asked(asked, {"data": rows})["data"]
    assert packed == [{"embedding": "AAAAPwAAgL4="}, *rows[1:]]
    assert packed_as_asked(call("embedding"), {"data": rows})["data"] is rows
    assert packed_as_asked(asked, {"data": "odd"}) == {"data": "odd"}
