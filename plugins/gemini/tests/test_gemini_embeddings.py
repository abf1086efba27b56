"""Embeddings: one batch or several, with Google's words for tasks and sizes, and a usage that was counted."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import openai
import pytest
from google.genai import types

from llmgate_core import APIResponseValidationError, BadRequestError, Client, RateLimitError, UnsupportedParamsError
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.gemini_upstream import fault
from tests.support.running_gateway import running_gateway

MODEL = "gemini/gemini-embedding-001"


def vectors_for(request: ReceivedRequest) -> Answer:
    """Return a vector for each input: its length, and a half."""
    requests = request["json"]["requests"]
    rows = [{"values": [float(len(each["content"]["parts"][0]["text"])), 0.5]} for each in requests]
    answer = {"embeddings": rows, "usageMetadata": {"promptTokenCount": len(rows)}}
    types.EmbedContentResponse.model_validate({"embeddings": rows})
    return Answer.json(answer)


@pytest.fixture(autouse=True)
def embedding(fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = vectors_for


def test_one_input_and_several(ask: Callable[..., Any], fake_upstream: FakeUpstream) -> None:
    answer = ask("embedding", model=MODEL, input="abc")
    assert [row.embedding for row in answer.data] == [[3.0, 0.5]]
    answer = ask("embedding", model=MODEL, input=["a", "bb"])
    assert [(row.index, row.embedding) for row in answer.data] == [(0, [1.0, 0.5]), (1, [2.0, 0.5])]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (2, 2)
    request = fake_upstream.received[-1]
    assert request["path"] == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert request["json"] == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}} for text in ("a", "bb")
        ]
    }


TASKS = {
    "query": "RETRIEVAL_QUERY",
    "Document": "RETRIEVAL_DOCUMENT",
    "clustering": "CLUSTERING",
    "SEMANTIC_SIMILARITY": "SEMANTIC_SIMILARITY",
}


@pytest.mark.parametrize("kind", TASKS)
def test_each_kind_of_input(client: Client, fake_upstream: FakeUpstream, kind: str) -> None:
    answer = client.embedding(MODEL, "a", input_type=kind, dimensions=64, title="T")
    (each,) = fake_upstream.received[-1]["json"]["requests"]
    config = {name: each[name] for name in ("taskType", "outputDimensionality", "title")}
    assert config == {"taskType": TASKS[kind], "outputDimensionality": 64, "title": "T"}
    types.EmbedContentConfig.model_validate(config)
    assert [entry.parameter for entry in answer.ledger] == ["input_type", "dimensions"]
    client.embedding(MODEL, "a", task_type="FACT_VERIFICATION", input_type=kind)
    assert fake_upstream.received[-1]["json"]["requests"][0]["taskType"] == "FACT_VERIFICATION"


def test_an_unknown_kind_of_input_is_judged_by_the_policy(client: Client) -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        client.embedding(MODEL, "a", input_type="odd")
    assert caught.value.param == "input_type"


def test_more_inputs_than_one_request_takes(ask: Callable[..., Any], fake_upstream: FakeUpstream) -> None:
    inputs = ["x" * number for number in range(1, 251)]
    answer = ask("embedding", model=MODEL, input=inputs)
    assert [row.embedding[0] for row in answer.data] == list(range(1, 251))
    assert [row.index for row in answer.data] == list(range(250))
    assert answer.usage.prompt_tokens == 250
    assert [len(request["json"]["requests"]) for request in fake_upstream.received] == [100, 100, 50]
    assert answer.attempts == 3


def test_a_batch_that_fails_is_tried_again_by_itself(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.answers.append(Answer.json(fault(503, "UNAVAILABLE", "busy"), 503))
    answer = client.embedding(MODEL, ["a"] * 150, max_retries=1)
    assert len(answer.data) == 150
    assert answer.attempts == 3


def test_a_batch_that_is_refused_ends_the_call(client: Client, fake_upstream: FakeUpstream) -> None:
    fake_upstream.otherwise = Answer.json(fault(429, "RESOURCE_EXHAUSTED", "slow down"), 429)
    with pytest.raises(RateLimitError):
        client.embedding(MODEL, ["a"] * 150)


@pytest.mark.parametrize("given", [[], [1, 2], [[1, 2]], ["a", 1], 7, {"a": 1}])
def test_other_inputs_are_the_callers_error(client: Client, fake_upstream: FakeUpstream, given: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.embedding(MODEL, given)
    assert caught.value.param == "input"
    assert fake_upstream.received == []


def test_tokens_are_summed_where_each_vector_has_its_own(client: Client, fake_upstream: FakeUpstream) -> None:
    rows = [{"values": [1.0], "statistics": {"tokenCount": count}} for count in (3, 4)]
    fake_upstream.otherwise = Answer.json({"embeddings": rows})
    assert client.embedding(MODEL, ["a", "b"]).usage.prompt_tokens == 7
    del rows[0]["statistics"]
    fake_upstream.otherwise = Answer.json({"embeddings": rows})
    assert client.embedding(MODEL, ["a", "b"]).usage is None


@pytest.mark.parametrize(
    "answer", [{}, {"embeddings": 7}, {"embeddings": [{}, {}]}, {"embeddings": [{"values": ["a"]}]}]
)
def test_a_malformed_answer_is_the_upstreams_fault(client: Client, fake_upstream: FakeUpstream, answer: Any) -> None:
    fake_upstream.otherwise = Answer.json(answer)
    with pytest.raises(APIResponseValidationError):
        client.embedding(MODEL, ["a", "b"])


def test_openais_client_of_a_gateway_gets_what_it_asks_for(fake_upstream: FakeUpstream) -> None:
    params = {"model": MODEL, "api_key": "k", "api_base": f"{fake_upstream.origin}/v1beta"}
    with (
        running_gateway({"model_list": [{"model_name": "m", "params": params}]}) as running,
        openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="sk-client", max_retries=0) as client,
    ):
        assert client.embeddings.create(model="m", input="abc").data[0].embedding == [3.0, 0.5]
        packed = client.embeddings.create(model="m", input="abc", encoding_format="base64").data[0].embedding
    assert packed == b64encode(b"\x00\x00\x40\x40\x00\x00\x00\x3f").decode()
