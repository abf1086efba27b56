"""The bodies and answers of Bedrock's models for embeddings, which have no API in common. One row a family of models.

Pure.

Source: AWS, "Inference request parameters and response fields" of Amazon Titan Text Embeddings, Titan Multimodal
Embeddings, Cohere Embed v3 and v4, and "Amazon Nova Multimodal Embeddings"; read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmgate_core.plugin import JsonObject, UpstreamResponse

__all__ = ["Embedder", "counted_tokens", "embedder_of"]

COUNT_HEADER = "x-amzn-bedrock-input-token-count"
COHERE_AT_ONCE = 96


@dataclass(frozen=True, slots=True)
class Embedder:
    """How one family of models embeds strings.

    Attributes:
        models: matches the beginning of their ids, without the geography of a profile.
        at_once: how many strings one request takes.
        body: strings, dimensions and the caller's further parameters -> the body.
        vectors: a parsed answer -> its vectors, unchecked.
        has_dimensions: the number of dimensions may be chosen.
        needs_input_type: a parameter `input_type` is required.
    """

    models: re.Pattern[str]
    at_once: int
    body: Callable[[Sequence[str], int | None, Mapping[str, Any]], JsonObject]
    vectors: Callable[[Any], Any]
    has_dimensions: bool = False
    needs_input_type: bool = False


def embedder_of(base: str) -> Embedder | None:
    """Return the row of a model, by its id without a geography; None: it is not known."""
    return next((row for row in ROWS if row.models.match(base)), None)


def counted_tokens(response: UpstreamResponse, said: Any) -> int | None:
    """Return how many tokens a request had; None: the answer does not say."""
    count = said.get("inputTextTokenCount") if isinstance(said, dict) else None
    if type(count) is int:
        return count
    header = response.headers.get(COUNT_HEADER, "")
    return int(header) if header.isdecimal() else None


def _titan(strings: Sequence[str], dimensions: int | None, further: Mapping[str, Any]) -> JsonObject:
    return {"inputText": strings[0], **({"dimensions": dimensions} if dimensions else {}), **further}


def _titan_image(strings: Sequence[str], dimensions: int | None, further: Mapping[str, Any]) -> JsonObject:
    config = {"embeddingConfig": {"outputEmbeddingLength": dimensions}} if dimensions else {}
    return {"inputText": strings[0], **config, **further}


def _cohere(strings: Sequence[str], dimensions: int | None, further: Mapping[str, Any]) -> JsonObject:
    return {"texts": list(strings), **({"output_dimension": dimensions} if dimensions else {}), **further}


def _nova(strings: Sequence[str], dimensions: int | None, further: Mapping[str, Any]) -> JsonObject:
    wished: JsonObject = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": strings[0]}}
    wished |= {"embeddingDimension": dimensions} if dimensions else {}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": wished | dict(further)}


def _one(said: Any) -> Any:
    return [said["embedding"]]


def _many(said: Any) -> Any:
    vectors = said["embeddings"]
    return vectors["float"] if isinstance(vectors, dict) else vectors


def _objects(said: Any) -> Any:
    return [entry["embedding"] for entry in said["embeddings"]]


ROWS = (
    Embedder(re.compile(r"amazon\.titan-embed-text-v2"), 1, _titan, _one, has_dimensions=True),
    Embedder(re.compile(r"amazon\.titan-embed-image"), 1, _titan_image, _one, has_dimensions=True),
    Embedder(re.compile(r"amazon\.titan-embed"), 1, _titan, _one),
    Embedder(re.compile(r"amazon\.nova-.*embed"), 1, _nova, _objects, has_dimensions=True),
    Embedder(
        re.compile(r"cohere\.embed-v[4-9]"), COHERE_AT_ONCE, _cohere, _many, has_dimensions=True, needs_input_type=True
    ),
    Embedder(re.compile(r"cohere\.embed"), COHERE_AT_ONCE, _cohere, _many, needs_input_type=True),
)
