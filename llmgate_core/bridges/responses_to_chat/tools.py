"""Convert the tools of a Responses call to chat's, and remember their names.

Pure. Never turns a built-in tool into something that only looks like it: a tool without a counterpart on chat is
refused under the policy of the route.

Source: OpenAI API reference, `ToolsArray`, `ToolChoiceParam` and `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmgate_core.bridges.fields import listed, other_fields, text_of_value
from llmgate_core.contract.call import JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.tool_names import NameRule
from llmgate_core.errors import bad_request
from llmgate_core.json_codec import encode

__all__ = ["ToolName", "ToolNames", "Tools"]

MAX_NAME_CHARACTERS = 64
RULE = NameRule("a-zA-Z0-9_-", MAX_NAME_CHARACTERS)
CONVERTED_FIELDS = frozenset({"type", "name", "description", "parameters", "strict", "format", "function", "custom"})
CONVERTED_SEARCH_FIELDS = frozenset({"type", "search_context_size", "user_location"})


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
    """The names of one call's tools, in the Responses call and on chat.

    Chat has no namespaces, so a tool in one is called `namespace__name` there. If that name is too long, is taken or
    has characters that chat does not allow, it is shortened with a digest. The same tools always get the same names,
    so converting back needs only the call.
    """

    def __init__(self, tools: Any) -> None:
        listed = list(_named_tools(tools))
        self._tools: dict[str, ToolName] = {name.name: name for name in listed if name.namespace is None}
        self._chat_names: dict[tuple[str, str], str] = {}
        for name in listed:
            if name.namespace is not None and (name.namespace, name.name) not in self._chat_names:
                flat = _flat_name(name.namespace, name.name, self._tools)
                self._tools[flat] = name
                self._chat_names[name.namespace, name.name] = flat

    def chat_name(self, name: str, namespace: str | None = None) -> str:
        """Return the chat name of a tool; a name without a namespace may refer to a tool in a namespace."""
        if namespace is not None:
            return self._chat_names.get((namespace, name)) or _flat_name(namespace, name, self._tools)
        if name in self._tools:
            return name
        candidates = [flat for (_, inner), flat in self._chat_names.items() if inner == name]
        return candidates[0] if len(candidates) == 1 else name

    def tool_of(self, chat_name: str) -> ToolName:
        """Return the tool with this chat name; an unknown name is returned unchanged."""
        return self._tools.get(chat_name) or ToolName(chat_name)


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
    return RULE.other(joined) if joined in taken else RULE.fitted(joined)


class Tools:
    """Converts tools and tool_choice of one call.

    Attributes:
        names: the names of the tools in both forms.
        takes_custom: the upstream takes custom tools; otherwise they are sent as functions with one string, `input`.
    """

    def __init__(self, body: Mapping[str, Any], route: Route, ledger: Ledger) -> None:
        self.names = ToolNames(body.get("tools"))
        self.takes_custom = knows_custom_tools(route)
        self._searches = searches_on_chat(route)
        self._ledger = ledger

    def add_to(self, chat: JsonObject, body: Mapping[str, Any]) -> None:
        """Add tools, tool_choice and parallel_tool_calls to `chat`, as far as chat supports them."""
        tools = [chat_tool for tool in body.get("tools") or () for chat_tool in self._chat_tools(tool, chat)]
        if tools:
            chat["tools"] = tools
        given = {name: body[name] for name in ("tool_choice", "parallel_tool_calls") if body.get(name) is not None}
        if not tools:
            for name in given:
                self._ledger.dropped(name, "has no meaning without tools")
            return
        choice = given.pop("tool_choice", None)
        chat.update(given)
        if choice is not None and (chat_choice := self._choice(choice)) is not None:
            chat["tool_choice"] = chat_choice

    def _chat_tools(self, tool: Mapping[str, Any], chat: JsonObject) -> Iterator[JsonObject]:
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
        self._record_lost_fields(flat)
        function: JsonObject = {"name": self.names.chat_name(_name_of(tool, "function"), namespace)}
        if description := _join_paragraphs(about, flat.get("description")):
            function["description"] = description
        function["parameters"] = flat.get("parameters") or {"type": "object", "properties": {}}
        if flat.get("strict") is not None:
            function["strict"] = flat["strict"]
        return {"type": "function", "function": function}

    def _custom(self, tool: Mapping[str, Any], namespace: str | None = None, about: str = "") -> JsonObject:
        nested = tool.get("custom")
        flat: Mapping[str, Any] = nested if isinstance(nested, Mapping) else tool
        self._record_lost_fields(flat)
        original_name = _name_of(tool, "custom")
        name = self.names.chat_name(original_name, namespace)
        description = _join_paragraphs(about, flat.get("description"))
        if not self.takes_custom:
            return self._emulated_tool(original_name, name, description, flat.get("format"))
        custom: JsonObject = {"name": name}
        if description:
            custom["description"] = description
        if flat.get("format") is not None:
            custom["format"] = _nested_format(flat["format"])
        return {"type": "custom", "custom": custom}

    def _emulated_tool(self, original_name: str, name: str, description: str, format: Any) -> JsonObject:
        self._ledger.emulated("tools", f"custom tool {original_name!r} is sent as a function with one string, 'input'")
        grammar = _nested_format(format).get("grammar") if isinstance(format, Mapping) else None
        if isinstance(grammar, Mapping):
            self._ledger.lost(
                "tools", f"the grammar of custom tool {original_name!r} is described to the model, not enforced"
            )
            rule = f"`input` must follow this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
            description = _join_paragraphs(description, rule)
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
        if lost := other_fields(tool, {"type", "name", "description", "tools"}):
            self._ledger.lost("tools", f"chat's tools have no {listed(lost)}")
        self._ledger.bridged("tools", f"the tools of namespace {namespace!r} are called '{namespace}__...' on chat")
        for inner in tool.get("tools") or ():
            make = self._custom if inner.get("type") == "custom" else self._function
            yield make(inner, namespace, about)

    def _web_search(self, tool: Mapping[str, Any], chat: JsonObject) -> None:
        for name, value in tool.items():
            if name not in CONVERTED_SEARCH_FIELDS and value is not None:
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

    def _record_lost_fields(self, tool: Mapping[str, Any]) -> None:
        for name, value in tool.items():
            if name not in CONVERTED_FIELDS and value not in (None, False):
                self._ledger.lost("tools", f"a chat tool has no {name}")

    def _choice(self, choice: Any) -> Any:
        if not isinstance(choice, Mapping):
            return choice
        kind = choice.get("type")
        if kind in ("function", "custom"):
            return self._named_choice(choice)
        if kind == "allowed_tools":
            return self._allowed_choice(choice)
        forwarded = self._ledger.forwards("tool_choice", f"chat cannot choose a tool of type {kind!r:.80}")
        return choice if forwarded else None

    def _named_choice(self, choice: Mapping[str, Any]) -> JsonObject:
        kind = str(choice["type"])
        self._note_choice(choice, {"type", "name", "namespace", kind})
        name = self.names.chat_name(_name_of(choice, kind), choice.get("namespace"))
        kind = kind if self.takes_custom else "function"
        return {"type": kind, kind: {"name": name}}

    def _note_choice(self, choice: Mapping[str, Any], known: set[str]) -> None:
        if lost := other_fields(choice, known):
            self._ledger.lost("tool_choice", f"chat's choice of a tool has no {listed(lost)}")

    def _allowed_choice(self, choice: Mapping[str, Any]) -> JsonObject | None:
        nested = choice.get("allowed_tools")
        flat: Mapping[str, Any] = nested if isinstance(nested, Mapping) else choice
        self._note_choice(flat, {"type", "mode", "tools"})
        choices = (self._choice(tool) for tool in flat.get("tools") or ())
        tools = [choice for choice in choices if choice is not None]
        if not tools:
            return None
        return {"type": "allowed_tools", "allowed_tools": {"mode": flat.get("mode", "auto"), "tools": tools}}

    def call(self, item: Mapping[str, Any]) -> JsonObject:
        """Return the chat tool call of a `function_call` or `custom_tool_call` item."""
        name = self.names.chat_name(str(item.get("name")), item.get("namespace"))
        call: JsonObject = {"id": item["call_id"], "type": "function"}
        if item.get("type") != "custom_tool_call":
            call["function"] = {"name": name, "arguments": text_of_value(item.get("arguments"))}
        elif self.takes_custom:
            call.update(type="custom", custom={"name": name, "input": text_of_value(item.get("input"))})
        else:
            arguments = encode({"input": text_of_value(item.get("input"))}).decode()
            call["function"] = {"name": name, "arguments": arguments}
        return call


def _join_paragraphs(*paragraphs: Any) -> str:
    return "\n\n".join(paragraph for paragraph in paragraphs if isinstance(paragraph, str) and paragraph)


def _nested_format(format: Any) -> Any:
    """Return a flat grammar in chat's nested form."""
    if not isinstance(format, Mapping) or format.get("type") != "grammar" or "grammar" in format:
        return format
    return {"type": "grammar", "grammar": {name: value for name, value in format.items() if name != "type"}}
