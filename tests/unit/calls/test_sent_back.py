"""The table of nullable fields is that of the API description, and the typed fields are those of the class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmgate_core.calls.sent_back import NULLABLE_ITEM_FIELDS, TYPED_FIELDS
from llmgate_core.types.responses import OutputItem
from tests.support.openapi_description import description


def resolved(schema: Any) -> Any:
    while "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def members(schema: Any) -> Iterator[Any]:
    """Yield the objects of a union, at any depth."""
    schema = resolved(schema)
    if "properties" in schema:
        yield schema
    for name in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(name, ()):
            yield from members(part)


def is_nullable(schema: Any) -> bool:
    schema = resolved(schema)
    kinds = schema.get("type")
    if kinds == "null" or (isinstance(kinds, list) and "null" in kinds):
        return True
    return any(is_nullable(part) for name in ("anyOf", "oneOf") for part in schema.get(name, ()))


def test_the_nullable_fields_of_items_are_those_of_the_description() -> None:
    nullable: dict[str, set[str]] = {}
    for item in members(description()["components"]["schemas"]["InputItem"]):
        kind = resolved(item["properties"].get("type", {}))
        for name in kind.get("enum", [kind.get("const")]):
            fields = {field for field, schema in item["properties"].items() if is_nullable(schema)}
            nullable.setdefault(name, set()).update(fields & TYPED_FIELDS)
    assert {name: fields for name, fields in nullable.items() if fields and name} == NULLABLE_ITEM_FIELDS


def test_the_typed_fields_are_those_of_the_class() -> None:
    assert frozenset(OutputItem.model_fields) == TYPED_FIELDS
