"""What other bridges from chat to responses get wrong: one claim a bug, numbered as in the list of known bugs.

Bugs 25 to 32 and 41 concern the other direction; 34, 42 and 43 and the routing half of 24 have no bridge in them.
Sources: issue threads of BerriAI/litellm, named by each test.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.calls.parameters import apply_params
from llmgate_core.contract.call import Call
from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import InternalServerError, RateLimitError, StreamTruncatedError, UnsupportedParamsError
from llmgate_core.reading.accumulate.chunks import fold
from llmgate_core.registry.bound_plugin import BoundPlugin
from llmgate_core.settings.policy import Policy
from tests.support.bridge_data import (
    HI,
    HI_ITEM,
    WEATHER,
    added,
    call_item,
    chunks_of,
    completed,
    completion,
    created,
    deltas_of,
    done,
    event,
    items,
    lossy,
    message,
    message_item,
    new_stream,
    raw_item,
    request,
    response,
    route,
    summary_item,
    text_delta,
    text_item,
    url_citation,
)

USAGE = {
    "input_tokens": 9,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 11,
}
CHAT_USAGE = {
    "prompt_tokens": 9,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens": 2,
    "completion_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 11,
}


def two_calls() -> list[Any]:
    first, second = call_item("call_1", "f", "{}"), call_item("call_2", "g", "{}")
    return [
        created(),
        added(0, {**first, "arguments": ""}),
        done(0, first),
        added(1, {**second, "arguments": ""}),
        done(1, second),
        completed(first, second),
    ]


def params_applied(policy: Policy, **params: Any) -> tuple[Call, list[str]]:
    """Judge the parameters of a call with the bridge's hook, as core does."""
    plugin = BoundPlugin(ProviderInfo((1, 0), "openai", "https://api.openai.com/v1"), "test", None, None)
    plugin.supports_param = ChatOverResponses.supports_param
    asked = Call("chat", "openai/responses/x", {"messages": HI, **params})
    judged, ledger = apply_params(asked, route("gpt-5-mini"), plugin, policy)
    return judged, [entry.parameter for entry in ledger]


def test_bug_01_parallel_calls_of_a_stream_have_indexes_of_their_own() -> None:  # 21331
    indexes = [delta["tool_calls"][0]["index"] for delta in deltas_of(two_calls()) if "tool_calls" in delta]
    assert indexes == [0, 0, 1, 1]


def test_bug_02_every_chunk_has_the_same_id() -> None:  # 32607
    chunks = chunks_of(two_calls(), stream_options={"include_usage": True})
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-1"}


def test_bug_03_a_finished_item_does_not_finish_the_stream() -> None:  # 17246
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks_of(two_calls())]
    assert reasons == [None] * 5 + ["tool_calls"]


def test_bug_04_usage_of_a_stream_has_cached_tokens() -> None:  # 22192, 22194
    got = chunks_of([created(), completed(usage=USAGE)], stream_options={"include_usage": True})
    assert (got[-1]["choices"], got[-1]["usage"]) == ([], CHAT_USAGE)


def test_bug_05_incomplete_is_a_length_with_usage_and_no_error() -> None:  # 37710, 34351, 34352
    found = response(status="incomplete", incomplete_details={"reason": "max_output_tokens"}, usage=USAGE)
    got = completion(found)
    assert (got["choices"][0]["finish_reason"], got["choices"][0]["message"]["content"]) == ("length", "")
    assert got["usage"] == CHAT_USAGE
    last = chunks_of([created(), event("response.incomplete", response=found)])[-1]
    assert last["choices"][0]["finish_reason"] == "length"


def test_bug_06_a_failed_stream_raises_and_is_no_empty_success() -> None:  # 36768, 29223, 39203
    failed = response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow down"})
    with pytest.raises(RateLimitError, match="slow down"):
        new_stream().feed(event("response.failed", response=failed))
    with pytest.raises(InternalServerError):
        new_stream().feed(event("error", code="server_error", message="boom", param=None))


def test_bug_07_a_refusal_is_kept_whole_and_streamed() -> None:  # 39203
    found = response(message_item({"type": "refusal", "refusal": "No."}))
    assert (message(found)["content"], message(found)["refusal"]) == (None, "No.")
    said = event("response.refusal.delta", output_index=0, content_index=0, delta="No.")
    assert deltas_of([created(), said, completed(*found["output"])]) == [{"refusal": "No."}]


def test_bug_08_raw_reasoning_is_kept_whole_and_streamed() -> None:  # 40654
    assert message(response(raw_item("because")))["reasoning_content"] == "because"
    said = event("response.reasoning_text.delta", output_index=0, content_index=0, delta="because")
    assert deltas_of([created(), said, completed(raw_item("because"))]) == [{"reasoning_content": "because"}]


def test_bug_09_citations_are_nested_whole_and_streamed() -> None:  # 18378, 20002
    nested = {
        "type": "url_citation",
        "url_citation": {"url": "https://example.test/a", "title": "A", "start_index": 0, "end_index": 1},
    }
    item = text_item("a", annotations=[url_citation()])
    assert message(response(item))["annotations"] == [nested]
    said = event("response.output_text.annotation.added", output_index=0, content_index=0, annotation=url_citation())
    got = deltas_of([created(), text_delta("a"), said, completed(item)])
    assert got == [{"content": "a"}, {"annotations": [nested]}]


def test_bug_10_arguments_that_only_come_in_the_done_event_are_kept() -> None:
    item = call_item("call_1", "f", '{"a":1}')
    whole = event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}')
    chunks = chunks_of([created(), added(0, {**item, "arguments": ""}), whole, done(0, item), completed(item)])
    called = fold("chat", chunks)["choices"][0]["message"]["tool_calls"][0]["function"]
    assert called == {"name": "f", "arguments": '{"a":1}'}


def test_bug_11_the_users_location_is_flattened() -> None:
    location = {"type": "approximate", "approximate": {"country": "NO", "city": "Oslo", "region": None}}
    body, _ = request(web_search_options={"user_location": location})
    assert body["tools"][0]["user_location"] == {"type": "approximate", "country": "NO", "city": "Oslo"}


@pytest.mark.parametrize("names", [("web_search_options", "tools"), ("tools", "web_search_options")])
def test_bug_12_the_search_tool_joins_the_others_in_any_order(names: tuple[str, str]) -> None:
    values = {"tools": [WEATHER], "web_search_options": {"search_context_size": "low"}}
    body, _ = request(**{name: values[name] for name in names})
    assert [tool["type"] for tool in body["tools"]] == ["function", "web_search"]
    assert body["tools"][1] == {"type": "web_search", "search_context_size": "low"}


def test_bug_13_a_schema_keeps_its_description_and_strict_is_sent_only_if_given() -> None:  # 16810
    schema = {"name": "city", "description": "A city", "schema": {"type": "object"}}
    body, _ = request(response_format={"type": "json_schema", "json_schema": schema})
    assert body["text"] == {"format": {"type": "json_schema", **schema}}
    body, _ = request(response_format={"type": "json_schema", "json_schema": {**schema, "strict": True}})
    assert body["text"]["format"]["strict"] is True


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("stop", "END"),
        ("n", 2),
        ("seed", 7),
        ("logit_bias", {"1": 5}),
        ("presence_penalty", 0.5),
        ("frequency_penalty", 0.5),
    ],
)
def test_bug_14_what_has_no_counterpart_does_not_vanish(param: str, value: Any) -> None:  # 35582
    with pytest.raises(UnsupportedParamsError, match=param):
        request(**{param: value})
    assert lossy(request(**{param: value}, policy="drop")[1]) == [param]


def test_bug_14_logprobs_are_asked_for() -> None:
    assert request(top_logprobs=2)[0]["include"] == ["message.output_text.logprobs"]


def test_bug_15_a_choice_of_allowed_tools_or_of_one_tool_is_flat() -> None:  # 27611, 27634
    named = {"type": "function", "function": {"name": "f"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    flat = {"type": "function", "name": "f"}
    assert request(tool_choice=allowed)[0]["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [flat],
    }
    assert request(tool_choice=named)[0]["tool_choice"] == flat


def test_bug_16_a_refusal_of_the_history_is_sent_and_noted() -> None:
    for said in (
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ):
        body, ledger = request([*HI, said])
        assert body["input"] == [HI_ITEM, {"type": "message", "role": "assistant", "content": "No."}]
        assert lossy(ledger) == ["messages"]


def test_bug_16_a_legacy_call_and_its_answer_are_sent_as_items() -> None:
    got = items(
        [
            *HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "4"},
        ]
    )
    call_id = got[1]["call_id"]
    assert got[1:] == [
        {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": call_id, "output": "4"},
    ]


def test_bug_16_a_name_is_noted() -> None:
    assert lossy(request([{"role": "user", "content": "Hi", "name": "Ann"}])[1]) == ["messages"]


def test_bug_17_audio_is_refused_and_not_forwarded() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}
    with pytest.raises(UnsupportedParamsError, match="audio"):
        request([{"role": "user", "content": [part]}])


def test_bug_18_leading_system_messages_are_joined_by_a_blank_line() -> None:
    said = [{"role": "system", "content": text} for text in ("One.", "Two.")]
    assert request([*said, *HI])[0]["instructions"] == "One.\n\nTwo."


def tool_result(content: Any) -> Any:
    called = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [called]}
    return items([*HI, said, {"role": "tool", "tool_call_id": "call_1", "content": content}])[-1]["output"]


def test_bug_19_the_parts_of_a_tool_result_are_converted_images_too() -> None:  # 17507, 17762, 17799
    parts = [{"type": "text", "text": "map:"}, {"type": "image_url", "image_url": {"url": "u"}}]
    assert tool_result(parts) == [
        {"type": "input_text", "text": "map:"},
        {"type": "input_image", "image_url": "u", "detail": "auto"},
    ]


def test_bug_20_a_tool_result_in_a_string_stays_one() -> None:  # 18201, 18226
    assert tool_result("4 C") == "4 C"


def test_bug_21_single_parameters_can_be_dropped() -> None:  # 11722
    judged, noted = params_applied(Policy(always_drop=frozenset({"stop", "verbosity"})), stop="x", verbosity="low")
    assert (judged.body, noted) == ({"messages": HI}, ["stop", "verbosity"])


def test_bug_22_metadata_stays_here_unless_preview_features_are_on() -> None:  # 20419
    assert params_applied(Policy(), metadata={"user_api_key": "x"})[0].body == {"messages": HI}
    assert "metadata" not in request(metadata={"user_api_key": "x"})[0]


def test_bug_23_encrypted_reasoning_comes_out_and_goes_back() -> None:  # 24690, 40364
    item = summary_item("s", encrypted_content="secret")
    answered = message(response(item, text_item("a")))
    streamed = fold("chat", chunks_of([created(), text_delta("a", 1), completed(item, text_item("a"))]))
    for said in (answered, streamed["choices"][0]["message"]):
        assert items([*HI, said])[1] == item


def test_bug_24_an_effort_beside_function_tools_is_kept() -> None:  # 23156, 23577
    asked = {"tools": [WEATHER], "reasoning_effort": "low"}
    judged, noted = params_applied(Policy(), **asked)
    assert (judged.body, noted) == ({"messages": HI, **asked}, [])
    for model in ("gpt-5.4", "gpt-5.5"):
        assert ChatOverResponses.supports_param(route(model), "reasoning_effort", "low") is None
    assert request(**asked)[0]["reasoning"] == {"effort": "low"}


def test_bug_33_a_long_user_is_sent_as_it_is() -> None:
    assert request(user="u" * 300)[0]["user"] == "u" * 300


def test_bug_35_a_stream_that_ends_early_is_truncated_and_makes_nothing_up() -> None:  # 32686
    stream = new_stream(stream_options={"include_usage": True})
    chunks = [*stream.feed(created()), *stream.feed(text_delta("a"))]
    with pytest.raises(StreamTruncatedError):
        stream.close()
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None]
    assert stream.usage is None


def test_bug_36_created_is_the_upstreams() -> None:
    assert completion(response(created_at=1700000000.0))["created"] == 1700000000
    chunks = chunks_of([created(created_at=1700000000), completed()])
    assert {chunk["created"] for chunk in chunks} == {1700000000}


def test_bug_37_a_research_model_takes_built_in_tools() -> None:
    tools = [{"type": "web_search_preview"}, {"type": "code_interpreter", "container": {"type": "auto"}}]
    assert ChatOverResponses.supports_param(route("o3-deep-research-2025-06-26"), "tools", tools) is None
    assert request(tools=tools)[0]["tools"] == tools


def test_bug_38_a_custom_tool_can_be_forced() -> None:
    choice = {"type": "custom", "custom": {"name": "c"}}
    assert ChatOverResponses.supports_param(route("gpt-5"), "tool_choice", choice) is None
    assert request(tool_choice=choice)[0]["tool_choice"] == {"type": "custom", "name": "c"}


def test_bug_39_a_developer_stays_a_developer() -> None:
    asked = Call("chat", "x", {"messages": [{"role": "developer", "content": "D"}, *HI]})
    body, _ = ChatOverResponses.request_body(asked, route("gpt-4.1"))
    assert body["input"][0] == {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "D"}],
    }


def test_bug_40_a_fine_tuned_model_follows_its_base() -> None:
    rule: Any = ChatOverResponses.supports_param(route("ft:o4-mini-2025-04-16:org::id"), "temperature", 0.2)
    assert not rule.supported
