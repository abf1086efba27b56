"""Chat to Converse and back is the same chat, where Converse has a counterpart; and the service accepts all of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from llmgate_bedrock import plugin
from llmgate_bedrock.converse.names import names_of, tool_use_id

from llmgate_core import BadRequestError
from llmgate_core.plugin import Call, Route, ToolNames
from tests.support.bedrock_model import problems
from tests.support.examples import examples

ROUTE = Route(
    "bedrock",
    "bedrock",
    "chat",
    "anthropic.claude-sonnet-4-5-v1:0",
    "https://h.example",
    param_policy="drop",
    is_provider_host=False,
)
DATA = "data:image/png;base64,AAAA"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text
)
NAMES = st.text(st.sampled_from("abcXYZ019_-./ é"), min_size=1, max_size=80)
IDS = st.text(st.sampled_from("abcXYZ019_-:.|+"), min_size=1, max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(WORDS, JSON, max_size=3)
TEXT_PART = WORDS.map(lambda text: {"type": "text", "text": text})
IMAGE_PART = st.just({"type": "image_url", "image_url": {"url": DATA}})
USER = st.builds(
    lambda parts: {"role": "user", "content": parts}, st.lists(TEXT_PART | IMAGE_PART, min_size=1, max_size=3)
)
THOUGHT = st.builds(
    lambda text, signature: {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}},
    WORDS,
    WORDS,
)


@st.composite
def assistant_turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return an assistant's message, and the results of its calls."""
    message: dict[str, Any] = {"role": "assistant"}
    if thoughts := draw(st.lists(THOUGHT, max_size=2)):
        message["reasoning_items"] = thoughts
    ids = draw(st.lists(IDS, unique=True, max_size=3))
    if text := draw(WORDS if not ids else st.none() | WORDS):
        message["content"] = text
    calls = [
        {
            "id": identifier,
            "type": "function",
            "function": {"name": draw(NAMES), "arguments": json.dumps(draw(ARGUMENTS), ensure_ascii=False)},
        }
        for identifier in ids
    ]
    results = [{"role": "tool", "tool_call_id": identifier, "content": draw(WORDS)} for identifier in ids]
    return [{**message, "tool_calls": calls} if calls else message, *results]


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    messages = [{"role": "system", "content": text} for text in draw(st.lists(WORDS, max_size=2))]
    for _ in range(draw(st.integers(1, 3))):
        messages += [draw(USER), *draw(assistant_turns())]
    return [*messages, draw(USER)]


def back(body: dict[str, Any], names: ToolNames) -> list[dict[str, Any]]:
    """Return the messages that a body says, written without a look at the plugin's code."""
    said: list[dict[str, Any]] = [{"role": "system", "content": block["text"]} for block in body.get("system", ())]
    for turn in body["messages"]:
        said += assistant(turn, names) if turn["role"] == "assistant" else users(turn)
    return said


def assistant(turn: dict[str, Any], names: ToolNames) -> list[dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant"}
    for block in turn["content"]:
        if "text" in block:
            message["content"] = block["text"]
        elif "reasoningContent" in block:
            message.setdefault("reasoning_items", []).append(block)
        else:
            use = block["toolUse"]
            function = {"name": names.given(use["name"]), "arguments": use["input"]}
            message.setdefault("tool_calls", []).append({"id": use["toolUseId"], "function": function})
    return [message]


def users(turn: dict[str, Any]) -> list[dict[str, Any]]:
    results = [block["toolResult"] for block in turn["content"] if "toolResult" in block]
    said: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": result["toolUseId"], "content": result["content"][0]["text"]}
        for result in results
    ]
    parts = [
        {"type": "text", "text": block["text"]}
        if "text" in block
        else {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{block['image']['source']['bytes']}"}}
        for block in turn["content"]
        if "toolResult" not in block
    ]
    return [*said, *([{"role": "user", "content": parts}] if parts else [])]


def expected(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages with the documented changes: arguments as objects, ids in Bedrock's characters."""
    made = []
    for message in messages:
        copy = {**message}
        if "tool_call_id" in copy:
            copy["tool_call_id"] = tool_use_id(copy["tool_call_id"])
        if "tool_calls" in copy:
            copy["tool_calls"] = [
                {
                    "id": tool_use_id(call["id"]),
                    "function": {
                        "name": call["function"]["name"],
                        "arguments": json.loads(call["function"]["arguments"]),
                    },
                }
                for call in copy["tool_calls"]
            ]
        made.append(copy)
    return made


@given(conversations())
@examples(120)
def test_a_conversation_comes_back_as_it_was(messages: list[dict[str, Any]]) -> None:
    call = Call("chat", "bedrock/m", {"messages": messages})
    body: Any = plugin.transform_request(call, ROUTE).body
    assert problems(body) == []
    assert back(body, names_of(call.body)) == expected(messages)
    assert call.body == {"messages": messages}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "tool_calls", "function", "id"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.lists(ANY_JSON | st.builds(lambda content: {"role": "user", "content": content}, ANY_JSON), max_size=3))
@examples(200)
def test_whatever_a_caller_writes_is_sent_or_is_the_callers_error(messages: Any) -> None:

    try:
        body: Any = plugin.transform_request(Call("chat", "bedrock/m", {"messages": messages}), ROUTE).body
    except BadRequestError:
        return
    assert problems(body) == []
