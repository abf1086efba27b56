"""Every request that a bridge builds is valid, and each of its keys stands for something that the caller gave.

`BECOMES` and `BECOMES_ON_CHAT` are the documented rules: what a parameter may be sent as. Any other key in a request
fails here, and so does a parameter that is neither sent, nor sent as something else, nor in the ledger.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.bridges.chat_to_responses import ChatOverResponses
from llmgate_core.contract.call import Call, Route
from llmgate_core.errors import UnsupportedParamsError
from tests.support.bridge_rules import BECOMES, BECOMES_ON_CHAT, STATE, assert_explained
from tests.support.documented_parameters import CHAT_PARAMS, RESPONSES_PARAMS
from tests.support.examples import examples
from tests.support.operations import HI, UNKNOWN
from tests.support.prepared_requests import HOME, prepared
from tests.support.strategies.chat_requests import bodies, messages
from tests.support.strategies.parameters import parameters

PROPERTY = examples(100)
BRIDGED = f"openai/responses/{UNKNOWN}"
ON_CHAT = f"openai/{UNKNOWN}"


# --- chat over POST /responses ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{n}")
        for name, values in CHAT_PARAMS.items()
        for n, value in enumerate(values)
    ],
)
def test_every_documented_chat_value_is_bridged_or_named_in_the_ledger(name: str, value: Any) -> None:
    sent = prepared("chat", BRIDGED, {"messages": HI}, {name: value, "param_policy": "drop"})
    assert sent.endpoint == "POST /responses"
    assert_explained(["messages", name], sent, BECOMES)


@PROPERTY
@given(bodies(), st.booleans())
def test_any_chat_call_makes_a_valid_request_of_responses(body: dict[str, Any], preview: bool) -> None:
    params = {name: value for name, value in body.items() if name != "messages"}
    sent = prepared(
        "chat", BRIDGED, {"messages": body["messages"]}, {**params, "param_policy": "drop"}, preview=preview
    )
    assert_explained(body, sent, BECOMES)


@PROPERTY
@given(bodies(pictures=False))
def test_any_chat_call_makes_a_valid_request_of_chat(body: dict[str, Any]) -> None:
    params = {name: value for name, value in body.items() if name != "messages"}
    sent = prepared("chat", ON_CHAT, {"messages": body["messages"]}, params)
    assert_explained(body, sent, {})


# --- Responses over chat ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{n}")
        for name, values in RESPONSES_PARAMS.items()
        for n, value in enumerate(values)
    ],
)
def test_every_documented_responses_value_is_bridged_named_or_refused(name: str, value: Any) -> None:
    arguments = {name: value, "param_policy": "drop", "use_chat_completions_api": True}
    if name in STATE and value:
        with pytest.raises(UnsupportedParamsError) as caught:
            prepared("responses", ON_CHAT, {"input": "Hi"}, arguments)
        assert caught.value.param == name
        return
    sent = prepared("responses", ON_CHAT, {"input": "Hi"}, arguments)
    assert sent.endpoint == "POST /chat/completions"
    assert_explained(["input", name], sent, BECOMES_ON_CHAT)


@st.composite
def inputs(draw: st.DrawFn) -> Any:
    """Draw the input of a Responses call: a text, or the items of a conversation."""
    if draw(st.booleans()):
        return "Hi"
    route = Route("openai", "openai/responses", "chat", UNKNOWN, HOME, param_policy="drop")
    call = Call("chat", BRIDGED, {"messages": draw(messages())})
    return ChatOverResponses.request_body(call, route)[0]["input"]


@PROPERTY
@given(inputs(), parameters({name: values for name, values in RESPONSES_PARAMS.items() if name not in STATE}))
def test_any_responses_call_makes_a_valid_request_of_chat(input: Any, params: dict[str, Any]) -> None:
    arguments = {**params, "param_policy": "drop", "use_chat_completions_api": True}
    sent = prepared("responses", ON_CHAT, {"input": input}, arguments)
    assert_explained(["input", *params], sent, BECOMES_ON_CHAT)


# --- chat over POST /completions ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{n}")
        for name, values in CHAT_PARAMS.items()
        for n, value in enumerate(values)
    ],
)
def test_every_documented_chat_value_is_valid_or_named_on_a_text_completion(name: str, value: Any) -> None:
    arguments = {name: value, "param_policy": "drop"}
    sent = prepared("chat", f"text-completion-openai/{UNKNOWN}", {"messages": HI}, arguments)
    assert sent.endpoint == "POST /completions"
    becomes = {"messages": frozenset({"prompt"}), "max_completion_tokens": frozenset({"max_tokens"})}
    assert_explained(["messages", name], sent, becomes)
