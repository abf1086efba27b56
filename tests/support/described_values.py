"""Values made from the API's description: every field filled, with text that can be found again.

Knows nothing of llmgate.

Source: OpenAI API reference, by way of the pruned description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.openapi_description import description, properties_of, resolved

__all__ = ["branches_of", "filled", "leaves"]

MAX_DEPTH = 6
UNKNOWN = "made_up"


def branches_of(union: str) -> list[str]:
    """Return the names of the components that a union consists of, those of inner unions too."""
    names: list[str] = []
    for branch in description()["components"]["schemas"][union]["anyOf"]:
        name = branch["$ref"].rpartition("/")[2]
        inner = description()["components"]["schemas"][name]
        names += branches_of(name) if "anyOf" in inner and "properties" not in inner else [name]
    return names


def filled(component: str) -> dict[str, Any]:
    """Return an object of a component with every documented field, and one that nobody documents."""
    fields = {name: _value(schema, name, 1) for name, schema in properties_of(component).items()}
    known = {name: value for name, value in fields.items() if value is not None}
    return {**known, f"{UNKNOWN}_whole": f"text_of_{UNKNOWN}_whole"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text in a value, with the names of the fields, and of the kinds of parts, that lead to it."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        kinds = (kind.removeprefix("input_"),) if path and isinstance(kind, str) else ()
        for name, item in value.items():
            yield from leaves(item, (*path, *kinds, name))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    elif isinstance(value, str) and value:
        yield path, value


def _value(schema: Mapping[str, Any], name: str, depth: int) -> Any:
    """Return a value of a schema; null where the description goes deeper than any bridge."""
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"][-1]
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            values = [_value(branch, name, depth) for branch in schema[keyword] if branch.get("type") != "null"]
            return next((value for value in values if isinstance(value, list)), next(iter(values), None))
    if "allOf" in schema:
        parts = [_value(branch, name, depth) for branch in schema["allOf"]]
        return {key: item for part in parts if isinstance(part, dict) for key, item in part.items()} or parts[0]
    return _plain(schema, name, depth)


def _plain(schema: Mapping[str, Any], name: str, depth: int) -> Any:
    kind = schema.get("type")
    if kind == "array":
        return [item for item in _items(schema.get("items", {}), name, depth) if item is not None]
    if kind == "object" or "properties" in schema:
        if depth >= MAX_DEPTH:
            return None
        fields = {key: _value(inner, key, depth + 1) for key, inner in schema.get("properties", {}).items()}
        known = {key: item for key, item in fields.items() if item is not None}
        return {**known, f"{UNKNOWN}_{name}": f"text_of_{UNKNOWN}_{name}"}
    return {"integer": 1, "number": 0.5, "boolean": True, "null": None}.get(str(kind), f"text_of_{name}")


def _items(schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
    """Return one item of each kind that a list may have."""
    schema = resolved(schema)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not branches:
        return [_value(schema, name, depth + 1)]
    return [item for branch in branches for item in _items(branch, name, depth)]
