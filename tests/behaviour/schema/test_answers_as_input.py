"""What an answer gave is a valid part of the next request, as the object it came as; and what our own rules add.

Nothing is sent.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import BaseModel

from llmgate_core import Client, Settings
from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.json_codec import decode, encode
from llmgate_core.types.chat import ChatCompletion
from llmgate_core.types.responses import ResponseObject
from tests.support.examples import examples
from tests.support.operations import HI, UNKNOWN
from tests.support.prepared_requests import HOME, prepared
from tests.support.strategies.chat_answers import answers
from tests.support.strategies.responses import responses

PROPERTY = examples(100)
ROUTE = Route("openai", "openai/responses", "chat", UNKNOWN, HOME)
CHAT = Call("chat", f"openai/responses/{UNKNOWN}", {"messages": HI})


def next_messages(completion: JsonObject) -> list[Any]:
    """Return a conversation that goes on from an answer, its message as the object it came as."""
    message = ChatCompletion.model_validate(completion).choices[0].message
    calls = completion["choices"][0]["message"].get("tool_calls", ())
    return [*HI, message, *({"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls)]


@PROPERTY
@given(answers())
def test_a_chat_answer_goes_on_over_chat(answer: JsonObject) -> None:
    sent = prepared("chat", f"openai/{UNKNOWN}", {"messages": next_messages(answer)}, {})
    assert sent.wrong is None, sent.body
    assert not any(entry.lossy for entry in sent.ledger)
    assert sent.noted <= {"messages"}


@PROPERTY
@given(responses())
def test_a_bridged_answer_goes_on_over_both_endpoints(response: JsonObject) -> None:
    completion = ChatOverResponses.chat_completion(CHAT, ROUTE, UpstreamResponse(200, (), encode(response))).body
    for model in (f"openai/{UNKNOWN}", f"openai/responses/{UNKNOWN}"):
        sent = prepared("chat", model, {"messages": next_messages(completion)}, {"param_policy": "drop"})
        assert sent.wrong is None, sent.body


@PROPERTY
@given(responses())
def test_the_output_of_a_response_goes_on_as_input_unchanged(response: JsonObject) -> None:
    output = ResponseObject.model_validate(response).output
    sent = prepared("responses", f"openai/{UNKNOWN}", {"input": [*HI, *output]}, {})
    assert sent.wrong is None, sent.body
    assert sent.body["input"] == [*HI, *response["output"]]


# --- what our own rules add ---


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int | None = None


@pytest.mark.parametrize(
    ("family", "model", "argument", "key"),
    [
        ("chat", f"openai/{UNKNOWN}", "response_format", "response_format"),
        ("chat", f"openai/responses/{UNKNOWN}", "response_format", "text"),
        ("responses", f"openai/{UNKNOWN}", "text_format", "text"),
    ],
)
def test_a_pydantic_class_becomes_a_valid_schema(family: str, model: str, argument: str, key: str) -> None:
    inputs: dict[str, Any] = {"messages": HI} if family == "chat" else {"input": "Hi"}
    sent = prepared(family, model, inputs, {argument: Person})
    assert sent.wrong is None
    assert sent.body.keys() - {"model", "messages", "input"} == {key}


@pytest.mark.parametrize(("family", "model"), [("chat", "openai/x"), ("chat", "openai/responses/x")])
def test_an_extra_body_is_merged_and_nothing_else_comes_with_it(family: str, model: str) -> None:
    sent = prepared(family, model, {"messages": HI}, {"extra_body": {"top_k": 5, "temperature": 1}, "temperature": 0})
    assert sent.wrong is None
    assert {name: sent.body[name] for name in sent.body.keys() - {"model", "messages", "input"}} == {
        "top_k": 5,
        "temperature": 1,
    }


@pytest.mark.parametrize("family", ["chat", "responses", "embedding"])
def test_the_setting_store_is_sent_where_answers_are_kept_and_nowhere_else(family: str) -> None:
    client = Client(api_key="sk-test", settings=Settings(store=False))
    inputs: dict[str, Any] = {"messages": HI} if family == "chat" else {"input": "Hi"}
    call = client.prepare(family, f"openai/{UNKNOWN}", inputs, {"api_base": HOME})
    content = call.request.body
    assert isinstance(content, bytes)
    added = {} if family == "embedding" else {"store": False}
    assert decode(content) == {"model": UNKNOWN, **inputs, **added}


@pytest.mark.parametrize("model", [f"openai/{UNKNOWN}", f"openai/responses/{UNKNOWN}"])
def test_a_fake_stream_is_asked_for_as_a_whole(model: str) -> None:
    arguments = {"stream": True, "stream_options": {"include_usage": True}, "fake_stream": True}
    sent = prepared("chat", model, {"messages": HI}, arguments)
    assert sent.wrong is None
    assert sent.body.keys() - {"model", "messages", "input"} == set()
    assert "stream" in sent.noted
