"""What the model said is sent back as it was, whatever it said; and what a chat says comes back as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from llmgate_gemini.wire import ChatStream, chat_completion, request_body

from llmgate_core.plugin import Call, Route, SSEEvent, UpstreamResponse
from tests.support.examples import examples

ROUTE = Route("gemini", "gemini", "chat", "gemini-2.5-flash", "https://generativelanguage.googleapis.com/v1beta")
HI = {"role": "user", "content": "hi"}
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
signatures = st.sampled_from(["", "c2ln", "YS1iK2M/", "not base64!"])
values = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | text, lambda inner: st.lists(inner, max_size=2))
arguments = st.dictionaries(text, values, max_size=2)


def signed(part: dict[str, Any], signature: str) -> dict[str, Any]:
    return {**part, "thoughtSignature": signature} if signature else part


calls = st.builds(
    lambda name, args, signature: signed({"functionCall": {"name": name, "args": args}}, signature),
    st.sampled_from(["look", "touch", "1st odd name", "x" * 200]),
    arguments,
    signatures,
)
texts = st.builds(lambda said, signature: signed({"text": said}, signature), text, signatures)
thoughts = st.builds(lambda said, signature: signed({"text": said, "thought": True}, signature), text, signatures)
code = st.sampled_from(
    [{"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}, {"toolCall": {"id": "t"}}]
)
others = st.builds(signed, code, signatures)
turns = st.lists(st.one_of(calls, texts, thoughts, others), min_size=1, max_size=6)


def with_ids(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**part, "functionCall": {"id": f"c{place}", **part["functionCall"]}} if "functionCall" in part else part
        for place, part in enumerate(parts)
    ]


def answer_of(parts: list[dict[str, Any]], **ended: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": parts}, "index": 0, **ended}], "responseId": "r"}


def call_with(*messages: dict[str, Any], **more: Any) -> Call:
    return Call("chat", "gemini/x", {"messages": list(messages), **more})


def message_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    content = json.dumps(answer_of(parts, finishReason="STOP")).encode()
    made = chat_completion(call_with(HI), ROUTE, UpstreamResponse(200, [], content))
    message: dict[str, Any] = made.body["choices"][0]["message"]
    return message


def streamed_message_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the message that a stream with one part an event adds up to."""
    stream, message = ChatStream(call_with(HI), ROUTE), {"role": "assistant", "content": None}
    for event in (*(answer_of([part]) for part in parts), answer_of([], finishReason="STOP")):
        for chunk in stream.feed(SSEEvent(json.dumps(event))):
            for name, value in chunk["choices"][0]["delta"].items():
                piece = [without_index(call) for call in value] if name == "tool_calls" else value
                before = message.get(name)
                message[name] = piece if before is None or isinstance(piece, dict) else before + piece
    return message


def without_index(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name != "index"}


def kept(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what has to come back: no unsigned thoughts, and unsigned text in a row as one."""
    made: list[dict[str, Any]] = []
    for part in parts:
        if part.get("thought") and "thoughtSignature" not in part:
            continue
        if part == {"text": ""}:
            continue
        if made and part.keys() == {"text"} and made[-1].keys() == {"text"}:
            made[-1] = {"text": made[-1]["text"] + part["text"]}
        else:
            made.append(part)
    return made


def moved(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the parts with unsigned text before unsigned calls, between any two parts that have a place of their own.

    A chat message has no order between its text and its calls.
    """
    made: list[dict[str, Any]] = []
    run: list[dict[str, Any]] = []
    for part in [*kept(parts), {}]:
        if "functionCall" in part or part.keys() == {"text"}:
            run.append(part)
            continue
        made += (
            [{"text": "".join(each["text"] for each in run if "text" in each)}] if any("text" in e for e in run) else []
        )
        made += [each for each in run if "functionCall" in each]
        made += [part] if part else []
        run = []
    return made


@examples(200)
@given(turns)
def test_a_turn_of_the_model_goes_back_as_it_was_said(parts: list[dict[str, Any]]) -> None:
    parts = with_ids(parts)
    for message in (message_of(parts), streamed_message_of(parts)):
        stored = json.loads(json.dumps(message))
        body, _ = request_body(call_with(HI, stored), ROUTE)
        sent = body["contents"][1]["parts"] if len(body["contents"]) > 1 else []
        assert sent == sent_names(moved(parts))


def sent_names(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return parts with the names of functions as they are sent: what came was not in the tools of the call."""
    body, _ = request_body(
        call_with(
            HI, *({"role": "assistant", "tool_calls": [as_call(part)]} for part in parts if "functionCall" in part)
        ),
        ROUTE,
    )
    names = iter(part["functionCall"]["name"] for content in body["contents"][1:] for part in content["parts"])
    return [
        {**part, "functionCall": {**part["functionCall"], "name": next(names)}} if "functionCall" in part else part
        for part in parts
    ]


def as_call(part: dict[str, Any]) -> dict[str, Any]:
    called = part["functionCall"]
    return {"id": called["id"], "function": {"name": called["name"], "arguments": json.dumps(called["args"])}}


chat_calls = st.builds(
    lambda name, args: {"id": "", "type": "function", "function": {"name": name, "arguments": args}},
    st.sampled_from(["look", "touch"]),
    arguments.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)),
)


@examples(200)
@given(text, st.lists(chat_calls, max_size=3), st.lists(signatures, min_size=3, max_size=3))
def test_what_an_assistant_says_comes_back_as_it_was(said: str, made: list[Any], signs: list[str]) -> None:
    tool_calls = [
        {**call, "id": f"c{place}", **({"extra_content": {"google": {"thought_signature": sign}}} if sign else {})}
        for place, (call, sign) in enumerate(zip(made, signs, strict=False))
    ]
    message = {"role": "assistant", "content": said or None, **({"tool_calls": tool_calls} if tool_calls else {})}
    body, ledger = request_body(call_with(HI, message), ROUTE)
    if len(body["contents"]) == 1:
        assert (said, tool_calls) == ("", [])
        assert [entry.action for entry in ledger] == ["dropped"]
        return
    assert ledger == ()
    assert message_of(body["contents"][1]["parts"]) == message


pictures = st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})
user_parts = st.lists(st.one_of(text.map(lambda said: {"type": "text", "text": said}), pictures), max_size=4)
speakers = st.sampled_from(["user", "system", "developer"])
messages = st.lists(
    st.builds(lambda role, said: {"role": role, "content": said}, speakers, text | user_parts), max_size=5
)


@examples(200)
@given(messages)
def test_what_users_and_systems_say_is_all_sent_in_its_order(said: list[dict[str, Any]]) -> None:
    def is_text(message: dict[str, Any]) -> bool:
        content = message["content"]
        return message["role"] == "user" or isinstance(content, str) or all("text" in part for part in content)

    given_messages = [message for message in said if is_text(message)]
    body, _ = request_body(call_with(*given_messages, HI), ROUTE)
    system = body.get("systemInstruction", {}).get("parts", [])
    assert system == [part for message in given_messages if message["role"] != "user" for part in as_parts(message)]
    turns_sent = [part for content in body["contents"] for part in content["parts"]]
    users = [message for message in given_messages if message["role"] == "user"]
    assert turns_sent == [part for message in (*users, HI) for part in as_parts(message)]


def as_parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    given_parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [
        {"text": part["text"]} if "text" in part else {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
        for part in given_parts
        if part.get("text") != ""
    ]
