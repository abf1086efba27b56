"""Every quirk of messages, tools and other fields, against an upstream that refuses what the provider refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from llmgate_providers.rows import row_names, shipped_row

from llmgate_core import AsyncClient, Client, Settings, UnprocessableEntityError, UnsupportedParamsError
from llmgate_core.plugin import OpenAICompatible, ProviderInfo
from llmgate_core.testing import FakeUpstream, fake_upstream
from tests.support.provider_refusals import rules_of
from tests.support.refusing_upstream import refusing

HI = {"role": "user", "content": "hi"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
FUNCTION = {"name": "f", "arguments": "{}"}
LONG_ID = "call_0123456789"
CALLS = {"role": "assistant", "content": "", "tool_calls": [{"id": LONG_ID, "type": "function", "function": FUNCTION}]}
RESULT = {"role": "tool", "tool_call_id": LONG_ID, "content": "20"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def tool(parameters: Any = SCHEMA, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **more}}


def called(**more: Any) -> dict[str, Any]:
    return {**CALLS, "tool_calls": [{"id": "abcdefghi", "type": "function", "function": FUNCTION, **more}]}


class Edited(NamedTuple):
    """A body that is sent in another way, by a row's quirk `do`.

    `sent` are fields of the body as it must arrive; `last` fields of its first message, or of the one named.
    """

    row: str
    do: str
    arguments: dict[str, Any]
    parameter: str
    action: str
    model: str = "some-model"
    sent: dict[str, Any] = {}  # noqa: RUF012  # never changed
    message: dict[str, Any] = {}  # noqa: RUF012
    at: int = 0
    is_lossy: bool = False


def messages(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(given), **more}


REFS = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}
CLOSED = {**SCHEMA, "additionalProperties": False, "$schema": "https://json-schema.org/draft/2020-12/schema"}


def of_mistral(row: str) -> list[Edited]:
    return [
        Edited(
            row,
            "drop_message_fields",
            messages({**HI, "name": "ada"}),
            "messages",
            "dropped",
            message=HI,
            is_lossy=True,
        ),
        Edited(row, "keep_tool_call_fields", messages(HI, called(index=0)), "messages", "dropped", is_lossy=True),
        Edited(row, "flatten_text", messages(PARTS), "messages", "bridged", message=HI),
        Edited(row, "fill_message_field", messages(HI, {"role": "assistant", "content": ""}), "messages", "bridged"),
        Edited(row, "inline_refs", messages(HI, tools=[tool(REFS)]), "tools", "bridged", sent={"tools": [tool()]}),
        Edited(
            *(row, "drop_schema_keys", messages(HI, tools=[tool(CLOSED)]), "tools", "dropped"),
            sent={"tools": [tool()]},
            is_lossy=True,
        ),
        Edited(
            *(row, "drop_function_fields", messages(HI, tools=[tool(strict=True)]), "tools", "dropped"),
            sent={"tools": [tool()]},
            is_lossy=True,
        ),
        Edited(row, "shorten_tool_ids", messages(HI, CALLS, RESULT), "messages", "bridged"),
    ]


THOUGHTS = {"reasoning_content": " "}
CASES = [
    *of_mistral("mistral"),
    *of_mistral("codestral"),
    Edited(
        "deepseek", "fill_message_field", messages(HI, CALLS, RESULT), "messages", "bridged", message=THOUGHTS, at=1
    ),
    Edited(
        "xai", "drop_message_fields", messages({**HI, "name": "ada"}), "messages", "dropped", message=HI, is_lossy=True
    ),
    Edited(
        *("xai", "drop_function_fields", messages(HI, tools=[tool(strict=True)]), "tools", "dropped"),
        sent={"tools": [tool()]},
        is_lossy=True,
    ),
    Edited(
        *("fireworks_ai", "name_model", messages(HI), "model", "bridged"),
        sent={"model": "accounts/fireworks/models/some-model"},
    ),
    Edited(
        *("fireworks_ai", "drop_function_fields", messages(HI, tools=[tool(strict=True)]), "tools", "dropped"),
        model="accounts/acme/models/m",
        sent={"tools": [tool()]},
        is_lossy=True,
    ),
    Edited("sambanova", "flatten_text", messages(PARTS), "messages", "bridged", message=HI),
    Edited(
        *(
            "deepinfra",
            "flatten_text",
            messages(HI, CALLS, {**RESULT, "content": PARTS["content"]}),
            "messages",
            "bridged",
        ),
        message={"content": "hi"},
        at=2,
    ),
    Edited("moonshot", "flatten_text", messages(PARTS), "messages", "bridged", message=HI),
    Edited(
        *("moonshot", "ask_for_tool", messages(HI, tools=[tool()], tool_choice="required"), "tool_choice", "emulated"),
        message={"role": "user", "content": "Please select a tool to handle the current issue."},
        at=-1,
    ),
    Edited(
        *("moonshot", "fill_message_field", messages(HI, CALLS, RESULT), "messages", "bridged"),
        model="kimi-k2-thinking",
        message=THOUGHTS,
        at=1,
    ),
    Edited("publicai", "flatten_text", messages(PARTS), "messages", "bridged", message=HI),
]
NOT_REFUSED = [Edited("openrouter", "add_fields", messages(HI), "usage", "bridged", sent={"usage": {"include": True}})]
"""Quirks for what a provider would take in another way, but not refuse."""
ABOUT_BODIES = frozenset(
    {
        *("drop_nulls", "drop_message_fields", "keep_tool_call_fields", "flatten_text", "fill_message_field"),
        *("shorten_tool_ids", "ask_for_tool", "drop_function_fields", "drop_schema_keys", "inline_refs"),
        *("take_tool_types", "add_fields", "name_model", "need_stream"),
    }
)
TESTED_BELOW = frozenset(
    {
        *(("groq", "drop_nulls"), ("mistral", "drop_nulls"), ("codestral", "drop_nulls")),
        *(("deepseek", "take_tool_types"), ("dashscope", "need_stream"), ("qwencloud", "need_stream")),
        *(("parasail", "add_fields"), ("nvidia_nim", "add_fields")),
    }
)
EVERY = [*CASES, *NOT_REFUSED]
IDS = [f"{case.row}-{case.do}" for case in EVERY]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Plain(OpenAICompatible):
    """A provider without any quirk."""

    info = ProviderInfo(api=(1, 1), name="plain", base_url="https://plain.example/v1")


@pytest.fixture(scope="module")
def server() -> Iterator[FakeUpstream]:
    with fake_upstream() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: FakeUpstream) -> Iterator[Client]:
    with Client(settings=Settings(), api_key="sk-test", api_base=server.base_url, max_retries=0) as client:
        for family in ("chat", "responses", "embedding"):
            client.add_plugin(Plain(), family=family, prefix="plain")
        yield client


@pytest.fixture
def upstream(server: FakeUpstream) -> FakeUpstream:
    server.received.clear()
    return server


def check_sent(case: Edited, answer: Any, upstream: FakeUpstream) -> None:
    body = upstream.received[-1]["json"]
    assert body["model"]
    assert {name: body.get(name) for name in case.sent} == case.sent
    message = body["messages"][case.at]
    assert {name: message.get(name) for name in case.message} == case.message
    quirk = next(it for it in shipped_row(case.row).quirks if it.do == case.do)
    entries = [entry for entry in answer.ledger if entry.reason == quirk.reason]
    assert [(it.parameter, it.action, it.lossy) for it in entries] == [(case.parameter, case.action, case.is_lossy)]
    assert entries[0].source == quirk.source != ""


@pytest.mark.parametrize("case", EVERY, ids=IDS)
def test_a_body_is_sent_as_the_provider_takes_it(case: Edited, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(case.row))
    check_sent(case, client.completion(f"{case.row}/{case.model}", **case.arguments), upstream)


@pytest.mark.parametrize(
    "case", [it for it in EVERY if it.row not in ("codestral", "publicai")], ids=lambda it: it[0] + it[1]
)
def test_so_it_is_asynchronously(case: Edited, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(case.row))

    async def call() -> Any:
        async with AsyncClient(settings=Settings(), api_key="sk-test", api_base=upstream.base_url) as client:
            return await client.completion(f"{case.row}/{case.model}", **case.arguments)

    check_sent(case, asyncio.run(call()), upstream)


@pytest.mark.parametrize("case", CASES, ids=IDS[: len(CASES)])
def test_the_provider_would_refuse_it_as_it_is(case: Edited, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(case.row))
    with pytest.raises(UnprocessableEntityError):
        client.completion(f"plain/{case.model}", **case.arguments)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_lossy], ids=lambda case: f"{case.row}-{case.do}")
def test_the_policy_forward_sends_it_as_it_came(case: Edited, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(case.row))
    with pytest.raises(UnprocessableEntityError):
        client.completion(f"{case.row}/{case.model}", **case.arguments, param_policy="forward")


@pytest.mark.parametrize("case", EVERY, ids=IDS)
def test_the_callers_own_objects_stay_as_they_are(case: Edited, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing()
    before = repr(case.arguments)
    client.completion(f"{case.row}/{case.model}", **case.arguments)
    assert repr(case.arguments) == before


@pytest.mark.parametrize("name", row_names())
def test_every_quirk_has_a_case(name: str) -> None:
    wanted = {(name, quirk.do) for quirk in shipped_row(name).quirks if quirk.do in ABOUT_BODIES}
    assert wanted - {(case.row, case.do) for case in EVERY} - TESTED_BELOW == set()


@pytest.mark.parametrize("row", ["groq", "mistral", "codestral"])
def test_nulls_that_another_program_sends_are_left_out(row: str, client: Client, upstream: FakeUpstream) -> None:
    """The SDK sends none; a gateway passes on what its client wrote."""
    upstream.otherwise = refusing(*rules_of(row))
    sent = messages(HI, {"role": "assistant", "content": "Hello", "function_call": None}, HI)

    async def relay() -> Any:
        async with AsyncClient(settings=Settings(), api_key="sk-test", api_base=upstream.base_url) as relaying:
            return await relaying.relay("chat", f"{row}/some-model", sent)

    relayed = asyncio.run(relay())
    assert upstream.received[-1]["json"]["messages"][1] == {"role": "assistant", "content": "Hello"}
    assert [entry.action for entry in relayed.record.ledger] == ["dropped"]


def test_other_tools_than_functions_are_refused_or_left_out(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of("deepseek"))
    search = {"type": "web_search"}
    with pytest.raises(UnsupportedParamsError) as raised:
        client.completion("deepseek/m", [HI], tools=[search, tool()])
    assert raised.value.param == "tools"
    assert not upstream.received
    answer = client.completion("deepseek/m", [HI], tools=[search, tool()], drop_params=True)
    assert upstream.received[-1]["json"]["tools"] == [tool()]
    assert [(entry.parameter, entry.action, entry.lossy) for entry in answer.ledger] == [("tools", "dropped", True)]
    client.completion("deepseek/m", [HI], tools=[search], tool_choice="auto", drop_params=True)
    assert "tools" not in upstream.received[-1]["json"]
    assert "tool_choice" not in upstream.received[-1]["json"]
    with pytest.raises(UnprocessableEntityError):
        client.completion("deepseek/m", [HI], tools=[search], param_policy="forward")


@pytest.mark.parametrize("row", ["dashscope", "qwencloud"])
def test_a_model_that_only_streams_says_so(row: str, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(row))
    with pytest.raises(UnsupportedParamsError) as raised:
        client.completion(f"{row}/qwq-plus", [HI])
    assert raised.value.param == "stream"
    assert not upstream.received
    assert list(client.completion(f"{row}/qwq-plus", [HI], stream=True))
    assert client.completion(f"{row}/qwen-plus", [HI]).choices
    with pytest.raises(UnprocessableEntityError):
        client.completion(f"{row}/qwq-plus", [HI], param_policy="forward")


def test_parasail_is_asked_to_keep_nothing(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of("parasail"))
    for given, action in (({}, "bridged"), ({"store": True}, "dropped")):
        with pytest.raises(UnprocessableEntityError):
            client.responses("plain/m", "hi", **given)
        relayed = client.responses("parasail/m", "hi", **given)
        assert upstream.received[-1]["json"]["store"] is False
        assert [(entry.parameter, entry.action) for entry in relayed.ledger] == [("store", action)]


def test_nvidia_is_told_what_is_embedded(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of("nvidia_nim"))
    with pytest.raises(UnprocessableEntityError):
        client.embedding("plain/m", "hi")
    answer = client.embedding("nvidia_nim/m", "hi")
    assert upstream.received[-1]["json"]["input_type"] == "query"
    assert [(entry.parameter, entry.action) for entry in answer.ledger] == [("input_type", "bridged")]
    answer = client.embedding("nvidia_nim/m", "hi", input_type="passage")
    assert upstream.received[-1]["json"]["input_type"] == "passage"
    assert not answer.ledger


@pytest.mark.parametrize("row", ["deepinfra", "publicai"])
def test_parts_that_cannot_be_one_string_are_refused(row: str, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(row))
    role = "tool" if row == "deepinfra" else "user"
    message = {**RESULT, "role": role, "content": [IMAGE]}
    with pytest.raises(UnsupportedParamsError) as raised:
        client.completion(f"{row}/m", [HI, CALLS, message], drop_params=True)
    assert raised.value.param == "messages"
    assert not upstream.received
    with pytest.raises(UnprocessableEntityError):
        client.completion(f"{row}/m", [HI, CALLS, message], param_policy="forward")


@pytest.mark.parametrize("row", ["mistral", "sambanova", "moonshot"])
def test_images_stay_parts(row: str, client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of(row))
    message = {"role": "user", "content": [{"type": "text", "text": "what is this?"}, IMAGE]}
    client.completion(f"{row}/m", [message])
    assert upstream.received[-1]["json"]["messages"] == [message]


def test_short_ids_are_the_same_for_a_call_and_its_result(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of("mistral"))
    client.completion("mistral/m", [HI, CALLS, RESULT])
    first = upstream.received[-1]["json"]["messages"]
    client.completion("mistral/m", [HI, CALLS, RESULT])
    assert first[1]["tool_calls"][0]["id"] == first[2]["tool_call_id"] != LONG_ID
    assert upstream.received[-1]["json"]["messages"] == first


def test_what_needs_no_change_keeps_its_place(client: Client, upstream: FakeUpstream) -> None:
    upstream.otherwise = refusing(*rules_of("mistral"))
    given = [HI, called(), {**RESULT, "tool_call_id": "abcdefghi", "name": "f"}]
    answer = client.completion("mistral/m", given, tools=[tool()])
    assert upstream.received[-1]["json"]["messages"] == given
    assert not answer.ledger


@pytest.mark.parametrize(
    "parameters",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}},
        {"$defs": {f"A{n}": {"allOf": [{"$ref": f"#/$defs/A{n + 1}"}] * 2} for n in range(30)}, "$ref": "#/$defs/A0"},
    ],
)
def test_references_without_an_end_are_refused(parameters: Any, client: Client, upstream: FakeUpstream) -> None:
    parameters.get("$defs", {}).setdefault("A30", {})
    with pytest.raises(UnsupportedParamsError) as raised:
        client.completion("mistral/m", [HI], tools=[tool(parameters)])
    assert raised.value.param == "tools"
    assert not upstream.received
