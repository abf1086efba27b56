"""What a chat call becomes, judged by AWS's own service model: it accepts each body, and its SDK writes the same."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from llmgate_bedrock import plugin

from llmgate_core import BadRequestError, UnsupportedParamsError
from llmgate_core.plugin import Call, Route, UpstreamRequest
from tests.support.bedrock_model import problems, sdk_request

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ADAPTIVE = "us.anthropic.claude-opus-4-6-v1"
NOVA = "us.amazon.nova-2-lite-v1:0"
HI: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
PIXEL = base64.b64encode(b"\x89PNG, one pixel").decode()
CALLED: Any = {"id": "tooluse_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
CALL_TURN: Any = {"role": "assistant", "content": None, "tool_calls": [CALLED]}
RESULT: Any = {"role": "tool", "tool_call_id": "tooluse_1", "content": "sunny"}
THOUGHT: Any = {"reasoningContent": {"reasoningText": {"text": "Hm.\n", "signature": "EqQB+/=="}}}
REDACTED: Any = {"reasoningContent": {"redactedContent": PIXEL}}
POINT = {"cachePoint": {"type": "default"}}
CACHED = {"type": "ephemeral"}


def route_of(model: str = CLAUDE, *, policy: str = "error", region: str = "us-east-1") -> Route:
    return Route(
        "bedrock",
        "bedrock",
        "chat",
        model,
        f"https://bedrock-runtime.{region}.amazonaws.com",
        param_policy=policy,
        options={"aws_region_name": region},
        hosts=plugin.info.hosts,
    )


def requested(messages: Any = HI, *, model: str = CLAUDE, policy: str = "error", **params: Any) -> UpstreamRequest:
    call = Call("chat", f"bedrock/{model}", {"messages": messages, **params}, bool(params.get("stream")))
    return plugin.transform_request(call, route_of(model, policy=policy))


def body_of(messages: Any = HI, **params: Any) -> dict[str, Any]:
    body = requested(messages, **params).body
    assert isinstance(body, dict)
    return body


def user(*parts: Any) -> Any:
    return [{"role": "user", "content": list(parts)}]


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": content, **more}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": {"type": "object", "properties": {}}}}
ODD_NAME: Any = {"type": "function", "function": {"name": "mcp__a.b/c é", "description": "", "strict": True}}
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": (HI, {}),
    "system": ([{"role": "system", "content": "Be kind."}, {"role": "developer", "content": [text("x")]}, *HI], {}),
    "system only": ([{"role": "system", "content": "Be kind."}], {}),
    "later system": ([*HI, {"role": "system", "content": "Be brief."}], {}),
    "system cached": ([{"role": "system", "content": [text("long", cache_control=CACHED)]}, *HI], {}),
    "limits": (HI, {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "stop": "END"}),
    "newer limit": (HI, {"max_completion_tokens": 7, "stop": ["a", "b"]}),
    "image": (user(text("what?"), image(f"data:image/png;base64,{PIXEL}"), image("s3://bucket-1/a.webp")), {}),
    "pdf": (user(file(file_data=f"data:application/pdf;base64,{PIXEL}", filename="Q3 report_v2.final.pdf")), {}),
    "two documents": (user(*[file(file_data=f"data:text/csv;base64,{PIXEL}", filename="a.csv")] * 2), {}),
    "document by its name": (user(file(file_data=f"data:;base64,{PIXEL}", filename="notes.md")), {}),
    "document of S3": (user(file(file_id="s3://bucket-1/dir/a.docx")), {}),
    "picture as a file": (user(file(file_data=f"data:image/jpeg;base64,{PIXEL}")), {}),
    "video": (user({"type": "video_url", "video_url": {"url": "s3://bucket-1/a.mp4"}}), {}),
    "sound": (user({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}}), {}),
    "guarded": (user({"type": "guarded_text", "text": "only this"}), {}),
    "cached part": (user(text("a", cache_control={"type": "ephemeral", "ttl": "1h"}), text("b")), {}),
    "cached message": ([{"role": "user", "content": "a", "cache_control": CACHED}], {}),
    "tools": (HI, {"tools": [WEATHER, {**WEATHER, "cache_control": CACHED}], "tool_choice": "required"}),
    "chosen tool": (HI, {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}}),
    "odd tool name": (HI, {"tools": [ODD_NAME]}),
    "tool turn": ([*HI, CALL_TURN, RESULT], {"tools": [WEATHER]}),
    "tool turn without tools": ([*HI, CALL_TURN, RESULT], {}),
    "failed tool": ([*HI, CALL_TURN, {**RESULT, "is_error": True}], {"tools": [WEATHER]}),
    "empty result": ([*HI, CALL_TURN, {**RESULT, "content": ""}], {"tools": [WEATHER]}),
    "pictures as result": (
        [*HI, CALL_TURN, {**RESULT, "content": [image(f"data:image/png;base64,{PIXEL}")]}],
        {"tools": [WEATHER]},
    ),
    "cached result": (
        [*HI, CALL_TURN, {**RESULT, "content": [text("sunny", cache_control=CACHED)]}],
        {"tools": [WEATHER]},
    ),
    "long ids": (
        [*HI, {"role": "assistant", "tool_calls": [{**CALLED, "id": "é" * 90}]}, {**RESULT, "tool_call_id": "é" * 90}],
        {"tools": [WEATHER]},
    ),
    "one call at most": (HI, {"tools": [WEATHER], "parallel_tool_calls": False, "tool_choice": "auto"}),
    "thoughts": ([*HI, {**CALL_TURN, "reasoning_items": [THOUGHT, REDACTED]}, RESULT], {"tools": [WEATHER]}),
    "thoughts of Anthropic": (
        [*HI, {**CALL_TURN, "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "Eq=="}]}, RESULT],
        {"tools": [WEATHER]},
    ),
    "schema": (HI, {"response_format": SCHEMA}),
    "effort, budget": (HI, {"reasoning_effort": "high", "max_tokens": 8000}),
    "effort, adaptive": (HI, {"reasoning_effort": "minimal", "model": ADAPTIVE, "response_format": SCHEMA}),
    "effort, Nova": (HI, {"reasoning_effort": "low", "model": NOVA}),
    "tier": (HI, {"service_tier": "flex"}),
    "own fields": (
        HI,
        {
            "guardrailConfig": {"guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled"},
            "performanceConfig": {"latency": "optimized"},
            "requestMetadata": {"team": "a"},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
        },
    ),
    "fields of the model": (HI, {"top_k": 40, "anthropic_beta": ["x"], "additionalModelRequestFields": {"a": 1}}),
    "prefill": ([*HI, {"role": "assistant", "content": "It is "}], {}),
    "same roles": ([*HI, *HI, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}, *HI], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_service_model_accepts_the_body_and_the_sdk_writes_the_same(name: str) -> None:
    messages, params = CASES[name]
    request = requested(messages, **params)
    body: Any = request.body
    model = params.get("model", CLAUDE)
    assert problems(body) == []
    assert sdk_request(body, "Converse", model) == (request.path, body)


def test_a_stream_has_the_same_body_and_another_path() -> None:
    plain, stream = requested(), requested(stream=True)
    assert stream.body == plain.body
    assert stream.path == plain.path + "-stream"


def test_parts_become_blocks() -> None:
    parts = (text("what?", cache_control=CACHED), image(f"data:image/png;base64,{PIXEL}"))
    body = body_of([{"role": "system", "content": "Be kind."}, *user(*parts)])
    assert body == {
        "system": [{"text": "Be kind."}],
        "messages": [
            {
                "role": "user",
                "content": [{"text": "what?"}, POINT, {"image": {"format": "png", "source": {"bytes": PIXEL}}}],
            }
        ],
    }


def test_a_turn_with_tools_keeps_thoughts_first_and_results_in_one_turn_of_the_user() -> None:
    second = {**CALLED, "id": "tooluse_2"}
    turns = body_of(
        [
            *HI,
            {**CALL_TURN, "content": "Let me see.", "reasoning_items": [THOUGHT], "tool_calls": [CALLED, second]},
            *(RESULT, {**RESULT, "tool_call_id": "tooluse_2"}, {"role": "user", "content": "So?"}),
        ],
        tools=[WEATHER],
    )["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"][:2] == [THOUGHT, {"text": "Let me see."}]
    assert [next(iter(block)) for block in turns[1]["content"]] == ["reasoningContent", "text", "toolUse", "toolUse"]
    assert [next(iter(block)) for block in turns[2]["content"]] == ["toolResult", "toolResult", "text"]
    assert turns[2]["content"][1]["toolResult"]["toolUseId"] == "tooluse_2"


def test_signatures_go_back_byte_by_byte() -> None:
    turn = body_of([*HI, {**CALL_TURN, "reasoning_items": [THOUGHT, REDACTED]}, RESULT])["messages"][1]
    assert turn["content"][:2] == [THOUGHT, REDACTED]


@pytest.mark.parametrize(
    ("model", "effort", "more", "own"),
    [
        (CLAUDE, "low", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
        (CLAUDE, "max", {"thinking": {"type": "enabled", "budget_tokens": 16384}}, None),
        (CLAUDE, "none", None, None),
        (ADAPTIVE, "high", {"thinking": {"type": "adaptive", "display": "summarized"}}, "high"),
        (ADAPTIVE, "minimal", {"thinking": {"type": "adaptive", "display": "summarized"}}, "low"),
        (ADAPTIVE, "none", {"thinking": {"type": "disabled"}}, None),
        (
            "global.anthropic.claude-opus-5-5",
            "xhigh",
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "xhigh",
        ),
        (NOVA, "medium", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, None),
        ("openai.gpt-oss-120b-1:0", "high", {"reasoning_effort": "high"}, None),
    ],
)
def test_an_effort_becomes_what_the_model_takes(model: str, effort: str, more: Any, own: str | None) -> None:
    body = body_of(model=model, reasoning_effort=effort)
    assert body.get("additionalModelRequestFields") == more
    assert body.get("outputConfig", {}).get("effort") == own
    assert plugin.supports_param(route_of(model), "reasoning_effort", effort) is None


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        *((CLAUDE, "huge"), (CLAUDE, ["low"]), (ADAPTIVE, "xhigh"), ("anthropic.claude-opus-4-7", "none")),
        *(("openai.gpt-oss-20b-1:0", "none"), ("meta.llama3-1-8b-instruct-v1:0", "low"), (NOVA, "max")),
    ],
)
def test_an_effort_that_the_model_does_not_take_is_refused(model: str, effort: Any) -> None:
    rule: Any = plugin.supports_param(route_of(model), "reasoning_effort", effort)
    assert not rule.supported


def test_a_budget_stays_below_the_limit_of_tokens() -> None:
    request = requested(reasoning_effort="high", max_tokens=3000)
    assert isinstance(request.body, dict)
    assert request.body["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 2999
    assert [entry.parameter for entry in request.ledger] == ["reasoning_effort"]
    with pytest.raises(UnsupportedParamsError) as caught:
        requested(reasoning_effort="high", max_tokens=500)
    assert caught.value.param == "reasoning_effort"


def test_names_of_tools_are_replaced_and_are_the_same_in_tools_calls_and_choice() -> None:
    called = {**CALLED, "function": {"name": "mcp__a.b/c é", "arguments": ""}}
    choice = {"type": "function", "function": {"name": "mcp__a.b/c é"}}
    body = body_of(
        [*HI, {"role": "assistant", "tool_calls": [called]}, RESULT], tools=[ODD_NAME, WEATHER], tool_choice=choice
    )
    sent = body["toolConfig"]["tools"][0]["toolSpec"]["name"]
    assert sent != "mcp__a.b/c é"
    assert body["toolConfig"]["toolChoice"] == {"tool": {"name": sent}}
    assert body["messages"][1]["content"][0]["toolUse"]["name"] == sent
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == {}
    assert body["toolConfig"]["tools"][1]["toolSpec"]["name"] == "weather"


def test_tools_of_earlier_calls_are_declared_where_the_caller_names_none() -> None:
    request = requested([*HI, CALL_TURN, RESULT])
    assert isinstance(request.body, dict)
    assert [tool["toolSpec"]["name"] for tool in request.body["toolConfig"]["tools"]] == ["weather"]
    assert [(entry.parameter, entry.action) for entry in request.ledger] == [("tools", "emulated")]


def test_no_choice_leaves_the_tools_out_and_says_so() -> None:
    request = requested(tools=[WEATHER], tool_choice="none")
    assert "toolConfig" not in (request.body or {})  # type: ignore[operator]
    assert [(entry.parameter, entry.action) for entry in request.ledger] == [("tool_choice", "emulated")]


LOSSES: list[tuple[Any, dict[str, Any], str]] = [
    ([{"role": "user", "content": "hi", "name": "Ada"}], {}, "messages"),
    (user(text("hi"), {"type": "novel_part"}), {}, "messages"),
    (HI, {"tools": [{"type": "web_search"}]}, "tools"),
    ([*HI, CALL_TURN, RESULT], {"tools": [WEATHER], "tool_choice": "none"}, "tool_choice"),
    (
        [*HI, {**CALL_TURN, "reasoning_items": [{"type": "reasoning", "encrypted_content": "x"}]}, RESULT],
        {},
        "messages",
    ),
]


@pytest.mark.parametrize(("messages", "params", "name"), LOSSES)
def test_what_is_lost_is_in_the_ledger(messages: Any, params: dict[str, Any], name: str) -> None:
    request = requested(messages, policy="drop", **params)
    assert name in [entry.parameter for entry in request.ledger if entry.lossy]
    assert isinstance(request.body, dict)
    assert problems(request.body) == []


BAD: list[Any] = [
    [],
    "hi",
    [1],
    [{"role": "robot", "content": "hi"}],
    [{"content": "hi"}],
    [{"role": "user", "content": ""}],
    [{"role": "user"}],
    user({"text": "hi"}),
    user(image("https://example.com/a.png")),
    user(image("data:image/tiff;base64,AAAA")),
    user(image("data:image/png;base64,not base64!")),
    user(image("data:image/png,AAAA")),
    user(image("")),
    user(file(filename="a.pdf")),
    user(file(file_data="data:application/zip;base64,AAAA")),
    user({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "midi"}}),
    user(text("a", cache_control="yes")),
    user(text("a", cache_control={"type": "ephemeral", "ttl": {"m": 5}})),
    user(text("a", cache_control={"type": "ephemeral", "ttl": "10m"})),
    [*HI, {"role": "assistant", "tool_calls": [{**CALLED, "function": {"name": "f", "arguments": "{"}}]}],
    [*HI, {"role": "assistant", "tool_calls": [{**CALLED, "function": {"name": "f", "arguments": "[1]"}}]}],
    [*HI, {"role": "assistant", "tool_calls": [{"type": "custom", "id": "1", "custom": {"name": "f"}}]}],
    [*HI, {"role": "assistant", "tool_calls": "f"}],
    [*HI, {"role": "tool", "content": "x"}],
]


@pytest.mark.parametrize("messages", BAD, ids=range(len(BAD)))
def test_malformed_messages_are_the_callers_error(messages: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        requested(messages)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("tools", "weather"),
        ("tools", [1]),
        ("tools", [{"type": "function"}]),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": "x"}}]),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": "x"}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"const": float("nan")}}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"const": "\ud83d"}}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": {"const": object()}}}),
        ("inferenceConfig", 5),
        ("outputConfig", "x"),
        ("additionalModelRequestFields", []),
    ],
)
def test_malformed_parameters_are_the_callers_error(param: str, value: Any) -> None:
    extra = {"response_format": SCHEMA} if param == "outputConfig" else {}
    with pytest.raises(BadRequestError) as caught:
        requested(**{**extra, param: value})
    assert caught.value.param == param
