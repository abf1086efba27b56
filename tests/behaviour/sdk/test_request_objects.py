"""What callers pass as objects, at any depth, and what of earlier answers goes back: read from the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from openai.types.chat import ChatCompletion as OpenAICompletion
from pydantic import BaseModel, TypeAdapter

from llmgate_core import Client, ResponseObject, Settings
from llmgate_core.errors import BadRequestError
from llmgate_core.testing import Answer, FakeUpstream
from llmgate_core.types.chat import ChatCompletion

HI = [{"role": "user", "content": "hi"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
MESSAGE = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [CALL]}
WHOLE = {"id": "c", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "tool_calls"}]}
CLEAN = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "12 degrees"}
SPOKEN = {"role": "assistant", "audio": {"id": "audio_1", "data": "x" * 9, "transcript": "hi", "expires_at": 5}}
TEXT = {"type": "output_text", "text": "t", "annotations": []}
SAID = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [TEXT]}
CODE = {"type": "code_interpreter_call", "id": "ci", "status": "completed", "container_id": "c", "code": None}
ITEMS = [{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": None}, SAID, {**CODE, "outputs": None}]
RESPONSE = {"id": "r", "status": "completed", "output": ITEMS}


class Mine(BaseModel):
    role: Literal["user"] = "user"
    content: str = "hi"
    reasoning_content: str | None = None
    cache_control: dict[str, str] | None = None


class Parameters(BaseModel):
    type: str = "object"
    properties: dict[str, Any] = {"city": {"type": "string", "default": None}}


class FunctionOfATool(BaseModel):
    name: str
    parameters: Parameters = Parameters()
    strict: bool | None = None


class Tool(BaseModel):
    type: Literal["function"] = "function"
    function: FunctionOfATool


class ItemOfMine(BaseModel):
    type: Literal["message"] = "message"
    role: str = "user"
    content: list[Any]


@dataclass
class TextPart:
    type: str = "input_text"
    text: str = "hi"


@dataclass
class Labels:
    team: str = "red"


class City(BaseModel):
    name: str


TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "default": None}}},
    },
}


@pytest.fixture
def client(fake_upstream: FakeUpstream) -> Iterator[Client]:
    fake_upstream.otherwise = lambda request: Answer.json(RESPONSE if request["path"].endswith("responses") else WHOLE)
    with Client(
        settings=Settings(), api_key="sk-test-0123456789", api_base=fake_upstream.base_url, max_retries=0
    ) as made:
        yield made


def sent(upstream: FakeUpstream) -> Any:
    return upstream.received[-1]["json"]


@pytest.mark.parametrize("model", ["gpt-4o", "openai/some-model"])
def test_objects_of_the_callers_own_classes_go_out_whole(
    model: str, client: Client, fake_upstream: FakeUpstream
) -> None:
    mine = Mine(reasoning_content="hm", cache_control={"type": "ephemeral"})
    answer = client.completion(
        model,
        (message for message in [mine, Mine()]),
        tools=[Tool(function=FunctionOfATool(name="get_weather"))],
        metadata=Labels(),
        enable=Labels(),
    )  # type: ignore[call-overload]
    first, second = sent(fake_upstream)["messages"]
    left_out = {"reasoning_content"} - first.keys()
    assert (
        first == {"role": "user", "content": "hi", "reasoning_content": "hm", "cache_control": {"type": "ephemeral"}}
        or left_out
    )
    assert bool(left_out) == any("reasoning_content" in entry.reason for entry in answer.ledger)
    assert second == {"role": "user", "content": "hi"}
    assert (sent(fake_upstream)["tools"], sent(fake_upstream)["enable"]) == ([TOOL], {"team": "red"})


def test_an_item_of_a_responses_call_keeps_the_type_that_is_a_default(
    client: Client, fake_upstream: FakeUpstream
) -> None:
    client.responses(
        "openai/some-model",
        [ItemOfMine(content=[TextPart()])],
        tools=[{"type": "function", "name": "f", "parameters": Parameters()}],
    )
    assert sent(fake_upstream)["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    ]
    assert sent(fake_upstream)["tools"][0]["parameters"]["type"] == "object"


def as_completion(value: Any) -> Any:
    return ChatCompletion.model_validate(value).choices[0].message


RESENT = {
    "our message": as_completion(WHOLE),
    "our message, dumped": as_completion(WHOLE).model_dump(),
    "our message, as a dict": dict(as_completion(WHOLE)),
    "a dict with our calls": {"role": "assistant", "content": None, "tool_calls": as_completion(WHOLE).tool_calls},
    "openai's message": OpenAICompletion.construct(**WHOLE).choices[0].message,
    "the json": json.loads(as_completion(WHOLE).model_dump_json()),
}


@pytest.mark.parametrize("given", RESENT)
@pytest.mark.parametrize("model", ["openai/some-model", "gpt-4o"])
def test_an_answer_goes_back_without_what_no_endpoint_takes(
    given: str, model: str, client: Client, fake_upstream: FakeUpstream
) -> None:
    answer = client.completion(model, [*HI, RESENT[given], RESULT])
    assert sent(fake_upstream)["messages"][1] == CLEAN
    assert not any(entry.lossy for entry in answer.ledger)


@pytest.mark.parametrize("given", RESENT)
def test_an_answer_goes_back_over_the_bridge(given: str, client: Client, fake_upstream: FakeUpstream) -> None:
    client.completion("openai/responses/some-model", [*HI, RESENT[given], RESULT])
    kinds = [item.get("type", "message") for item in sent(fake_upstream)["input"]]
    assert kinds == ["message", "function_call", "function_call_output"]


def test_empty_lists_are_left_out_and_stand_in_the_ledger(client: Client, fake_upstream: FakeUpstream) -> None:
    said = {"role": "assistant", "content": "hello", "tool_calls": []}
    answer = client.completion("gpt-4o", [*HI, said, *HI], tools=[], tool_choice="auto")
    assert sent(fake_upstream) == {"model": "gpt-4o", "messages": [*HI, {"role": "assistant", "content": "hello"}, *HI]}
    assert [entry.parameter for entry in answer.ledger] == ["tools", "tool_choice", "messages"]
    assert client.responses("openai/some-model", "hi", tools=[]).ledger[0].parameter == "tools"


def test_of_audio_only_the_id_goes_back(client: Client, fake_upstream: FakeUpstream) -> None:
    answer = client.completion("openai/some-model", [*HI, SPOKEN, *HI])
    assert sent(fake_upstream)["messages"][1]["audio"] == {"id": "audio_1"}
    assert [entry.parameter for entry in answer.ledger] == ["messages"]


@pytest.mark.parametrize("form", ["objects", "dumped", "dicts", "as they came"])
def test_the_items_of_a_response_go_back_as_they_came(form: str, client: Client, fake_upstream: FakeUpstream) -> None:
    output = ResponseObject.model_validate(RESPONSE).output
    forms: dict[str, Any] = {
        "objects": output,
        "dumped": [item.model_dump() for item in output],
        "dicts": [dict(item) for item in output],
        "as they came": ITEMS,
    }
    client.responses("openai/some-model", [*HI, *forms[form]])
    assert sent(fake_upstream)["input"] == [*HI, *ITEMS]


def test_a_string_is_a_message_of_the_user(client: Client, fake_upstream: FakeUpstream) -> None:
    client.completion("gpt-4o", "hi")
    assert sent(fake_upstream)["messages"] == HI


@pytest.mark.parametrize("messages", [{"role": "user", "content": "hi"}, 5, [], ["hi"], [{"content": "hi"}]])
def test_malformed_messages_are_refused(messages: Any, client: Client, fake_upstream: FakeUpstream) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.completion("gpt-4o", messages)
    assert (caught.value.param, fake_upstream.received) == ("messages", [])


@pytest.mark.parametrize(
    ("extra_body", "param"),
    [({"cargo": b"\xff"}, "cargo"), ({"cargo": [b"x"]}, "cargo"), ([1], "extra_body")],
)
def test_a_malformed_extra_body_is_blamed(
    extra_body: Any, param: str, client: Client, fake_upstream: FakeUpstream
) -> None:
    with pytest.raises(BadRequestError, match=param) as caught:
        client.completion("gpt-4o", HI, extra_body=extra_body)
    assert (caught.value.param, fake_upstream.received) == (param, [])


@pytest.mark.parametrize("kind", [list[City], TypeAdapter(list[City])], ids=["alias", "adapter"])
@pytest.mark.parametrize("model", ["gpt-4o", "openai/responses/gpt-4o"])
def test_a_list_is_asked_for_in_an_object_and_parsed_as_a_list(
    kind: Any, model: str, client: Client, fake_upstream: FakeUpstream
) -> None:
    text = '{"value": [{"name": "Oslo"}]}'
    said = {"role": "assistant", "content": text}
    item = {**SAID, "content": [{**TEXT, "text": text}]}
    fake_upstream.otherwise = lambda request: Answer.json(
        {**RESPONSE, "output": [item]} if request["path"].endswith("responses") else {"choices": [{"message": said}]}
    )
    assert client.completion(model, HI, response_format=kind).parsed == [City(name="Oslo")]
    assert client.responses("openai/gpt-4o", "hi", text_format=kind).parsed == [City(name="Oslo")]
    assert sent(fake_upstream)["text"]["format"]["schema"]["properties"].keys() == {"value"}
