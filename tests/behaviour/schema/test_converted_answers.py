"""Answers that core and plugins make of others fit the description too: folded, converted, broken off."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from llmgate_text_completion import plugin

from llmgate_core.contract.call import Call, Route
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import RateLimitError
from llmgate_core.json_codec import decode, encode
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.relay.relay import error_tail
from tests.support.examples import examples
from tests.support.openapi_description import wrong, wrong_event
from tests.support.sse_events import sse_events
from tests.support.strategies.chat_answers import answers, chunks_of

ROUTE = Route("text-completion-openai", "text-completion-openai", "chat", "m", "https://x.example/v1")
CHAT = Call("chat", "text-completion-openai/m", {"messages": []}, True)
TEXT = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "text": "Hi", "logprobs": None, "finish_reason": "stop"}],
}


def test_a_text_completion_as_chat_completion_is_valid() -> None:
    made = plugin.transform_response(CHAT, ROUTE, UpstreamResponse(200, (), encode(TEXT)))
    assert wrong("CreateChatCompletionResponse", made) is None


@examples(50)
@given(st.data(), answers())
def test_a_folded_chat_stream_is_valid(data: Any, answer: Any) -> None:
    assert wrong("CreateChatCompletionResponse", fold("chat", data.draw(chunks_of(answer)))) is None


def test_a_folded_text_completion_is_valid() -> None:
    assert wrong("CreateCompletionResponse", fold("text_completion", [TEXT])) is None


def test_the_error_event_of_a_broken_responses_stream_is_valid_and_goes_on_counting() -> None:
    error = RateLimitError("slow", status_code=429, code="rate_limit_exceeded")
    (event,) = sse_events(error_tail(FAMILIES["responses"], error, after=7))
    found = decode(event.data)
    assert wrong_event("ResponseStreamEvent", found) is None
    assert (event.event, found["sequence_number"], found["code"]) == ("error", 7, "rate_limit_exceeded")
