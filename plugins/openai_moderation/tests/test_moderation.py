"""Moderation through the SDK: the three forms of input, the verdicts, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core import BadRequestError, RateLimitError
from llmgate_core.testing import Answer, FakeUpstream

Call = Callable[..., Any]

VERDICT = {
    "flagged": True,
    "categories": {"self-harm/intent": True, "harassment/threatening": False},
    "category_scores": {"self-harm/intent": 0.9, "harassment/threatening": 0.1},
    "category_applied_input_types": {"self-harm/intent": ["text", "image"], "harassment/threatening": ["text"]},
}
PARTS = [
    {"type": "text", "text": "hi"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    {"type": "brand_new", "x": 1},
]


@pytest.mark.parametrize("given", ["I like trains", "", ["one", "two"], PARTS])
def test_each_form_of_input_is_sent_as_it_is(given: Any, call: Call, upstream: FakeUpstream) -> None:
    answer = {"id": "modr-1", "model": "omni-moderation-latest", "results": [VERDICT]}
    upstream.answers.append(Answer.json(answer))
    result = call("moderation", given, "openai/omni-moderation-latest", brand_new=1)
    (request,) = upstream.received
    assert (request["method"], request["path"]) == ("POST", "/v1/moderations")
    assert request["json"] == {"model": "omni-moderation-latest", "input": given, "brand_new": 1}
    assert result.model_dump(exclude_unset=True) == answer
    assert result.results[0].categories["self-harm/intent"] is True
    assert result.results[0].category_scores["harassment/threatening"] == 0.1


def test_without_a_model_none_is_sent(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"id": "modr-1", "results": []}))
    assert call("moderation", "hi").results == []
    assert upstream.received[0]["json"] == {"input": "hi"}


@pytest.mark.parametrize(
    "given", [[], None, 7, {"type": "text"}, ["a", {"type": "text"}], [{"type": "text"}, "a"], [1]]
)
def test_input_of_no_form_is_refused_before_sending(given: Any, call: Call, upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("moderation", given, "openai/omni-moderation-latest")
    assert (caught.value.param, caught.value.attempts) == ("input", 0)
    assert upstream.received == []


def test_a_stream_is_refused_before_sending(call: Call, upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError) as caught:
        call("moderation", "hi", "openai/omni-moderation-latest", stream=True)
    assert caught.value.param == "stream"
    assert upstream.received == []


def test_an_upstream_refusal_is_typed(call: Call, upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429))
    with pytest.raises(RateLimitError, match="slow down"):
        call("moderation", "hi", "omni-moderation-latest")
