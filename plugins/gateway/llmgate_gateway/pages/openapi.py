"""Describe the gateway's routes as an OpenAPI document, made from the table of routes.

OpenAI decides what a request of a family may hold, and changes it often: only the required fields are described here,
and every other is allowed.

Source: OpenAPI Specification 3.1.0; `http/routes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.serving import FAMILIES
from llmgate_gateway.http.routes import HTTPRoute

__all__ = ["document"]

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "chat.create": ("model", "messages"),
        "responses.create": ("model", "input"),
        "text_completion.create": ("model", "prompt"),
        "embedding.create": ("model", "input"),
        "transcription.create": ("model", "file"),
        "translation.create": ("model", "file"),
        "speech.create": ("model", "input", "voice"),
        "image.create": ("model", "prompt"),
        "image.edit": ("model", "image", "prompt"),
        "image.variation": ("model", "image"),
        "video.create": ("model", "prompt"),
        "moderation.create": ("model", "input"),
        "messages.create": ("model", "max_tokens", "messages"),
        "messages.count_tokens": ("model", "messages"),
        "rerank.create": ("model", "query", "documents"),
    }
)
FIELDS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "model": {"type": "string", "description": "A name from `/v1/models`, or one that its patterns match."},
        "messages": {"type": "array", "items": {"type": "object"}},
        "max_tokens": {"type": "integer"},
        "documents": {"type": "array"},
        "query": {},
        "file": {"type": "string", "format": "binary"},
        "image": {"type": "string", "format": "binary"},
        "voice": {},
        "prompt": {},
        "input": {},
    }
)
PAGES: Mapping[tuple[str, str], tuple[str, str, str]] = MappingProxyType(
    {
        ("GET", "/"): ("The home page", "text/html", "home"),
        ("GET", "/livez"): ("Whether this process answers", "application/json", "livez"),
        ("GET", "/readyz"): (
            "Whether to send requests here, and the state of each model",
            "application/json",
            "readyz",
        ),
        ("GET", "/metrics"): ("Metrics as Prometheus reads them", "text/plain", "metrics"),
        ("GET", "/openapi.json"): ("This document", "application/json", "openapi"),
        ("GET", "/docs"): ("This document as a page", "text/html", "docs"),
        ("POST", "/explain"): ("What would be sent upstream, and why; sends nothing", "application/json", "explain"),
    }
)
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "chat": "Chat",
        "responses": "Responses",
        "text_completion": "Completions",
        "embedding": "Embeddings",
        "transcription": "Audio",
        "translation": "Audio",
        "speech": "Audio",
        "image": "Images",
        "video": "Videos",
        "moderation": "Moderations",
        "messages": "Messages",
        "rerank": "Rerank",
        "models": "Models",
        "page": "Gateway",
    }
)
BINARY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"speech": ("application/octet-stream", "audio/*"), "video": ("application/octet-stream", "video/*", "image/*")}
)
"""Family -> content types of its answers of bytes, which the upstream chooses."""
ERROR = {
    "description": "An error in OpenAI's shape; the status and code are the upstream's where it sent them.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
MESSAGES_ERROR = {
    "description": "An error in the shape of Anthropic's API; the status is the upstream's where it sent one.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MessagesError"}}},
}
ERRORS: Mapping[str, Any] = MappingProxyType({"anthropic": MESSAGES_ERROR})
"""Dialect -> its errors, where they are not OpenAI's."""
KEYS: Mapping[str, Any] = MappingProxyType(
    {
        "key": {"type": "http", "scheme": "bearer"},
        "x_api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
)
SCHEMAS: Mapping[str, Any] = MappingProxyType(
    {
        "MessagesError": {
            "type": "object",
            "required": ["type", "error", "request_id"],
            "properties": {
                "type": {"const": "error"},
                "request_id": {"type": ["string", "null"]},
                "error": {
                    "type": "object",
                    "required": ["type", "message"],
                    "properties": {
                        "type": {"type": "string"},
                        "message": {"type": "string"},
                        "details": {"type": "object", "additionalProperties": True},
                    },
                },
            },
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type", "param", "code"],
                    "properties": {
                        "message": {"type": "string"},
                        "type": {"type": "string"},
                        "param": {"type": ["string", "null"]},
                        "code": {"type": ["string", "null"]},
                    },
                }
            },
        },
        "Explain": {
            "type": "object",
            "required": ["path", "body"],
            "properties": {
                "path": {"type": "string", "examples": ["/v1/chat/completions"]},
                "body": {"type": "object", "additionalProperties": True},
            },
        },
    }
)


def document(routes: Iterable[HTTPRoute], *, version: str, asks_for_key: bool) -> dict[str, Any]:
    """Return the document, without the aliases of routes and other ways to write them."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.names_model:
            continue
        operation = _page(route) if route.is_page else _call(route)
        if not asks_for_key or route.is_open:
            operation["security"] = []
        paths.setdefault(route.path, {}).setdefault(route.method.lower(), operation)  # the first is served
    about = (
        "The routes of this gateway. Each path below `/v1` is served without `/v1` too. `/v1/models` answers in the "
        "shape of Anthropic's API if a request has the header `anthropic-version`."
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "llmgate gateway", "version": version, "description": about},
        "paths": dict(sorted(paths.items())),
        "security": [{"key": []}, {"x_api_key": []}] if asks_for_key else [],
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": dict(KEYS),
        },
    }


def _page(route: HTTPRoute) -> dict[str, Any]:
    summary, kind, name = PAGES.get((route.method, route.path), (route.path, "application/json", route.path.strip("/")))
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "tags": [TITLES["page"]],
        "responses": {"200": {"description": summary, "content": {kind: {}}}, "default": ERROR},
    }
    if route.path == "/readyz":
        operation["responses"]["503"] = {"description": "Send no requests here: it is stopping", "content": {kind: {}}}
    if route.has_body:
        schema = {"$ref": "#/components/schemas/Explain"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _call(route: HTTPRoute) -> dict[str, Any]:
    key = f"{route.family}.{route.operation}"
    operation: dict[str, Any] = {
        "operationId": key,
        "summary": f"{TITLES.get(route.family, route.family)}: {route.operation.replace('_', ' ')}",
        "tags": [TITLES.get(route.family, route.family)],
        "responses": {"200": _answer(route), "default": ERRORS.get(route.dialect, ERROR)},
    }
    parameters = [_parameter(name, "path") for name in route.names] + [
        _parameter(name, "query") for name in sorted(route.query)
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.has_body:
        needed = REQUIRED.get(key, ("model",) if route.takes_model else ())
        schema: dict[str, Any] = {"type": "object", "additionalProperties": True}
        if needed:
            schema |= {"required": list(needed), "properties": {name: dict(FIELDS[name]) for name in needed}}
        kinds = ("multipart/form-data", "application/json") if route.takes_files else ("application/json",)
        content = {kind: {"schema": schema} for kind in kinds}
        operation["requestBody"] = {"required": bool(needed), "content": content}
    return operation


def _answer(route: HTTPRoute) -> dict[str, Any]:
    family = FAMILIES.get(route.family)
    content: dict[str, Any] = {"application/json": {}}
    if family is not None:
        operation = family.operations[route.operation]
        if operation.is_binary:
            content = {kind: {} for kind in BINARY.get(route.family, ("*/*",))}
        if operation.text_when is not None:
            content["text/plain"] = {}
        if family.chunk is not None and route.operation in ("create", "edit"):
            content["text/event-stream"] = {}
    return {"description": "The answer, as the upstream sent it.", "content": content}


def _parameter(name: str, location: str) -> dict[str, Any]:
    return {"name": name, "in": location, "required": location == "path", "schema": {"type": "string"}}
