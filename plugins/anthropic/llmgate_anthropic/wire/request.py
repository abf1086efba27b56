"""Convert a chat call's body to the body of POST /messages.

Pure; does not modify the call. Every parameter is converted, passed on unchanged, or recorded in the ledger. What the
caller passes under its name of the Messages API (`thinking`, `output_config`, ...) wins over a converted parameter.

Source: Anthropic API reference, `MessageCreateParams`; OpenAI API reference, `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.betas import BETAS, needed_betas
from llmgate_anthropic.wire.formats import JSON_TOOL, emulates_format, format_of, json_tool, schema_of
from llmgate_anthropic.wire.messages import Conversation
from llmgate_anthropic.wire.names import names_of
from llmgate_anthropic.wire.params import NO_COUNTERPART, SOURCE
from llmgate_anthropic.wire.reasoning import thinking_of
from llmgate_anthropic.wire.tools import read_choice, read_functions, read_tools, web_search_tool
from llmgate_anthropic.wire.traits import traits_of
from llmgate_core.plugin import OPENAI_PARAMETERS, Call, JsonObject, Ledger, LedgerEntry, Route

__all__ = ["DEFAULT_MAX_TOKENS", "request_body"]

DEFAULT_MAX_TOKENS = 4_096
"""The limit of an answer where neither the caller nor a table says one. Source: LiteLLM's `DEFAULT_MAX_TOKENS`."""

CHAT = OPENAI_PARAMETERS["chat"]
TIERS: Mapping[str, str] = MappingProxyType({"default": "standard_only"})
LIFETIMES: Mapping[str, str] = MappingProxyType({"24h": "1h", "1h": "1h", "5m": "5m"})
"""`prompt_cache_retention` -> the lifetime of the cache. The longest of the Messages API is an hour."""

IN_MEMORY = ("in_memory", "in-memory")
NO_JSON_MODE = "the Messages API has no JSON mode without a schema"
FORCED = frozenset({"any", "tool"})


def request_body(
    call: Call, route: Route, *, lacks: Collection[str] = ()
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of POST /messages, with `model` and `stream`, and the ledger entries of the conversion.

    The betas that the request needs are in `betas`, for `take_betas`; `lacks` names traits that the platform lacks.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: the body is malformed.
    """
    draft = _Draft(call.body, route, lacks)
    for name, value in call.body.items():
        convert = _CONVERT.get(name)
        if convert is None:
            if value is not None or name not in CHAT:
                draft.sent[name] = value
        elif value is not None:
            convert(draft, name, value)
    return draft.complete(stream=call.stream), draft.ledger.entries


class _Draft:
    """The body under construction."""

    def __init__(self, body: Mapping[str, Any], route: Route, lacks: Collection[str]) -> None:
        self.body = body
        self.route = route
        self.ledger = Ledger(route, SOURCE)
        self.traits = traits_of(route, lacks)
        self.names = names_of(body)
        self.sent: JsonObject = {}
        self.tools: list[JsonObject] = []
        self.choice: JsonObject | None = None

    def complete(self, *, stream: bool) -> JsonObject:
        """Return the finished body."""
        talk = Conversation(self.route, self.ledger, self.traits, self.names)
        talk.read(self.body.get("messages"))
        limit = self._limit()
        head: JsonObject = {"model": self.route.model, "max_tokens": limit}
        if system := self._system(talk):
            head["system"] = system
        head["messages"] = talk.turns
        self._reason(limit, talk.turns)
        self._put_format()
        self._put_tools()
        body = {**head, **self.sent}
        if stream:
            body["stream"] = True
        if betas := needed_betas(body):
            body[BETAS] = list(betas)
        return body

    def _limit(self) -> Any:
        newer, older = self.body.get("max_completion_tokens"), self.body.get("max_tokens")
        if newer is not None:
            if older is not None and older != newer:
                self.ledger.lost("max_tokens", "max_completion_tokens is given too and wins")
            self.ledger.bridged("max_completion_tokens", "sent as max_tokens")
            return newer
        if older is not None:
            return older
        limits = (self.route.facts or {}).get("limits") or {}
        limit = limits.get("max_output_tokens") or self.traits.max_output or DEFAULT_MAX_TOKENS
        self.ledger.bridged("max_tokens", f"the Messages API requires a limit: {limit}")
        return limit

    def _system(self, talk: Conversation) -> Any:
        given = self.sent.pop("system", None)
        if given is None:
            return talk.system
        if not talk.system:
            return given
        self.ledger.bridged("system", "comes before the system messages")
        return [*([{"type": "text", "text": given}] if isinstance(given, str) else given), *talk.system]

    def _reason(self, limit: Any, turns: list[JsonObject]) -> None:
        effort = self.body.get("reasoning_effort")
        if effort is None:
            return
        if "thinking" in self.sent:
            self.ledger.lost("reasoning_effort", "thinking is given too and wins")
            return
        converted = thinking_of(effort, self.traits, limit, self.ledger)
        if _is_manual(converted) and self._may_not_think(turns):
            return
        self._merge_output(converted.pop("output_config", {}), "reasoning_effort")
        self.sent.update(converted)

    def _may_not_think(self, turns: list[JsonObject]) -> bool:
        """Return whether a thinking budget would be refused beside the rest of the request, and record it."""
        forced = self.choice is not None and self.choice["type"] in FORCED
        if forced or emulates_format(self.body, self.traits):
            self.ledger.unsupported("reasoning_effort", "this model does not think where a tool is forced upon it")
            return True
        if _lacks_thoughts(turns):
            self.ledger.lost("reasoning_effort", "the calls of tools in the history lack the thoughts before them")
            return True
        return False

    def _merge_output(self, converted: Mapping[str, Any], param: str) -> None:
        given = self.sent.get("output_config")
        if given is not None and not isinstance(given, Mapping):
            return
        if both := sorted(converted.keys() & (given or {}).keys()):
            self.ledger.lost(param, f"output_config.{', '.join(both)} is given too and wins")
        if merged := {**converted, **(given or {})}:
            self.sent["output_config"] = merged

    def _put_format(self) -> None:
        wanted = self.body.get("response_format")
        schema = schema_of(wanted, self.route)
        if schema is None:
            if (
                wanted is not None
                and wanted["type"] != "text"
                and self.ledger.forwards("response_format", NO_JSON_MODE)
            ):
                self.sent["response_format"] = wanted
            return
        if not emulates_format(self.body, self.traits):
            self._merge_output({"format": format_of(schema, self.ledger)}, "response_format")
            self.ledger.bridged("response_format", "sent as output_config.format")
            return
        self.ledger.emulated(
            "response_format", f"the model is made to call the tool {JSON_TOOL}, whose input is the answer"
        )
        self.choice = {"type": "any"} if self.tools else {"type": "tool", "name": JSON_TOOL}
        self.tools.append(json_tool(schema))

    def _put_tools(self) -> None:
        if self.tools:
            self.sent["tools"] = self.tools
        elif self.choice is not None:
            self.ledger.dropped("tool_choice", "there are no tools to choose from")
            self.choice = None
        parallel = self.body.get("parallel_tool_calls")
        if parallel is False and self.tools and (self.choice is None or self.choice["type"] != "none"):
            self.choice = {**(self.choice or {"type": "auto"}), "disable_parallel_tool_use": True}
            self.ledger.bridged("parallel_tool_calls", "sent as tool_choice.disable_parallel_tool_use")
        elif parallel is not None:
            self.ledger.dropped("parallel_tool_calls", "it asks for nothing here")
        if self.choice is not None:
            self.sent["tool_choice"] = self.choice


def _is_manual(converted: Mapping[str, Any]) -> bool:
    thinking = converted.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") == "enabled"


def _lacks_thoughts(turns: list[JsonObject]) -> bool:
    """Return whether the last turn of the assistant calls tools, and does not begin with a thought."""
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            blocks = turn["content"]
            calls = any(block["type"] == "tool_use" for block in blocks)
            return calls and blocks[0]["type"] not in ("thinking", "redacted_thinking")
    return False


def _skip(draft: _Draft, name: str, value: Any) -> None:
    """Do nothing: `complete` reads the parameter, or it is not sent."""


def _without_counterpart(draft: _Draft, name: str, value: Any) -> None:
    if name in CHAT and CHAT[name].is_neutral(value):
        draft.ledger.dropped(name, "it asks for nothing")
    elif draft.ledger.forwards(name, NO_COUNTERPART[name]):
        draft.sent[name] = value


def _stop(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, "sent as stop_sequences")
    draft.sent["stop_sequences"] = [value] if isinstance(value, str) else value


def _user(draft: _Draft, name: str, value: Any) -> None:
    if name != "user" and draft.body.get("user") is not None:
        draft.ledger.lost(name, "user is given too, and is sent as metadata.user_id")
        return
    draft.ledger.bridged(name, "sent as metadata.user_id")
    draft.sent["metadata"] = {**draft.sent.get("metadata", {}), "user_id": value}


def _metadata(draft: _Draft, name: str, value: Any) -> None:
    if not draft.route.preview_features or not isinstance(value, Mapping):
        draft.ledger.dropped(name, "only observers receive it; set enable_preview_features = True to send it")
        return
    if lost := [key for key in value if key != "user_id"]:
        draft.ledger.lost(name, f"the Messages API takes user_id alone, and not {len(lost)} further labels")
    if "user_id" in value:
        draft.sent["metadata"] = {"user_id": value["user_id"], **draft.sent.get("metadata", {})}


def _tier(draft: _Draft, name: str, value: Any) -> None:
    draft.sent[name] = TIERS.get(value, value) if isinstance(value, str) else value
    if draft.sent[name] != value:
        draft.ledger.bridged(name, f"sent as {draft.sent[name]}")


def _tools(draft: _Draft, name: str, value: Any) -> None:
    draft.tools += read_tools(draft.body, draft.names, draft.ledger, draft.route)


def _functions(draft: _Draft, name: str, value: Any) -> None:
    draft.tools += read_functions(draft.body, draft.names, draft.ledger, draft.route)


def _web_search(draft: _Draft, name: str, value: Any) -> None:
    draft.tools.append(web_search_tool(value, draft.ledger, draft.route))


def _tool_choice(draft: _Draft, name: str, value: Any) -> None:
    if name == "function_call":
        if draft.body.get("tool_choice") is not None:
            draft.ledger.lost(name, "tool_choice is given too and wins")
            return
        draft.ledger.bridged(name, "sent as tool_choice")
    draft.choice = read_choice(value, draft.names, draft.route)


def _cache_key(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.lost(name, "the Messages API chooses caches by the content alone")


def _retention(draft: _Draft, name: str, value: Any) -> None:
    if "cache_control" in draft.body:
        draft.ledger.lost(name, "cache_control is given too and wins")
    elif isinstance(value, str) and value in LIFETIMES:
        draft.ledger.emulated(name, f"sent as cache_control with a lifetime of {LIFETIMES[value]}")
        draft.sent["cache_control"] = {"type": "ephemeral", "ttl": LIFETIMES[value]}
    elif value in IN_MEMORY:
        draft.ledger.dropped(name, "it asks for nothing: parts are cached where they have cache_control")
    else:  # forwarded
        draft.sent[name] = value


def _stream_options(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.dropped(name, "the Messages API always reports usage, and llmgate adds the chunk")


_CONVERT: Mapping[str, Callable[[_Draft, str, Any], None]] = MappingProxyType(
    {
        **dict.fromkeys(NO_COUNTERPART, _without_counterpart),
        **dict.fromkeys(
            ("messages", "model", "stream", "max_tokens", "max_completion_tokens", "reasoning_effort"), _skip
        ),
        **dict.fromkeys(("response_format", "parallel_tool_calls", "continue_paused"), _skip),
        "stop": _stop,
        "user": _user,
        "safety_identifier": _user,
        "metadata": _metadata,
        "service_tier": _tier,
        "tools": _tools,
        "functions": _functions,
        "web_search_options": _web_search,
        "tool_choice": _tool_choice,
        "function_call": _tool_choice,
        "prompt_cache_key": _cache_key,
        "prompt_cache_retention": _retention,
        "stream_options": _stream_options,
    }
)
