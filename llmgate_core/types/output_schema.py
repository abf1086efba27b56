"""A type of the caller's -> the JSON schema that an answer has to match, and an answer's text -> a value of that type.

Pure. The type may be a pydantic class, a dataclass, a TypedDict, `list[City]`, any other type that pydantic can
validate, or a `TypeAdapter`. The schema's root has to be an object; another type is sent as the only field of one.

Source: OpenAI's guide to structured outputs, "Supported schemas".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter

from llmgate_core.errors import BadRequestError, bad_request
from llmgate_core.json_codec import decode, encode

__all__ = ["OutputSchema", "name_of", "output_schema"]

WRAPPED = "value"
"""The field that holds a value whose type is not an object."""
MAX_NAME_CHARACTERS = 64
NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]+")
DEFINITIONS = "#/$defs/"
SCHEMA_MAPS = frozenset({"properties", "$defs", "patternProperties"})
SCHEMA_LISTS = frozenset({"anyOf", "allOf", "prefixItems"})
SCHEMAS = frozenset({"items", "additionalProperties", "not", "contains"})
NOT_IN_STRICT = frozenset({"default", "discriminator"})


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """How a type is asked for, and read.

    Attributes:
        name: letters, digits, `_` and `-`, at most 64.
        schema: strict, its root an object.
        is_wrapped: the value is the only field of that object.
        adapter: validates values of the type.
    """

    name: str
    schema: dict[str, Any]
    is_wrapped: bool
    adapter: TypeAdapter[Any]

    @property
    def json_schema(self) -> dict[str, Any]:
        """The object that the API calls `json_schema`."""
        return {"name": self.name, "schema": self.schema, "strict": True}

    def parse(self, text: str) -> Any:
        """Return the value in an answer's text.

        Raises:
            pydantic.ValidationError: the text does not match the type.
        """
        if self.is_wrapped:
            try:
                answer = decode(text)
            except ValueError:
                answer = None
            if isinstance(answer, dict) and answer.keys() == {WRAPPED}:
                return self.adapter.validate_json(encode(answer[WRAPPED]))
        return self.adapter.validate_json(text)


def output_schema(kind: Any, param: str = "response_format") -> OutputSchema:
    """Return how values of a type are asked for; the same object for the same type.

    Raises:
        BadRequestError: pydantic has no schema for the type, or the type says nothing about its fields.
    """
    try:
        return _cached_schema(kind, param)
    except TypeError:  # a type that cannot be hashed
        return _built_schema(kind, param)


@lru_cache(maxsize=128)
def _cached_schema(kind: Any, param: str) -> OutputSchema:
    return _built_schema(kind, param)


def _built_schema(kind: Any, param: str) -> OutputSchema:
    name = name_of(kind)
    try:
        adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
        schema = _strict(_with_object_root(adapter.json_schema()))
    except PydanticUserError as error:
        raise _no_schema(param, name, str(error.message)) from None
    is_wrapped = schema.get("type") != "object"
    if not is_wrapped and "properties" not in schema:
        raise _no_schema(param, name, "it does not say which fields the object has")
    if is_wrapped:
        schema = _wrapped(schema)
    return OutputSchema(_legal_name(name), schema, is_wrapped, adapter)


def _no_schema(param: str, name: str, reason: str) -> BadRequestError:
    takes = "a pydantic class, a dataclass, a TypedDict, a type such as list[City], a TypeAdapter or an object"
    return bad_request(param, f"{param} takes {takes}; {name} has no JSON schema that can be sent: {reason}")


def name_of(kind: Any) -> str:
    """Return a short name for a type: `City`, `list_City`."""
    if isinstance(kind, TypeAdapter):
        return str(kind.json_schema().get("title", "output"))
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return name_of(arguments[0])
    if origin is None:
        return str(getattr(kind, "__name__", kind))
    return "_".join([getattr(origin, "__name__", str(origin)), *(name_of(argument) for argument in arguments)])


def _legal_name(name: str) -> str:
    return NOT_IN_NAMES.sub("_", name).strip("_")[:MAX_NAME_CHARACTERS] or "output"


def _with_object_root(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definition that a root refers to in the root's place: a class that contains itself is a definition."""
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith(DEFINITIONS):
        return schema
    siblings = {name: value for name, value in schema.items() if name != "$ref"}
    return {**schema["$defs"][reference.removeprefix(DEFINITIONS)], **siblings}


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    inner = {name: value for name, value in schema.items() if name != "$defs"}
    outer = {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED], "additionalProperties": False}
    return {**outer, **definitions}


def _strict(schema: Any) -> Any:
    """Make a schema follow the rules of strict output; values that are not schemas are kept as they are.

    The rules: every object closed, every property required, no default, `anyOf` for `oneOf` and a lone `allOf`, and
    nothing beside a `$ref`.
    """
    if not isinstance(schema, Mapping):
        return schema
    strict = {name: _strict_keyword(name, value) for name, value in schema.items() if name not in NOT_IN_STRICT}
    if "oneOf" in strict:
        strict["anyOf"] = [_strict(choice) for choice in strict.pop("oneOf")]
    if len(strict.get("allOf", ())) == 1:  # how older pydantic writes a reference that has a description
        strict["anyOf"] = strict.pop("allOf")
    if "$ref" in strict and len(strict) > 1:
        strict["anyOf"] = [{"$ref": strict.pop("$ref")}]
    if "properties" in strict:
        strict["additionalProperties"] = False
        strict["required"] = list(strict["properties"])
    return strict


def _strict_keyword(name: str, value: Any) -> Any:
    if name in SCHEMA_MAPS and isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if name in SCHEMA_LISTS and isinstance(value, list):
        return [_strict(item) for item in value]
    return _strict(value) if name in SCHEMAS else value
