"""Embeddings: every call is one `batchEmbedContents`, or several where it has more inputs than one takes.

Pure. The vectors are numbers; core packs them for a caller that asks for base64.

Source: Gemini API reference, `models.batchEmbedContents`, `EmbedContentRequest`, `EmbedContentResponse`, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    LedgerEntry,
    Route,
    UpstreamResponse,
    errors,
)
from llmgate_gemini.wire.dialect import GEMINI_API, Dialect
from llmgate_gemini.wire.fields import count, objects, table
from llmgate_gemini.wire.params import TASK_TYPES
from llmgate_gemini.wire.spelling import camel

__all__ = ["embedding_answer", "embedding_inputs", "embedding_request", "joined_answers", "task_type_of"]

FIELDS: Mapping[str, str] = MappingProxyType(
    {"dimensions": "outputDimensionality", "input_type": "taskType", "task_type": "taskType"}
)
NOT_SENT = frozenset({"input", "stream", "user"})
IN_EACH = frozenset({"taskType", "title", "outputDimensionality", "embedContentConfig"})
"""The fields of each request of a batch; every other parameter is sent at the top."""


def embedding_inputs(call: Call, route: Route) -> list[str]:
    """Return the inputs of a call.

    Raises:
        BadRequestError: there are none, or they are not strings.
    """
    inputs = call.body.get("input")
    inputs = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(inputs, (list, tuple)) or not inputs or not all(isinstance(item, str) for item in inputs):
        raise route.bad_request("input", "input must be a string or a list of strings; token ids are OpenAI's")
    return list(inputs)


def embedding_request(
    call: Call, route: Route, inputs: Sequence[str], model: str, dialect: Dialect = GEMINI_API
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of `batchEmbedContents` for some inputs of a call, and ledger entries.

    Args:
        call: of the family embedding.
        route: its route.
        inputs: of this request, as `embedding_inputs` returns them.
        model: the model's resource name, such as `models/gemini-embedding-001`.
        dialect: the server's.
    """
    ledger = Ledger(route, dialect.source)
    each: JsonObject = {}
    top: JsonObject = {}
    for name, value in call.body.items():
        if name in NOT_SENT or value is None:
            continue
        if name == "encoding_format":
            ledger.dropped(name, "the vectors come as numbers, and are packed here where base64 is asked for")
            continue
        field = FIELDS.get(name, camel(name))
        if name == "input_type" and call.body.get("task_type") is not None:
            ledger.dropped(name, "task_type is set too and wins")
            continue
        if field != name:
            ledger.bridged(name, f"sent as {field}")
        sent = task_type_of(value) if field == "taskType" else value
        (each if field in IN_EACH else top)[field if field in IN_EACH else name] = sent
    requests = [{"model": model, "content": {"parts": [{"text": text}]}, **each} for text in inputs]
    return {"requests": requests, **top}, ledger.entries


def task_type_of(value: Any) -> Any:
    """Return Google's `taskType` for an `input_type` of any provider; what is not known is sent as it is."""
    return TASK_TYPES.get(value.lower(), value) if isinstance(value, str) else value


def embedding_answer(response: UpstreamResponse) -> JsonObject:
    """Return the vectors and the usage, as far as it was counted.

    Raises:
        APIResponseValidationError: it is not such an answer.
    """
    said = response.json()
    rows = said.get("embeddings") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise errors.APIResponseValidationError("the answer has no list of embeddings", status_code=response.status)
    data = [{"object": "embedding", "index": place, "embedding": _values(row)} for place, row in enumerate(rows)]
    further = {name: value for name, value in said.items() if name not in ("embeddings", "usageMetadata")}
    tokens = _tokens(said, rows)
    usage = {} if tokens is None else {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
    return {**further, "object": "list", "data": data, **usage}


def joined_answers(answers: Sequence[JsonObject]) -> JsonObject:
    """Return one answer with the vectors of all, and the sum of their usage if each has one."""
    rows = [row for answer in answers for row in answer["data"]]
    joined = {**answers[0], "data": [{**row, "index": place} for place, row in enumerate(rows)]}
    joined.pop("usage", None)
    if all("usage" in answer for answer in answers):
        tokens = sum(answer["usage"]["prompt_tokens"] for answer in answers)
        joined["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return joined


def _values(row: Any) -> list[float]:
    values = table(row).get("values")
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise errors.APIResponseValidationError("an embedding has no list of numbers as its values")
    return values


def _tokens(said: JsonObject, rows: list[Any]) -> int | None:
    """Return how many tokens were read: of the whole, else of each row; None: it was not counted."""
    counted = count(table(said.get("usageMetadata")).get("promptTokenCount"))
    if counted is not None:
        return counted
    each = [count(table(row.get("statistics")).get("tokenCount")) for row in objects(rows)]
    return sum(tokens for tokens in each if tokens is not None) if each and None not in each else None
