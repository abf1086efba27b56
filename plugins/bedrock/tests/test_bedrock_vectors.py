"""Embeddings and scores over InvokeModel: each model's own body and answer, one request or several."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate_core.plugin import errors
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest, fake_upstream
from tests.support.installed_calls import ask_installed

BOTH = pytest.mark.parametrize("mode", ["sync", "async"])
TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"


def embedded(request: ReceivedRequest) -> Answer:
    """Answer as each model does; a string's vector is its length and the number of its words."""
    body = request["json"]
    if "texts" in body:
        vectors: Any = [[float(len(text)), float(len(text.split()))] for text in body["texts"]]
        vectors = {"float": vectors} if "v4" in request["path"] else vectors
        headers = {"content-type": "application/json", "x-amzn-bedrock-input-token-count": str(len(body["texts"]))}
        return Answer(200, json.dumps({"embeddings": vectors, "id": "e", "response_type": "x"}).encode(), headers)
    if "singleEmbeddingParams" in body:
        return Answer.json({"embeddings": [{"embeddingType": "TEXT", "embedding": [1.0]}]})
    text = body["inputText"]
    return Answer.json({"embedding": [float(len(text)), float(len(text.split()))], "inputTextTokenCount": len(text)})


@pytest.fixture
def host() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.otherwise = embedded
        yield running


def embed(mode: str, host: FakeUpstream, model: str = TITAN, **arguments: Any) -> Any:
    known = {"api_base": host.origin, "api_key": "k", "model": f"bedrock/{model}"}
    return ask_installed(mode, "embedding", **{**known, **arguments})


@BOTH
def test_a_model_of_one_string_gets_a_request_for_each_and_vectors_keep_their_order(
    mode: str, host: FakeUpstream
) -> None:
    answer = embed(mode, host, input=["a b", "c", "d e f"], dimensions=256)
    assert [(vector.index, vector.embedding) for vector in answer.data] == [(0, [3, 2]), (1, [1, 1]), (2, [5, 3])]
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (9, 9)
    assert [request["json"] for request in host.received] == [
        {"inputText": text, "dimensions": 256} for text in ("a b", "c", "d e f")
    ]


@BOTH
def test_cohere_takes_many_and_is_told_a_type(mode: str, host: FakeUpstream) -> None:
    answer = embed(mode, host, COHERE, input=["a"] * 100, dimensions=512)
    assert len(answer.data) == 100
    assert [len(request["json"]["texts"]) for request in host.received] == [96, 4]
    assert host.received[0]["json"]["input_type"] == "search_document"
    assert host.received[0]["json"]["output_dimension"] == 512
    assert answer.usage.prompt_tokens == 100
    assert [entry.parameter for entry in answer.ledger] == ["input_type"]


@BOTH
def test_the_type_of_the_caller_is_sent(mode: str, host: FakeUpstream) -> None:
    answer = embed(mode, host, "cohere.embed-english-v3", input="a", input_type="search_query", truncate="END")
    assert host.received[0]["json"] == {"texts": ["a"], "input_type": "search_query", "truncate": "END"}
    assert not answer.ledger


def test_vectors_are_packed_where_the_caller_wants_base64(host: FakeUpstream) -> None:
    answer = embed("sync", host, input="a b", encoding_format="base64")
    assert struct.unpack("<2f", base64.b64decode(answer.data[0].embedding)) == (3.0, 2.0)


def test_nova_and_titans_pictures_have_bodies_of_their_own(host: FakeUpstream) -> None:
    embed("sync", host, "amazon.nova-2-multimodal-embeddings-v1:0", input="a", dimensions=256)
    embed("sync", host, "amazon.titan-embed-image-v1", input="a", dimensions=256)
    first, second = (request["json"] for request in host.received)
    assert first["singleEmbeddingParams"]["embeddingDimension"] == 256
    assert second == {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 256}}


@pytest.mark.parametrize("given", [[1, 2], [], [["a"]], {"a": 1}])
def test_what_is_not_a_string_is_the_callers_error(host: FakeUpstream, given: Any) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        embed("sync", host, input=given)
    assert caught.value.param == "input"


def test_a_model_that_is_not_known_is_the_callers_error(host: FakeUpstream) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        embed("sync", host, "acme.embed", input="a")
    assert caught.value.param == "model"


def test_dimensions_that_cannot_be_chosen_are_refused(host: FakeUpstream) -> None:
    with pytest.raises(errors.UnsupportedParamsError) as caught:
        embed("sync", host, "cohere.embed-english-v3", input="a", dimensions=5)
    assert caught.value.param == "dimensions"


RANKED = {"results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}]}


def rank(mode: str, host: FakeUpstream, model: str = "cohere.rerank-v3-5:0", **arguments: Any) -> Any:
    known = {"api_base": host.origin, "api_key": "k", "model": f"bedrock/{model}", "query": "q"}
    return ask_installed(mode, "rerank", **{"documents": ["a", {"text": "b"}], **known, **arguments})


@BOTH
@pytest.mark.parametrize(("model", "own"), [("cohere.rerank-v3-5:0", {"api_version": 2}), ("amazon.rerank-v1:0", {})])
def test_documents_are_ranked(mode: str, host: FakeUpstream, model: str, own: dict[str, Any]) -> None:
    host.otherwise = Answer.json(RANKED)
    answer = rank(mode, host, model, top_n=2)
    assert [(result.index, result.relevance_score) for result in answer.results] == [(1, 0.9), (0, 0.1)]
    assert host.received[0]["json"] == {**own, "query": "q", "documents": ["a", "b"], "top_n": 2}


@BOTH
def test_documents_are_returned_where_the_caller_wants_them(mode: str, host: FakeUpstream) -> None:
    host.otherwise = Answer.json(RANKED)
    answer = rank(mode, host, return_documents=True)
    assert [result.document["text"] for result in answer.results] == ["b", "a"]
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("return_documents", "emulated")]


@pytest.mark.parametrize("documents", [[], "a", [1], [{"title": "x"}]])
def test_documents_without_text_are_the_callers_error(host: FakeUpstream, documents: Any) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        rank("sync", host, documents=documents)
    assert caught.value.param == "documents"


@pytest.mark.parametrize("answer", [[], {}, {"results": [1]}, {"results": [{"index": 7, "relevance_score": 1}]}])
def test_a_malformed_answer_is_the_upstreams_fault(host: FakeUpstream, answer: Any) -> None:
    host.otherwise = Answer.json(answer)
    with pytest.raises(errors.APIResponseValidationError):
        rank("sync", host, return_documents=True)
    with pytest.raises(errors.APIResponseValidationError):
        embed("sync", host, input="a")
