"""Turn the fields of a form or a query into the parameters that they stand for. Pure.

A form knows text alone. A number, a truth value, a list or an object is what the OpenAI API documents for the field,
in every spelling that HTTP libraries and people use. A field without a value asks for nothing.

Source: the form schemas of the OpenAI API reference, as `OPENAI_PARAMETERS` has them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from llmgate_core.serving import FAMILIES, OPENAI_PARAMETERS, FilePart, LedgerEntry, decode
from llmgate_gateway.http.responses import RefusedError, refuse
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["form_parameters", "query_parameters"]

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
TRUE, FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
SEVERAL_FILES = frozenset({("edit", "image")})
"""Operation and field that take more than one file; all others take one."""
FILES_OF_OPERATION: Mapping[str, str] = {"edit": "image", "variation": "image"}
EMPTY = "the form has it without a value"


def form_parameters(route: HTTPRoute, fields: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    """Return the parameters of a form, and entries for the fields that have no value and are left out.

    Raises:
        RefusedError: 400: a value is not what its field takes, or a file is missing or one too many.
    """
    body: dict[str, Any] = {}
    entries: list[LedgerEntry] = []
    family, types = FAMILIES[route.family], _types(route)
    for name, value in fields.items():
        if name in family.files:
            body[name] = _one_file(route.operation, name, value)
        elif _has_file(value):
            raise _invalid_file(name, f"{name[:80]} is not a file, and the form has one for it.")
        elif name in family.inputs or name == "model":
            body[name] = value
        elif value in ("", [""]):
            entries.append(LedgerEntry(name, "dropped", EMPTY, "RFC 7578"))
        else:
            body[name] = _typed(name, value, types.get(name, ()))
    _check_files(route, body)
    return body, tuple(entries)


def query_parameters(route: HTTPRoute, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a query; one that is a number or a truth value and has no value is left out.

    Raises:
        RefusedError: 400: a value is not what its field takes.
    """
    types = _types(route)
    simple = {name: kinds for name, kinds in types.items() if not {"list", "object"} & set(kinds)}
    return {
        name: _typed(name, value, simple.get(name, ()))
        for name, value in fields.items()
        if value != "" or "string" in types.get(name, ("string",))
    }


def _has_file(value: Any) -> bool:
    return isinstance(value, FilePart) or (isinstance(value, list) and any(map(_has_file, value)))


def _types(route: HTTPRoute) -> Mapping[str, tuple[str, ...]]:
    rules = OPENAI_PARAMETERS.get(f"{route.family}.{route.operation}") or OPENAI_PARAMETERS.get(route.family, {})
    return {name: rule.types for name, rule in rules.items()}


def _typed(name: str, value: Any, types: tuple[str, ...]) -> Any:
    """Return what a field's text stands for, by the types that its parameter takes."""
    if not isinstance(value, str) or not types:
        return value
    text = value.strip()
    if types == ("boolean",):
        return _truth_value(name, text)
    if types in (("number",), ("integer",)):
        return _number(name, text)
    if types == ("list",):
        return _json(text, "[", list) or [value]
    return (_json(text, "{", dict) if "object" in types else None) or value


def _truth_value(name: str, text: str) -> bool:
    lower = text.lower()
    if lower in TRUE or lower in FALSE:
        return lower in TRUE
    raise refuse(400, f"{name} is neither true nor false.", code="invalid_value", param=name)


def _number(name: str, text: str) -> float:
    if NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return int(text) if text.lstrip("+-").isdigit() else number
    raise refuse(400, f"{name} is not a number.", code="invalid_value", param=name)


def _json(text: str, start: str, kind: type) -> Any:
    """Return the list or object that a field holds as JSON; None if it holds none."""
    if not text.startswith(start):
        return None
    try:
        value = decode(text)
    except ValueError:
        return None
    return value if isinstance(value, kind) else None


def _one_file(operation: str, name: str, value: Any) -> Any:
    """Return the file of a field, which some encoders send as a list (`file[]`)."""
    if not isinstance(value, list) or (operation, name) in SEVERAL_FILES:
        return value
    if len(value) > 1 and all(isinstance(item, FilePart) for item in value):
        raise _invalid_file(name, f"{name} takes one file, and the form has {len(value)}.")
    return value[0] if len(value) == 1 else value


def _check_files(route: HTTPRoute, body: Mapping[str, Any]) -> None:
    required = FAMILIES[route.family].required & FAMILIES[route.family].files
    needed = FILES_OF_OPERATION.get(route.operation) or next(iter(required), None)
    if needed is not None and needed not in body and f"{needed}s" not in body:
        raise _invalid_file(needed, f"The form has no file in the field {needed!r}.")


def _invalid_file(name: str, message: str) -> RefusedError:
    return refuse(400, message, code="invalid_file", param=name[:80])
