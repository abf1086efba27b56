"""Each row of the request map: what a chat parameter or message becomes, what is recorded, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_anthropic.wire import needed_betas, supports_param, take_betas, traits_of

from llmgate_core import BadRequestError, UnsupportedParamsError
from llmgate_core.plugin import Route
from tests.support.anthropic_calls import NEWEST, OLDER, route_of, sent

ASKED = {"role": "user", "content": "Where?"}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USED = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def result(call_id: str, content: Any = "there") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def judged(param: str, value: Any, model: str = NEWEST, **body: Any) -> bool:
    """Return whether a parameter is taken."""
    rule = supports_param(route_of(model), param, value)
    if rule is None:
        return True
    if rule.applies is not None and not rule.applies({param: value, **body}):
        return True
    return rule.supported


# --- messages ---


def test_leading_system_messages_are_apart_and_keep_their_cache_marks() -> None:
    marked = {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}
    made = sent(messages=[{"role": "system", "content": "a"}, {"role": "developer", "content": [marked]}, ASKED])
    assert made.body["system"] == [said("a"), marked]
    assert made.messages == [{"role": "user", "content": [said("Where?")]}]


def test_a_later_system_message_stays_where_the_model_allows_it() -> None:
    messages = [ASKED, {"role": "system", "content": "b"}, ASKED]
    assert [turn["role"] for turn in sent(messages=messages).messages] == ["user", "system", "user"]
    folded = sent("claude-haiku-4-5", messages=messages)
    assert folded.messages == [{"role": "user", "content": [said("Where?"), said("b"), said("Where?")]}]
    assert folded.actions["messages"] == ["emulated"]
    last = sent("claude-haiku-4-5", messages=messages[:2])
    assert last.messages[-1]["content"][-1] == said("b")


def test_a_system_prompt_alone_is_a_request_that_the_upstream_judges() -> None:
    made = sent(messages=[{"role": "system", "content": "a"}])
    assert (made.body["system"], made.messages) == ([said("a")], [])


def test_empty_text_is_left_out_everywhere() -> None:
    history = [ASKED, {"role": "assistant", "content": "", "tool_calls": [CALL]}, result("toolu_1", "")]
    made = sent(messages=[*history, {"role": "user", "content": [{"type": "text", "text": " \n"}, said("b")]}])
    assert made.messages[1]["content"] == [USED]
    assert made.messages[2]["content"] == [{"type": "tool_result", "tool_use_id": "toolu_1"}, said("b")]
    assert made.actions["messages"] == ["dropped"]


def test_turns_of_one_role_are_merged_and_results_come_first() -> None:
    calls = [{**CALL, "id": "a"}, {**CALL, "id": "b"}]
    history = [ASKED, {"role": "assistant", "content": "I look.", "tool_calls": calls}]
    made = sent(messages=[*history, result("a"), {"role": "user", "content": "Quick!"}, result("b"), ASKED])
    kinds = [block["type"] for block in made.messages[2]["content"]]
    assert kinds == ["tool_result", "tool_result", "text", "text"]
    assert [block.get("tool_use_id") for block in made.messages[2]["content"][:2]] == ["a", "b"]


def test_a_result_may_be_an_error_and_may_hold_a_picture() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://e.example/a.png"}}
    history = [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    made = sent(messages=[*history, {**result("toolu_1", [picture]), "is_error": True}])
    (block,) = made.messages[2]["content"]
    assert block["is_error"] is True
    assert block["content"] == [{"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}}]


def test_thoughts_come_first_and_unchanged() -> None:
    sealed = {"type": "redacted_thinking", "data": "Emw"}
    message = {"role": "assistant", "content": "I look.", "tool_calls": [CALL], "reasoning_items": [THOUGHT, sealed]}
    made = sent(messages=[ASKED, message, result("toolu_1")])
    assert made.messages[1]["content"] == [THOUGHT, sealed, said("I look."), USED]


def test_thinking_blocks_of_litellm_are_read_too() -> None:
    message = {"role": "assistant", "content": "x", "thinking_blocks": [THOUGHT], "reasoning_content": "Hm."}
    assert sent(messages=[ASKED, message, ASKED]).messages[1]["content"] == [THOUGHT, said("x")]


@pytest.mark.parametrize(
    "items",
    [
        [{"type": "reasoning", "encrypted_content": "x"}],
        [{"type": "thinking", "thinking": "Hm.", "signature": "llmgate:x"}],
        [{"type": "thinking", "thinking": "Hm."}],
        [{"type": "thinking", "thinking": "Hm.", "signature": ""}],
        [{"thoughtSignature": "x"}],
        ["x"],
    ],
)
def test_reasoning_of_another_provider_is_left_out_and_recorded(items: list[Any]) -> None:
    made = sent(messages=[ASKED, {"role": "assistant", "content": "x", "reasoning_items": items}, ASKED])
    assert made.messages[1]["content"] == [said("x")]
    assert made.actions["messages"] == ["dropped"]


def test_reasoning_without_a_signature_is_left_out_and_recorded() -> None:
    made = sent(messages=[ASKED, {"role": "assistant", "content": "x", "reasoning_content": "Hm."}, ASKED])
    assert (made.messages[1]["content"], made.actions["messages"]) == ([said("x")], ["dropped"])


def test_arguments_that_are_not_an_object_are_refused_or_sent_as_they_are() -> None:
    call = {**CALL, "function": {"name": "look", "arguments": "{not JSON"}}
    messages = [ASKED, {"role": "assistant", "content": None, "tool_calls": [call]}, result("toolu_1")]
    with pytest.raises(UnsupportedParamsError) as raised:
        sent(messages=messages)
    assert raised.value.param == "messages"
    made = sent(policy="drop", messages=messages)
    assert made.messages[1]["content"][0]["input"] == {"_raw": "{not JSON"}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}},
        {"type": "video_url", "video_url": {"url": "https://e.example/a.mp4"}},
    ],
)
@pytest.mark.parametrize("policy", ["error", "drop", "forward"])
def test_a_part_that_the_upstream_has_not_is_refused_whatever_the_policy(part: Any, policy: str) -> None:
    with pytest.raises(UnsupportedParamsError):
        sent(policy=policy, messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize(
    "message",
    [
        "x",
        {"content": "x"},
        {"role": "tourist", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": 5},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "odd"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA=="}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,AA"}}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "JVBERi0="}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:audio/wav;base64,AA=="}}]},
        {"role": "user", "content": [{"type": "file", "file": {}}]},
        {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://e.example/a.png"}}]},
        {"role": "tool", "content": "x"},
        {"role": "function", "name": "f", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "assistant", "content": None, "tool_calls": "x"},
        {"role": "assistant", "content": None, "reasoning_items": "x"},
    ],
)
def test_a_malformed_message_is_the_callers_error(message: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        sent(messages=[ASKED, message])
    assert raised.value.param == "messages"
    assert raised.value.attempts == 0


@pytest.mark.parametrize("messages", [None, "x", {}])
def test_messages_must_be_a_list(messages: Any) -> None:
    with pytest.raises(BadRequestError):
        sent(messages=messages)


def test_files_become_documents_with_their_names() -> None:
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    part = {"type": "file", "file": file, "citations": {"enabled": True}, "cache_control": {"type": "ephemeral"}}
    (block,) = sent(messages=[{"role": "user", "content": [part]}]).messages[0]["content"]
    assert block == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        "title": "a.pdf",
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }


def test_ids_of_other_providers_are_sent_in_characters_that_are_taken() -> None:
    call = {**CALL, "id": "call|a:1"}
    history = [ASKED, {"role": "assistant", "content": None, "tool_calls": [call]}, result("call|a:1")]
    made = sent(messages=history)
    (used,), (answer,) = made.messages[1]["content"], made.messages[2]["content"]
    assert used["id"] == answer["tool_use_id"]
    assert used["id"].startswith("call_a_1_")


# --- tools ---


@pytest.mark.parametrize("name", ["a.b", "x" * 129, "größe", "a b", ""])
def test_a_name_that_is_not_taken_is_sent_under_another_and_always_the_same(name: str) -> None:
    tool = {"type": "function", "function": {"name": name}}
    made = sent(OLDER, tools=[tool, TOOL], tool_choice={"type": "function", "function": {"name": name}})
    other = made.body["tools"][0]["name"]
    assert other != name
    assert len(other) <= 128
    assert made.body["tool_choice"] == {"type": "tool", "name": other}
    assert sent(tools=[TOOL, tool]).body["tools"][1]["name"] == other
    assert "bridged" in made.actions["tools"]


def test_tools_keep_what_only_the_upstream_knows() -> None:
    tool = {**TOOL, "cache_control": {"type": "ephemeral"}, "defer_loading": True}
    (made,) = sent(tools=[tool]).body["tools"]
    assert (made["cache_control"], made["defer_loading"]) == ({"type": "ephemeral"}, True)


@pytest.mark.parametrize("tool", ["x", {}, {"type": "function"}, {"type": "function", "function": {"name": 5}}])
def test_a_malformed_tool_is_the_callers_error(tool: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        sent(tools=[tool])
    assert raised.value.param == "tools"


def test_a_tool_of_openai_alone_is_refused_or_left_out() -> None:
    with pytest.raises(UnsupportedParamsError):
        sent(tools=[{"type": "file_search"}])
    assert sent(policy="drop", tools=[{"type": "file_search"}, TOOL]).body["tools"][0]["name"] == "look"


def test_a_choice_without_tools_is_left_out() -> None:
    made = sent(tool_choice="auto", parallel_tool_calls=False)
    assert "tool_choice" not in made.body
    assert made.actions["tool_choice"] == ["dropped"]


@pytest.mark.parametrize(("size", "uses"), [("low", 1), ("medium", 5), ("high", 10), (None, None)])
def test_search_is_a_tool_with_as_many_uses_as_the_size_says(size: Any, uses: Any) -> None:
    (tool,) = sent(web_search_options={"search_context_size": size} if size else {}).body["tools"]
    assert (tool["type"], tool["name"], tool.get("max_uses")) == ("web_search_20250305", "web_search", uses)


def test_only_older_models_can_be_made_to_call_a_tool() -> None:
    named = {"type": "function", "function": {"name": "look"}}
    for model, is_taken in (("claude-opus-5-5", False), ("claude-sonnet-5-5", False), ("claude-haiku-5-5", True)):
        assert judged("tool_choice", "required", model) is is_taken
        assert judged("tool_choice", named, model) is is_taken
        assert judged("tool_choice", "auto", model)


# --- parameters ---


def test_the_limit_is_the_callers_else_the_models() -> None:
    assert sent(max_tokens=5).body["max_tokens"] == 5
    both = sent(max_tokens=5, max_completion_tokens=6)
    assert (both.body["max_tokens"], both.actions["max_tokens"]) == (6, ["dropped"])
    assert sent().body["max_tokens"] == 128_000
    assert sent("claude-opus-4-1-20250805").body["max_tokens"] == 32_000
    assert sent("somebody/else").body["max_tokens"] == 4_096
    assert sent().actions["max_tokens"] == ["bridged"]


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("n", 2),
        ("seed", 1),
        ("logprobs", True),
        ("logit_bias", {"1": 1}),
        ("presence_penalty", 1),
        ("frequency_penalty", 1),
        ("prediction", {"type": "content", "content": "x"}),
        ("audio", {"voice": "a"}),
        ("modalities", ["text", "audio"]),
        ("store", True),
        ("verbosity", "low"),
        ("service_tier", "flex"),
        ("temperature", 2),
        ("response_format", {"type": "json_object"}),
    ],
)
def test_what_has_no_counterpart_is_refused(param: str, value: Any) -> None:
    assert not judged(param, value, "claude-haiku-4-5")


def test_sampling_is_a_matter_of_the_model() -> None:
    assert not judged("temperature", 0.5)
    assert judged("temperature", 1)
    assert not judged("top_k", 5)
    assert judged("temperature", 0.5, "claude-opus-4-6")
    assert not judged("top_p", 0.5, "claude-haiku-4-5", temperature=0.5)
    assert judged("top_p", 0.5, "claude-haiku-4-5")
    assert not judged("temperature", 0.5, "claude-haiku-4-5", reasoning_effort="low")
    assert judged("temperature", 0.5, "claude-haiku-4-5", reasoning_effort="none")


def test_caches_are_marked_or_the_wish_is_recorded() -> None:
    kept = sent(prompt_cache_retention="24h")
    assert kept.body["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert kept.actions["prompt_cache_retention"] == ["emulated"]
    keyed = sent(prompt_cache_key="k")
    assert "prompt_cache_key" not in keyed.body
    assert keyed.ledger[-1].lossy or keyed.ledger[0].lossy


def test_users_and_tiers_have_other_names() -> None:
    made = sent(user="u", service_tier="default", stop="x")
    assert made.body["metadata"] == {"user_id": "u"}
    assert made.body["service_tier"] == "standard_only"
    assert made.body["stop_sequences"] == ["x"]
    assert sent(safety_identifier="s").body["metadata"] == {"user_id": "s"}
    assert sent(safety_identifier="s", user="u").actions["safety_identifier"] == ["dropped"]


def test_betas_of_the_caller_and_of_features_are_named_once() -> None:
    made = sent(betas=["a", "fast-mode-2026-02-01"], speed="fast", mcp_servers=[{}])
    assert made.body["betas"] == ["a", "fast-mode-2026-02-01", "mcp-client-2025-11-20"]
    assert "betas" not in sent().body


# --- reasoning ---


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "sent_effort"),
    [
        (NEWEST, "minimal", "adaptive", "low"),
        (NEWEST, "max", "adaptive", "max"),
        (NEWEST, "none", "between_tools", None),
        ("claude-opus-5", "none", "disabled", None),
        ("claude-opus-4-8", "none", None, None),
        ("claude-opus-4-6", "high", "adaptive", "high"),
        ("claude-haiku-4-5", "none", None, None),
        ("claude-haiku-4-5", "low", 1_024, None),
        ("claude-opus-4-5", "medium", 2_048, None),
        ("claude-opus-4-1", "high", 4_096, None),
        ("claude-3-7-sonnet-20250219", "xhigh", 8_192, None),
        (OLDER, "max", 16_384, None),
    ],
)
def test_an_effort_is_what_the_model_takes(model: str, effort: str, thinking: Any, sent_effort: Any) -> None:
    made = sent(model, reasoning_effort=effort, max_tokens=20_000)
    given = made.body.get("thinking")
    if isinstance(thinking, int):
        assert given == {"type": "enabled", "budget_tokens": thinking}
    else:
        assert (given or {}).get("type") == thinking
    assert (made.body.get("output_config") or {}).get("effort") == sent_effort
    assert made.actions["reasoning_effort"]


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("claude-opus-5-5", "none"),
        ("claude-fable-5", "none"),
        ("claude-opus-4-6", "xhigh"),
        ("claude-3-5-haiku-20241022", "low"),
        (NEWEST, "odd"),
        (NEWEST, 5),
    ],
)
def test_an_effort_that_the_model_does_not_take_is_refused(model: str, effort: Any) -> None:
    assert not judged("reasoning_effort", effort, model)


def test_adaptive_thoughts_are_shown_unless_the_caller_hides_them() -> None:
    assert sent(reasoning_effort="low").body["thinking"] == {"type": "adaptive", "display": "summarized"}
    hidden = {"effort": "low", "summary": "none"}
    assert sent(reasoning_effort=hidden).body["thinking"]["display"] == "omitted"


def test_a_budget_stays_below_the_callers_limit() -> None:
    lowered = sent(OLDER, reasoning_effort="high", max_tokens=3_000)
    assert lowered.body["thinking"]["budget_tokens"] == 2_999
    assert "emulated" in lowered.actions["reasoning_effort"]
    none = sent(OLDER, reasoning_effort="high", max_tokens=1_000)
    assert "thinking" not in none.body
    assert any(entry.lossy for entry in none.ledger)


def test_thinking_and_a_forced_tool_are_not_both_sent_to_an_older_model() -> None:
    for forced in ({"response_format": FORMAT}, {"tools": [TOOL], "tool_choice": "required"}):
        with pytest.raises(UnsupportedParamsError) as raised:
            sent(OLDER, reasoning_effort="low", **forced)
        assert raised.value.param == "reasoning_effort"
        assert "thinking" not in sent(OLDER, "drop", reasoning_effort="low", **forced).body


def test_thinking_is_left_out_where_the_history_has_lost_its_thoughts() -> None:
    history = [ASKED, {"role": "assistant", "content": None, "tool_calls": [CALL]}, result("toolu_1")]
    made = sent(OLDER, reasoning_effort="low", messages=history, tools=[TOOL], max_tokens=5_000)
    assert "thinking" not in made.body
    assert any(entry.lossy and entry.parameter == "reasoning_effort" for entry in made.ledger)
    assert "thinking" in sent(NEWEST, reasoning_effort="low", messages=history, tools=[TOOL]).body


def test_what_the_caller_says_in_the_words_of_the_api_wins() -> None:
    made = sent(thinking={"type": "disabled"}, reasoning_effort="low", output_config={"effort": "max"})
    assert (made.body["thinking"], made.body["output_config"]) == ({"type": "disabled"}, {"effort": "max"})
    assert made.actions["reasoning_effort"] == ["dropped"]


# --- structured output ---


def test_a_schema_is_sent_or_a_tool_takes_its_place() -> None:
    assert sent(response_format=FORMAT).body["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
    made = sent(OLDER, response_format=FORMAT)
    assert made.body["tool_choice"] == {"type": "tool", "name": "json_tool_call"}
    assert made.body["tools"][0]["input_schema"] == SCHEMA
    assert made.actions["response_format"] == ["emulated"]
    assert sent(OLDER, response_format=FORMAT, tools=[TOOL]).body["tool_choice"] == {"type": "any"}


def test_a_schema_is_made_one_that_is_taken_and_the_ledger_says_how() -> None:
    number = {"type": "integer", "minimum": 1, "description": "How many."}
    inner = {"type": "object", "properties": {"n": number}}
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": inner, "minItems": 2}}}
    made = sent(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
    taken = made.body["output_config"]["format"]["schema"]
    assert taken["additionalProperties"] is False
    items = taken["properties"]["a"]
    assert items["description"] == "minItems: 2"
    assert items["items"]["additionalProperties"] is False
    assert items["items"]["properties"]["n"] == {"type": "integer", "description": "How many. (minimum: 1)"}
    assert {"emulated", "dropped", "bridged"} == set(made.actions["response_format"])
    assert "minimum" in number
    whole = sent(response_format=FORMAT)
    assert whole.body["output_config"]["format"]["schema"] == SCHEMA
    assert whole.actions["response_format"] == ["bridged"]


@pytest.mark.parametrize("kind", [None, [], {}, 5, ["function"]])
def test_a_tool_whose_type_is_no_string_is_the_callers_error(kind: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        sent(tools=[{"type": kind, "name": "f"}])
    assert raised.value.param == "tools"


@pytest.mark.parametrize("betas", ["fast", {}, [1], [["x"]]])
def test_betas_that_are_no_names_are_left_for_the_upstream_to_refuse(betas: Any) -> None:
    assert take_betas({"betas": betas, "model": "m"}) == ({"betas": betas, "model": "m"}, ())
    assert needed_betas({"betas": betas, "speed": "fast"}) == ()


@pytest.mark.parametrize("wanted", ["x", {}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}])
def test_a_malformed_format_is_the_callers_error(wanted: Any) -> None:
    with pytest.raises(BadRequestError) as raised:
        sent(response_format=wanted)
    assert raised.value.param == "response_format"


# --- names of models ---


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5@20250929",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic/claude-sonnet-4.5",
        "claude-sonnet-4-5-latest",
        "claude-sonnet-4-5[1m]",
    ],
)
def test_a_model_is_known_under_the_names_of_clouds(name: str) -> None:
    assert traits_of(route_of(name)) == traits_of(route_of("claude-haiku-4-5"))


def test_a_model_that_is_not_known_is_not_judged() -> None:
    for param, value in (
        ("temperature", 0.5),
        ("top_k", 3),
        ("reasoning_effort", "xhigh"),
        ("tool_choice", "required"),
    ):
        assert judged(param, value, "claude-next-9")


def test_a_row_of_the_catalogue_corrects_a_trait() -> None:
    route: Route = route_of("claude-next-9", facts={"x-anthropic": {"thinking": "none", "known": True}})
    assert supports_param(route, "reasoning_effort", "low") is not None


def test_a_platform_may_lack_a_trait() -> None:
    assert not traits_of(route_of(NEWEST), {"system_turns"}).system_turns
