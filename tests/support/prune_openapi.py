"""Make `openapi.json`, the part of OpenAI's description that the tests of this folder validate against.

    python tests/support/prune_openapi.py FULL_DESCRIPTION.json > tests/data/openapi.json

Keeps structure only: no description, example, title, default or extension, and of the component schemas those
that our operations and `EXTRA` lead to. What the description says in a way that no validator of its dialect can
read, or that real answers break, is rewritten here and nowhere else (`_rewritten`, `CORRECTIONS`). Changes no file.

Source: github.com/openai/openai-openapi, openapi.json of 2026-08-21 (version 2.3.0, OpenAPI 3.1.0), under the
MIT licence in `LICENSE.openapi`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

REFERENCE = "#/components/schemas/"
KEYWORDS = frozenset(
    {
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "exclusiveMinimum",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "not",
        "pattern",
        "properties",
        "propertyNames",
        "required",
        "type",
    }
)
"""What of a schema decides whether a value is valid; everything else is left out."""

PATHS = (
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/chat/completions",
    "/chat/completions/{completion_id}",
    "/chat/completions/{completion_id}/messages",
    "/completions",
    "/embeddings",
    "/images/edits",
    "/images/generations",
    "/images/variations",
    "/models",
    "/models/{model}",
    "/moderations",
    "/responses",
    "/responses/compact",
    "/responses/input_tokens",
    "/responses/{response_id}",
    "/responses/{response_id}/cancel",
    "/responses/{response_id}/input_items",
    "/videos",
    "/videos/{video_id}",
    "/videos/{video_id}/content",
    "/videos/{video_id}/remix",
)
EXTRA = ("ErrorResponse",)
"""Schemas that no operation names."""

NULL = MappingProxyType({"type": "null"})
CORRECTIONS = (
    ("a response that has not ended has no usage yet", "Response", "usage", NULL),
    ("a stream's chunks say no reason until the last one", "CreateCompletionResponse", "finish_reason", NULL),
    ("encoding_format=base64 gives one text", "Embedding", "embedding", MappingProxyType({"type": "string"})),
)
"""Why, component, a property anywhere in it, and what that may be besides."""


def pruned(full: dict[str, Any]) -> dict[str, Any]:
    """Return the small description that `full` makes."""
    operations = {
        f"{method.upper()} {path}": _operation(operation)
        for path in PATHS
        for method, operation in full["paths"][path].items()
    }
    schemas = full["components"]["schemas"]
    kept: dict[str, Any] = {}
    waiting = [*_references(operations), *EXTRA]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = _rewritten(schemas[name], REFERENCE + name)
            waiting += _references(kept[name])
    for _, component, name, also in CORRECTIONS:
        for properties in _property_maps(kept[component]):
            if name in properties:
                properties[name] = {"anyOf": [properties[name], dict(also)]}
    info = {"title": "pruned by prune.py", "version": full["info"]["version"], "licence": "MIT: LICENSE.openapi"}
    return {"info": info, "operations": operations, "components": {"schemas": dict(sorted(kept.items()))}}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas of body by media type, of each query parameter, and of the answer of status 200."""
    body = operation.get("requestBody", {}).get("content", {})
    answers = operation["responses"].get("200", {}).get("content", {})
    parameters = operation.get("parameters", ())
    return {
        "body": {media: _rewritten(content["schema"], "") for media, content in body.items()},
        "query": {one["name"]: _rewritten(one["schema"], "") for one in parameters if one["in"] == "query"},
        "answers": {media: _rewritten(content["schema"], "") for media, content in answers.items()},
    }


def _rewritten(schema: Any, recursion: str) -> Any:
    """Return a schema without prose, in the words of JSON Schema 2020-12; `recursion` is where `#` points to.

    `nullable` is of OpenAPI 3.0, and the branches of many a `oneOf` overlap, so that valid bodies would fail.
    """
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            kept[name] = {key: _rewritten(item, recursion) for key, item in value.items()}
        elif name in ("allOf", "anyOf", "oneOf"):
            branches = [_rewritten(item, recursion) for item in value]
            kept["anyOf" if name == "oneOf" else name] = branches
        elif name in ("items", "not", "additionalProperties", "propertyNames"):
            kept[name] = _rewritten(value, recursion)
        elif name == "$recursiveRef":
            kept["$ref"] = recursion
        elif name in KEYWORDS:
            kept[name] = value
    return {"anyOf": [kept, dict(NULL)]} if schema.get("nullable") is True else kept


def _property_maps(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for item in schema:
            yield from _property_maps(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield schema["properties"]
        for value in list(schema.values()):
            yield from _property_maps(value)


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in _references(item)]
    if not isinstance(value, dict):
        return []
    own = value.get("$ref")
    found = [own.removeprefix(REFERENCE)] if isinstance(own, str) else []
    return found + [name for item in value.values() for name in _references(item)]


def written(small: dict[str, Any]) -> str:
    """Return the description as text, one operation or component a line."""

    def lines(table: dict[str, Any]) -> str:
        return ",\n".join(
            f"{json.dumps(name)}:{json.dumps(item, separators=(',', ':'))}" for name, item in table.items()
        )

    head = json.dumps(small["info"])
    operations, schemas = lines(small["operations"]), lines(small["components"]["schemas"])
    return f'{{"info":{head},\n"operations":{{\n{operations}\n}},\n"components":{{"schemas":{{\n{schemas}\n}}}}}}\n'


if __name__ == "__main__":
    sys.stdout.write(written(pruned(json.loads(Path(sys.argv[1]).read_bytes()))))
