"""A type becomes a schema that strict output takes, and an answer's text a value of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, TypeAdapter, create_model
from typing_extensions import TypedDict

from llmgate_core.errors import BadRequestError
from llmgate_core.types.output_schema import OutputSchema, output_schema
from tests.support.examples import examples

T = TypeVar("T")


class City(BaseModel):
    name: str


class Node(BaseModel):
    name: str
    children: list[Node] = []


class House(BaseModel):
    city: City = Field(description="where it stands")
    colour: str = Field(default="red", examples=[{"default": 1}], json_schema_extra={"ui": {"default": 3}})


class Listing(BaseModel, Generic[T]):
    items: list[T]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Pets(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Cities(RootModel[list[City]]):
    pass


class Colour(Enum):
    RED = "red"


class Record(TypedDict):
    name: str


@dataclass
class Point:
    x: int


def made(kind: Any) -> OutputSchema:
    found = output_schema(kind)
    check_strict(found.schema, found.schema.get("$defs", {}))
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", found.name)
    assert (found.schema["type"], found.json_schema["strict"]) == ("object", True)
    return found


def check_strict(schema: Any, definitions: dict[str, Any]) -> None:
    """Fail where a schema breaks a rule of strict output."""
    if not isinstance(schema, dict):
        return
    assert not {"default", "oneOf", "discriminator"} & schema.keys()
    if "$ref" in schema:
        assert schema.keys() == {"$ref"}
        assert schema["$ref"].removeprefix("#/$defs/") in definitions
    if "properties" in schema:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    for name in ("properties", "$defs"):
        for part in schema.get(name, {}).values():
            check_strict(part, definitions)
    for part in (*schema.get("anyOf", ()), schema.get("items")):
        check_strict(part, definitions)


def test_a_class_with_a_list_of_itself_has_its_definition() -> None:
    schema = made(Node).schema
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"].keys() == {"name", "children"}


def test_a_description_of_a_field_that_is_a_model_is_kept() -> None:
    assert made(House).schema["properties"]["city"] == {
        "description": "where it stands",
        "anyOf": [{"$ref": "#/$defs/City"}],
    }


def test_only_the_keyword_default_is_removed() -> None:
    colour = made(House).schema["properties"]["colour"]
    assert "default" not in colour
    assert (colour["examples"], colour["ui"]) == ([{"default": 1}], {"default": 3})


@pytest.mark.parametrize(
    "kind",
    [
        Listing[City],
        create_model("Größe", cm=(int, 1)),
        create_model("A" * 80, x=(int, 1)),
        create_model("名前", x=(int, 1)),
        Pets,
        dict[str, City],
    ],
    ids=["generic", "umlaut", "long", "kanji", "union", "dict"],
)
def test_every_name_is_legal(kind: Any) -> None:
    if kind == dict[str, City]:
        with pytest.raises(BadRequestError, match="response_format"):
            output_schema(kind)
    else:
        made(kind)


def test_the_name_of_an_annotated_type_is_that_of_the_type() -> None:
    assert made(Annotated[City, Field(description="a place, in words")]).name == "City"


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (list[City], [{"name": "Oslo"}], [City(name="Oslo")]),
        (Cities, [{"name": "Oslo"}], Cities([City(name="Oslo")])),
        (TypeAdapter(list[int]), [1, 2], [1, 2]),
        (Colour, "red", Colour.RED),
        (City | Node, {"name": "Oslo"}, City(name="Oslo")),
        (int, 3, 3),
    ],
    ids=["list", "root", "adapter", "enum", "union", "int"],
)
def test_what_is_no_object_is_wrapped_in_one_and_taken_out_again(kind: Any, value: Any, wanted: Any) -> None:
    schema = made(kind)
    assert schema.is_wrapped
    assert schema.parse(json.dumps({"value": value})) == wanted
    assert schema.parse(json.dumps(value)) == wanted  # from a model that ignores the schema


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(Record, {"name": "Oslo"}), (City, City(name="Oslo")), (TypeAdapter(City), City(name="Oslo"))],
    ids=["typed dict", "class", "adapter"],
)
def test_what_is_an_object_is_not_wrapped(kind: Any, wanted: Any) -> None:
    assert not made(kind).is_wrapped
    assert made(kind).parse('{"name": "Oslo"}') == wanted


def test_a_dataclass_is_an_object() -> None:
    assert made(Point).parse('{"x": 1}') == Point(1)


@pytest.mark.parametrize("kind", [dict, Exception, type("Plain", (), {})], ids=["dict", "exception", "plain class"])
def test_a_type_without_a_schema_is_refused_and_the_ways_out_are_named(kind: Any) -> None:
    with pytest.raises(BadRequestError, match=r"pydantic class.*TypedDict.*list\[City\]") as caught:
        output_schema(kind)
    assert caught.value.param == "response_format"


LEAVES = st.sampled_from([str, int, float, bool, City, Colour, Point, Record, Literal["a", "b"]])
TYPES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda kind: list[kind]),  # type: ignore[valid-type]
        inner.map(lambda kind: kind | None if not isinstance(kind, str) else kind),
        st.dictionaries(st.sampled_from(["a", "default", "properties", "title"]), inner, min_size=1, max_size=3).map(
            lambda fields: create_model(
                "Made", **{name: (kind, Field(description="d")) for name, kind in fields.items()}
            )
        ),  # type: ignore[call-overload]
    ),
    max_leaves=8,
)


@examples(200)
@given(TYPES)
def test_any_type_has_a_strict_schema(kind: Any) -> None:
    made(kind)
