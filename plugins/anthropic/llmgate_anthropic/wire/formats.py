"""Structured output: `output_config.format` where the model has it, else a tool that the model is made to call.

Pure. The input of that tool becomes the content of the answer.

Source: Anthropic API reference, structured outputs; LiteLLM's `json_tool_call`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_anthropic.wire.schemas import structured_schema
from llmgate_anthropic.wire.traits import Traits
from llmgate_core.plugin import JsonObject, Ledger, Route

__all__ = ["JSON_TOOL", "emulates_format", "format_of", "json_tool", "schema_of"]

JSON_TOOL = "json_tool_call"


def schema_of(wanted: Any, route: Route) -> Mapping[str, Any] | None:
    """Return the JSON schema of a `response_format`; None: it is of another type.

    Raises:
        BadRequestError: it is malformed.
    """
    if wanted is None:
        return None
    if not isinstance(wanted, Mapping) or not isinstance(wanted.get("type"), str):
        raise route.bad_request("response_format", "response_format must be an object with a type")
    if wanted["type"] != "json_schema":
        return None
    nested = wanted.get("json_schema")
    schema = nested.get("schema") if isinstance(nested, Mapping) else wanted.get("schema")
    if not isinstance(schema, Mapping):
        raise route.bad_request("response_format", "response_format.json_schema.schema must be an object")
    return schema


def emulates_format(body: Mapping[str, Any], traits: Traits) -> bool:
    """Return whether the schema of a chat body is sent as a tool; of the answer, whether that tool is its content."""
    wanted = body.get("response_format")
    return not traits.structured and isinstance(wanted, Mapping) and wanted.get("type") == "json_schema"


def format_of(schema: Mapping[str, Any], ledger: Ledger) -> JsonObject:
    """Return the `output_config.format` of a schema; `ledger` receives what was changed in it."""
    return {"type": "json_schema", "schema": structured_schema(schema, ledger)}


def json_tool(schema: Mapping[str, Any]) -> JsonObject:
    """Return the tool whose input is the answer."""
    given = schema if schema.get("type") == "object" else {"type": "object", **schema}
    return {"name": JSON_TOOL, "description": "Give the answer as the input of this tool.", "input_schema": given}
