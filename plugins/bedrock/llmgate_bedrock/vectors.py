"""Embeddings and scores over InvokeModel: `bedrock/` in the families embedding and rerank.

Pure. A model that takes one string at a time gets a request for each.

Source: AWS, the pages that `embedders.py` names; "Cohere Rerank" and "Amazon Rerank" of the Bedrock user guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.authorization import AWSAuthorized
from llmgate_bedrock.embedders import Embedder, counted_tokens, embedder_of
from llmgate_bedrock.failures import mapped_error
from llmgate_bedrock.model_ids import ModelId, model_id_of
from llmgate_bedrock.provider import runtime_info
from llmgate_core.plugin import (
    Call,
    Exchange,
    JsonObject,
    Ledger,
    ParamRule,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    ValueRule,
    errors,
    hookimpl,
    judge_value,
)

__all__ = ["plugin"]

SOURCE = "AWS, Bedrock user guide"
EMBEDDING = "embedding"
CONVERTED = frozenset({"input", "dimensions", "encoding_format"})
INPUT_TYPE = "input_type"
USUAL_INPUT_TYPE = "search_document"
DIMENSIONS = ValueRule(("integer",), 1)
TOP_N = ValueRule(("integer",), 1)
NOT_RANKED = frozenset({"max_chunks_per_doc", "max_tokens_per_doc", "rank_fields"})
COHERE_VERSION: Mapping[str, Any] = MappingProxyType({"api_version": 2})
RETURNED = "return_documents"


class BedrockVectors(AWSAuthorized):
    """Serves Titan, Nova and Cohere for embeddings, and Amazon's and Cohere's models for scores."""

    info = runtime_info()

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge one parameter by the family and the model."""
        if value is None:
            return None
        return _judge_embedding(route, param, value) if route.family == EMBEDDING else _judge_rerank(param, value)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Return the request; of several the first.

        Raises:
            BadRequestError: the call is malformed, or the model is not known.
        """
        return _requests(call, route)[0] if route.family == EMBEDDING else _rerank_request(call, route)

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the steps of an embedding that takes several requests; None: one is enough."""
        if route.family != EMBEDDING:
            return None
        requests = _requests(call, route)
        return _embedded(requests, _embedder(route)) if len(requests) > 1 else None

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject:
        """Return the canonical answer."""
        if route.family == EMBEDDING:
            return _answer([response], _embedder(route))
        return _ranked(call, route, response)

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.LLMGateError | None:
        """Return the error that the exception's name means."""
        return mapped_error(response, error)


def _judge_embedding(route: Route, param: str, value: Any) -> ParamRule | None:
    row = embedder_of(model_id_of(route).base)
    if param == "dimensions" and (row is None or not row.has_dimensions):
        return ParamRule(supported=False, reason="the dimensions of this model cannot be chosen", source=SOURCE)
    if param == "encoding_format":
        return ParamRule(keep_local=True, reason="Bedrock sends numbers, which llmgate packs", source=SOURCE)
    if param == "user":
        return ParamRule(supported=False, reason="Bedrock's embeddings have no user", source=SOURCE)
    return judge_value(param, value, DIMENSIONS, SOURCE) if param == "dimensions" else None


def _judge_rerank(param: str, value: Any) -> ParamRule | None:
    if param in NOT_RANKED:
        return ParamRule(supported=False, reason="Bedrock's models for scores have no such parameter", source=SOURCE)
    return judge_value(param, value, TOP_N, SOURCE) if param == "top_n" else None


def _embedder(route: Route) -> Embedder:
    base = model_id_of(route).base
    row = embedder_of(base)
    if row is None:
        raise route.bad_request("model", f"{base!r:.80} is not a model for embeddings that llmgate knows")
    return row


def _strings(given: Any, route: Route) -> Sequence[str]:
    strings = [given] if isinstance(given, str) else given
    if not isinstance(strings, (list, tuple)) or not strings or not all(isinstance(text, str) for text in strings):
        raise route.bad_request("input", "Bedrock embeds strings: input must be one, or a list of them")
    return strings


def _requests(call: Call, route: Route) -> list[UpstreamRequest]:
    row, model, ledger = _embedder(route), model_id_of(route), Ledger(route, SOURCE)
    strings = _strings(call.body.get("input"), route)
    further = {name: value for name, value in call.body.items() if name not in CONVERTED and value is not None}
    if row.needs_input_type and INPUT_TYPE not in further:
        further[INPUT_TYPE] = USUAL_INPUT_TYPE
        ledger.bridged(INPUT_TYPE, f"Cohere's models require one: {USUAL_INPUT_TYPE}; pass search_query for questions")
    dimensions = call.body.get("dimensions")
    parts = [strings[start : start + row.at_once] for start in range(0, len(strings), row.at_once)]
    return [
        UpstreamRequest("POST", _path(model), row.body(part, dimensions, further), ledger=ledger.entries, retry=True)
        for part in parts
    ]


def _path(model: ModelId) -> str:
    return f"/model/{model.segment}/invoke"


def _embedded(requests: Sequence[UpstreamRequest], row: Embedder) -> Exchange:
    answers: list[UpstreamResponse] = []
    for request in requests:
        response = yield request
        if response is not None:
            answers.append(response)
    return _answer(answers, row)


def _answer(responses: Sequence[UpstreamResponse], row: Embedder) -> JsonObject:
    vectors: list[Any] = []
    counts: list[int | None] = []
    further: JsonObject = {}
    for response in responses:
        said = response.json()
        vectors += _vectors(said, row, response)
        counts.append(counted_tokens(response, said))
        further |= {name: value for name, value in said.items() if name not in _READ}
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    known = [count for count in counts if count is not None]
    tokens = sum(known)
    usage = {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if len(known) == len(counts) else {}
    return {**further, "object": "list", "data": data, **usage}


def _vectors(said: Any, row: Embedder, response: UpstreamResponse) -> list[list[float]]:
    try:
        vectors = row.vectors(said)
    except (KeyError, TypeError):
        vectors = None
    if not isinstance(vectors, list) or not all(map(_is_vector, vectors)):
        raise errors.APIResponseValidationError("the answer has no vectors of numbers", status_code=response.status)
    return vectors


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) in (float, int) for number in value)


_READ = frozenset(
    {"embedding", "embeddings", "embeddingsByType", "inputTextTokenCount", "texts", "response_type", "id"}
)


def _rerank_request(call: Call, route: Route) -> UpstreamRequest:
    model = model_id_of(route)
    query = call.body.get("query")
    if not isinstance(query, str):
        raise route.bad_request("query", f"query must be a string, not {type(query).__name__}")
    own = COHERE_VERSION if model.base.startswith("cohere.") else {}
    known = ("query", "documents", RETURNED)
    further = {name: value for name, value in call.body.items() if name not in known and value is not None}
    body = {**own, "query": query, "documents": _documents(call.body.get("documents"), route), **further}
    ledger = Ledger(route, SOURCE)
    if call.body.get(RETURNED) is True:
        ledger.emulated(RETURNED, "Bedrock returns no documents: those of the call are put into the answer")
    return UpstreamRequest("POST", _path(model), body, ledger=ledger.entries)


def _documents(given: Any, route: Route) -> list[str]:
    documents = given if isinstance(given, (list, tuple)) else ()
    strings = [entry.get("text") if isinstance(entry, Mapping) else entry for entry in documents]
    if not strings or not all(isinstance(text, str) for text in strings):
        raise route.bad_request("documents", "documents must be a list of strings, or of objects that have text")
    return [str(text) for text in strings]


def _ranked(call: Call, route: Route, response: UpstreamResponse) -> JsonObject:
    said: Any = response.json()
    results = said.get("results") if isinstance(said, dict) else None
    if not isinstance(results, list) or not all(map(_is_result, results)):
        raise errors.APIResponseValidationError("the answer has no results", status_code=response.status)
    answer = {"model": route.model, **said}
    if call.body.get(RETURNED) is not True:
        return answer
    documents = _documents(call.body.get("documents"), route)
    return {**answer, "results": [_with_document(result, documents) for result in results]}


def _is_result(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and type(value.get("index")) is int
        and type(value.get("relevance_score")) in (float, int)
    )


def _with_document(result: JsonObject, documents: Sequence[str]) -> JsonObject:
    index = result["index"]
    if not 0 <= index < len(documents):
        raise errors.APIResponseValidationError("a result names a document that the call does not have")
    return {**result, "document": {"text": documents[index]}}


plugin = BedrockVectors()
