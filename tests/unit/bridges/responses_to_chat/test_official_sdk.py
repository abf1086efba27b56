"""The official SDK's own stream helper, over a real socket, reads what the bridge and the repair make."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from llmgate_core.bridges.responses_to_chat import ResponsesStream, StreamRepair
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.json_codec import decode, encode
from llmgate_core.testing import Answer, fake_upstream
from tests.support.paths import RECORDED_STREAMS
from tests.support.sse_events import sse_events

ROUTE = Route("acme", "acme", "chat", "a-model", "https://acme.example.test/v1")
CALL = Call("responses", "acme/a-model", {"input": "Weather in Paris?", "stream": True}, True)


def recorded(name: str) -> list[SSEEvent]:
    return sse_events((RECORDED_STREAMS / f"{name}.sse").read_bytes())


def repaired(name: str) -> list[JsonObject]:
    repair = StreamRepair(CALL, ROUTE)
    return [made for event in recorded(name) for made in repair.feed(event)] + repair.close()


def bridged(name: str) -> list[JsonObject]:
    stream = ResponsesStream(CALL, ROUTE)
    *chunks, end = recorded(name)
    assert end.data == "[DONE]"
    return [made for chunk in chunks for made in stream.feed_chunk(decode(chunk.data))] + stream.close(True)


def streamed(events: list[JsonObject]) -> tuple[list[str], Any]:
    """Return the kinds of event that the SDK hands out, and its final response."""
    body = b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), encode(event)) for event in events)
    with fake_upstream() as upstream:
        upstream.answers.append(Answer(200, body, {"content-type": "text/event-stream"}))
        with openai.OpenAI(base_url=upstream.base_url, api_key="sk-test", max_retries=0) as client:
            with client.responses.stream(model="a-model", input="Weather in Paris?") as stream:
                kinds: list[str] = [event.type for event in stream]
            return kinds, stream.get_final_response()


def test_a_repaired_text_stream() -> None:
    events = repaired("llama-cpp-text")
    kinds, response = streamed(events)
    assert kinds == [event["type"] for event in events]
    assert response.output_text == "I'm glad to"


@pytest.mark.parametrize("events", [repaired("llama-cpp-call"), bridged("llama-cpp-chat-call")], ids=["own", "chat"])
def test_a_call_comes_the_same_from_a_repaired_and_from_a_bridged_stream(events: list[JsonObject]) -> None:
    kinds, response = streamed(events)
    assert kinds == [event["type"] for event in events]
    [call] = response.output
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
    assert response.usage.total_tokens > 0
