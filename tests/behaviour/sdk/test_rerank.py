"""`rerank`: documents in, indexes and scores out, checked and in order."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, errors
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import Answer, FakeUpstream

DOCUMENTS: list[Any] = ["Berlin", {"text": "Paris", "id": 7}]


class Acme(OpenAICompatible):
    """An upstream with POST /rerank."""

    info = ProviderInfo(api=(1, 1), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")


def acme(upstream: FakeUpstream) -> Any:
    client = Client(api_base=upstream.base_url, api_key="sk-test-0123456789")
    client.add_plugin(Acme(), family="rerank", prefix="acme")
    return client


def test_documents_go_as_they_are_and_the_best_comes_first(upstream: FakeUpstream) -> None:
    results = [
        {"index": 0, "relevance_score": 0.1},
        {"index": 1, "relevance_score": 0.9, "document": {"text": "Paris"}},
    ]
    upstream.answers.append(Answer.json({"results": results, "meta": {"billed_units": {"search_units": 1}}}))
    answer = acme(upstream).rerank("acme/r", "capital?", DOCUMENTS, top_n=2, return_documents=True, truncation=True)
    sent = {"model": "r", "query": "capital?", "documents": DOCUMENTS, "top_n": 2}
    assert upstream.received[0]["json"] == {**sent, "return_documents": True, "truncation": True}
    assert upstream.received[0]["path"] == "/v1/rerank"
    assert [result.index for result in answer.results] == [1, 0]
    assert answer.results[0].document.text == "Paris"


@pytest.mark.parametrize(
    "indexes", [[2], [-1], [0, 0], ["0"], [None], [True]], ids=["beyond", "below", "twice", "text", "null", "bool"]
)
def test_a_result_that_is_no_document_is_the_upstreams_fault(indexes: list[Any], upstream: FakeUpstream) -> None:
    results = [{"index": index, "relevance_score": 0.5} for index in indexes]
    upstream.answers.append(Answer.json({"results": results}))
    with pytest.raises(errors.APIResponseValidationError):
        acme(upstream).rerank("acme/r", "capital?", DOCUMENTS)


@pytest.mark.parametrize("missing", ["query", "documents"])
def test_nothing_is_sent_without_query_or_documents(missing: str, upstream: FakeUpstream) -> None:
    given: dict[str, Any] = {"query": "capital?", "documents": DOCUMENTS, missing: None}
    with pytest.raises(errors.BadRequestError) as caught:
        acme(upstream).rerank("acme/r", **given)
    assert caught.value.param == missing
    assert upstream.received == []


def test_arguments_that_only_some_embeddings_have_are_sent_as_they_are(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"data": [{"index": 0, "embedding": [0.5]}]}))
    client: Any = Client(api_base=upstream.base_url, api_key="sk-test-0123456789")
    extras = {"input_type": "query", "task": "retrieval.query", "truncate": "END", "late_chunking": True}
    answer = client.embedding("openai/my-embedding-model", "hi", **extras)
    assert upstream.received[0]["json"] == {"model": "my-embedding-model", "input": "hi", **extras}
    assert answer.ledger == ()


def test_a_provider_without_it_says_so() -> None:
    with pytest.raises(errors.BadRequestError):
        Client(api_key="sk-test-0123456789").rerank("openai/gpt-4o", "capital?", DOCUMENTS)
