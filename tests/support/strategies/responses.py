"""Responses, and the events that they may come in, as hypothesis draws them.

Strategies only; all texts are made up. Every response and event is valid by the description.

Source: OpenAI API reference, `Response`, `OutputItem` and `ResponseStreamEvent`.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from llmgate_core.contract.call import JsonObject
from tests.support.strategies.chat_answers import cut
from tests.support.strategies.chat_requests import words

__all__ = ["BUILT_IN", "events_of", "responses"]

BUILT_IN: tuple[JsonObject, ...] = (
    {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "file_search_call", "status": "completed", "queries": ["q"], "results": None},
    {"type": "code_interpreter_call", "status": "completed", "container_id": "c", "code": "1", "outputs": None},
    {"type": "image_generation_call", "status": "completed", "result": "AA=="},
    {"type": "mcp_call", "server_label": "docs", "name": "ask", "arguments": "{}", "output": "yes"},
    {"type": "mcp_approval_request", "server_label": "docs", "name": "ask", "arguments": "{}"},
    {"type": "computer_call", "call_id": "call_9", "pending_safety_checks": [], "status": "completed"},
    {"type": "compaction", "encrypted_content": "opaque"},
)
"""Items that a chat answer has no field for."""

citations = st.builds(
    lambda start: {
        "type": "url_citation",
        "url": "https://example.test/a",
        "title": "A",
        "start_index": start,
        "end_index": start + 1,
    },
    st.integers(0, 5),
)
notes_on_text = citations | st.just({"type": "file_citation", "file_id": "file-1", "index": 0, "filename": "a.txt"})


@st.composite
def _text_part(draw: st.DrawFn) -> JsonObject:
    text = draw(words)
    tokens = [{"token": character, "logprob": -0.5, "bytes": [1], "top_logprobs": []} for character in text]
    return {
        "type": "output_text",
        "text": text,
        "annotations": draw(st.lists(notes_on_text, max_size=2)),
        "logprobs": tokens if draw(st.booleans()) else [],
    }


refusal_parts = st.builds(lambda text: {"type": "refusal", "refusal": text}, words)
messages = st.builds(
    lambda parts: {"type": "message", "role": "assistant", "status": "completed", "content": parts},
    st.lists(_text_part() | refusal_parts, min_size=1, max_size=3),
)
summaries = st.lists(st.builds(lambda text: {"type": "summary_text", "text": text}, words), max_size=2)
thoughts = st.lists(st.builds(lambda text: {"type": "reasoning_text", "text": text}, words), min_size=1, max_size=2)
reasoning = st.fixed_dictionaries(
    {"type": st.just("reasoning"), "summary": summaries},
    optional={"content": thoughts, "encrypted_content": st.just("opaque")},
)
calls = st.builds(
    lambda arguments: {"type": "function_call", "name": "f", "arguments": arguments, "status": "completed"},
    st.just("") | words,
) | st.builds(lambda text: {"type": "custom_tool_call", "name": "c", "input": text}, st.just("") | words)
items = st.one_of(messages, reasoning, calls, st.sampled_from(BUILT_IN))


@st.composite
def responses(draw: st.DrawFn) -> JsonObject:
    """Draw a response that has ended."""
    output = []
    for number, item in enumerate(draw(st.lists(items, max_size=4))):
        named = {**item, "id": f"item_{number}"}
        if item["type"] in ("function_call", "custom_tool_call"):
            named["call_id"] = f"call_{number}"
        output.append(named)
    reason = draw(st.sampled_from([None, None, "max_output_tokens", "content_filter"]))
    response: JsonObject = {
        "id": "resp_A1",
        "object": "response",
        "created_at": 1760000000,
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
        "error": None,
        "instructions": None,
        "metadata": {},
        "model": "m-1",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1,
        "usage": draw(st.none() | usages),
    }
    if draw(st.booleans()):
        response["service_tier"] = "default"
    return response


usages = st.builds(
    lambda sent, made, cached: {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": sent + made,
    },
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 9),
)


class _Events:
    """Collects events and numbers them."""

    def __init__(self) -> None:
        self.made: list[JsonObject] = []

    def add(self, kind: str, **fields: Any) -> None:
        self.made.append({"type": f"response.{kind}", **fields, "sequence_number": len(self.made)})


@st.composite
def events_of(draw: st.DrawFn, response: JsonObject) -> list[JsonObject]:
    """Draw the whole stream of a response, as the description has it; its texts are cut anywhere."""
    events = _Events()
    begun = {**response, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    events.add("created", response=begun)
    events.add("in_progress", response=begun)
    for index, item in enumerate(response["output"]):
        _add_item(draw, events, index, item)
    events.add(response["status"], response=response)
    return events.made


def _add_item(draw: st.DrawFn, events: _Events, index: int, item: JsonObject) -> None:
    at = {"item_id": item["id"], "output_index": index}
    empty = {name: [] if name in ("content", "summary") else "" for name in _GROWING & item.keys()}
    status = {"status": "in_progress"} if "status" in item else {}
    whole = item["type"] in ("message", "reasoning", "function_call", "custom_tool_call")
    events.add("output_item.added", output_index=index, item={**item, **empty, **status} if whole else item)
    for number, part in enumerate(item.get("content", ())):
        _add_part(draw, events, {**at, "content_index": number}, part)
    for number, part in enumerate(item.get("summary", ())):  # behind what it sums up
        _add_summary(draw, events, {**at, "summary_index": number}, part)
    if item["type"] == "function_call":
        _add_text(draw, events, "function_call_arguments", at, arguments=item["arguments"], name="f")
    elif item["type"] == "custom_tool_call":
        _add_text(draw, events, "custom_tool_call_input", at, input=item["input"])
    events.add("output_item.done", output_index=index, item=item)


_GROWING = frozenset({"content", "summary", "arguments", "input"})


def _add_text(draw: st.DrawFn, events: _Events, kind: str, at: JsonObject, *, name: str = "", **whole: str) -> None:
    (text,) = whole.values()
    for piece in cut(draw, text):
        events.add(f"{kind}.delta", **at, delta=piece)
    events.add(f"{kind}.done", **at, **whole, **({"name": name} if name else {}))


def _add_summary(draw: st.DrawFn, events: _Events, at: JsonObject, part: JsonObject) -> None:
    events.add("reasoning_summary_part.added", **at, part={**part, "text": ""})
    _add_text(draw, events, "reasoning_summary_text", at, text=part["text"])
    events.add("reasoning_summary_part.done", **at, part=part)


def _add_part(draw: st.DrawFn, events: _Events, at: JsonObject, part: JsonObject) -> None:
    if part["type"] == "reasoning_text":
        _add_text(draw, events, "reasoning_text", at, text=part["text"])
        return
    is_text = part["type"] == "output_text"
    empty = {"text": "", "annotations": [], "logprobs": []} if is_text else {"refusal": ""}
    events.add("content_part.added", **at, part={**part, **empty})
    if is_text:
        _add_output_text(draw, events, at, part)
    else:
        _add_text(draw, events, "refusal", at, refusal=part["refusal"])
    events.add("content_part.done", **at, part=part)


def _add_output_text(draw: st.DrawFn, events: _Events, at: JsonObject, part: JsonObject) -> None:
    place = 0
    for piece in cut(draw, part["text"]):
        tokens = part["logprobs"][place : place + len(piece)]
        place += len(piece)
        events.add("output_text.delta", **at, delta=piece, logprobs=tokens)
    for number, annotation in enumerate(part["annotations"]):
        events.add("output_text.annotation.added", **at, annotation_index=number, annotation=annotation)
    events.add("output_text.done", **at, text=part["text"], logprobs=part["logprobs"])
