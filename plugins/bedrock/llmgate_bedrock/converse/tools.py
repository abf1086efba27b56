"""Tools and the choice among them as the `toolConfig` of Converse.

Pure.

Source: service model `bedrock-runtime`, `ToolConfiguration`; AWS, "Call a tool with the Converse API".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.converse.messages import Conversation, cache_point
from llmgate_core.plugin import JsonObject, Ledger, Route, ToolNames, given_list, given_object, given_string

__all__ = ["tool_config"]

TOOLS, CHOICE = "tools", "tool_choice"
CHOICES: Mapping[str, JsonObject] = MappingProxyType({"auto": {"auto": {}}, "required": {"any": {}}})
ANY_OBJECT: Mapping[str, Any] = MappingProxyType({"type": "object", "properties": {}})
OWN_TOOLS = ("toolSpec", "systemTool", "cachePoint")
"""Tools in Converse's own shape, which are sent as they are."""


def tool_config(
    given: Mapping[str, Any], conversation: Conversation, names: ToolNames, route: Route, ledger: Ledger
) -> JsonObject:
    """Return `{"toolConfig": ...}`; an empty object if there are no tools.

    Raises:
        BadRequestError: a tool or the choice is malformed. UnsupportedParamsError: it has no counterpart, and the
            policy is `error`.
    """
    tools = [entry for tool in given_list(given, TOOLS, route, "") for entry in _tool(tool, names, route, ledger)]
    choice = given.get(CHOICE)
    if not any("cachePoint" not in tool for tool in tools):
        tools = [_named(names.sent(name)) for name in conversation.called]
        if tools:
            ledger.emulated(TOOLS, "Bedrock wants the tools of earlier calls declared: they are, without parameters")
        if choice not in (None, "none", "auto"):
            ledger.dropped(CHOICE, "there are no tools to choose from")
        choice = None
    if choice == "none":
        if not conversation.called:
            ledger.emulated(CHOICE, "Bedrock has no choice 'none': the tools are left out")
            return {}
        ledger.unsupported(CHOICE, "Bedrock has no choice 'none', and needs the tools that were called before")
        choice = None
    if not tools:
        return {}
    chosen = {} if choice is None else {"toolChoice": _choice(choice, names, route, ledger)}
    return {"toolConfig": {"tools": tools, **{name: value for name, value in chosen.items() if value}}}


def _tool(tool: Any, names: ToolNames, route: Route, ledger: Ledger) -> Iterator[JsonObject]:
    if isinstance(tool, Mapping) and any(isinstance(tool.get(name), Mapping) for name in OWN_TOOLS):
        yield dict(tool)
        return
    kind = given_string(tool, "type", route, TOOLS)
    if kind != "function":
        ledger.unsupported(TOOLS, f"Converse has no tool of the type {kind!r:.40}")
        return
    function = given_object(tool, "function", route, TOOLS)
    yield {"toolSpec": _specification(function, names, route)}
    yield from cache_point({"cache_control": tool.get("cache_control") or function.get("cache_control")}, route, TOOLS)


def _specification(function: Mapping[str, Any], names: ToolNames, route: Route) -> JsonObject:
    schema = function.get("parameters")
    if schema is not None and not isinstance(schema, Mapping):
        raise route.bad_request(TOOLS, f"parameters must be a JSON schema, not {type(schema).__name__}")
    specification: JsonObject = _named(names.sent(given_string(function, "name", route, TOOLS)))["toolSpec"]
    if schema:
        specification["inputSchema"] = {"json": schema if "type" in schema else {**ANY_OBJECT, **schema}}
    if function.get("description") is not None:
        description = given_string(function, "description", route, TOOLS)
        specification |= {"description": description} if description else {}
    if isinstance(function.get("strict"), bool):
        specification["strict"] = function["strict"]
    return specification


def _named(name: str) -> JsonObject:
    return {"toolSpec": {"name": name, "inputSchema": {"json": dict(ANY_OBJECT)}}}


def _choice(choice: Any, names: ToolNames, route: Route, ledger: Ledger) -> JsonObject | None:
    if isinstance(choice, str) and choice in CHOICES:
        return CHOICES[choice]
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        name = given_string(given_object(choice, "function", route, CHOICE), "name", route, CHOICE)
        return {"tool": {"name": names.sent(name)}}
    if isinstance(choice, Mapping) and isinstance(choice.get("type"), str):
        ledger.unsupported(CHOICE, f"Converse has no choice of the type {choice['type']!r:.40}")
        return None
    raise route.bad_request(CHOICE, "tool_choice must be none, auto, required, or an object that names a function")
