"""Convert a chat call's body to the body of POST /responses.

Pure; does not modify the call. Every parameter is converted, passed on unchanged, or recorded in the ledger. A
parameter that the caller passes under its /responses name wins over a converted one; two objects are merged.

Source: OpenAI API reference, `CreateChatCompletionRequest` and `CreateResponse`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_to_responses.messages import input_of
from llmgate_core.bridges.chat_to_responses.params import NEUTRAL_REASON, is_neutral
from llmgate_core.bridges.chat_to_responses.tools import (
    response_tool_choice,
    response_tools,
    tool_choice_of_function_call,
    web_search_tool,
)
from llmgate_core.bridges.chat_to_responses.values import NO_COUNTERPART, SOURCE
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry

__all__ = ["request_body"]

LOGPROBS = "message.output_text.logprobs"
IN_TEXT = "sent inside text"
IN_REASONING = "sent inside reasoning"
MERGED = ("text", "reasoning")


def request_body(call: Call, route: Route) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of POST /responses, with the model, and the ledger entries of the conversion.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: the body is malformed.
    """
    draft = _Draft(call.body, route)
    for name, value in call.body.items():
        convert = _CONVERT.get(name)
        if convert is None:
            draft.sent[name] = value
        elif value is not None or name in NO_COUNTERPART:
            convert(draft, name, value)
    return draft.complete(), draft.ledger.entries


class _Draft:
    """The body under construction: the finished fields, and those that several parameters contribute to."""

    def __init__(self, body: Mapping[str, Any], route: Route) -> None:
        self.body = body
        self.route = route
        self.ledger = Ledger(route, SOURCE)
        self.sent: JsonObject = {"model": route.model}
        self.merged: dict[str, JsonObject] = {"text": {}, "reasoning": {}}
        self.includes_logprobs = False
        self.tools: list[Any] | None = None
        self.search: list[Any] = []  # after the other tools

    def complete(self) -> JsonObject:
        """Return the complete body."""
        sent = self.sent
        if self.tools is not None or self.search:
            sent["tools"] = (self.tools or []) + self.search
        for name in MERGED:
            self._merge(name)
        self._include()
        if "input" in sent:
            self.ledger.lost("messages", "input is set too and wins")
            return sent
        has_instructions = sent.get("instructions") is not None
        stored = self.body.get("store") is not False
        instructions, items = input_of(
            self.body.get("messages"), self.ledger, keep_system=has_instructions, stored=stored
        )
        if instructions is not None:
            sent["instructions"] = instructions
        sent["input"] = items
        return sent

    def _merge(self, name: str) -> None:
        given, converted = self.body.get(name), self.merged[name]
        if given is not None and not isinstance(given, Mapping):
            self.sent[name] = given  # not an object: sent unchanged
            return
        if given and (both := converted.keys() & given.keys()):
            self.ledger.dropped(name, f"{name}.{', '.join(sorted(both))} is set too and wins")
        if merged := {**converted, **(given or {})}:
            self.sent[name] = merged

    def _include(self) -> None:
        given = self.body.get("include")
        if given is not None and not isinstance(given, (list, tuple)):
            self.sent["include"] = given  # not a list: sent unchanged
            return
        include: list[Any] = list(given or ())
        if self.includes_logprobs and LOGPROBS not in include:
            include.append(LOGPROBS)
        if include or given is not None:
            self.sent["include"] = include


def _skip(draft: _Draft, name: str, value: Any) -> None:
    """Do nothing: `complete` handles the parameter."""


def _without_counterpart(draft: _Draft, name: str, value: Any) -> None:
    if is_neutral(name, value):
        draft.ledger.dropped(name, NEUTRAL_REASON)
    elif draft.ledger.forwards(name, NO_COUNTERPART[name]):
        draft.sent[name] = value


def _metadata(draft: _Draft, name: str, value: Any) -> None:
    if draft.route.preview_features:
        draft.sent[name] = value
    else:
        draft.ledger.dropped(name, "only observers receive it; set enable_preview_features = True to send it")


def _max_tokens(draft: _Draft, name: str, value: Any) -> None:
    for winner in ("max_output_tokens", "max_completion_tokens"):
        if winner != name and draft.body.get(winner) is not None:
            record = draft.ledger.dropped if draft.body[winner] == value else draft.ledger.lost
            record(name, f"{winner} is set too and wins")
            return
    draft.ledger.bridged(name, "sent as max_output_tokens")
    draft.sent["max_output_tokens"] = value


def _effort(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, IN_REASONING)
    if isinstance(value, Mapping):
        draft.merged["reasoning"] = {key: item for key, item in value.items() if item is not None}
    else:
        draft.merged["reasoning"] = {"effort": value}


def _verbosity(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, IN_TEXT)
    draft.merged["text"]["verbosity"] = value


def _response_format(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, IN_TEXT)
    nested = value.get("json_schema") if isinstance(value, Mapping) else None
    if isinstance(nested, Mapping):
        rest = {key: item for key, item in value.items() if key != "json_schema"}
        value = {**rest, **{key: item for key, item in nested.items() if item is not None}}
    draft.merged["text"]["format"] = value


def _tools(draft: _Draft, name: str, value: Any) -> None:
    draft.tools = (draft.tools or []) + response_tools(name, value)


def _functions(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, "sent as tools; the model's calls are returned as tool_calls")
    _tools(draft, name, value)


def _web_search(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.bridged(name, "sent as a web_search tool")
    draft.search.append(web_search_tool(value))


def _tool_choice(draft: _Draft, name: str, value: Any) -> None:
    draft.sent[name] = response_tool_choice(value)


def _function_call(draft: _Draft, name: str, value: Any) -> None:
    choice, winner = tool_choice_of_function_call(value), draft.body.get("tool_choice")
    if winner is not None:
        record = draft.ledger.dropped if response_tool_choice(winner) == choice else draft.ledger.lost
        record(name, "tool_choice is set too and wins")
        return
    draft.ledger.bridged(name, "sent as tool_choice")
    draft.sent["tool_choice"] = choice


def _logprobs(draft: _Draft, name: str, value: Any) -> None:
    if value:
        draft.ledger.bridged(name, f"sent as include: {LOGPROBS}")
        draft.includes_logprobs = True
    else:
        draft.ledger.dropped(name, NEUTRAL_REASON)


def _top_logprobs(draft: _Draft, name: str, value: Any) -> None:
    draft.sent[name] = value
    draft.includes_logprobs = True


def _stream_options(draft: _Draft, name: str, value: Any) -> None:
    if not isinstance(value, Mapping) or "include_usage" not in value:
        draft.sent[name] = value
        return
    draft.ledger.dropped(name, "include_usage is not sent: /responses always reports usage, and llmgate adds the chunk")
    if rest := {key: item for key, item in value.items() if key != "include_usage"}:
        draft.sent[name] = rest


_CONVERT: Mapping[str, Callable[[_Draft, str, Any], None]] = MappingProxyType(
    {
        **dict.fromkeys(NO_COUNTERPART, _without_counterpart),
        **dict.fromkeys(("messages", "model", "text", "reasoning", "include"), _skip),
        "metadata": _metadata,
        "max_tokens": _max_tokens,
        "max_completion_tokens": _max_tokens,
        "reasoning_effort": _effort,
        "verbosity": _verbosity,
        "response_format": _response_format,
        "tools": _tools,
        "functions": _functions,
        "web_search_options": _web_search,
        "tool_choice": _tool_choice,
        "function_call": _function_call,
        "logprobs": _logprobs,
        "top_logprobs": _top_logprobs,
        "stream_options": _stream_options,
    }
)
