"""A repair never makes anything worse: what can be read without it can be read with it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.responses_to_chat import StreamRepair
from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.upstream import StreamParser, UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import LLMGateError
from llmgate_core.reading.readers.chunks import chunk_reader
from tests.support.examples import examples

ROUTE = Route("acme", "acme", "responses", "m", "https://acme.example.test/v1")
CALL = Call("responses", "acme/m", {"input": "hi", "stream": True}, True)
ITEM = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": "hi"}]}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "status": "in_progress", "output": []}},
    {"type": "response.in_progress", "sequence_number": 1, "response": {"id": "r", "output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
    {"type": "response.content_part.added", "item_id": "msg_1", "part": {"type": "output_text", "text": ""}},
    {"type": "response.output_text.delta", "item_id": "msg_1", "content_index": 0, "delta": "hi"},
    {"type": "response.output_text.done", "item_id": "msg_1", "content_index": 0, "text": "hi"},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
    {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [ITEM], "usage": {}}},
]


def failure_of(events: list[dict[str, Any]], parser: StreamParser | None) -> str | None:
    """Return the class of the error that reading the stream ends in; None: it ends well."""
    head = UpstreamResponse(200, (), b"")
    reader = chunk_reader(FAMILIES["responses"], parser, head, max_event_bytes=1 << 20, secrets=())
    try:
        for event in events:
            list(reader.feed(f"data: {json.dumps(event)}\n\n".encode()))
        if not reader.end.is_over:
            list(reader.close())
    except LLMGateError as error:
        return type(error).__name__
    return None


def test_a_response_that_is_null_does_not_end_the_stream() -> None:
    events = copy.deepcopy(EVENTS)
    events[1]["response"] = None
    assert failure_of(events, StreamRepair(CALL, ROUTE)) is None


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [None], {"type": 3}])
@pytest.mark.parametrize("at", range(len(EVENTS)))
def test_no_odd_field_makes_a_readable_stream_fail(at: int, value: Any) -> None:
    for name in EVENTS[at]:
        if name == "type":
            continue
        events = copy.deepcopy(EVENTS)
        events[at][name] = value
        if failure_of(events, None) is None:
            assert failure_of(events, StreamRepair(CALL, ROUTE)) is None, (at, name)


JUNK = st.recursive(
    st.none() | st.integers(-1, 3) | st.text("a", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "id", "content", "output", "text", "usage"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@examples(300)
@given(st.integers(0, len(EVENTS) - 1), st.data())
def test_no_junk_makes_a_readable_stream_fail(at: int, data: st.DataObject) -> None:
    events = copy.deepcopy(EVENTS)
    name = data.draw(st.sampled_from([name for name in EVENTS[at] if name != "type"]))
    events[at][name] = data.draw(JUNK)
    if failure_of(events, None) is None:
        assert failure_of(events, StreamRepair(CALL, ROUTE)) is None
