"""Quirks of tools: fields, keys of their JSON schemas and kinds of tools that are not taken. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route
from llmgate_providers.quirks.edits import BodyEdit, MakeEdit, edited_list, is_forwarded
from llmgate_providers.quirks.schema_refs import without_refs
from llmgate_providers.row import Quirk

__all__ = ["TOOL_EDITS"]

TOOLS = "tools"
MAX_DEPTH = 64


def _with_functions(body: JsonObject, edit: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> JsonObject:
    """Return a body whose function tools are edited."""

    def edit_tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
        function = tool.get("function")
        if not isinstance(function, Mapping):
            return tool
        edited = edit(function)
        return tool if edited is function else {**tool, "function": edited}

    tools = body.get(TOOLS)
    edited = edited_list(tools, edit_tool)
    return body if edited is tools else {**body, TOOLS: edited}


def _drop_function_fields(quirk: Quirk) -> BodyEdit:
    fields = frozenset(quirk.given["fields"])

    def without_fields(function: Mapping[str, Any]) -> Mapping[str, Any]:
        if fields.isdisjoint(function):
            return function
        return {name: value for name, value in function.items() if name not in fields}

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        edited = _with_functions(body, without_fields)
        return body if edited is body or is_forwarded(TOOLS, route, ledger, quirk) else edited

    return edit


def _drop_schema_keys(quirk: Quirk) -> BodyEdit:
    keys = frozenset(quirk.given["keys"])

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        edited = _with_functions(body, lambda function: _with_parameters(function, lambda it: _pruned(it, keys, 0)))
        return body if edited is body or is_forwarded(TOOLS, route, ledger, quirk) else edited

    return edit


def _with_parameters(function: Mapping[str, Any], edit: Callable[[Any], Any]) -> Mapping[str, Any]:
    parameters = function.get("parameters")
    edited = edit(parameters)
    return function if edited is parameters else {**function, "parameters": edited}


def _pruned(schema: Any, keys: frozenset[str], depth: int) -> Any:
    """Return a JSON schema without some of its keywords, also in its parts; names of properties are no keywords."""
    if depth > MAX_DEPTH:
        return schema
    if isinstance(schema, list):
        items = [_pruned(item, keys, depth + 1) for item in schema]
        return schema if all(new is old for new, old in zip(items, schema, strict=True)) else items
    if not isinstance(schema, Mapping):
        return schema
    kept = {name: _pruned_part(name, part, keys, depth) for name, part in schema.items() if name not in keys}
    is_same = len(kept) == len(schema) and all(kept[name] is part for name, part in schema.items())
    return schema if is_same else kept


def _pruned_part(name: str, part: Any, keys: frozenset[str], depth: int) -> Any:
    if name in NAMED_SCHEMAS and isinstance(part, Mapping):
        schemas = {key: _pruned(item, keys, depth + 1) for key, item in part.items()}
        return part if all(schemas[key] is item for key, item in part.items()) else schemas
    return part if name in PLAIN_VALUES else _pruned(part, keys, depth + 1)


NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose value maps names to schemas."""
PLAIN_VALUES = frozenset({"enum", "const", "default", "examples", "required"})
"""Keywords whose value is data and no schema."""


def _inline_refs(quirk: Quirk) -> BodyEdit:
    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        def inlined(function: Mapping[str, Any]) -> Mapping[str, Any]:
            return _with_parameters(function, lambda schema: without_refs(schema, route))

        edited = _with_functions(body, inlined)
        if edited is not body:
            ledger.bridged(TOOLS, quirk.reason)
        return edited

    return edit


def _take_tool_types(quirk: Quirk) -> BodyEdit:
    types = frozenset(quirk.given["types"])

    def edit(body: JsonObject, _route: Route, ledger: Ledger) -> JsonObject:
        tools = body.get(TOOLS)
        if not isinstance(tools, list):
            return body
        taken = [tool for tool in tools if not isinstance(tool, Mapping) or tool.get("type") in types]
        if len(taken) == len(tools) or ledger.forwards(TOOLS, quirk.reason):
            return body
        rest = {name: value for name, value in body.items() if name not in (TOOLS, "tool_choice")}
        return {**body, TOOLS: taken} if taken else rest

    return edit


TOOL_EDITS: Mapping[str, MakeEdit] = MappingProxyType(
    {
        "drop_function_fields": _drop_function_fields,
        "drop_schema_keys": _drop_schema_keys,
        "inline_refs": _inline_refs,
        "take_tool_types": _take_tool_types,
    }
)
"""Name of a quirk -> what makes its edit."""
