"""Fields that are missing, null or of another type: whatever else an answer says stays readable."""

from __future__ import annotations

import contextlib
import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.types.audio import Transcription, TranscriptionEvent
from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk
from llmgate_core.types.embedding import EmbeddingResponse
from llmgate_core.types.image import ImageEvent, ImagesResponse
from llmgate_core.types.loose import validated
from llmgate_core.types.moderation import ModerationResponse
from llmgate_core.types.responses import ResponseEvent, ResponseObject
from llmgate_core.types.text_completion import TextCompletion, TextCompletionChunk
from llmgate_core.types.video import Video
from tests.support.examples import examples

CALL = {"id": "call_1", "type": "function", "index": 0, "function": {"name": "f", "arguments": "{}"}}
CITED = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}}
MESSAGE = {
    "role": "assistant",
    "content": "hi",
    "refusal": None,
    "tool_calls": [CALL],
    "annotations": [CITED],
    "audio": {"id": "a", "data": "QQ==", "transcript": "hi", "expires_at": 1},
    "function_call": {"name": "f", "arguments": "{}"},
    "reasoning_content": "hm",
}
COUNTS = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
HEAD = {"id": "c", "object": "o", "created": 1, "model": "m", "usage": COUNTS, "service_tier": "default"}
USED = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_tokens_details": {"cached_tokens": 0}}
ITEM = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "hi", "annotations": [], "logprobs": []}],
}
RESPONSE = {"id": "r", "object": "response", "status": "completed", "output": [ITEM], "usage": USED, "error": None}

BODIES: dict[type[BaseModel], dict[str, Any]] = {
    ChatCompletion: {**HEAD, "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop", "logprobs": {}}]},
    ChatCompletionChunk: {**HEAD, "choices": [{"index": 0, "delta": MESSAGE, "finish_reason": "stop"}]},
    TextCompletion: {**HEAD, "choices": [{"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": {}}]},
    TextCompletionChunk: {**HEAD, "choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]},
    ResponseObject: RESPONSE,
    ResponseEvent: {"type": "response.completed", "sequence_number": 1, "response": RESPONSE, "item": ITEM},
    EmbeddingResponse: {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    ImagesResponse: {"created": 1, "data": [{"b64_json": "QQ==", "revised_prompt": "p"}], "usage": USED, "size": "s"},
    ImageEvent: {"type": "image_generation.completed", "b64_json": "QQ==", "usage": USED, "size": "s"},
    Transcription: {"text": "hi", "segments": [{"id": 0, "text": "hi"}], "words": [{"word": "hi"}], "usage": USED},
    TranscriptionEvent: {"type": "transcript.text.delta", "delta": "hi", "logprobs": []},
    ModerationResponse: {
        "id": "m",
        "model": "m",
        "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}}],
    },
    Video: {"id": "v", "status": "completed", "seconds": "4", "error": None},
}
ESSENTIAL = {
    ChatCompletion: {("choices",), ("choices", 0), ("choices", 0, "message")},
    ChatCompletionChunk: {("choices",), ("choices", 0), ("choices", 0, "delta")},
    TextCompletion: {("choices",), ("choices", 0)},
    TextCompletionChunk: {("choices",), ("choices", 0)},
    ResponseObject: {("output",)},
    EmbeddingResponse: {
        ("data",),
        ("data", 0),
        ("data", 0, "embedding"),
        ("data", 0, "embedding", 0),
        ("data", 0, "embedding", 1),
    },
    ImagesResponse: {("data",), ("data", 0)},
    Transcription: {("text",)},
    ModerationResponse: {("results",), ("results", 0)},
    Video: {("id",)},
}
"""Paths without which the rest has no meaning."""

MISSING = object()
ODD = (MISSING, None, False, 3, 2.5, "x", [], {}, [7], {"a": 1}, [{"type": "text", "text": "x"}])


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every field and item in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths_of(item, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    whole = copy.deepcopy(body)
    holder: Any = whole
    for key in path[:-1]:
        holder = holder[key]
    if value is MISSING:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return whole


def without(body: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return changed(body, path, MISSING)
    except (LookupError, TypeError):
        return body  # it is missing already


def read_all(value: Any) -> None:
    """Read every documented attribute and every property of a result, at every depth."""
    if isinstance(value, BaseModel):
        public = [name for name in dir(type(value)) if not name.startswith(("_", "model_"))]
        names = {name for name in public if isinstance(getattr(type(value), name, None), property)}
        for name in {*type(value).model_fields, *names} - {"parsed", "output_parsed", "parsed_arguments"}:
            with contextlib.suppress(APIResponseValidationError):  # of `vectors`, for a string that is not base64
                read_all(getattr(value, name))  # the three left out raise for a string that is not JSON
    elif isinstance(value, list):
        for item in value:
            read_all(item)


def check(kind: type[BaseModel], body: dict[str, Any], path: tuple[Any, ...]) -> None:
    try:
        result = validated(kind, body)
    except ValidationError:
        assert path in ESSENTIAL.get(kind, ())
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dumped = result.model_dump(exclude_unset=True)
        assert dumped == body or without(dumped, path) == without(body, path)  # null where a default is meant
        result.model_dump_json()
    repr(result)
    assert pickle.loads(pickle.dumps(result)) == copy.deepcopy(result) == result
    read_all(result)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_a_field_that_is_missing_null_or_of_another_type_leaves_the_rest_readable(kind: type[BaseModel]) -> None:
    for path in paths_of(BODIES[kind]):
        for value in ODD:
            check(kind, changed(BODIES[kind], path, value), path)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab{", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "id"]), inner),
    max_leaves=6,
)


@examples(500)
@given(data=st.data(), kind=st.sampled_from(sorted(BODIES, key=lambda kind: kind.__name__)))
def test_any_json_in_any_field_leaves_the_rest_readable(data: st.DataObject, kind: type[BaseModel]) -> None:
    path = data.draw(st.sampled_from(list(paths_of(BODIES[kind]))))
    check(kind, changed(BODIES[kind], path, data.draw(JUNK)), path)


def test_a_fitting_answer_is_the_same_read_either_way() -> None:
    for kind, body in BODIES.items():
        assert validated(kind, body) == kind.model_validate(body)


def test_what_does_not_fit_is_kept_and_its_neighbours_stay_typed() -> None:
    body = changed(BODIES[ChatCompletion], ("choices", 0, "message", "tool_calls", 0, "id"), 0)
    body["usage"] = []
    answer = validated(ChatCompletion, body)
    message = answer.choices[0].message
    assert message.tool_calls is not None
    assert message.tool_calls[0].function is not None
    assert (message.tool_calls[0].id, message.tool_calls[0].function.name, answer.usage) == (0, "f", [])
    assert message.annotations is not None
    assert message.annotations[0].type == "url_citation"


def test_content_of_parts_has_a_text_view_and_object_arguments_are_usable() -> None:
    parts = [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "Hel"}, "l", {"type": "text", "text": "o"}]
    called = [{"id": "c", "function": {"name": "f", "arguments": {"city": "Oslo"}}}]
    body = {"choices": [{"message": {"content": parts, "tool_calls": called}}]}
    message = validated(ChatCompletion, body).choices[0].message
    assert (message.content, message.text) == (parts, "Hello")
    assert message.tool_calls is not None
    assert message.tool_calls[0].function is not None
    assert message.tool_calls[0].function.parsed_arguments == {"city": "Oslo"}


def test_an_extra_field_may_have_the_name_of_an_argument() -> None:
    extra = {"self": 1, "cls": 2, "_fields_set": 3, "kind": 4}
    assert validated(ChatCompletion, {"choices": [], "model": 5, **extra}).model_extra == extra


@pytest.mark.parametrize("index", ["b", [0], None, {}])
def test_an_index_that_is_no_number_leaves_the_vectors_in_the_order_they_came(index: Any) -> None:
    rows = [{"index": index, "embedding": [1.0]}, {"index": index, "embedding": [2.0]}]
    answer = validated(EmbeddingResponse, {"data": rows})
    answer.expect_vectors(2, is_packed=False)
    assert [row.embedding for row in answer.data] == [[1.0], [2.0]]
    assert len(validated(EmbeddingResponse, {"data": []}).vectors) == 0


def test_an_empty_list_is_an_object_without_members() -> None:
    chunk = validated(ChatCompletionChunk, {"choices": [{"index": 0, "delta": [], "finish_reason": "stop"}]})
    assert (chunk.choices[0].delta.text, chunk.choices[0].finish_reason) == (None, "stop")
    answer = validated(ChatCompletion, {"choices": [{"index": 0, "message": []}]})
    assert answer.choices[0].message.text is None
