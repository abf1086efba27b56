"""Convert tools and what chooses among them.

Pure. Functions become declarations; Google's own tools pass as given, in either spelling.

Source: Gemini API reference, `Tool`, `ToolConfig`, `FunctionCallingConfig`; OpenAI API reference, `tools`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, ToolNames, given_list, given_object, given_string
from llmgate_gemini.wire.schemas import openapi_schema
from llmgate_gemini.wire.spelling import camel
from llmgate_gemini.wire.traits import Traits

__all__ = ["Tools"]

OWN_TOOLS = frozenset(
    {
        "googleSearch", "googleSearchRetrieval", "urlContext", "codeExecution", "googleMaps", "fileSearch",
        "computerUse", "retrieval", "enterpriseWebSearch", "mcpServers", "parallelAiSearch", "exaAiSearch",
    }
)  # fmt: skip
"""The fields of `Tool` besides `functionDeclarations`. Source: google-genai 3.6.1."""
OWN_BY_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "web_search": "googleSearch",
        "web_search_preview": "googleSearch",
        "google_search": "googleSearch",
        "code_interpreter": "codeExecution",
        "code_execution": "codeExecution",
        "url_context": "urlContext",
        "google_maps": "googleMaps",
    }
)
"""`type` of a tool of OpenAI's Responses API, or of LiteLLM's users -> the tool of Google's that does the same."""
MODES: Mapping[str, str] = MappingProxyType({"auto": "AUTO", "none": "NONE", "required": "ANY"})
"""`tool_choice` -> the mode of function calling."""
FUNCTION_FIELDS = frozenset({"name", "description", "parameters", "strict"})


class Tools:
    """Collects the tools of one call and the choice among them."""

    def __init__(self, route: Route, ledger: Ledger, traits: Traits, names: ToolNames) -> None:
        self._route = route
        self._ledger = ledger
        self._traits = traits
        self._names = names
        self._declared: list[JsonObject] = []
        self._own: list[JsonObject] = []
        self._is_strict = False
        self._calling: JsonObject = {}

    def add(self, body: Mapping[str, Any], param: str) -> None:
        """Add `tools`, or the `functions` of OpenAI's older form.

        Raises:
            BadRequestError: a tool is malformed. UnsupportedParamsError: Gemini has no such tool.
        """
        for tool in given_list(body, param, self._route, ""):
            if param == "functions":
                self._declare(tool, param)
            else:
                self._add_tool(tool)

    def search(self, options: Any) -> None:
        """Add a search of the web for `web_search_options`."""
        if not isinstance(options, Mapping):
            raise self._route.bad_request("web_search_options", "web_search_options must be an object")
        self._ledger.bridged("web_search_options", "sent as the tool googleSearch")
        if lost := [name for name, value in options.items() if value is not None]:
            self._ledger.lost("web_search_options", f"googleSearch has no {', '.join(map(str, lost))[:80]}")
        self._add_own("googleSearch", {})

    def choose(self, choice: Any, param: str) -> None:
        """Convert `tool_choice`, or the `function_call` of the older form.

        Raises:
            BadRequestError: it is malformed. UnsupportedParamsError: it chooses what Gemini has no choice for.
        """
        if not self._declared:
            self._ledger.dropped(param, "there are no functions to choose from")
        elif isinstance(choice, str):
            if choice not in MODES:
                raise self._route.bad_request(param, f"{param} must be one of {', '.join(MODES)}, or a function")
            self._calling = {"mode": MODES[choice]}
        elif param == "function_call":
            self._force([given_string(choice, "name", self._route, param)])
        else:
            self._choose_object(choice, param)

    def complete(self) -> JsonObject:
        """Return `tools` and `toolConfig`, as far as there are any.

        Raises:
            UnsupportedParamsError: the model takes functions or Google's own tools, but not both at once.
        """
        own = self._own
        if own and self._declared and not self._traits.mixes_tools:
            reason = "this model takes functions or Google's own tools, not both in one request"
            own = own if self._ledger.forwards("tools", reason) else []
        functions = [{"functionDeclarations": self._declared}] if self._declared else []
        config = self._config(is_mixed=bool(own and self._declared) and self._traits.mixes_tools)
        tools = [*own, *functions]
        return {**({"tools": tools} if tools else {}), **({"toolConfig": config} if config else {})}

    def _config(self, *, is_mixed: bool) -> JsonObject:
        calling = self._calling
        if self._is_strict and calling.get("mode", "AUTO") == "AUTO":
            if self._traits.strict_calls:
                self._ledger.bridged("tools", "strict is sent as the mode VALIDATED, which holds for all functions")
                calling = {**calling, "mode": "VALIDATED"}
            else:
                self._ledger.lost("tools", "this model does not hold its calls to their schemas; strict is not sent")
        config: JsonObject = {"functionCallingConfig": calling} if calling else {}
        return {**config, "includeServerSideToolInvocations": True} if is_mixed else config

    def _add_tool(self, tool: Any) -> None:
        if not isinstance(tool, Mapping):
            raise self._route.bad_request("tools", "tools: a tool must be an object")
        kind = tool.get("type")
        if kind is None and len(tool) == 1:
            self._add_native(tool)
        elif kind == "function":
            self._declare(given_object(tool, "function", self._route, "tools"), "tools")
        elif isinstance(kind, str) and kind in OWN_BY_TYPE:
            self._ledger.bridged("tools", f"{kind} is sent as {OWN_BY_TYPE[kind]}")
            if lost := [str(name) for name in tool if name != "type"]:
                self._ledger.lost("tools", f"{OWN_BY_TYPE[kind]} has no {', '.join(lost)[:80]}")
            self._add_own(OWN_BY_TYPE[kind], {})
        elif not isinstance(kind, str):
            raise self._route.bad_request("tools", "tools: a tool must have a type, or be one of Google's own")
        elif self._ledger.forwards("tools", f"Gemini has no tools of the type {kind!r:.40}"):
            self._own.append(dict(tool))

    def _add_native(self, tool: Mapping[str, Any]) -> None:
        """Add a tool in Google's own form, such as `{"googleSearch": {}}`."""
        ((name, value),) = tool.items()
        name = camel(name)
        if name == "functionDeclarations":
            self._declared += given_list({name: value}, name, self._route, "tools")
        elif name in OWN_TOOLS:
            self._add_own(name, value)
        else:
            raise self._route.bad_request("tools", f"tools: {name!r:.40} is not a tool of Gemini's")

    def _add_own(self, name: str, value: Any) -> None:
        if not any(name in tool for tool in self._own):
            self._own.append({name: {} if value is None else value})

    def _declare(self, function: Any, param: str) -> None:
        name = given_string(function, "name", self._route, param)
        made: JsonObject = {"name": self._names.sent(name)}
        if function.get("description") is not None:
            made["description"] = function["description"]
        if function.get("parameters") is not None:
            made.update(self._schema(given_object(function, "parameters", self._route, param), param))
        self._is_strict = self._is_strict or function.get("strict") is True
        if lost := [str(name) for name in function if name not in FUNCTION_FIELDS and function[name] is not None]:
            self._ledger.lost(param, f"a declaration of a function has no {', '.join(lost)[:80]}")
        self._declared.append(made)

    def _schema(self, schema: Mapping[str, Any], param: str) -> JsonObject:
        if self._traits.json_schema:
            return {"parametersJsonSchema": schema}
        return {"parameters": openapi_schema(schema, self._ledger, param)}

    def _choose_object(self, choice: Any, param: str) -> None:
        kind = choice.get("type") if isinstance(choice, Mapping) else None
        if kind == "function":
            chosen = given_object(choice, "function", self._route, param)
            self._force([given_string(chosen, "name", self._route, param)])
        elif kind == "allowed_tools":
            self._allow(given_object(choice, "allowed_tools", self._route, param), param)
        elif isinstance(kind, str):
            self._ledger.unsupported(param, f"Gemini cannot be made to use a tool of the type {kind!r:.40}")
        else:
            raise self._route.bad_request(param, f"{param} must be one of {', '.join(MODES)}, or a function")

    def _allow(self, allowed: Mapping[str, Any], param: str) -> None:
        tools = given_list(allowed, "tools", self._route, param)
        functions = [given_object(tool, "function", self._route, param) for tool in tools]
        names = [given_string(function, "name", self._route, param) for function in functions]
        self._force(names, mode="VALIDATED" if allowed.get("mode") == "auto" else "ANY")

    def _force(self, names: list[str], mode: str = "ANY") -> None:
        self._calling = {"mode": mode, "allowedFunctionNames": [self._names.sent(name) for name in names]}
