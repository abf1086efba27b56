"""The JSON Schema of a config file, for editors.

Pure. It accepts what `load_config` accepts: LiteLLM's spellings, `os.environ/NAME` for any value, empty sections. It
marks LiteLLM's ignored keys as deprecated, with the reason.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_gateway.config.litellm.fates import litellm_keys
from llmgate_gateway.config.schema.config_model import ConfigModel
from llmgate_gateway.config.schema.file_schema import ConfigFile
from llmgate_gateway.config.yaml.environment import PREFIX

__all__ = ["json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": f"^{PREFIX}[A-Za-z_][A-Za-z0-9_]*$"}
LIMITS = MappingProxyType({"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"})
NOT_TEXT = frozenset({"integer", "number", "boolean"})
SHORT_FORMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "Alias": {"type": "string"},
        "Extension": {"type": "string"},
        "Passthrough": {"type": "string"},
        "TimeoutLimits": {"type": "number", "exclusiveMinimum": 0},
    }
)
"""Sections that may be given as a single value."""


def json_schema() -> dict[str, Any]:
    """Return the schema as data that `json.dumps` takes."""
    schema = ConfigFile.model_json_schema(mode="validation")
    definitions: dict[str, Any] = schema["$defs"]
    shapes = {model.__name__: model for model in _all_parts()}
    for name, definition in definitions.items():
        if name in shapes:
            _spell(definition, shapes[name])
    _spell(schema, ConfigFile)
    schema["$defs"] = {name: _short(name, _loosen(definition)) for name, definition in definitions.items()}
    properties = {key: _loosen(value) for key, value in schema["properties"].items()}
    whole = {**schema, "$schema": DIALECT, "title": "llmgate gateway config", "properties": properties}
    named: dict[str, Any] = _with_keywords(whole)
    return named


def _with_keywords(value: Any) -> Any:
    """Rename limits to the keywords of JSON Schema: with a validator, pydantic writes its own names."""
    if isinstance(value, list):
        return [_with_keywords(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {LIMITS.get(key, key): _with_keywords(item) for key, item in value.items()}


def _all_parts() -> list[type[ConfigModel]]:
    models: list[type[ConfigModel]] = []
    waiting: list[type[ConfigModel]] = [ConfigModel]
    while waiting:
        models += (children := waiting.pop().__subclasses__())
        waiting += children
    return models


def _spell(definition: dict[str, Any], model: type[ConfigModel]) -> None:
    """Add LiteLLM's spellings and its ignored keys; either spelling satisfies `required`."""
    properties = definition.setdefault("properties", {})
    for key, words in _descriptions(model).items():
        properties[key]["description"] = words
    for spelling, key in model.familiar.items():
        properties[spelling] = {**properties[key], "description": f"LiteLLM's spelling of `{key}`."}
        if key in definition.get("required", ()):
            definition["required"].remove(key)
            definition.setdefault("allOf", []).append({"oneOf": [{"required": [key]}, {"required": [spelling]}]})
    patterns: dict[str, Any] = {}
    for key, fate in litellm_keys().get(model.table or "", {}).items() if model.table is not None else ():
        note = {"deprecated": True, "description": f"LiteLLM's; {fate.what}: {fate.why}."}
        if fate.what in ("refused", "differs"):
            continue
        if key.endswith("*"):
            ours = "|".join(name for name in model.model_fields if name.startswith(key[:-1]))
            patterns[f"^(?!({ours})$){key[:-1]}" if ours else f"^{key[:-1]}"] = note
        else:
            properties[key] = note
    if model.table == "settings":
        properties["callbacks"] = {"deprecated": True, "description": "LiteLLM's; ignored, or refused for guards."}
    for key in properties.keys() - set(definition.get("required", ())):
        properties[key] = _or_empty(properties[key])
    if patterns:
        definition["patternProperties"] = patterns


def _or_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow a key without a value, which counts as absent."""
    if not any(word in schema for word in ("type", "$ref", "enum", "anyOf", "allOf")):  # allOf: pydantic below 2.9
        return schema
    notes: dict[str, Any] = {key: schema.pop(key) for key in ("description", "deprecated", "default") if key in schema}
    options = schema["anyOf"] if set(schema) <= {"anyOf", "title"} else [schema]
    return {"anyOf": [*(option for option in options if option != {"type": "null"}), {"type": "null"}], **notes}


def _descriptions(model: type[ConfigModel]) -> dict[str, str]:
    """Return the docstring below each key; pydantic's way to read them would cost every start 30 ms."""
    body = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    descriptions: dict[str, str] = {}
    key = None
    for statement in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            key = statement.target.id
        elif (
            key in model.model_fields and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ):
            descriptions[str(key)] = str(statement.value.value)
            key = None
    return descriptions


def _short(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    if name not in SHORT_FORMS:
        return definition
    short = _loosen(dict(SHORT_FORMS[name]))
    return {"anyOf": [short, definition]}


def _loosen(schema: Any) -> Any:
    """Allow a reference to a variable for any value that is not a string."""
    if isinstance(schema, list):
        return [_loosen(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _loosen_value(key, value) for key, value in schema.items()}
    if inner.get("type") in NOT_TEXT or "enum" in inner:
        notes = {key: inner.pop(key) for key in ("description", "default", "deprecated", "title") if key in inner}
        return {"anyOf": [inner, dict(REFERENCE)], **notes}
    return inner


def _loosen_value(key: str, value: Any) -> Any:
    if key in ("properties", "patternProperties", "$defs") and isinstance(value, dict):
        return {name: _loosen(item) for name, item in value.items()}
    if key in ("default", "enum", "required", "examples", "description", "title"):
        return value
    return _loosen(value)
