"""Check a row against `row.schema.json`, and say where it is wrong and what is accepted there. Pure but for one file.

Only the part of JSON Schema that the file uses: `$ref`, `type`, `enum`, `const`, `pattern`, `properties`, `required`,
`additionalProperties`, `minProperties`, `items`, `minItems`, and `oneOf` of objects that differ in the constant `do`.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import decode

__all__ = ["first_problem", "row_schema"]

Schema = Mapping[str, Any]
KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "number": (int, float),
        "integer": (int,),
        "boolean": (bool,),
        "null": (type(None),),
    }
)
NOUNS: Mapping[str, str] = MappingProxyType(
    {
        "object": "an object",
        "array": "a list",
        "string": "a string",
        "number": "a number",
        "integer": "a whole number",
        "boolean": "true or false",
        "null": "null",
    }
)
DISCRIMINATOR = "do"
MAX_SHOWN_CHARACTERS = 60


@cache
def row_schema() -> Schema:
    """Return the schema of a row, read once."""
    schema: Schema = decode(Path(__file__).with_name("row.schema.json").read_bytes())
    return schema


def first_problem(document: Any) -> str | None:
    """Return where a row is wrong and what is accepted there, such as `quirks[2].params: ...`; None: it is right."""
    return next(_problems(document, row_schema(), ""), None)


def _problems(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if "$ref" in schema:
        yield from _problems(value, row_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")], path)
        return
    if "oneOf" in schema:
        yield from _problems_of_variant(value, schema["oneOf"], path)
        return
    problem = _problem_of_value(value, schema)
    if problem is not None:
        yield f"{path or 'the row'}: {problem}"
    elif isinstance(value, dict):
        yield from _problems_of_object(value, schema, path)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _problems(item, schema["items"], f"{path}[{index}]")


def _problem_of_value(value: Any, schema: Schema) -> str | None:
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, kind) for kind in kinds):
        return f"must be {' or '.join(NOUNS[kind] for kind in kinds)}, not {_shown(value)}"
    if "enum" in schema and value not in schema["enum"]:
        return (
            f"must be one of {', '.join(map(str, schema['enum']))}, not {_shown(value)}{_hint(value, schema['enum'])}"
        )
    if "const" in schema and value != schema["const"]:
        return f"must be {schema['const']!r}, not {_shown(value)}"
    if isinstance(value, str) and "pattern" in schema and not re.search(_to_end(schema["pattern"]), value):
        return f"must be {schema.get('description', 'another string')}, not {_shown(value)}"
    size, noun = (
        (schema.get("minItems", 0), "item") if isinstance(value, list) else (schema.get("minProperties", 0), "key")
    )
    if isinstance(value, (list, dict)) and len(value) < size:
        return f"needs at least {size} {noun}"
    return None


def _to_end(pattern: str) -> str:
    """Return a pattern whose `$` is the end of the string, as in JSON Schema; in Python a line's end may follow it."""
    return pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern


def _problems_of_object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[str]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    inside = f"{path}." if path else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path or 'the row'}: {name!r} is missing"
    for name, item in value.items():
        if name in known:
            yield from _problems(item, known[name], f"{inside}{name}")
        elif others is False:
            yield f"{inside}{name}: there is no such key; there are {', '.join(known)}{_hint(name, known)}"
        elif isinstance(others, Mapping):
            yield from _problems(item, others, f"{inside}{name}")


def _problems_of_variant(value: Any, variants: list[Schema], path: str) -> Iterator[str]:
    """Yield what is wrong by the variant that the constant `do` names."""
    definitions = [row_schema()["$defs"][it["$ref"].removeprefix("#/$defs/")] for it in variants]
    by_name = {it["properties"][DISCRIMINATOR]["const"]: it for it in definitions}
    name = value.get(DISCRIMINATOR) if isinstance(value, Mapping) else None
    if isinstance(name, str) and name in by_name:
        yield from _problems(value, by_name[name], path)
    elif not isinstance(value, Mapping):
        yield f"{path}: must be an object, not {_shown(value)}"
    else:
        yield f"{path}.{DISCRIMINATOR}: must be one of {', '.join(by_name)}, not {_shown(name)}{_hint(name, by_name)}"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, bool) == (kind == "boolean") and isinstance(value, KINDS[kind])


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= MAX_SHOWN_CHARACTERS else f"{shown[:MAX_SHOWN_CHARACTERS]}..."


def _hint(name: Any, known: Any) -> str:
    near = get_close_matches(str(name), [str(it) for it in known], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
