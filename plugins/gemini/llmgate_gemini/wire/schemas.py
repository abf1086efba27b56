"""Write a JSON schema as the subset of OpenAPI's schemas that older models take.

Pure. What the subset has no words for is left out, with a ledger entry.

Source: Gemini API reference, `Schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger

__all__ = ["openapi_schema"]

KEPT = frozenset(
    {
        "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
        "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
        "default", "items", "minimum", "maximum",
    }
)  # fmt: skip
DROPPED_WITHOUT_LOSS = frozenset({"$schema", "$id", "$defs", "definitions", "$comment"})
MAX_DEPTH = 32


def openapi_schema(schema: Mapping[str, Any], ledger: Ledger, param: str) -> JsonObject:
    """Return the schema in Google's words; `param` is the parameter that it belongs to."""
    definitions = {**_object(schema.get("definitions")), **_object(schema.get("$defs"))}
    lost: set[str] = set()
    made = _converted(schema, definitions, lost, 0)
    if lost:
        ledger.lost(param, f"this model's schemas have no {', '.join(sorted(lost))[:120]}")
    return made


def _converted(schema: Any, definitions: Mapping[str, Any], lost: set[str], depth: int) -> JsonObject:
    if not isinstance(schema, Mapping):
        return {}
    if depth > MAX_DEPTH:
        lost.add("recursion")
        return {"type": "object"}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        rest = {name: value for name, value in schema.items() if name != "$ref"}
        return _converted(
            {**_object(definitions.get(reference.rpartition("/")[2])), **rest}, definitions, lost, depth + 1
        )
    made: JsonObject = {}
    for name, value in schema.items():
        _convert(made, name, value, definitions, lost, depth + 1)
    return made


def _convert(
    made: JsonObject, name: str, value: Any, definitions: Mapping[str, Any], lost: set[str], depth: int
) -> None:
    if name == "properties" and isinstance(value, Mapping):
        made[name] = {key: _converted(item, definitions, lost, depth) for key, item in value.items()}
    elif name == "items":
        made[name] = _converted(value, definitions, lost, depth)
    elif name in ("anyOf", "oneOf") and isinstance(value, list):
        made["anyOf"] = [_converted(item, definitions, lost, depth) for item in value]
    elif name == "type" and isinstance(value, list):
        kinds = [kind for kind in value if kind != "null"]
        made.update({"type": kinds[0] if kinds else "null"}, **({"nullable": True} if "null" in value else {}))
        lost.update(["lists of types"] if len(kinds) > 1 else [])
    elif name == "const":
        made["enum"] = [value]
    elif name in KEPT:
        made[name] = value
    elif name not in DROPPED_WITHOUT_LOSS:
        lost.add(str(name))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
