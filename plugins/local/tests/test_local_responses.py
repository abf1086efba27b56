"""The Responses API of llama.cpp itself, and chat bridged over it, with the real model.

Every answer and event is checked with the types of the official SDK.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from llmgate_local.provider import LocalModels
from llmgate_local.responses import complete
from openai.types.chat import ChatCompletion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from llmgate_core import AsyncClient, UnsupportedParamsError, completion, responses
from llmgate_core.plugin import Call, Converted, ParamRule, Route, UpstreamResponse

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
MODEL, BRIDGED = "local/smollm2", "local/responses/smollm2"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Current weather of a city", "parameters": PARAMETERS}
ROUTE = Route("local", "local", "responses", "smollm2", "http://127.0.0.1/v1")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


@pytest.fixture(scope="module")
def model(local: LocalModels) -> str:
    return MODEL


@pytest.fixture(scope="module")
def bridged(local: LocalModels) -> str:
    return BRIDGED


def whole(answer: dict[str, Any]) -> Any:
    response = UpstreamResponse(200, (), json.dumps(answer).encode())
    return complete(Call("responses", MODEL, {"input": "hi", "temperature": 0.5}), ROUTE, response), response


def test_what_the_server_leaves_out_of_a_whole_answer_is_filled_in_and_said() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2}
    answer = {"id": "resp_1", "created_at": 7, "status": "incomplete", "model": "m", "output": [], "usage": usage}

    made, _ = whole(answer)

    assert isinstance(made, Converted)
    Response.model_validate(made.body)
    assert {name: made.body[name] for name in answer if name != "usage"} == {
        name: value for name, value in answer.items() if name != "usage"
    }
    assert (made.body["temperature"], made.body["tools"], made.body["usage"]["total_tokens"]) == (0.5, [], 3)
    assert [(entry.parameter, entry.action, entry.lossy) for entry in made.ledger] == [("response", "emulated", False)]
    again, _ = whole(made.body)
    assert again == Converted(made.body, ())


@pytest.mark.parametrize("answer", [{"error": {"message": "no"}}, {"output": "x"}, [], 1])
def test_what_is_no_answer_is_left_to_core(answer: Any) -> None:
    made, response = whole(answer)
    assert made is response


@pytest.mark.slow
def test_a_whole_response_has_every_field_that_the_wire_promises(model: str) -> None:
    answer = responses(model, QUESTION, temperature=0, max_output_tokens=16, instructions="Be brief.")

    checked = Response.model_validate(answer.model_dump(exclude_unset=True))
    assert (checked.status, checked.model, checked.instructions) == ("completed", "smollm2", "Be brief.")
    assert checked.output_text == answer.output_text == ANSWER
    assert checked.usage is not None
    assert checked.usage.total_tokens > checked.usage.output_tokens > 0


@pytest.mark.slow
def test_a_streamed_response_is_whole_in_its_events_and_says_what_was_repaired(model: str) -> None:
    with responses(model, QUESTION, temperature=0, max_output_tokens=16, stream=True) as stream:
        events = [event.model_dump(exclude_unset=True) for event in stream]

    for event in events:
        EVENT.validate_python(event)
    kinds = [event["type"] for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert set(kinds[4:-4]) == {"response.output_text.delta"}
    assert len(kinds) > 10
    assert "".join(event["delta"] for event in events[4:-4]) == ANSWER
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert Response.model_validate(events[-1]["response"]).output_text == ANSWER
    assert [(entry.action, entry.lossy) for entry in stream.ledger] == [("emulated", False)]


@pytest.mark.slow
def test_a_function_is_called_and_its_output_taken_back(model: str) -> None:
    asked = responses(
        model,
        "Weather in Paris?",
        tools=[{"type": "function", **WEATHER}],
        tool_choice="required",
        temperature=0,
        max_output_tokens=64,
    )
    call = Response.model_validate(asked.model_dump(exclude_unset=True)).output[0]
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})

    said = {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"}
    question = {"role": "user", "content": "Weather in Paris?"}
    answer = responses(model, [question, *asked.output, said], temperature=0, max_output_tokens=24)

    assert answer.output_text


@pytest.mark.slow
def test_a_structured_output_is_an_object_of_its_class_asked_for_in_either_way(model: str) -> None:
    class City(BaseModel):
        name: str
        country: str

    question = "Paris is a city in France. Extract the city."
    asked = {"temperature": 0, "max_output_tokens": 48}
    own = responses(model, question, text_format=City, **asked)
    over = completion(BRIDGED, [{"role": "user", "content": question}], response_format=City, temperature=0)

    for found in (own.output_parsed, over.choices[0].message.parsed):
        assert isinstance(found, City)
        assert "Paris" in found.name
    for answer in (own, over):
        noted = [(entry.parameter, entry.action, entry.lossy) for entry in answer.ledger]
        assert ("text.format", "bridged", False) in noted


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("background", True),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("max_tool_calls", 1),
        ("include", ["reasoning.encrypted_content"]),
        ("tools", [{"type": "web_search"}]),
    ],
)
def test_what_the_server_would_ignore_is_refused_before_it_starts(param: str, value: Any) -> None:
    with pytest.raises(UnsupportedParamsError, match=r"llama\.cpp") as caught:
        responses(MODEL, "hi", **{param: value})

    assert (caught.value.param, caught.value.attempts) == (param, 0)


def test_of_the_tools_only_functions_are_left_when_the_rest_is_dropped() -> None:
    models, function = LocalModels(), {"type": "function", **WEATHER}
    assert models.supports_param(ROUTE, "tools", [function]) is None
    rule = models.supports_param(ROUTE, "tools", [function, {"type": "mcp"}])
    assert isinstance(rule, ParamRule)
    assert (rule.supported, rule.replace) == (False, [function])
    elsewhere = replace(ROUTE, base_url="http://127.0.0.1:9/v1")
    assert models.supports_param(elsewhere, "background", True) is None


@pytest.mark.slow
def test_a_bridged_chat_is_the_chat_that_the_same_model_gives_itself(bridged: str) -> None:
    asked = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 16}
    own, over = completion(MODEL, **asked), completion(bridged, **asked)

    checked = ChatCompletion.model_validate(over.model_dump(exclude_unset=True))
    assert checked.choices[0].message.content == own.choices[0].message.content == ANSWER
    assert checked.id.startswith("chatcmpl-")
    assert (checked.choices[0].finish_reason, checked.model) == ("stop", "smollm2")
    assert checked.usage is not None
    assert own.usage is not None
    assert checked.usage.total_tokens == own.usage.total_tokens
    assert [(entry.parameter, entry.action) for entry in over.ledger] == [("max_tokens", "bridged")]


@pytest.mark.slow
def test_a_bridged_stream_of_the_asynchronous_client_comes_in_pieces_and_with_usage(bridged: str) -> None:
    async def run() -> list[Any]:
        async with AsyncClient() as client:
            messages = [{"role": "user", "content": QUESTION}]
            options = {"include_usage": True}
            stream = await client.completion(
                bridged, messages, temperature=0, max_tokens=16, stream=True, stream_options=options
            )
            return [chunk async for chunk in stream]

    chunks = asyncio.run(run())

    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 3
    assert "".join(pieces) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.slow
def test_a_bridged_tool_call_is_the_same_whole_and_streamed(bridged: str) -> None:
    asked = {
        "messages": [{"role": "user", "content": "Weather in Paris?"}],
        "tools": [{"type": "function", "function": WEATHER}],
        "tool_choice": "required",
        "temperature": 0,
        "max_tokens": 64,
    }
    answer = completion(bridged, **asked)
    with completion(bridged, stream=True, **asked) as stream:
        folded = stream.whole()

    ChatCompletion.model_validate(answer.model_dump(exclude_unset=True))
    for choice in (answer.choices[0], folded.choices[0]):
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls or ()
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Paris"})
        assert call.id.startswith("call_")


def test_what_the_bridge_cannot_send_is_refused_before_the_model_starts() -> None:
    with pytest.raises(UnsupportedParamsError) as caught:
        completion(BRIDGED, [{"role": "user", "content": "hi"}], seed=7)

    assert (caught.value.param, caught.value.attempts) == ("seed", 0)
