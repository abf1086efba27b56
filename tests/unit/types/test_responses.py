"""Responses: text in one piece, items and events of any type, structured output."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from llmgate_core import APIResponseValidationError
from llmgate_core.types.responses import (
    CompactedResponse,
    ContentPart,
    InputTokens,
    OutputItem,
    ResponseEvent,
    ResponseObject,
    ResponseSnapshot,
)


def message(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(parts)}


def text(value: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": value, "annotations": []}


def response(*output: Any, **fields: Any) -> ResponseObject:
    return ResponseObject.model_validate({"id": "resp_1", "output": list(output), **fields})


def test_output_text_is_the_text_of_all_messages_in_order() -> None:
    thought = {"type": "reasoning", "content": [text("hidden")], "summary": []}
    whole = response(thought, message(text("a"), {"type": "refusal", "refusal": "no"}, text("b")), message(text("c")))
    assert whole.output_text == whole["output_text"] == "abc"
    assert response(message({"type": "brand_new_part", "text": "x"}), {"type": "message"}).output_text == ""
    assert response().output_text == ""
    assert "output_text" not in whole.model_dump()


def test_output_text_is_made_by_us_whatever_the_upstream_calls_so() -> None:
    whole = response(message(text("ours")), output_text="theirs")
    assert whole.output_text == "ours"
    assert whole.model_dump(exclude_unset=True)["output_text"] == "theirs"


def test_known_items_have_attributes_all_the_way_down() -> None:
    whole = response(
        {"type": "web_search_call", "id": "ws", "action": {"type": "search", "sources": [{"url": "u"}]}},
        message({**text("x"), "annotations": [{"type": "url_citation", "url": "u"}]}),
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        reasoning={"effort": "high"},
        error={"code": "server_error", "message": "broke"},
        incomplete_details={"reason": "max_output_tokens"},
        usage={"input_tokens": 3, "input_tokens_details": {"cached_tokens": 2}},
    )
    search, said, call = whole.output
    assert search.action is not None
    assert search.action.sources[0].url == search["action"]["sources"][0]["url"] == "u"
    assert said.content is not None
    assert said.content[0].annotations is not None
    assert said.content[0].annotations[0].url == "u"
    assert (call.call_id, call.name, call.arguments) == ("c", "f", "{}")
    assert (whole.reasoning and whole.reasoning.effort, whole.error and whole.error.code) == ("high", "server_error")
    assert whole.usage is not None
    assert whole.usage.input_tokens_details is not None
    assert whole.usage.input_tokens_details.cached_tokens == 2


ODD_ITEMS = [
    {"type": "brand_new_call", "content": {"not": "a list"}, "id": 5, "status": None, "action": ["x"]},
    {"type": "message", "content": "plain text", "role": "assistant"},
    {"type": "message", "content": ["bare", {"type": "output_text", "text": 7}, {"type": "output_text"}]},
    {"no": "type"},
    {},
    "text",
    None,
    [1, [2]],
]


@pytest.mark.parametrize("item", ODD_ITEMS, ids=repr)
def test_an_odd_item_survives_whole_and_fails_nothing(item: Any) -> None:
    whole = response(item, message(text("x")))
    assert whole.output_text == "x"
    assert whole.cost is None
    assert whole.model_dump(exclude_unset=True)["output"][0] == item
    event = ResponseEvent.model_validate({"type": "response.output_item.added", "item": item, "part": item})
    assert event.model_dump(exclude_unset=True) == {"type": "response.output_item.added", "item": item, "part": item}


def test_long_encoded_fields_are_printed_by_their_length() -> None:
    whole = response(
        {"type": "image_generation_call", "result": "A" * 5000}, {"type": "x", "encrypted_content": "B" * 99}
    )
    assert "result='<5000 characters>'" in repr(whole)
    assert "encrypted_content='<99 characters>'" in str(whole)
    assert whole.output[0].result == "A" * 5000


def test_an_event_has_its_parts_typed_and_a_snapshot_may_lack_output() -> None:
    created = ResponseEvent.model_validate(
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}
    )
    assert isinstance(created.response, ResponseSnapshot)
    assert (created.response.id, created.response.output, created.response.output_text) == ("r", [], "")
    delta = ResponseEvent.model_validate({"type": "response.output_text.delta", "delta": "Hi", "obfuscation": "x"})
    assert (delta.delta, delta["delta"], delta.obfuscation, delta.item) == ("Hi", "Hi", "x", None)
    added = ResponseEvent.model_validate({"type": "response.output_item.added", "item": message(), "part": text("t")})
    assert isinstance(added.item, OutputItem)
    assert isinstance(added.part, ContentPart)
    assert ResponseEvent.model_validate({}).type is None


class City(BaseModel):
    name: str


def test_parsed_is_the_text_as_the_class_that_was_asked_for() -> None:
    whole = response(message(text('{"name": "Paris"}')))
    assert whole.parsed is None
    whole.expect_output(City)
    assert whole.parsed == City(name="Paris")
    broken = response(message(text('{"name": "Par')))
    broken.expect_output(City)
    with pytest.raises(APIResponseValidationError, match="City") as caught:
        _ = broken.parsed
    assert caught.value.partial == '{"name": "Par'


def test_counts_and_compacted_conversations() -> None:
    counted = InputTokens.model_validate({"object": "response.input_tokens", "input_tokens": 11})
    assert (counted.input_tokens, counted["object"]) == (11, "response.input_tokens")
    short = CompactedResponse.model_validate(
        {"id": "c", "object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}]}
    )
    assert (short.id, short.output[0].encrypted_content, short.ledger) == ("c", "x", ())
