"""Convert chat's tools and tool choices to those of POST /responses.

Pure; does not modify the tools. Chat nests a tool's definition under its type, /responses does not. Tools that
are already flat, and all built-in tools, are unchanged.

Source: OpenAI API reference, `FunctionTool`, `CustomToolParam`, `WebSearchTool` and `ToolChoiceParam`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.errors import bad_request

__all__ = ["response_tool", "response_tool_choice", "response_tools", "tool_choice_of_function_call", "web_search_tool"]


def response_tools(param: str, tools: Any) -> list[Any]:
    """Return the chat parameter `tools`, or the legacy `functions`, as tools of POST /responses.

    Raises:
        BadRequestError: not a list of objects.
    """
    if not isinstance(tools, (list, tuple)):
        raise bad_request(param, f"{param} must be a list, not {type(tools).__name__}")
    for tool in tools:
        if not isinstance(tool, Mapping):
            raise bad_request(param, f"{param} must be a list of objects, but one item is {type(tool).__name__}")
    if param == "functions":
        return [_function_tool({}, function) for function in tools]
    return [response_tool(tool) for tool in tools]


def response_tool(tool: Mapping[str, Any]) -> Any:
    """Return one tool in flat form."""
    kind = tool.get("type")
    if kind == "function" and isinstance(tool.get("function"), Mapping):
        return _function_tool(tool, tool["function"])
    if kind == "custom" and isinstance(tool.get("custom"), Mapping):
        return _custom_tool(tool, tool["custom"])
    return tool


def response_tool_choice(choice: Any) -> Any:
    """Return a tool choice in flat form."""
    if not isinstance(choice, Mapping):
        return choice
    kind = choice.get("type")
    definition = choice.get(kind) if isinstance(kind, str) else None
    if not isinstance(definition, Mapping) or kind not in ("function", "custom", "allowed_tools"):
        return choice
    flat = {"type": kind, **definition, **{name: value for name, value in choice.items() if name not in ("type", kind)}}
    if kind == "allowed_tools" and isinstance(definition.get("tools"), (list, tuple)):
        flat["tools"] = [response_tool_choice(tool) for tool in definition["tools"]]
    return flat


def tool_choice_of_function_call(choice: Any) -> Any:
    """Return the legacy `function_call` as a tool choice."""
    return {"type": "function", **choice} if isinstance(choice, Mapping) else choice


def web_search_tool(options: Any) -> JsonObject:
    """Return the tool for chat's `web_search_options`.

    Raises:
        BadRequestError: not an object.
    """
    if not isinstance(options, Mapping):
        raise bad_request("web_search_options", f"web_search_options must be an object, not {type(options).__name__}")
    tool = {"type": "web_search", **_without_none(options)}
    location = tool.get("user_location")
    if isinstance(location, Mapping) and isinstance(location.get("approximate"), Mapping):
        rest = {name: value for name, value in location.items() if name != "approximate"}
        tool["user_location"] = {"type": "approximate", **_without_none(rest), **_without_none(location["approximate"])}
    return tool


def _function_tool(tool: Mapping[str, Any], function: Mapping[str, Any]) -> JsonObject:
    """Return a flat function tool, with chat's defaults for required fields: no parameters, not strict."""
    rest = {name: value for name, value in tool.items() if name not in ("type", "function")}
    flat = {"type": "function", **_without_none(function), **rest}
    flat.setdefault("parameters", None)
    flat.setdefault("strict", False)
    return flat


def _custom_tool(tool: Mapping[str, Any], custom: Mapping[str, Any]) -> JsonObject:
    rest = {name: value for name, value in tool.items() if name not in ("type", "custom")}
    flat = {"type": "custom", **_without_none(custom), **rest}
    form = flat.get("format")
    if isinstance(form, Mapping) and isinstance(form.get("grammar"), Mapping):
        rest = {name: value for name, value in form.items() if name != "grammar"}
        flat["format"] = {**rest, **form["grammar"]}
    return flat


def _without_none(values: Mapping[str, Any]) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}
