"""Convert chat's tools, tool choice and web search to those of POST /messages.

Pure. Tools in the upstream's own shape, its server tools among them, pass as given.

Source: Anthropic API reference, `ToolUnionParam` and `ToolChoiceParam`; OpenAI API reference, `tools`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, ToolNames, given_list, given_string, object_at

__all__ = ["WEB_SEARCH", "read_choice", "read_functions", "read_tools", "web_search_tool"]

WEB_SEARCH = "web_search_20250305"
"""The version of the search tool that every model has."""

MAX_USES: Mapping[str, int] = MappingProxyType({"low": 1, "medium": 5, "high": 10})
"""`search_context_size` -> how many searches the model may make. Source: LiteLLM's Anthropic page."""

CHOICES: Mapping[str, str] = MappingProxyType({"auto": "auto", "required": "any", "none": "none"})
NO_SCHEMA: Mapping[str, Any] = MappingProxyType({"type": "object", "properties": {}})
OPENAI_SEARCH = frozenset({"web_search", "web_search_preview"})
ONLY_OPENAI = frozenset(
    {"custom", "file_search", "code_interpreter", "image_generation", "mcp", "local_shell", "shell", "apply_patch"}
    | {"computer", "computer_use_preview"}
)
"""Types of tools that the upstream has not, or has in another shape."""


def read_tools(body: Mapping[str, Any], names: ToolNames, ledger: Ledger, route: Route) -> list[JsonObject]:
    """Return the tools of a request.

    Raises:
        BadRequestError: a tool is malformed. UnsupportedParamsError: the upstream has none of its type.
    """
    made: list[JsonObject] = []
    for index, tool in enumerate(given_list(body, "tools", route, "")):
        place = f"tools[{index}]"
        made += _tool(object_at(place, tool, route), place, names, ledger, route)
    if names.renamed:
        ledger.bridged("tools", "names that the Messages API does not take are sent under others, and restored")
    return made


def read_functions(body: Mapping[str, Any], names: ToolNames, ledger: Ledger, route: Route) -> list[JsonObject]:
    """Return the functions of the older form as tools.

    Raises:
        BadRequestError: one is malformed.
    """
    ledger.bridged("functions", "sent as tools; the calls come back as tool_calls")
    return [
        _function({}, function, f"functions[{index}]", names, route)
        for index, function in enumerate(given_list(body, "functions", route, ""))
    ]


def _tool(tool: Mapping[str, Any], place: str, names: ToolNames, ledger: Ledger, route: Route) -> list[JsonObject]:
    kind = tool.get("type")
    if kind == "function":
        return [_function(tool, tool.get("function", tool), place, names, route)]
    if not isinstance(kind, str) and "input_schema" not in tool:
        raise route.bad_request("tools", f"{place} must have a type, or an input_schema")
    if isinstance(kind, str) and kind in OPENAI_SEARCH:
        rest = {name: value for name, value in tool.items() if name != "type"}
        return [web_search_tool(rest, ledger, route)]
    if "input_schema" not in tool and kind in ONLY_OPENAI:
        ledger.unsupported("tools", f"the Messages API has no tool of the type {kind}")
        return []
    name = tool.get("name")
    return [{**tool, "name": names.sent(name)}] if isinstance(name, str) else [dict(tool)]


def _function(tool: Mapping[str, Any], function: Any, place: str, names: ToolNames, route: Route) -> JsonObject:
    """Return a function; fields that only the upstream knows, such as `cache_control`, stay beside it."""
    name = given_string(function, "name", route, place)
    further = {**_others(function, _OF_FUNCTION), **_others(tool, _OF_TOOL)}
    schema = function.get("parameters")
    made: JsonObject = {
        "name": names.sent(name),
        "input_schema": dict(NO_SCHEMA if not schema else _schema(schema, place, route)),
    }
    for field in ("description", "strict"):
        if function.get(field) is not None:
            made[field] = function[field]
    return {**further, **made}


def _schema(schema: Any, place: str, route: Route) -> Mapping[str, Any]:
    given = object_at(f"{place}.parameters", schema, route)
    return given if "type" in given else {"type": "object", **given}


def _others(owner: Mapping[str, Any], known: frozenset[str]) -> JsonObject:
    return {name: value for name, value in owner.items() if name not in known and value is not None}


_OF_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict", "function"})
_OF_TOOL = frozenset({"type", "function", "name", "description", "parameters", "strict"})


def read_choice(choice: Any, names: ToolNames, route: Route) -> JsonObject:
    """Return a tool choice; one in the upstream's own shape passes as given.

    Raises:
        BadRequestError: it is malformed.
    """
    if isinstance(choice, str) and choice in CHOICES:
        return {"type": CHOICES[choice]}
    if not isinstance(choice, Mapping):
        raise route.bad_request("tool_choice", f"tool_choice must be one of {', '.join(CHOICES)}, or a function")
    kind = choice.get("type")
    if kind in ("auto", "any", "none"):
        return dict(choice)
    if kind == "tool" or (kind is None and isinstance(choice.get("name"), str)):
        return {**choice, "type": "tool", "name": names.sent(given_string(choice, "name", route, "tool_choice"))}
    if kind != "function":
        raise route.bad_request("tool_choice", "tool_choice must name a function")
    function = choice.get("function", choice)
    name = given_string(function, "name", route, "tool_choice.function")
    return {"type": "tool", "name": names.sent(name)}


def web_search_tool(options: Any, ledger: Ledger, route: Route) -> JsonObject:
    """Return the search tool for chat's `web_search_options`.

    Raises:
        BadRequestError: it is not an object, or its location is not one.
    """
    given = object_at("web_search_options", options, route)
    tool: JsonObject = {"type": WEB_SEARCH, "name": "web_search"}
    ledger.bridged("web_search_options", f"sent as the tool {WEB_SEARCH}")
    size = given.get("search_context_size")
    if isinstance(size, str) and size in MAX_USES:
        tool["max_uses"] = MAX_USES[size]
        ledger.emulated("web_search_options", f"search_context_size {size} is sent as max_uses {MAX_USES[size]}")
    location = given.get("user_location")
    if location is not None:
        place = object_at("web_search_options.user_location", location, route)
        inner = place.get("approximate")
        tool["user_location"] = {
            "type": "approximate",
            **_others(inner if isinstance(inner, Mapping) else place, _PLACE),
        }
    return {**tool, **_others(given, _SEARCH)}


_PLACE = frozenset({"type", "approximate"})
_SEARCH = frozenset({"search_context_size", "user_location", "type", "name"})
