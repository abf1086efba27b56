"""For every model of the catalogue a call is valid, and what the catalogue changes in it is in the ledger.

Nothing is sent. Models that no plugin serves are left out by their mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.catalogue.models import Catalogue
from llmgate_core.errors import UnsupportedParamsError
from tests.support.bridge_rules import BECOMES, assert_explained
from tests.support.documented_parameters import RESPONSES_PARAMS
from tests.support.examples import examples
from tests.support.operations import OPERATIONS, Operation
from tests.support.prepared_requests import Sent, prepared
from tests.support.strategies.chat_requests import bodies
from tests.support.strategies.parameters import as_sent, parameters

PROPERTY = examples(100)
OPERATION_OF_MODE: Mapping[str, Operation] = MappingProxyType(
    {
        "chat": OPERATIONS["chat"],
        "responses": OPERATIONS["responses"],
        "completion": OPERATIONS["text completion"],
        "embedding": OPERATIONS["embedding"],
        "audio_transcription": OPERATIONS["transcription"],
        "audio_speech": OPERATIONS["speech"],
        "image_generation": OPERATIONS["image"],
        "video_generation": OPERATIONS["video"],
        "moderation": OPERATIONS["moderation"],
    }
)
CHAT_BECOMES: Mapping[str, frozenset[str]] = MappingProxyType({"max_tokens": frozenset({"max_completion_tokens"})})
CATALOGUE = Catalogue.shipped()


def served_rows() -> dict[str, str]:
    """Return name -> mode of every model that a plugin serves; those of the realtime API alone are none of them."""
    rows = {name: CATALOGUE.find(name) for name in CATALOGUE.names()}
    return {
        name: row.mode
        for name, row in rows.items()
        if row is not None
        and row.mode in OPERATION_OF_MODE
        and not all(endpoint.startswith("realtime") for endpoint in row.facts.get("endpoints") or ("unknown",))
    }


MODES = served_rows()
MEDIA = sorted(name for name, mode in MODES.items() if mode not in ("chat", "responses"))
TALKING = sorted(MODES.keys() - set(MEDIA))


@pytest.mark.parametrize("model", sorted(MODES))
def test_the_smallest_call_of_every_model_is_valid_and_unchanged(model: str) -> None:
    operation = OPERATION_OF_MODE[MODES[model]]
    sent = prepared(operation.family, model, operation.inputs, {})
    assert sent.wrong is None
    assert sent.endpoint == operation.endpoint
    assert sent.body == {"model": model, **{name: as_sent(value) for name, value in operation.inputs.items()}}
    assert sent.ledger == ()


def drawn(
    family: str, model: str, inputs: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[Sent, Mapping[str, Any]] | None:
    """Return what is sent, without what the model refuses, and what was given; None: no policy lets that go."""
    refusal: UnsupportedParamsError
    try:
        return prepared(family, model, inputs, {**params, "param_policy": "drop"}), {**inputs, **params}
    except UnsupportedParamsError as error:
        refusal = error
    assert refusal.param in {**inputs, **params}
    assert "drop_params" not in str(refusal), "a refusal that drop_params should have lifted"
    return None


def assert_changes_are_noted(given: Mapping[str, Any], sent: Sent, becomes: Mapping[str, frozenset[str]]) -> None:
    """Beside `assert_explained`: what goes under its own name goes unchanged, or the ledger names it."""
    assert_explained(given, sent, becomes)
    changed = {name for name, value in given.items() if name in sent.body and sent.body[name] != as_sent(value)}
    assert changed <= sent.noted


@PROPERTY
@given(st.data(), st.sampled_from(MEDIA))
def test_what_a_media_model_refuses_is_named_and_the_rest_is_valid(data: st.DataObject, model: str) -> None:
    operation = OPERATION_OF_MODE[MODES[model]]
    params = data.draw(parameters(operation.params))
    if (found := drawn(operation.family, model, operation.inputs, params)) is not None:
        sent, given = found
        assert_changes_are_noted(given, sent, {})


@PROPERTY
@given(st.sampled_from(TALKING), bodies(pictures=False))
def test_what_a_model_refuses_of_a_chat_is_named_and_the_rest_is_valid(model: str, body: dict[str, Any]) -> None:
    params = {name: value for name, value in body.items() if name != "messages"}
    if (found := drawn("chat", model, {"messages": body["messages"]}, params)) is not None:
        sent, given = found
        if sent.endpoint == "POST /responses":
            assert_explained(given, sent, BECOMES)
        else:
            assert_changes_are_noted(given, sent, CHAT_BECOMES)


@PROPERTY
@given(st.data(), st.sampled_from(TALKING))
def test_what_a_model_refuses_of_a_responses_call_is_named_and_the_rest_is_valid(
    data: st.DataObject, model: str
) -> None:
    params = data.draw(parameters(RESPONSES_PARAMS))
    if (found := drawn("responses", model, {"input": "Hi"}, params)) is not None:
        sent, given = found
        assert sent.endpoint == "POST /responses"
        assert_changes_are_noted(given, sent, {})
