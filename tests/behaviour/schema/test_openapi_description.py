"""The pruned description is whole in itself, small, and says what the tests beside it need."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.openapi_description import description, endpoint_of, schema_names, wrong, wrong_query
from tests.support.paths import OPENAPI
from tests.support.prune_openapi import KEYWORDS, _references, _rewritten

NEEDED = [
    "CreateChatCompletionRequest",
    "CreateChatCompletionResponse",
    "CreateChatCompletionStreamResponse",
    "CreateCompletionRequest",
    "CreateCompletionResponse",
    "CreateEmbeddingRequest",
    "CreateEmbeddingResponse",
    "CreateImageEditRequest",
    "CreateImageRequest",
    "CreateModerationRequest",
    "CreateModerationResponse",
    "CreateResponse",
    "CreateSpeechRequest",
    "CreateTranscriptionRequest",
    "CreateTranscriptionResponseDiarizedJson",
    "CreateTranscriptionResponseJson",
    "CreateTranscriptionResponseStreamEvent",
    "CreateTranscriptionResponseVerboseJson",
    "CreateTranslationRequest",
    "CreateVideoJsonBody",
    "CreateVideoMultipartBody",
    "ErrorResponse",
    "ImageEditStreamEvent",
    "ImageGenStreamEvent",
    "ImagesResponse",
    "ListModelsResponse",
    "Response",
    "ResponseStreamEvent",
    "VideoResource",
]


def test_every_schema_that_is_needed_is_there_and_every_reference_leads_to_one() -> None:
    assert set(NEEDED) <= schema_names()
    assert set(_references(description())) <= schema_names()
    assert OPENAPI.stat().st_size < 400_000


def test_nothing_but_structure_was_kept() -> None:
    for schema in description()["components"]["schemas"].values():
        assert keywords_of(schema) <= KEYWORDS


def keywords_of(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {name for item in schema for name in keywords_of(item)}
    if not isinstance(schema, dict):
        return set()
    found = set(schema)
    for name, value in schema.items():
        if name == "properties":
            found |= {inner for item in value.values() for inner in keywords_of(item)}
        elif name not in ("enum", "required", "const"):
            found |= keywords_of(value)
    return found


def test_a_schema_is_rewritten_without_prose_in_the_words_of_its_dialect() -> None:
    schema = {
        "title": "A",
        "x-meta": {},
        "oneOf": [{"type": "string", "nullable": True, "description": "no"}, {"$recursiveRef": "#"}],
        "discriminator": {"propertyName": "type"},
        "properties": {"title": {"type": "array", "items": {"$ref": "#/b", "example": 1}}},
    }
    assert _rewritten(schema, "#/self") == {
        "anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"$ref": "#/self"}],
        "properties": {"title": {"type": "array", "items": {"$ref": "#/b"}}},
    }


CHUNK = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None, "logprobs": None}],
    "usage": None,
}


def test_the_quirks_of_the_description_are_rewritten() -> None:
    assert wrong("CreateChatCompletionStreamResponse", CHUNK) is None  # `nullable` of OpenAPI 3.0
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    assert wrong("CreateResponse", {"model": "m", "input": [message]}) is None  # overlapping `oneOf`
    assert wrong("Embedding", {"object": "embedding", "index": 0, "embedding": "AAAA"}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CreateChatCompletionRequest", {"model": "m", "messages": [{"role": "nobody", "content": "Hi"}]}),
        ("CreateChatCompletionRequest", {"model": "m", "messages": []}),
        ("CreateResponse", {"model": "m", "input": [{"type": "message", "role": "user"}]}),
        ("CreateChatCompletionStreamResponse", {**CHUNK, "object": "chat.completion"}),
        ("ResponseStreamEvent", {"type": "response.output_text.delta", "delta": "Hi"}),
        ("ErrorResponse", {"error": {"message": "no"}}),
    ],
)
def test_a_wrong_value_is_told_from_a_right_one(name: str, value: Any) -> None:
    assert wrong(name, value) is not None


def test_an_operation_is_found_by_its_path_and_knows_its_query() -> None:
    assert endpoint_of("GET", "/videos/video%2F1/content") == "GET /videos/{video_id}/content"
    assert wrong_query("GET /videos/{video_id}/content", {"variant": "thumbnail"}) is None
    assert wrong_query("GET /videos/{video_id}/content", {"variant": "sound"}) is not None
    assert wrong_query("GET /videos/{video_id}/content", {"form": "video"}) == "no query parameters: ['form']"
    with pytest.raises(LookupError):
        endpoint_of("GET", "/videos/a/b/c")
