"""Convert the tools of a Messages call to chat's, and remember their names.

Pure. A tool without a counterpart on chat is refused under the policy of the route, and never sent as something that
only looks like it.

Source: Anthropic API reference, `ToolUnion` and `ToolChoice`; OpenAI API reference, `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.fields import listed, object_of, other_fields
from llmgate_core.bridges.messages_to_chat.marks import CacheMarks
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.tool_names import NameRule, ToolNames, function_names
from llmgate_core.errors import bad_request

__all__ = ["RULE", "Tools", "names_of"]

MAX_NAME_CHARACTERS = 64
"""The longest name of a function on chat; the Messages API takes 128.

Source: OpenAI API reference, `FunctionObject`.
"""
RULE = NameRule(r"\s\S", MAX_NAME_CHARACTERS)
FUNCTION_FIELDS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
SEARCH_FIELDS = frozenset({"type", "name", "user_location", "cache_control"})
CHOICES: Mapping[str, str] = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})


def names_of(body: Mapping[str, Any]) -> ToolNames:
    """Return the names of a call's tools; a long one is cut for chat, and gets a digest."""
    return ToolNames(function_names(body), RULE)


class Tools:
    """Converts tools and tool_choice of one call."""

    def __init__(self, marks: CacheMarks, ledger: Ledger) -> None:
        self._marks = marks
        self._ledger = ledger
        self._left_out: dict[str, None] = {}

    def add_to(self, chat: JsonObject, body: Mapping[str, Any]) -> None:
        """Add tools, tool_choice, parallel_tool_calls and web_search_options to `chat`.

        Raises:
            BadRequestError: they are malformed. UnsupportedParamsError: chat has no such tool, and the policy is
                `error`.
        """
        tools = [chat_tool for tool in _listed_tools(body) if (chat_tool := self._chat_tool(tool, chat)) is not None]
        if names_of(body).renamed:
            self._ledger.bridged(
                "tools", f"chat's names have at most {MAX_NAME_CHARACTERS} characters: cut, and restored"
            )
        if self._left_out:
            self._ledger.dropped("tools", f"a chat tool has no {listed(self._left_out)}")
        if tools:
            chat["tools"] = tools
        choice = body.get("tool_choice")
        if choice is not None:
            self._add_choice(chat, choice)

    def _chat_tool(self, tool: Mapping[str, Any], chat: JsonObject) -> JsonObject | None:
        kind = tool.get("type") or "custom"
        if kind == "custom":
            return self._function(tool)
        if isinstance(kind, str) and kind.startswith("web_search_"):
            self._web_search(tool, chat)
        elif self._ledger.forwards("tools", f"chat has no tool of type {kind!r:.80}"):
            return dict(tool)
        return None

    def _function(self, tool: Mapping[str, Any]) -> JsonObject:
        name, schema = tool.get("name"), tool.get("input_schema")
        if not isinstance(name, str) or not name:
            raise bad_request("tools", "tools: a tool has no name")
        if schema is not None and not isinstance(schema, Mapping):
            raise bad_request("tools", f"tools: input_schema of {name!r:.80} must be an object")
        function: JsonObject = {"name": RULE.fitted(name)}
        if tool.get("description"):
            function["description"] = tool["description"]
        function["parameters"] = {"type": "object", "properties": {}} if schema is None else schema
        if tool.get("strict") is not None:
            function["strict"] = tool["strict"]
        self._left_out.update(dict.fromkeys(other_fields(tool, FUNCTION_FIELDS)))
        return self._marks.moved({"type": "function", "function": function}, tool)

    def _web_search(self, tool: Mapping[str, Any], chat: JsonObject) -> None:
        options: JsonObject = {}
        place = other_fields(object_of(tool.get("user_location")), {"type"})
        if place:
            options["user_location"] = {"type": "approximate", "approximate": place}
        if lost := other_fields(tool, SEARCH_FIELDS):
            self._ledger.lost("tools", f"chat's web search has no {listed(lost)}")
        self._ledger.bridged("tools", "the web search is sent as web_search_options")
        chat["web_search_options"] = options

    def _add_choice(self, chat: JsonObject, choice: Any) -> None:
        kind = choice.get("type") if isinstance(choice, Mapping) else None
        if kind not in ("tool", *CHOICES):
            raise bad_request("tool_choice", "tool_choice must be an object whose type is auto, any, tool or none")
        if "tools" not in chat:
            self._ledger.dropped("tool_choice", "has no meaning without tools")
            return
        if kind == "tool":
            name = choice.get("name")
            if not isinstance(name, str) or not name:
                raise bad_request("tool_choice", "tool_choice: a tool must be named")
            chat["tool_choice"] = {"type": "function", "function": {"name": RULE.fitted(name)}}
        else:
            chat["tool_choice"] = CHOICES[kind]
        if choice.get("disable_parallel_tool_use"):
            chat["parallel_tool_calls"] = False


def _listed_tools(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    tools = body.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
        raise bad_request("tools", "tools must be a list of objects")
    return tools
