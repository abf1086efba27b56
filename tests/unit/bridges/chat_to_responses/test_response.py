"""A whole response -> a chat completion, and the errors that a response can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import (
    APIError,
    APIResponseValidationError,
    BadRequestError,
    ContentPolicyViolationError,
    InternalServerError,
    RateLimitError,
)
from llmgate_core.types.chat import ChatCompletion
from tests.support.bridge_data import (
    UNKNOWN_MODEL,
    call,
    call_item,
    completion,
    converted,
    custom_item,
    lossy,
    message,
    message_item,
    raw_item,
    response,
    route,
    summary_item,
    text_item,
    url_citation,
)

JSON = {"response_format": {"type": "json_object"}}


def test_a_text_answer_has_chats_whole_shape() -> None:
    usage = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0, "new_kind": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 8,
    }
    assert completion(response(text_item("Hi"), usage=usage, service_tier="default", created_at=1760000000.7)) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": UNKNOWN_MODEL,
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "refusal": None,
                    "provider_specific_fields": {"response_id": "resp_1"},
                },
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 5,
            "total_tokens": 8,
            "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0, "new_kind": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        "provider_specific_fields": {"response_id": "resp_1"},
    }


def test_an_id_of_another_form_is_kept_whole() -> None:
    got = completion(response(text_item("Hi"), id="abc"))
    assert got["id"] == "chatcmpl-abc"
    assert got["provider_specific_fields"] == {"response_id": "abc"}


@pytest.mark.parametrize("usage", [None, {}])
def test_usage_that_did_not_come_is_absent_and_never_zero(usage: Any) -> None:
    assert "usage" not in completion(response(text_item("Hi"), usage=usage))


@pytest.mark.parametrize(
    ("fields", "items", "reason"),
    [
        ({}, [text_item("a")], "stop"),
        ({}, [text_item("a"), call_item()], "tool_calls"),
        ({}, [custom_item()], "tool_calls"),
        ({"status": None}, [text_item("a")], "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, [text_item("a")], "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, [call_item()], "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, [], "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, [], "length"),
    ],
)
def test_the_finish_reason(fields: Any, items: list[Any], reason: str) -> None:
    assert completion(response(*items, **fields))["choices"][0]["finish_reason"] == reason


def test_incomplete_with_calls_keeps_the_calls() -> None:
    got = message(response(call_item(), status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert [each["id"] for each in got["tool_calls"]] == ["call_1"]


def test_texts_of_all_parts_and_items_are_joined_without_separator() -> None:
    parts = [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    assert message(response(message_item(*parts), text_item("c")))["content"] == "abc"


def test_of_several_json_documents_the_first_is_the_content_and_none_is_lost() -> None:
    second = text_item('{"b":2}', id="msg_2")
    body, ledger = converted(response(text_item('{"a":1}'), second), **JSON)
    got = body["choices"][0]["message"]
    assert got["content"] == '{"a":1}'
    assert got["provider_specific_fields"]["output_items"] == [second]
    assert [(entry.parameter, entry.lossy) for entry in ledger] == [("response_format", False)]
    flat = {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}
    assert message(response(text_item('{"a":1}'), second), **flat)["content"] == '{"a":1}'


@pytest.mark.parametrize(
    ("items", "content"),
    [([call_item()], None), ([], ""), ([summary_item()], ""), ([text_item(""), call_item()], None)],
)
def test_content_is_null_only_beside_calls_or_a_refusal(items: list[Any], content: Any) -> None:
    assert message(response(*items))["content"] == content


def test_a_refusal_is_a_refusal() -> None:
    got = message(response(message_item({"type": "refusal", "refusal": "No."})))
    assert (got["content"], got["refusal"]) == (None, "No.")


def test_annotations_of_urls_are_nested_and_moved_by_the_text_before_them() -> None:
    other = {"type": "file_citation", "file_id": "file-1", "index": 0}
    found = response(
        message_item(
            {"type": "output_text", "text": "12345", "annotations": [url_citation(0, 2)]},
            {"type": "output_text", "text": "678", "annotations": [url_citation(1, 3), other]},
        ),
        text_item("9", annotations=[url_citation(0, 1)]),
    )
    got = message(found)
    spans = [(a["url_citation"]["start_index"], a["url_citation"]["end_index"]) for a in got["annotations"]]
    assert spans == [(0, 2), (6, 8), (8, 9)]
    assert got["annotations"][0] == {
        "type": "url_citation",
        "url_citation": {"url": "https://example.test/a", "title": "A", "start_index": 0, "end_index": 2},
    }
    assert got["provider_specific_fields"]["annotations"] == [other]


def test_logprobs_are_the_choices() -> None:
    one, two = ({"token": token, "logprob": -1.0} for token in "ab")
    found = response(text_item("a", logprobs=[one]), text_item("b", logprobs=[two]))
    assert completion(found)["choices"][0]["logprobs"] == {"content": [one, two], "refusal": None}


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([summary_item("a", "b")], "a\n\nb"),
        ([summary_item("a"), summary_item("b", id="rs_2")], "a\n\nb"),
        ([raw_item("raw", "summary")], "raw"),
        ([summary_item()], None),
        ([], None),
    ],
)
def test_reasoning_text(items: list[Any], text: Any) -> None:
    assert message(response(*items, text_item("x"))).get("reasoning_content") == text


def test_reasoning_items_can_be_sent_back() -> None:
    item = summary_item("a", encrypted_content="secret", status="completed", content=None)
    got = message(response(item, text_item("x")))
    assert got["reasoning_items"] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "encrypted_content": "secret",
        }
    ]


def test_calls_are_named_by_their_call_id() -> None:
    assert message(response(call_item("call_1", "f", '{"a":1}'), custom_item("call_2", "go")))["tool_calls"] == [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "call_2", "type": "custom", "custom": {"name": "c", "input": "go"}},
    ]


def test_items_that_chat_does_not_know_are_kept_raw() -> None:
    items = [{"id": "x", "type": kind} for kind in ("web_search_call", "mcp_list_tools", "compaction", "from_tomorrow")]
    body, ledger = converted(response(*items, text_item("x")))
    got = body["choices"][0]["message"]
    assert got["content"] == "x"
    assert got["provider_specific_fields"]["output_items"] == items
    assert ledger == ()


@pytest.mark.parametrize("kind", ["computer_call", "local_shell_call", "shell_call", "mcp_approval_request"])
def test_an_item_that_waits_for_an_answer_is_noted_as_lost(kind: str) -> None:
    _, ledger = converted(response({"id": "x", "type": kind}))
    assert lossy(ledger) == [f"output {kind}"]


def test_a_shell_call_that_was_answered_upstream_is_no_loss() -> None:
    _, ledger = converted(response({"id": "x", "type": "shell_call"}, {"id": "y", "type": "shell_call_output"}))
    assert ledger == ()


def test_a_generated_image_is_shown_and_kept() -> None:
    item = {"id": "ig_1", "type": "image_generation_call", "result": "AAAA", "output_format": "webp"}
    got = message(response(item, text_item("x")))
    assert got["images"] == [{"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}}]
    assert got["provider_specific_fields"]["output_items"] == [item]


def test_the_typed_result_takes_it() -> None:
    typed = ChatCompletion.model_validate(completion(response(summary_item("a"), text_item("x"), call_item())))
    assert typed.choices[0].message.tool_calls is not None
    assert typed.choices[0].message.reasoning_content == "a"


# --- errors ---


@pytest.mark.parametrize(
    ("code", "error_class", "status"),
    [
        ("rate_limit_exceeded", RateLimitError, 429),
        ("server_error", InternalServerError, 500),
        ("vector_store_timeout", InternalServerError, 500),
        ("image_content_policy_violation", ContentPolicyViolationError, 400),
        ("bio_policy", ContentPolicyViolationError, 400),
        ("invalid_prompt", BadRequestError, 400),
        ("a_code_of_tomorrow", BadRequestError, 400),
    ],
)
def test_a_failed_response_is_an_error_by_its_code(code: str, error_class: type[APIError], status: int) -> None:
    found = response(text_item("so far"), status="failed", error={"code": code, "message": "why"})
    with pytest.raises(APIError) as caught:
        completion(found)
    error = caught.value
    assert type(error) is error_class
    assert (error.status_code, error.code, error.message) == (status, code, "why")
    assert (error.provider, error.model) == ("openai", UNKNOWN_MODEL)
    assert error.partial["choices"][0]["message"]["content"] == "so far"
    assert error.partial["choices"][0]["finish_reason"] is None


def test_an_error_keeps_the_requests_id_and_the_start_of_the_body() -> None:
    content = json.dumps(response(status="failed", error={"code": "server_error", "message": "why"})).encode()
    upstream = UpstreamResponse(200, ((b"X-Request-Id", b"req_1"),), content + b" " * 5000)
    with pytest.raises(InternalServerError) as caught:
        ChatOverResponses.chat_completion(call(), route(), upstream)
    assert caught.value.request_id == "req_1"
    assert caught.value.body == (content + b" " * 5000)[:2048].decode()


def test_a_failed_response_that_does_not_say_why_is_the_upstreams_fault() -> None:
    with pytest.raises(InternalServerError) as caught:
        completion(response(status="failed", error=None))
    assert caught.value.partial is None


def test_a_cancelled_response_is_an_error_with_what_came() -> None:
    with pytest.raises(APIError, match="cancelled") as caught:
        completion(response(text_item("so far"), status="cancelled"))
    assert type(caught.value) is APIError
    assert caught.value.partial["choices"][0]["message"]["content"] == "so far"


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_in_the_background_says_how_to_poll(status: str) -> None:
    found = response(status=status)
    with pytest.raises(APIError, match=r"get_responses\('resp_1'\)") as caught:
        completion(found)
    assert "'resp_1'" in caught.value.message
    assert caught.value.partial == found


@pytest.mark.parametrize("found", [[], "text", 7, None, {}, {"output": None}, {"id": "resp_1", "output": {}}])
def test_what_is_no_response_is_a_validation_error(found: Any) -> None:
    with pytest.raises(APIResponseValidationError):
        completion(found)


def test_what_is_no_json_is_a_validation_error() -> None:
    with pytest.raises(APIResponseValidationError):
        ChatOverResponses.chat_completion(call(), route(), UpstreamResponse(200, (), b"<html>"))


def test_an_error_object_inside_a_200_is_raised() -> None:
    with pytest.raises(RateLimitError, match="slow down"):
        completion({"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "slow down"}})


@pytest.mark.parametrize(
    "item",
    [
        None,
        1,
        {"type": ["message"]},
        {"type": "message", "content": None},
        {"type": "message", "content": [None, {"type": "output_text", "text": 1, "annotations": 5}]},
        {"type": "message", "content": [{"type": "output_text", "text": "", "annotations": [None], "logprobs": 3}]},
        {"type": "reasoning", "summary": "x"},
        {"type": "reasoning", "summary": [{"text": 1}], "content": [{}]},
        {"type": "function_call"},
        {"type": "image_generation_call", "result": 5},
    ],
)
def test_an_odd_item_is_no_exception(item: Any) -> None:
    assert message(response(item, text_item("x")))["content"] in ("x", None)
