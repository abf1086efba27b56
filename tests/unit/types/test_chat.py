"""Chat: the parts of a message that not every answer has."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.types.chat import ChatCompletion, ChatCompletionChunk, Message


def said(**fields: Any) -> Message:
    answer = ChatCompletion.model_validate({"choices": [{"index": 0, "message": {"role": "assistant", **fields}}]})
    return answer.choices[0].message


def test_citations_audio_and_custom_calls_have_attributes() -> None:
    citation = {"url": "u", "title": "t", "start_index": 0, "end_index": 5}
    message = said(
        annotations=[{"type": "url_citation", "url_citation": citation}],
        audio={"id": "audio_1", "data": "UklGRg==", "expires_at": 5, "transcript": "Hi"},
        tool_calls=[{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
        function_call={"name": "f", "arguments": "{}"},
    )
    assert message.annotations is not None
    assert message.annotations[0].url_citation is not None
    assert message.annotations[0].url_citation.title == message["annotations"][0]["url_citation"]["title"] == "t"
    assert message.audio is not None
    assert (message.audio.data, message.audio.transcript) == ("UklGRg==", "Hi")
    assert message.tool_calls is not None
    assert message.tool_calls[0].custom is not None
    assert (message.tool_calls[0].custom.name, message.tool_calls[0].custom.input) == ("sh", "ls")
    assert message.tool_calls[0].function is None
    assert message.function_call is not None
    assert message.function_call.name == "f"
    assert "data='<8 characters>'" in repr(message)


def test_extensions_of_the_wire_have_attributes_and_are_none_where_they_are_missing() -> None:
    fields = {
        "images": [{"type": "image_url", "image_url": {"url": "u"}}],
        "reasoning_items": [{"type": "reasoning", "id": "rs_1"}],
        "provider_specific_fields": {"response_id": "resp_1"},
        "reasoning_content": "Hm",
    }
    assert {name: said(**fields)[name] for name in fields} == fields
    assert {name: getattr(said(), name) for name in fields} == dict.fromkeys(fields)


@pytest.mark.parametrize("odd", ["text", 5, {"a": 1}, [1, "x"], None])
@pytest.mark.parametrize(
    "name", ["annotations", "audio", "function_call", "images", "reasoning_items", "provider_specific_fields"]
)
def test_an_odd_extension_fails_no_answer_and_no_chunk(name: str, odd: Any) -> None:
    assert said(**{name: odd}).model_dump(exclude_unset=True) == {"role": "assistant", name: odd}
    chunk = {"choices": [{"index": 0, "delta": {name: odd}}]}
    assert ChatCompletionChunk.model_validate(chunk).model_dump(exclude_unset=True) == chunk


def test_a_chunk_s_deltas_have_the_same_parts() -> None:
    call = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sh", "input": "l"}}
    delta = {"tool_calls": [call], "audio": {"id": "a", "transcript": "Hi"}, "function_call": {"arguments": "{"}}
    body = {"choices": [{"index": 0, "delta": delta}], "obfuscation": "xyz", "moderation": None}
    chunk = ChatCompletionChunk.model_validate(body)
    assert chunk.choices is not None
    got = chunk.choices[0].delta
    assert got is not None
    assert got.tool_calls is not None
    assert got.tool_calls[0].custom is not None
    assert got.audio is not None
    assert got.function_call is not None
    assert (got.tool_calls[0].custom.input, got.audio.transcript, got.function_call.arguments) == ("l", "Hi", "{")
    assert chunk.model_dump(exclude_unset=True) == body


def test_a_field_called_like_a_method_is_read_by_item() -> None:
    answer = ChatCompletion.model_validate({"choices": [], "copy": 1, "ledger": 2, "cost": 3})
    assert (answer["copy"], answer["ledger"], answer.get("cost"), answer.get("no", 4)) == (1, 2, 3, 4)
    assert (answer.ledger, answer.cost) == ((), None)
