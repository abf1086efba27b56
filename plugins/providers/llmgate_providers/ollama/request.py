"""Requests of Ollama's own API. Pure.

Source: Ollama's API documentation, "Generate a chat completion", "Generate embeddings".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Call, JsonObject, Ledger, Route, UpstreamRequest
from llmgate_providers.ollama.messages import native_messages
from llmgate_providers.ollama.names import API, DEFAULTS, EFFORTS, HARMLESS, IN_OPTIONS, NATIVE_OPTIONS, OWN

__all__ = ["is_native", "native_request"]

CHAT_PATH, EMBED_PATH = "/api/chat", "/api/embed"
EFFORT = "reasoning_effort"


def is_native(call: Call) -> bool:
    """Return whether a call has a parameter that only Ollama's own API takes."""
    has_own_api = call.family in ("chat", "embedding")
    return has_own_api and any(call.body[name] is not None for name in OWN if name in call.body)


def native_request(call: Call, route: Route) -> UpstreamRequest:
    """Return the request of a chat or an embedding call to Ollama's own API.

    Raises:
        BadRequestError: a parameter or a message is malformed, or the base URL ends in `/v1`.
        UnsupportedParamsError: the call has something that Ollama cannot take.
    """
    if route.base_url.endswith("/v1"):
        own = ", ".join(sorted(name for name in OWN if call.body.get(name) is not None))
        raise route.bad_request(
            "api_base",
            f"{own}: only Ollama's own API takes this, and it is not below /v1: leave /v1 out of the base URL",
        )
    ledger = Ledger(route, API)
    body = _body_of(call, route, ledger)
    path = CHAT_PATH if call.family == "chat" else EMBED_PATH
    ledger.bridged("api", f"the call has parameters of Ollama's own API, so it goes to {path}")
    return UpstreamRequest("POST", path, body, ledger=ledger.entries)


def _body_of(call: Call, route: Route, ledger: Ledger) -> JsonObject:
    body: JsonObject = {"model": route.model}
    options: JsonObject = {}
    for name, value in call.body.items():
        if value is None or name == "stream":
            continue
        if name == "messages":
            body["messages"] = native_messages(value, route, ledger)
        elif name in IN_OPTIONS:
            _add_option(options, IN_OPTIONS[name], _option_value(name, value), name, route)
        elif name in NATIVE_OPTIONS:
            _add_option(options, name, value, name, route)
        elif name == "options":
            _add_options(options, value, route)
        elif name in (EFFORT, "think"):
            _add_once(body, "think", _think(name, value, route, ledger), name, route)
        elif name in ("response_format", "format"):
            _add_format(body, name, value, route)
        elif name in HARMLESS or (name in DEFAULTS and DEFAULTS[name] == value):
            ledger.dropped(name, "Ollama's own API has no such parameter, and its value asks for nothing else")
        else:
            body[name] = value
    if options:
        body["options"] = options
    if call.family == "chat":
        body["stream"] = call.stream
    return body


def _option_value(name: str, value: Any) -> Any:
    return [value] if name == "stop" and isinstance(value, str) else value


def _add_options(options: JsonObject, given: Any, route: Route) -> None:
    if not isinstance(given, Mapping):
        raise route.bad_request("options", "options must be an object, such as {'num_ctx': 8192}")
    for name, value in given.items():
        _add_option(options, str(name), value, "options", route)


def _add_option(options: JsonObject, name: str, value: Any, given_as: str, route: Route) -> None:
    if name in options and options[name] != value:
        raise route.bad_request(given_as, f"the option {name} is given twice, with two values")
    options[name] = value


def _add_once(body: JsonObject, name: str, value: Any, given_as: str, route: Route) -> None:
    if name in body and body[name] != value:
        raise route.bad_request(given_as, f"{name} is given twice, with two values")
    body[name] = value


def _think(name: str, value: Any, route: Route, ledger: Ledger) -> Any:
    """Return `think` for an effort; a level that Ollama lacks becomes the nearest one."""
    if name == "think":
        return value
    if not isinstance(value, str) or value not in EFFORTS:
        raise route.bad_request(EFFORT, f"{EFFORT} must be one of {', '.join(EFFORTS)}")
    think = EFFORTS[value]
    if think not in (False, value):
        ledger.emulated(EFFORT, f"Ollama has no effort {value}: it is asked for {think}")
    return think


def _add_format(body: JsonObject, name: str, value: Any, route: Route) -> None:
    made = value if name == "format" else _format_of(value, route)
    if made is not None:
        _add_once(body, "format", made, name, route)


def _format_of(value: Any, route: Route) -> Any:
    """Return `format` for a `response_format`; None: plain text."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return "json"
    schema = value.get("json_schema") if kind == "json_schema" else None
    if not isinstance(schema, Mapping) or not isinstance(schema.get("schema"), Mapping):
        raise route.bad_request(
            "response_format",
            "response_format must be of type text, json_object, or json_schema with a json_schema.schema",
        )
    return schema["schema"]
