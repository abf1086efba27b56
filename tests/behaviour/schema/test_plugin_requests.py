"""Every request that the plugins build is valid, and says what the caller said: no key more, none less, none changed.

What a documented rule adds, renames or drops stands in `RULES` and in the tables of the bridges; anything else in a
request, or anything that is not in it without an entry in the ledger, fails here. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.operations import OPERATIONS, UNKNOWN, Operation
from tests.support.prepared_requests import Sent, prepared
from tests.support.strategies.parameters import as_sent, parameters

PROPERTY = examples(100)
SINGLE = [
    pytest.param(operation, name, value, id=f"{title}-{name}-{number}")
    for title, operation in OPERATIONS.items()
    for name, values in operation.params.items()
    for number, value in enumerate(values)
]


def ask(operation: Operation, params: Mapping[str, Any]) -> Sent:
    return prepared(operation.family, operation.model, operation.inputs, dict(params), operation=operation.operation)


def assert_says(operation: Operation, params: Mapping[str, Any], sent: Sent) -> None:
    """Everything given stands in path, query or body, under its name and unchanged, and beside it the model alone."""
    assert sent.wrong is None
    assert sent.endpoint == operation.endpoint
    expected = {
        operation.sent.get(name, name): as_sent(value) for name, value in {**operation.inputs, **params}.items()
    }
    for name in [name for name in expected if f"{{{name}}}" in operation.endpoint]:
        assert expected.pop(name) in sent.path
    if operation.takes_model:
        expected["model"] = UNKNOWN
    assert {**sent.query, **(sent.body or {})} == expected


@pytest.mark.parametrize("title", OPERATIONS)
def test_a_call_without_parameters_sends_its_inputs_alone(title: str) -> None:
    operation = OPERATIONS[title]
    assert_says(operation, {}, ask(operation, {}))


@pytest.mark.parametrize(("operation", "name", "value"), SINGLE)
def test_every_documented_value_of_a_parameter_arrives_as_it_is(operation: Operation, name: str, value: Any) -> None:
    params = {name: value}
    assert_says(operation, params, ask(operation, params))


@PROPERTY
@given(st.data(), st.sampled_from(sorted(title for title in OPERATIONS if len(OPERATIONS[title].params) > 1)))
def test_any_parameters_together_arrive_as_they_are(data: st.DataObject, title: str) -> None:
    operation = OPERATIONS[title]
    params = data.draw(parameters(operation.params))
    assert_says(operation, params, ask(operation, params))
