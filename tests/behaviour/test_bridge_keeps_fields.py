"""Every field of every item and message is still there over a bridge, or the ledger names it.

The items and messages are made from the API's description, every field filled; each also has fields that nobody
documents. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.bridges.responses_to_chat import ResponsesStream, response_object, to_chat
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse
from llmgate_core.errors import UnsupportedParamsError
from llmgate_core.json_codec import encode
from llmgate_core.reading.accumulate.chunks import fold
from tests.support.described_values import branches_of, filled, leaves

THERE = Route("openai", "openai/responses", "chat", "m", "https://a.example.test/v1", param_policy="drop")
CUSTOM = {"capabilities": {"custom_tools": True}}
BACK = Route("acme", "acme", "chat", "m", "https://b.example.test/v1", facts=CUSTOM, param_policy="drop")
CHAT = Call("chat", "openai/responses/m", {"messages": []}, True)
ASKED = Call("responses", "acme/m", {"input": "hi"}, True)
HI = {"role": "user", "content": "Hi"}

OF_THE_ITEM = {"id", "status", "created_by", "type", "role", "object"}
"""What names an item of an answer, and says how far it is: the whole answer has an id and an end of its own."""


def assert_kept_or_named(given: JsonObject, kept: Any, ledger: Iterable[LedgerEntry], exempt: set[str]) -> None:
    """Each text of `given` is in `kept`, or an entry names a field on the way to it, or the type of the whole."""
    found = {text for _, text in leaves(kept)}
    whole = "\n".join(found)
    named = "\n".join(f"{entry.parameter} {entry.reason}" for entry in ledger)
    lost = {
        ".".join(path)
        for path, text in leaves(given)
        if path[-1] not in exempt
        and text not in found
        and text not in whole
        and not any(name in named for name in (*path, given.get("type") or "nothing"))
    }
    assert lost == set(), named


# --- requests ---


STORED = {"item_reference", "compaction", "compaction_trigger"}
"""Items that refer to what a server has stored: no policy lets them go."""
CALLS = {"function_call_output": "function_call", "custom_tool_call_output": "custom_tool_call"}


@pytest.mark.parametrize("component", sorted({*branches_of("InputItem")}))
def test_what_an_input_item_says_reaches_chat_or_is_named(component: str) -> None:
    item = filled(component)
    before = [HI]
    if item.get("type") in CALLS:
        before.append({"type": CALLS[item["type"]], "call_id": item["call_id"], "name": "f"})
    if item.get("type") in STORED:
        with pytest.raises(UnsupportedParamsError, match=item["type"]):
            to_chat(Call("responses", "acme/m", {"input": [*before, item]}), BACK)
        return
    made, ledger = to_chat(Call("responses", "acme/m", {"input": [*before, item, HI]}), BACK)
    assert_kept_or_named(item, made.body, ledger, {"type", "role"})


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_a_phase_of_a_message_is_named_on_the_way_to_chat(role: str) -> None:
    item = {"type": "message", "role": role, "content": "Hi", "phase": "commentary"}
    _, ledger = to_chat(Call("responses", "acme/m", {"input": [item]}), BACK)
    assert any("phase" in entry.reason and entry.lossy for entry in ledger)


@pytest.mark.parametrize("component", branches_of("ChatCompletionRequestMessage"))
def test_what_a_chat_message_says_reaches_responses_or_is_named(component: str) -> None:
    message = filled(component)
    messages = [HI, message]
    if message["role"] == "function":
        messages.insert(1, {"role": "assistant", "content": None, "function_call": {"name": message["name"]}})
    body, ledger = ChatOverResponses.request_body(Call("chat", "m", {"messages": messages}), THERE)
    assert_kept_or_named(message, body, ledger, {"type", "role"})


def test_unknown_fields_of_parts_calls_and_tools_reach_responses_or_are_named() -> None:
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "a", "part_extra": "text of part_extra"}],
        "tool_calls": [
            {
                "id": "c",
                "type": "function",
                "call_extra": "text of call_extra",
                "function": {"name": "f", "arguments": "{}", "function_extra": "text of function_extra"},
            }
        ],
        "reasoning_items": [{"type": "reasoning", "encrypted_content": "e", "item_extra": "text of item_extra"}],
    }
    body, ledger = ChatOverResponses.request_body(Call("chat", "m", {"messages": [HI, message]}), THERE)
    assert_kept_or_named(message, body, ledger, {"type", "role"})
    choice = {"type": "function", "function": {"name": "f"}, "choice_extra": "text of choice_extra"}
    given = {"messages": [HI], "tool_choice": choice}
    body, ledger = ChatOverResponses.request_body(Call("chat", "m", given), THERE)
    assert_kept_or_named(given, body, ledger, {"type", "role"})


@pytest.mark.parametrize(
    "given",
    [
        {"text": {"verbosity": "low", "made_up": "text_of_text"}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "made_up": "text_of_format"}}},
        {"reasoning": {**filled("Reasoning"), "effort": "low"}},
        {"tools": [{**filled("FunctionTool"), "name": "f"}]},
        {"tools": [{**filled("CustomToolParam"), "name": "c", "format": {"type": "text"}}]},
        {"tools": [{**filled("NamespaceToolParam"), "name": "crm", "tools": [{"type": "function", "name": "find"}]}]},
        {"tool_choice": {"type": "function", "name": "f", "made_up": "text_of_choice"}},
        {"tool_choice": {**filled("ToolChoiceAllowed"), "tools": [{"type": "function", "name": "f"}]}},
        {"stream_options": {"made_up": "text_of_options"}},
        {"made_up": "text_of_nothing"},
    ],
    ids="-".join,
)
def test_what_a_parameter_says_reaches_chat_or_is_named(given: JsonObject) -> None:
    tools = given.get("tools") or [{"type": "function", "name": "f"}]
    made, ledger = to_chat(Call("responses", "acme/m", {"input": "Hi", "tools": tools, **given}, True), BACK)
    assert_kept_or_named(given, made.body, ledger, {"type"})


# --- answers ---


def answer_of(message: JsonObject, **choice: Any) -> JsonObject:
    whole = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None, **choice}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [whole]}


def response_of(*output: JsonObject, **fields: Any) -> JsonObject:
    response = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed"}
    return {**response, "output": list(output), **fields}


@pytest.mark.parametrize("component", branches_of("OutputItem"))
def test_what_an_output_item_says_is_in_the_completion_whole_and_streamed(component: str) -> None:
    item = filled(component)
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response_of(item))))
    assert_kept_or_named(item, done.body, done.ledger, OF_THE_ITEM)
    chunks, ledger = streamed(
        {"type": "response.output_item.added", "output_index": 0, "item": beginning_of(item)},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response_of()},
    )
    assert_kept_or_named(item, fold("chat", chunks), ledger, OF_THE_ITEM)


def beginning_of(item: JsonObject) -> JsonObject:
    return {name: value for name, value in item.items() if name in ("id", "type", "call_id", "name")}


def streamed(*events: JsonObject) -> tuple[list[JsonObject], list[LedgerEntry]]:
    stream = ChatOverResponses.ChatStream(CHAT, THERE)
    chunks = [chunk for event in events for chunk in stream.feed(SSEEvent(encode(event).decode(), event["type"]))]
    return chunks, list(stream.ledger)


def test_messages_with_phases_are_named_and_kept_as_they_came() -> None:
    messages = [
        {"type": "message", "id": f"msg_{phase}", "role": "assistant", "status": "completed", "phase": phase,
         "content": [{"type": "output_text", "text": phase, "annotations": []}]}
        for phase in ("commentary", "final_answer")
    ]  # fmt: skip
    response = response_of(*messages)
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    message = done.body["choices"][0]["message"]
    assert message["content"] == "commentaryfinal_answer"
    assert message["provider_specific_fields"]["output_items"] == messages
    assert [(entry.parameter, entry.lossy) for entry in done.ledger] == [("output message", False)]
    assert "phase" in done.ledger[0].reason


def test_the_namespace_of_a_call_goes_to_chat_and_back() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "namespace": "crm", "arguments": "{}"}
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response_of(item))))
    message = done.body["choices"][0]["message"]
    body, _ = ChatOverResponses.request_body(Call("chat", "m", {"messages": [HI, message]}), THERE)
    assert item in body["input"]


def test_what_a_server_adds_to_a_response_is_in_the_completion() -> None:
    response = response_of(made_up="text of made_up", moderation={"input": "text of moderation"})
    done = ChatOverResponses.chat_completion(CHAT, THERE, UpstreamResponse(200, (), encode(response)))
    given = {name: response[name] for name in ("made_up", "moderation")}
    assert_kept_or_named(given, done.body, done.ledger, set())
    chunks, ledger = streamed({"type": "response.completed", "response": response})
    assert_kept_or_named(given, fold("chat", chunks), ledger, set())


EVENTS = sorted(set(branches_of("ResponseStreamEvent")) - {"ResponseErrorEvent", "ResponseFailedEvent"})
PROGRESS = ("in_progress", "generating", "searching", "interpreting", "completed", "queued", "failed")


@pytest.mark.parametrize("component", EVENTS)
def test_what_an_event_says_is_in_the_chunks_or_in_its_item_or_named(component: str) -> None:
    event = filled(component)
    if event["type"] in ("response.completed", "response.incomplete"):
        event["response"] = response_of()
    events = [event] if "response" in event else [event, {"type": "response.completed", "response": response_of()}]
    _, ledger = streamed(*events)
    has_data = event.keys() & {"delta", "partial_image_b64"}
    is_of_an_item = any(word in event["type"] for word in ("output_item", "mcp", "code_interpreter", "shell"))
    if has_data and not is_of_an_item and not event["type"].endswith(PROGRESS) and not shown(event):
        assert any(event["type"] in entry.reason for entry in ledger)


def shown(event: JsonObject) -> bool:
    kinds = ("output_text", "refusal", "reasoning", "function_call_arguments", "custom_tool_call_input")
    return any(kind in event["type"] for kind in kinds)


def test_an_event_without_a_chunk_is_named_once() -> None:
    odd = {"type": "response.made_up.delta", "delta": "x"}
    _, ledger = streamed(odd, odd, {"type": "response.completed", "response": response_of()})
    assert [(entry.parameter, entry.lossy) for entry in ledger] == [("stream", True)]


def test_what_a_chat_answer_says_is_in_the_response_whole_and_streamed() -> None:
    message = {**filled("ChatCompletionResponseMessage"), "reasoning_content": "text of reasoning_content"}
    message["annotations"] = [*message["annotations"], {"type": "file_citation", "file_id": "text of file_id"}]
    tokens = [
        {"token": "text of token", "logprob": -1.0, "bytes": [1], "top_logprobs": [], "made_up": "text of tokens"}
    ]
    logprobs = {"content": tokens, "refusal": tokens, "made_up": "text of logprobs"}
    answer = answer_of(message, logprobs=logprobs, made_up="text of choices")
    answer["usage"] = filled("CompletionUsage")
    answer["made_up"] = "text of the answer"
    whole = response_object(ASKED, BACK, answer)
    exempt = {"type", "role", "id", "object", "finish_reason", "created"}
    assert_kept_or_named(answer, whole.body, whole.ledger, exempt)
    (choice,) = answer["choices"]
    delta = {**message, "tool_calls": [{**call, "index": index} for index, call in enumerate(message["tool_calls"])]}
    chunk = {**answer, "choices": [{**choice, "delta": delta}]}
    del chunk["choices"][0]["message"]
    stream = ResponsesStream(ASKED, BACK)
    events = [*stream.feed_chunk(chunk), *stream.close(True)]
    assert_kept_or_named(answer, events, stream.ledger, exempt)
    assert {entry.parameter for entry in whole.ledger} == {entry.parameter for entry in stream.ledger}
