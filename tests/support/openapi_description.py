"""Validate values against the pruned description: the body, query and answers of each operation, and components.

Says what is wrong and where; knows nothing of llmgate.

Source: openapi.json beside this file, made by prune.py; JSON Schema 2020-12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]  # as above
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.support.paths import OPENAPI

__all__ = [
    "endpoint_of",
    "form_value",
    "properties_of",
    "resolved",
    "schema_names",
    "wrong",
    "wrong_body",
    "wrong_event",
    "wrong_query",
]

URN = "urn:openapi"


@cache
def description() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENAPI.read_bytes())
    return found


@cache
def _validator(pointer: str) -> Draft202012Validator:
    resource = Resource.from_contents(description(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(URN, resource)
    return Draft202012Validator({"$ref": f"{URN}#{pointer}"}, registry=registry)


def _wrong(pointer: str, value: Any) -> str | None:
    error = best_match(_validator(pointer).iter_errors(value))
    return None if error is None else f"{error.json_path}: {error.message[:300]}"


def schema_names() -> frozenset[str]:
    """Return the names of all components."""
    return frozenset(description()["components"]["schemas"])


def properties_of(name: str) -> dict[str, Any]:
    """Return the properties of a component, and of those that it is made of, with their schemas."""
    return dict(_properties(description()["components"]["schemas"][name]))


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema, or the component that it refers to."""
    while "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    schema = resolved(schema)
    yield from schema.get("properties", {}).items()
    for keyword in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(keyword, ()):
            yield from _properties(branch)


def wrong(name: str, value: Any) -> str | None:
    """Return what makes `value` no valid `name`, a component; None where it is one."""
    return _wrong(f"/components/schemas/{name}", value)


def wrong_event(name: str, event: Mapping[str, Any]) -> str | None:
    """Return what makes `event` none of the union `name`: judged by the one that has its type, the others are slow."""
    component = _components_by_type(name).get(event.get("type"))
    return f"no event of {name} has the type {event.get('type')!r}" if component is None else wrong(component, event)


@cache
def _components_by_type(union: str) -> dict[Any, str]:
    schemas = description()["components"]["schemas"]
    names = [branch["$ref"].rpartition("/")[2] for branch in schemas[union]["anyOf"]]
    return {kind: name for name in names for kind in schemas[name]["properties"]["type"]["enum"]}


def endpoint_of(method: str, path: str) -> str:
    """Return the operation that a request goes to, for example `GET /videos/{video_id}`."""
    for operation in description()["operations"]:
        known, template = operation.split(" ")
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/"))
        if known == method and re.fullmatch(pattern, path):
            return str(operation)
    raise LookupError(f"the description has no {method} {path}")


def wrong_body(operation: str, media: str, body: Any) -> str | None:
    """Return what is wrong with a request's body."""
    return _wrong(f"/operations/{_escaped(operation)}/body/{_escaped(media)}", body)


def wrong_query(operation: str, query: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a request's query: a name that there is not, or its value."""
    known = description()["operations"][operation]["query"]
    if unknown := query.keys() - known.keys():
        return f"no query parameters: {sorted(unknown)}"
    place = f"/operations/{_escaped(operation)}/query"
    found = (_wrong(f"{place}/{_escaped(name)}", value) for name, value in query.items())
    return next((error for error in found if error is not None), None)


def _escaped(part: str) -> str:
    """Return a key as one step of a JSON pointer in a URI fragment."""
    escaped = part.replace("~", "~0").replace("/", "~1")
    return escaped.replace("{", "%7B").replace("}", "%7D").replace(" ", "%20")


def form_value(operation: str, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a form's texts as the value that the description speaks of: `name[]` a list, `name[key]` an object.

    A text that the description takes as text stays one; any other is read as JSON, as servers do.
    """
    component = description()["operations"][operation]["body"]["multipart/form-data"]["$ref"].rpartition("/")[2]
    value: dict[str, Any] = {}
    for name, text in fields:
        base, _, key = name.removesuffix("]").partition("[")
        is_text = _wrong(f"/components/schemas/{component}/properties/{base}", text) is None
        if not name.endswith("]"):
            assert base not in value, f"the form has two fields {name}"
            value[base] = text if is_text else json.loads(text)
        elif key:
            value.setdefault(base, {})[key] = _scalar(text)
        else:
            value.setdefault(base, []).append(text)
    return value


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
