"""Any nesting of objects becomes what its dict would be; plain values are returned themselves."""

from __future__ import annotations

import json
from collections import ChainMap, OrderedDict, UserList, UserString, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import NOT_GIVEN, omit
from openai.types.chat import ChatCompletionMessage, ChatCompletionMessageToolCall
from openai.types.chat.chat_completion_message_tool_call import Function as OpenAIFunction
from openai.types.responses import ResponseOutputMessage, ResponseOutputText
from pydantic import BaseModel, ConfigDict, Field

from llmgate_core.calls.plain_values import plain
from llmgate_core.errors import BadRequestError
from llmgate_core.json_codec import encode
from llmgate_core.types.chat import Function, Message, ToolCall
from llmgate_core.types.responses import OutputItem
from tests.support.examples import examples

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


class Open(BaseModel):
    """Like LiteLLM's objects: whatever fields it is given."""

    model_config = ConfigDict(extra="allow")


class Loud(str, Enum):
    YES = "yes"


class UserMessage(BaseModel):
    role: Literal["user"] = "user"
    content: Any = None
    name: str | None = None
    cache_control: dict[str, str] | None = None


@dataclass
class Part:
    type: str = "text"
    text: str = "hi"
    detail: str | None = None
    labels: list[Any] = field(default_factory=list)


def as_open(value: Any) -> Any:
    is_model = isinstance(value, dict) and all(name.isidentifier() and name.isascii() for name in value)
    return Open.model_construct(**value) if is_model and not any(name.startswith("_") for name in value) else value


WRAPPERS: dict[str, list[Callable[[Any], Any]]] = {
    "dict": [dict, OrderedDict, MappingProxyType, ChainMap, as_open],
    "list": [list, tuple, deque, lambda items: (item for item in items), iter],
}


@st.composite
def wrapped(draw: st.DrawFn) -> tuple[Any, Any]:
    """Return a plain value, and the same with objects of other kinds in place of dicts and lists."""
    value = draw(PLAIN)

    def wrap(part: Any) -> Any:
        if isinstance(part, dict):
            return draw(st.sampled_from(WRAPPERS["dict"]))({name: wrap(item) for name, item in part.items()})
        if isinstance(part, list):
            return draw(st.sampled_from(WRAPPERS["list"]))([wrap(item) for item in part])
        return part

    return value, wrap(value)


@examples(300)
@given(wrapped())
def test_any_nesting_goes_out_as_its_dict_would(pair: tuple[Any, Any]) -> None:
    value, objects = pair
    assert json.loads(encode(plain("x", objects))) == json.loads(encode(value))


@examples(200)
@given(PLAIN)
def test_plain_values_are_not_copied(value: Any) -> None:
    assert plain("x", value) is value


CALL = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
OURS = Message.model_validate({"role": "assistant", "content": None, "tool_calls": [CALL]})
REASONING = {"type": "reasoning", "id": "r", "encrypted_content": None}
OPENAIS = ChatCompletionMessage(
    role="assistant",
    content="hello",
    tool_calls=[
        ChatCompletionMessageToolCall(id="c", type="function", function=OpenAIFunction(name="f", arguments="{}"))
    ],
)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (UserMessage(content="hi"), {"role": "user", "content": "hi"}),
        (UserMessage(content=None), {"role": "user", "content": None}),
        (
            Part(labels=[UserMessage(content=1)]),
            {"type": "text", "text": "hi", "labels": [{"role": "user", "content": 1}]},
        ),
        (Part(detail="low"), {"type": "text", "text": "hi", "detail": "low", "labels": []}),
        ({"calls": (OURS.tool_calls or [])}, {"calls": [CALL]}),
        (OURS, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
        (OPENAIS, OPENAIS.to_dict()),
        (
            ResponseOutputMessage(
                id="m",
                type="message",
                role="assistant",
                status="completed",
                content=[ResponseOutputText(type="output_text", text="t", annotations=[])],
            ),
            {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "t", "annotations": []}],
            },
        ),
        (OutputItem.model_validate(REASONING), REASONING),
        ([ToolCall(id="x", function=Function(name="f"))], [{"id": "x", "function": {"name": "f"}}]),
        ({"loud": Loud.YES, "set": {1}}, {"loud": "yes", "set": [1]}),
        ([range(3), UserList([UserString("a")])], [[0, 1, 2], ["a"]]),
        ([Fraction(1, 2), Decimal("1.5")], [0.5, 1.5]),
        ({"temperature": NOT_GIVEN, "nested": [omit]}, {"temperature": None, "nested": [None]}),
    ],
)
def test_objects_of_every_kind(value: Any, wanted: Any) -> None:
    assert plain("x", value) == wanted


class Aliased(BaseModel):
    schema_: dict[str, Any] = Field(alias="schema")
    items: Any = None


def test_an_alias_is_the_name_on_the_wire_and_a_generator_in_a_field_is_read_once() -> None:
    assert plain("x", Aliased(schema={"default": None}, items=(n for n in (1, 2)))) == {
        "schema": {"default": None},
        "items": [1, 2],
    }


def test_arrays_and_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert plain("x", numpy.array([[1.5, 2.5]])) == [[1.5, 2.5]]


@pytest.mark.parametrize("value", [b"hi", {"a": [bytearray(b"\xff")]}, [memoryview(b"x")]])
def test_bytes_are_refused_and_the_parameter_is_named(value: Any) -> None:
    with pytest.raises(BadRequestError, match="cargo") as caught:
        plain("cargo", value)
    assert caught.value.param == "cargo"


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(BadRequestError, match="nested too deeply"):
        plain("x", loop)
