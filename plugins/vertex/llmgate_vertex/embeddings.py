"""Embeddings of Vertex AI: `:predict` with a list of instances, several requests where there are more than one takes.

Pure. The vectors are numbers; core packs them for a caller that asks for base64.

Source: Google Cloud, "Text embeddings API": at most 250 inputs in a request, one for gemini-embedding models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_gemini.wire import embedding_inputs, joined_answers, map_error, task_type_of

from llmgate_core.plugin import (
    Call,
    Exchange,
    JsonObject,
    Ledger,
    LedgerEntry,
    ParamRule,
    Progress,
    Route,
    UpstreamRequest,
    UpstreamResponse,
    errors,
    hookimpl,
)
from llmgate_vertex.gemini import VERTEX_AI, VertexGemini
from llmgate_vertex.provider import Vertex, vertex_info

__all__ = ["VertexEmbeddings"]

MAX_INPUTS = 250
OF_ONE = "gemini-embedding"
PARAMETERS: Mapping[str, str] = MappingProxyType(
    {
        "dimensions": "outputDimensionality",
        "auto_truncate": "autoTruncate",
        "outputDimensionality": "outputDimensionality",
    }
)
INSTANCE: Mapping[str, str] = MappingProxyType({"input_type": "task_type", "task_type": "task_type", "title": "title"})
NOT_SENT = frozenset({"input", "stream", "user"})
GEMINI = VertexGemini()

MAX_TOKENS = 2**53  # a larger number, or infinity, cannot be a count


class VertexEmbeddings(Vertex):
    """Serves `vertex_ai/` in the family embedding."""

    info = vertex_info()

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge a parameter as the Gemini API's embeddings do."""
        return GEMINI.supports_param(route, param, value)

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Return the request of the first inputs.

        Raises:
            BadRequestError: the inputs are not strings.
        """
        return _request(call, route, _batches(call, route)[0])

    @hookimpl
    def exchange(self, call: Call, route: Route) -> Exchange | None:
        """Return the requests of a call that needs several; None: one request, one answer."""
        batches = _batches(call, route)
        return _sent(call, route, batches) if len(batches) > 1 else None

    @hookimpl
    def transform_response(self, call: Call, route: Route, response: UpstreamResponse) -> JsonObject:
        """Return the vectors and the usage, as far as it was counted.

        Raises:
            APIResponseValidationError: it is not such an answer.
        """
        return _answer(response)

    @hookimpl
    def map_error(self, response: UpstreamResponse, error: errors.APIError) -> errors.APIError:
        """Return core's error with what Google's details say."""
        return map_error(response, error)


def _batches(call: Call, route: Route) -> list[list[str]]:
    inputs = embedding_inputs(call, route)
    size = 1 if OF_ONE in route.model else MAX_INPUTS
    return [inputs[start : start + size] for start in range(0, len(inputs), size)]


def _request(call: Call, route: Route, inputs: Sequence[str]) -> UpstreamRequest:
    ledger = Ledger(route, VERTEX_AI.source)
    each: JsonObject = {}
    parameters: JsonObject = {}
    top: JsonObject = {}
    for name, value in call.body.items():
        if name in NOT_SENT or value is None:
            continue
        if name == "encoding_format":
            ledger.dropped(name, "the vectors come as numbers, and are packed here where base64 is asked for")
        elif name in PARAMETERS:
            parameters[PARAMETERS[name]] = value
        elif name in INSTANCE:
            each[INSTANCE[name]] = task_type_of(value) if INSTANCE[name] == "task_type" else value
        else:
            top[name] = value
        if name in ("dimensions", "input_type"):
            ledger.bridged(name, f"sent as {PARAMETERS.get(name) or INSTANCE[name]}")
    body = {"instances": [{"content": text, **each} for text in inputs], **top}
    if parameters:
        body["parameters"] = parameters
    entries: tuple[LedgerEntry, ...] = ledger.entries
    return UpstreamRequest("POST", GEMINI.path_of(route, "predict"), body, ledger=entries, retry=True)


def _sent(call: Call, route: Route, batches: list[list[str]]) -> Exchange:
    answers: list[JsonObject] = []
    for batch in batches:
        response = yield _request(call, route, batch)
        if response is not None:
            answers.append(_answer(response))
            yield Progress(joined_answers(answers))
    return joined_answers(answers)


def _answer(response: UpstreamResponse) -> JsonObject:
    said: Any = response.json()
    rows = said.get("predictions") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise errors.APIResponseValidationError("the answer has no list of predictions", status_code=response.status)
    found = [_row(row, response) for row in rows]
    data = [{"object": "embedding", "index": place, "embedding": values} for place, (values, _) in enumerate(found)]
    counts = [tokens for _, tokens in found if tokens is not None]
    further = {name: value for name, value in said.items() if name != "predictions"}
    answer: JsonObject = {**further, "object": "list", "data": data}
    if counts and len(counts) == len(found):
        answer["usage"] = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return answer


def _row(row: Any, response: UpstreamResponse) -> tuple[list[float], int | None]:
    said = row.get("embeddings") if isinstance(row, dict) else None
    embeddings: JsonObject = said if isinstance(said, dict) else {}
    values = embeddings.get("values")
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise errors.APIResponseValidationError(
            "a prediction has no list of numbers as its embedding", status_code=response.status
        )
    statistics = embeddings.get("statistics")
    tokens: Any = statistics.get("token_count") if isinstance(statistics, dict) else None
    return values, int(tokens) if type(tokens) in (int, float) and 0 <= tokens < MAX_TOKENS else None
