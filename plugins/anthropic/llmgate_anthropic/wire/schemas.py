"""Make a JSON schema one that structured output takes. Tables first.

Pure; does not modify the schema. The API refuses a schema with an object that does not forbid further properties, and
one with a bound that it cannot hold the model to: the first is added, the second left out and put into the description,
as the SDK does. A caller's own check of the answer, such as a pydantic class, still holds.

Source: Anthropic API reference, structured outputs, limitations; the SDK `anthropic` 2.14.0, `transform_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger

__all__ = ["structured_schema"]

PARAM = "response_format"
BOUNDS = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "patternProperties",
    }
)
"""Keywords that the API refuses; so is `minItems` above 1."""

MAPS = frozenset({"properties", "$defs", "definitions"})
"""Keywords with an object of schemas."""

LISTS = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
"""Keywords with a list of schemas."""


def structured_schema(schema: Mapping[str, Any], ledger: Ledger) -> JsonObject:
    """Return the schema as it is sent; `ledger` receives what was changed."""
    sent: JsonObject = {}
    lost: dict[str, Any] = {}
    for name, value in schema.items():
        if name in BOUNDS or (name == "minItems" and value not in (0, 1)):
            lost[name] = value
        else:
            sent[name] = _converted(name, value, ledger)
    if lost:
        ledger.lost(PARAM, f"structured output takes no {', '.join(lost)}: they are sent in the description")
        bounds = ", ".join(f"{name}: {value}" for name, value in lost.items())
        sent["description"] = f"{sent['description']} ({bounds})" if sent.get("description") else bounds
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        ledger.emulated(PARAM, "structured output takes objects without further properties alone")
        sent["additionalProperties"] = False
    return sent


def _converted(name: str, value: Any, ledger: Ledger) -> Any:
    if name in MAPS and isinstance(value, Mapping):
        return {key: _schema(item, ledger) for key, item in value.items()}
    if name in LISTS and isinstance(value, (list, tuple)):
        return [_schema(item, ledger) for item in value]
    return _schema(value, ledger) if name in ("items", "not") else value


def _schema(value: Any, ledger: Ledger) -> Any:
    return structured_schema(value, ledger) if isinstance(value, Mapping) else value
