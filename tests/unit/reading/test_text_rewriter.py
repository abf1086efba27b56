"""Text in a stream is rewritten wherever it is cut: choices, tool calls, events with numbers, log probabilities."""

from __future__ import annotations

from typing import Any

from llmgate_core.plugin import TextRewriter


def upper_words(text: str, is_last: bool) -> tuple[str, str]:
    """Write whole words in capitals; the rest may be half of one."""
    out = len(text) if is_last else text.rfind(" ") + 1
    return text[:out].upper(), text[out:]


def unchanged(text: str, is_last: bool) -> tuple[str, str]:
    return text, ""


def rewritten(chunks: list[dict[str, Any]], rewrite: Any = upper_words) -> tuple[list[dict[str, Any]], TextRewriter]:
    rewriter = TextRewriter(rewrite)
    out = [piece for chunk in chunks for piece in rewriter.feed(chunk)]
    return out + rewriter.close(), rewriter


def chunk(*choices: tuple[int, dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
    made = [{"index": index, "delta": delta, "finish_reason": finish} for index, delta in choices]
    return {"id": "c", "choices": made}


def tool_call(index: int, arguments: str, **function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments, **function}}]}


def text_of(chunks: list[dict[str, Any]], index: int) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    return "".join(delta.get("content") or "" for delta in deltas)


def arguments_of(chunks: list[dict[str, Any]], index: int, number: int) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"] if choice["index"] == index]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or () if call["index"] == number]
    return "".join(call["function"]["arguments"] for call in calls)


def test_choices_in_one_chunk_are_rewritten_apart() -> None:
    chunks = [chunk((0, {"content": a}), (1, {"content": b})) for a, b in zip("one two", "six ten", strict=True)]
    out, _ = rewritten([*chunks, chunk((0, {}), finish="stop"), chunk((1, {}), finish="length")])
    assert (text_of(out, 0), text_of(out, 1)) == ("ONE TWO", "SIX TEN")
    ends = [choice["finish_reason"] for piece in out for choice in piece["choices"] if choice["finish_reason"]]
    assert ends == ["stop", "length"]
    last_of_first = max(at for at, piece in enumerate(out) if text_of([piece], 0))
    assert last_of_first < next(at for at, piece in enumerate(out) if piece["choices"][0]["finish_reason"] == "stop")


def test_arguments_of_several_tool_calls_are_rewritten_apart() -> None:
    named = [chunk((0, tool_call(number, "", name=f"f{number}"))) for number in (0, 1)]
    letters = [
        chunk((choice, tool_call(number, letter)))
        for position in range(7)
        for choice, number, text in ((0, 0, "one two"), (0, 1, "six ten"), (1, 0, "end all"))
        for letter in text[position]
    ]
    out, _ = rewritten([*named, *letters, chunk((0, {}), (1, {}), finish="tool_calls")])
    assert [arguments_of(out, *place) for place in ((0, 0), (0, 1), (1, 0))] == ["ONE TWO", "SIX TEN", "END ALL"]
    names = [call["function"].get("name") for piece in out[:2] for call in piece["choices"][0]["delta"]["tool_calls"]]
    assert names == ["f0", "f1"]


def delta_event(number: int, text: str, **more: Any) -> dict[str, Any]:
    place = {"item_id": "m", "output_index": 0, "content_index": 0}
    return {"type": "response.output_text.delta", **place, "delta": text, "sequence_number": number, **more}


def test_numbers_of_events_grow_though_some_are_added_and_some_left_out() -> None:
    events = [
        {"type": "response.created", "sequence_number": 3},
        delta_event(4, "a "),
        delta_event(5, "b"),
        {"type": "response.output_text.done", "item_id": "m", "text": "a b", "sequence_number": 6},
        {"type": "response.completed", "response": {}, "sequence_number": 7},
    ]
    out, _ = rewritten(events)
    assert out[-1]["type"] == "response.completed"
    assert [event.get("delta") or event.get("text") for event in out] == [None, "A ", "B", "A B", None]
    numbers = [event["sequence_number"] for event in out]
    assert numbers == sorted(set(numbers))

    events[2] = delta_event(5, "b c")  # goes out in two
    out, _ = rewritten(events)
    assert [event["sequence_number"] for event in out] == [3, 4, 5, 6, 7, 8]


LOGPROBS = {"content": [{"token": "one", "logprob": -0.1}]}


def with_logprobs(text: str) -> dict[str, Any]:
    made = chunk((0, {"content": text}))
    made["choices"][0]["logprobs"] = LOGPROBS
    return made


def test_log_probabilities_stay_beside_text_that_stays() -> None:
    chunks = [with_logprobs("one"), delta_event(1, "one", logprobs=LOGPROBS["content"])]
    out, rewriter = rewritten(chunks, unchanged)
    assert out == chunks
    assert rewriter.ledger == ()


def test_log_probabilities_of_other_text_are_dropped_and_noted() -> None:
    out, rewriter = rewritten([with_logprobs("one "), with_logprobs("two"), chunk((0, {}), finish="stop")])
    assert "token" not in str(out)
    (entry,) = rewriter.ledger
    assert (entry.parameter, entry.action, entry.lossy) == ("logprobs", "dropped", True)

    done = {"type": "response.output_text.done", "item_id": "m", "text": "one", "logprobs": LOGPROBS["content"]}
    part = {"type": "output_text", "text": "one", "logprobs": LOGPROBS["content"]}
    last = {"type": "response.completed", "response": {"output": [{"content": [part]}]}}
    out, rewriter = rewritten([delta_event(1, "one", logprobs=LOGPROBS["content"]), done, last])
    assert [event["type"].rpartition(".")[2] for event in out] == ["delta", "done", "completed"]
    assert "token" not in str(out)
    assert len(rewriter.ledger) == 1


def test_blocks_of_a_message_are_rewritten_apart_and_a_ping_cuts_no_word() -> None:
    def delta(index: int, kind: str, field: str, text: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: text}}

    signed = delta(0, "signature_delta", "signature", "a b")
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {"id": "msg_a b", "model": "a b", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        delta(0, "thinking_delta", "thinking", "on"),
        {"type": "ping"},
        delta(0, "thinking_delta", "thinking", "e tw"),
        signed,
        {"type": "content_block_stop", "index": 0},
        delta(1, "text_delta", "text", "six t"),
        {"type": "content_block_stop", "index": 1},
        delta(2, "input_json_delta", "partial_json", '{"a": "x'),
        delta(2, "input_json_delta", "partial_json", ' y"}'),
        {"type": "content_block_stop", "index": 2},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ]
    out, _ = rewritten(events)
    texts: dict[int, str] = {}
    for event in out:
        if event["type"] == "content_block_delta" and event is not signed:
            said = event["delta"]
            texts[event["index"]] = texts.get(event["index"], "") + "".join(map(str, list(said.values())[1:]))
    assert texts == {0: "ONE TW", 1: "SIX T", 2: '{"A": "X Y"}'}
    unchanged_events = [event for event in events if event["type"] != "content_block_delta"]
    assert [event for event in out if event["type"] != "content_block_delta"] == unchanged_events
    assert signed in out
    places = [(event["type"], event.get("index")) for event in out]
    assert places.index(("content_block_stop", 0)) < places.index(("content_block_delta", 1))
    assert rewritten(events, unchanged)[0] == events
