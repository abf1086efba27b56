"""Convert the tools of a Responses call to chat's, and remember their names.

Pure. Never turns a built-in tool into something that only looks like one: what chat has no form for is refused
under the policy of the route.

Source: OpenAI API reference, `ToolsArray`, `ToolChoiceParam` and `CreateChatCompletionRequest`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from llmgate_core.contract.call import JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request
from llmgate_core.json_codec import encode

__all__ = ["ToolName", "ToolNames", "Tools"]

MAX_NAME_CHARACTERS = 64
ILLEGAL_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
CARRIED = frozenset({"type", "name", "description", "parameters", "strict", "format", "function", "custom"})
SEARCH_CARRIED = frozenset({"type", "search_context_size", "user_location"})


def is_web_search(kind: object) -> bool:
    """Return whether a tool's type is a web search; some versions have a date suffix."""
    return isinstance(kind, str) and (kind == "web_search" or kind.startswith("web_search_"))


def searches_on_chat(route: Route) -> bool:
    """Return whether the model searches the web on chat: it can search, and only chat serves it."""
    facts = route.facts or {}
    can_search = (facts.get("capabilities") or {}).get("web_search") is True
    return can_search and facts.get("mode") == "chat" and "responses" not in (facts.get("endpoints") or ())


def knows_custom_tools(route: Route) -> bool:
    """Return whether the catalogue says that the model takes custom tools on chat."""
    return ((route.facts or {}).get("capabilities") or {}).get("custom_tools") is True


@dataclass(frozen=True, slots=True)
class ToolName:
    """The name of a tool in the Responses call."""

    name: str
    namespace: str | None = None
    is_custom: bool = False


class ToolNames:
    """Names of one call's tools in both forms.

    Chat has no namespaces, so a tool in one is called `namespace__name` there; where that is too long, taken or
    has other characters than chat allows, a digest makes it fit. The same tools always give the same names, so
    that the way back needs nothing but the call.
    """

    def __init__(self, tools: Any) -> None:
        listed = list(_named_tools(tools))
        self._asked: dict[str, ToolName] = {name.name: name for name in listed if name.namespace is None}
        self._chat: dict[tuple[str, str], str] = {}
        for name in listed:
            if name.namespace is not None and (name.namespace, name.name) not in self._chat:
                flat = _flat_name(name.namespace, name.name, self._asked)
                self._asked[flat] = name
                self._chat[name.namespace, name.name] = flat

    def chat_name(self, name: str, namespace: str | None = None) -> str:
        """Return the chat name of a tool; a name without a namespace may refer to a tool in a namespace."""
        if namespace is not None:
            return self._chat.get((namespace, name)) or _flat_name(namespace, name, self._asked)
        if name in self._asked:
            return name
        found = [flat for (_, inner), flat in self._chat.items() if inner == name]
        return found[0] if len(found) == 1 else name

    def asked(self, chat_name: str) -> ToolName:
        """Return the tool with this chat name; an unknown name stays as it is."""
        return self._asked.get(chat_name) or ToolName(chat_name)


def _named_tools(tools: Any) -> Iterator[ToolName]:
    if tools is not None and not isinstance(tools, (list, tuple)):
        raise bad_request("tools", f"tools must be a list, not {type(tools).__name__}")
    for tool in tools or ():
        if not isinstance(tool, Mapping):
            raise bad_request("tools", f"tools: a tool must be an object, not {type(tool).__name__}")
        kind = tool.get("type")
        if kind in ("function", "custom"):
            yield ToolName(_name_of(tool, kind), None, kind == "custom")
        elif kind == "namespace":
            namespace = tool.get("name")
            if not isinstance(namespace, str) or not namespace:
                raise bad_request("tools", "tools: a namespace has no name")
            yield from (replace(inner, namespace=namespace) for inner in _named_tools(tool.get("tools")))


def _name_of(tool: Mapping[str, Any], kind: Any) -> str:
    nested = tool.get(kind)
    name = nested.get("name") if isinstance(nested, Mapping) else tool.get("name")
    if not isinstance(name, str) or not name:
        raise bad_request("tools", f"tools: a tool of type {kind!r:.80} has no name")
    return name


def _flat_name(namespace: str, name: str, taken: Mapping[str, ToolName]) -> str:
    joined = f"{namespace}__{name}"
    legal = ILLEGAL_IN_NAMES.sub("_", joined)
    if legal == joined and len(joined) <= MAX_NAME_CHARACTERS and joined not in taken:
        return joined
    return f"{legal[: MAX_NAME_CHARACTERS - 9]}_{sha256(joined.encode()).hexdigest()[:8]}"


class Tools:
    """Converts tools and tool_choice of one call.

    Attributes:
        names: what the tools are called in both forms.
        custom: the upstream takes custom tools; else they go as functions with one text, `input`.
    """

    def __init__(self, body: Mapping[str, Any], route: Route, ledger: Ledger) -> None:
        self.names = ToolNames(body.get("tools"))
        self.custom = knows_custom_tools(route)
        self._searches = searches_on_chat(route)
        self._ledger = ledger

    def into(self, chat: JsonObject, body: Mapping[str, Any]) -> None:
        """Add tools, tool_choice and parallel_tool_calls to `chat`, as far as chat supports them."""
        tools = [made for tool in body.get("tools") or () for made in self._converted(tool, chat)]
        if tools:
            chat["tools"] = tools
        given = {name: body[name] for name in ("tool_choice", "parallel_tool_calls") if body.get(name) is not None}
        if not tools:
            for name in given:
                self._ledger.dropped(name, "has no meaning without tools")
            return
        choice = given.pop("tool_choice", None)
        chat.update(given)
        if choice is not None and (made := self._choice(choice)) is not None:
            chat["tool_choice"] = made

    def _converted(self, tool: Mapping[str, Any], chat: JsonObject) -> Iterator[JsonObject]:
        kind = tool.get("type")
        if kind == "function":
            yield self._function(tool)
        elif kind == "custom":
            yield self._custom(tool)
        elif kind == "namespace":
            yield from self._namespace(tool)
        elif is_web_search(kind) and self._searches:
            self._web_search(tool, chat)
        elif self._ledger.forwards("tools", f"chat has no tool of type {kind!r:.80}"):
            yield dict(tool)

    def _function(self, tool: Mapping[str, Any], namespace: str | None = None, about: str = "") -> JsonObject:
        nested = tool.get("function")
        flat: Mapping[str, Any] = nested if isinstance(nested, Mapping) else tool
        self._note_uncarried(flat)
        function: JsonObject = {"name": self.names.chat_name(_name_of(tool, "function"), namespace)}
        if description := _described(about, flat.get("description")):
            function["description"] = description
        function["parameters"] = flat.get("parameters") or {"type": "object", "properties": {}}
        if flat.get("strict") is not None:
            function["strict"] = flat["strict"]
        return {"type": "function", "function": function}

    def _custom(self, tool: Mapping[str, Any], namespace: str | None = None, about: str = "") -> JsonObject:
        nested = tool.get("custom")
        flat: Mapping[str, Any] = nested if isinstance(nested, Mapping) else tool
        self._note_uncarried(flat)
        asked = _name_of(tool, "custom")
        name = self.names.chat_name(asked, namespace)
        description = _described(about, flat.get("description"))
        if not self.custom:
            return self._emulated(asked, name, description, flat.get("format"))
        custom: JsonObject = {"name": name}
        if description:
            custom["description"] = description
        if flat.get("format") is not None:
            custom["format"] = _nested_format(flat["format"])
        return {"type": "custom", "custom": custom}

    def _emulated(self, asked: str, name: str, description: str, format: Any) -> JsonObject:
        self._ledger.emulated("tools", f"custom tool {asked!r} is sent as a function with one string, 'input'")
        grammar = _nested_format(format).get("grammar") if isinstance(format, Mapping) else None
        if isinstance(grammar, Mapping):
            self._ledger.lost("tools", f"the grammar of custom tool {asked!r} is described to the model, not enforced")
            rule = f"`input` must follow this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
            description = _described(description, rule)
        function: JsonObject = {"name": name}
        if description:
            function["description"] = description
        function["parameters"] = {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        }
        return {"type": "function", "function": function}

    def _namespace(self, tool: Mapping[str, Any]) -> Iterator[JsonObject]:
        namespace = str(tool["name"])  # `ToolNames` has checked that it is a string
        about = tool.get("description") or ""
        self._ledger.bridged("tools", f"the tools of namespace {namespace!r} are called '{namespace}__...' on chat")
        for inner in tool.get("tools") or ():
            make = self._custom if inner.get("type") == "custom" else self._function
            yield make(inner, namespace, about)

    def _web_search(self, tool: Mapping[str, Any], chat: JsonObject) -> None:
        for name, value in tool.items():
            if name not in SEARCH_CARRIED and value is not None:
                self._ledger.lost("tools", f"chat's web search has no {name}")
        options: JsonObject = {}
        if tool.get("search_context_size") is not None:
            options["search_context_size"] = tool["search_context_size"]
        location = tool.get("user_location")
        if isinstance(location, Mapping):
            nested = location.get("approximate")
            place = nested if isinstance(nested, Mapping) else location
            inside = {name: value for name, value in place.items() if name != "type" and value is not None}
            options["user_location"] = {"type": "approximate", "approximate": inside}
        chat["web_search_options"] = options

    def _note_uncarried(self, tool: Mapping[str, Any]) -> None:
        for name, value in tool.items():
            if name not in CARRIED and value not in (None, False):
                self._ledger.lost("tools", f"a chat tool has no {name}")

    def _choice(self, choice: Any) -> Any:
        if not isinstance(choice, Mapping):
            return choice
        kind = choice.get("type")
        if kind in ("function", "custom"):
            return self._named(choice)
        if kind == "allowed_tools":
            return self._allowed(choice)
        forwarded = self._ledger.forwards("tool_choice", f"chat cannot choose a tool of type {kind!r:.80}")
        return choice if forwarded else None

    def _named(self, choice: Mapping[str, Any]) -> JsonObject:
        kind = str(choice["type"])
        name = self.names.chat_name(_name_of(choice, kind), choice.get("namespace"))
        kind = kind if self.custom else "function"
        return {"type": kind, kind: {"name": name}}

    def _allowed(self, choice: Mapping[str, Any]) -> JsonObject | None:
        nested = choice.get("allowed_tools")
        flat: Mapping[str, Any] = nested if isinstance(nested, Mapping) else choice
        tools = [made for tool in flat.get("tools") or () if (made := self._choice(tool)) is not None]
        if not tools:
            return None
        return {"type": "allowed_tools", "allowed_tools": {"mode": flat.get("mode", "auto"), "tools": tools}}

    def call(self, item: Mapping[str, Any]) -> JsonObject:
        """Return the chat tool call of a `function_call` or `custom_tool_call` item."""
        name = self.names.chat_name(str(item.get("name")), item.get("namespace"))
        call: JsonObject = {"id": item["call_id"], "type": "function"}
        if item.get("type") != "custom_tool_call":
            call["function"] = {"name": name, "arguments": item.get("arguments") or ""}
        elif self.custom:
            call.update(type="custom", custom={"name": name, "input": item.get("input") or ""})
        else:
            call["function"] = {"name": name, "arguments": encode({"input": item.get("input") or ""}).decode()}
        return call


def _described(*texts: Any) -> str:
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def _nested_format(format: Any) -> Any:
    """Return a flat grammar in chat's nested form."""
    if not isinstance(format, Mapping) or format.get("type") != "grammar" or "grammar" in format:
        return format
    return {"type": "grammar", "grammar": {name: value for name, value in format.items() if name != "type"}}
