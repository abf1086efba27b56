"""Signed reasoning survives the way to the Responses API and back, whole and streamed, whatever its order."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.responses_to_chat import ResponsesStream, response_object, to_chat
from llmgate_core.bridges.sealing import MAX_CHARACTERS, MAX_VALUES, Sealing, Unsealing
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from tests.support.examples import examples

ROUTE = Route("acme", "acme", "chat", "m", "https://acme.example/v1")
words = st.text('abé \n"\\', min_size=1, max_size=4)
opaque = st.dictionaries(words, st.recursive(st.none() | st.booleans() | st.integers() | words, st.lists), max_size=3)
signatures = st.none() | opaque.filter(bool).map(lambda inside: {"acme": inside})
pieces = st.lists(
    st.tuples(st.just("reasoning_content"), words)
    | st.tuples(st.just("reasoning_items"), st.lists(opaque, min_size=1, max_size=2))
    | st.tuples(st.just("content"), words)
    | st.tuples(st.just("call"), signatures),
    max_size=8,
)


def call_of(number: int, signature: Any) -> JsonObject:
    call = {"id": f"call_{number}", "type": "function", "function": {"name": "look", "arguments": f"[{number}]"}}
    return call if signature is None else {**call, "extra_content": signature}


def folded(parts: list[tuple[str, Any]]) -> tuple[JsonObject, list[JsonObject]]:
    """Return the chat message that the parts add up to, and the deltas of its stream."""
    message: JsonObject = {"role": "assistant", "content": None}
    deltas = []
    for name, value in parts:
        if name == "call":
            calls = message.setdefault("tool_calls", [])
            calls.append(call_of(len(calls), value))
            deltas.append({"tool_calls": [{"index": len(calls) - 1, **calls[-1]}]})
        else:
            message[name] = message[name] + value if message.get(name) else value
            deltas.append({name: value})
    return message, deltas


def output_of(message: JsonObject, chat_id: str, *, deltas: list[JsonObject] | None = None) -> list[JsonObject]:
    call = Call("responses", "acme/m", {"input": "hi"})
    if deltas is None:
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return list(response_object(call, ROUTE, {"id": chat_id, "choices": [choice]}).body["output"])
    stream, events = ResponsesStream(call, ROUTE), []
    for delta in [*deltas, {}]:
        reason = None if delta else "stop"
        chunk = {"id": chat_id, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        events += stream.feed_chunk(chunk)
    events += stream.close()
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    output: list[JsonObject] = events[-1]["response"]["output"]
    assert sorted(done, key=lambda item: item["id"]) == sorted(output, key=lambda item: item["id"])
    return output


def without_ids(items: list[JsonObject]) -> list[JsonObject]:
    return [{name: value for name, value in item.items() if name not in ("id", "extra_content")} for item in items]


def is_speech(message: JsonObject) -> bool:
    return bool(message["content"] or message.get("tool_calls"))


@examples(300)
@given(st.lists(pieces.filter(lambda parts: is_speech(folded(parts)[0])), min_size=1, max_size=3), st.booleans())
def test_a_message_comes_back_as_it_was(turns: list[list[tuple[str, Any]]], streamed: bool) -> None:
    items: list[JsonObject] = [{"role": "user", "content": "hi"}]
    expected: list[JsonObject] = [{"role": "user", "content": "hi"}]
    for parts in turns:
        message, deltas = folded(parts)
        items += output_of(message, "the same for all", deltas=deltas if streamed else None)
        items.append({"role": "user", "content": "go on"})
        expected += [message, {"role": "user", "content": "go on"}]
    assert to_chat(Call("responses", "acme/m", {"input": items}), ROUTE)[0].body["messages"] == expected


@examples(200)
@given(pieces.filter(lambda parts: parts[:1] and parts[0][0] == "reasoning_items" and is_speech(folded(parts)[0])))
def test_a_message_comes_back_from_a_client_that_drops_ids_and_unknown_fields(parts: list[tuple[str, Any]]) -> None:
    message, deltas = folded(parts)
    for output in (output_of(message, "1"), output_of(message, "1", deltas=deltas)):
        call = Call("responses", "acme/m", {"input": [{"role": "user", "content": "hi"}, *without_ids(output)]})
        assert to_chat(call, ROUTE)[0].body["messages"][1:] == [message]


def sealed(value: bytes, provider: str = "acme") -> str:
    return f"llmgate:{provider}:{b64encode(value).decode()}"


@pytest.mark.parametrize(
    ("content", "is_lossy"),
    [
        ("gAAAA", False),
        (sealed(b"{}", "other"), False),
        (sealed(b"{}", "acm"), False),
        (sealed(b"{}", "acme:x"), True),
        ("llmgate:acme:", True),
        ("llmgate:acme:e30", True),
        ("llmgate:acme:é", True),
        (sealed(b"[]"), True),
        (sealed(b'{"items": {}}'), True),
        (sealed(b'{"items": [1]}'), True),
        (sealed(b'{"calls": []}'), True),
        (sealed(b'{"calls": {"a": 1}}'), True),
        (sealed(b'{"continues": 1}'), True),
        (sealed(b"[" * 100_000), True),
        (sealed(b'{"items": [%s]}' % b",".join([b"{}"] * MAX_VALUES)), True),
        ("llmgate:acme:" + "A" * (MAX_CHARACTERS + 4), True),
    ],
)
def test_what_cannot_be_read_is_left_out_and_told(content: str, is_lossy: bool) -> None:
    ledger = Ledger(ROUTE, "test")
    assert Unsealing("acme", ledger).open(content) is None
    assert [entry.lossy for entry in ledger.entries] == [is_lossy]


def test_what_one_call_may_send_is_bounded() -> None:
    ledger = Ledger(ROUTE, "test")
    unsealing = Unsealing("acme", ledger)
    large = sealed(b'{"items": [{"t": "%s"}]}' % (b"x" * (MAX_CHARACTERS * 3 // 4 - 40)))
    assert [unsealing.open(large) is not None for _ in range(5)] == [True, True, True, True, False]


def test_a_client_cannot_turn_a_call_into_another_one() -> None:
    said = sealed(b'{"calls": {"c": {"function": {"name": "rm"}, "id": "x", "index": 1, "extra": 1}}}')
    reasoning = {"type": "reasoning", "summary": [], "encrypted_content": said}
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    body = to_chat(Call("responses", "acme/m", {"input": [reasoning, call]}), ROUTE)[0].body
    chat_call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}, "extra": 1}
    assert body["messages"] == [{"role": "assistant", "content": None, "tool_calls": [chat_call]}]


@pytest.mark.parametrize(
    "item", [{"text": "x" * MAX_CHARACTERS}, {"text": "\ud800"}, {"number": float("nan")}], ids=["long", "half", "NaN"]
)
def test_what_cannot_be_sealed_is_told(item: JsonObject) -> None:
    ledger = Ledger(ROUTE, "test")
    sealing = Sealing("acme", ledger)
    sealing.add_items([item])
    assert (sealing.seal(continues=False), sealing.is_waiting) == (None, False)
    assert [(entry.parameter, entry.lossy) for entry in ledger.entries] == [("message.reasoning_items", True)]


def test_signed_reasoning_without_a_message_does_not_go_to_the_next_one() -> None:
    said = sealed(b'{"items": [{"signature": "s"}]}')
    items = [{"type": "reasoning", "summary": [], "encrypted_content": said}, {"role": "user", "content": "go on"}]
    call = Call("responses", "acme/m", {"input": [*items, {"role": "assistant", "content": "yes"}]})
    body, entries = to_chat(call, ROUTE)[0].body, to_chat(call, ROUTE)[1]
    assert body["messages"] == [{"role": "user", "content": "go on"}, {"role": "assistant", "content": "yes"}]
    assert "no assistant message follows" in " ".join(entry.reason for entry in entries)


Stream = Callable[..., list[JsonObject]]


def test_items_in_the_midst_of_a_text_do_not_cut_it(checked: Stream) -> None:
    stream = ResponsesStream(Call("responses", "acme/m", {"input": "hi"}), ROUTE)
    deltas: list[JsonObject] = [{"content": "a"}, {"reasoning_items": [{"s": 1}]}, {"content": "b"}]
    events = [
        event for delta in deltas for event in stream.feed_chunk({"id": "1", "choices": [{"index": 0, "delta": delta}]})
    ]
    output = checked(events + stream.close(done=True))[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "reasoning"]
    assert [part["text"] for part in output[0]["content"]] == ["ab"]
