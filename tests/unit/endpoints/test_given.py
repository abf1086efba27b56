"""What a caller wrote: the right type, or an error that names the place; never an error of Python's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmgate_core import errors
from llmgate_core.plugin import Route, arguments_of, given_list, given_object, given_string, object_at

ROUTE = Route(provider="acme", prefix="acme", model="large", family="chat", base_url="https://api.acme.example/v1")
Read = Callable[[Any, str, Route, str], Any]


@pytest.mark.parametrize(
    ("read", "right"), [(given_string, ""), (given_object, {"a": 1}), (given_list, [1]), (given_list, (1,))]
)
def test_a_field_of_the_right_type_is_returned(read: Read, right: Any) -> None:
    assert read({"field": right}, "field", ROUTE, "messages[0]") == right


@pytest.mark.parametrize("read", [given_string, given_object, given_list])
@pytest.mark.parametrize(
    ("place", "param"), [("messages[2].tool_calls[0]", "messages"), ("tool_choice.function", "tool_choice"), ("", "x")]
)
def test_a_field_of_another_type_is_the_callers_error_at_its_place(read: Read, place: str, param: str) -> None:
    with pytest.raises(errors.BadRequestError) as caught:
        read({"x": 1}, "x", ROUTE, place)
    assert caught.value.param == param
    assert f"{place}.x".lstrip(".") in str(caught.value)


@pytest.mark.parametrize("read", [given_string, given_object])
@pytest.mark.parametrize("owner", [{}, {"x": None}, None, "x", [1], 1])
def test_a_missing_field_is_the_callers_error(read: Read, owner: Any) -> None:
    with pytest.raises(errors.BadRequestError):
        read(owner, "x", ROUTE, "messages")


@pytest.mark.parametrize("owner", [{}, {"x": None}])
def test_a_missing_list_is_empty(owner: Any) -> None:
    assert given_list(owner, "x", ROUTE) == ()


@pytest.mark.parametrize("value", [None, "x", [1], 1, True])
def test_what_is_no_object_is_the_callers_error(value: Any) -> None:
    with pytest.raises(errors.BadRequestError):
        object_at("messages[0]", value, ROUTE)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ({}, {}),
        ({"arguments": None}, {}),
        ({"arguments": ""}, {}),
        ({"arguments": '{"a": 1}'}, {"a": 1}),
        ({"arguments": {"a": 1}}, {"a": 1}),
        ({"arguments": "[1]"}, None),
        ({"arguments": "{"}, None),
        ({"arguments": 0}, None),
        ({"arguments": []}, None),
        ({"arguments": False}, None),
    ],
)
def test_arguments_are_an_object_or_nothing(function: dict[str, Any], arguments: Any) -> None:
    assert arguments_of(function) == arguments
