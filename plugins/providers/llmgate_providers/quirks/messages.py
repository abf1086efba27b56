"""Quirks of chat messages: fields that are not taken, text in parts, thoughts that must come back, ids of tool calls.

Pure. An edit that loses something is left to the policy `forward`, which sends the messages as they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route
from llmgate_providers.quirks.edits import BodyEdit, MakeEdit, edited_list, is_forwarded, with_messages
from llmgate_providers.row import Quirk

__all__ = ["MESSAGE_EDITS"]

MESSAGES = "messages"
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _drop_nulls(quirk: Quirk) -> BodyEdit:
    roles = quirk.given.get("roles", ())

    def edit(body: JsonObject, _route: Route, ledger: Ledger) -> JsonObject:
        edited = with_messages(body, _without_nulls, roles)
        if edited is not body:
            ledger.dropped(MESSAGES, quirk.reason)
        return edited

    return edit


def _without_nulls(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if None not in message.values():
        return message
    return {name: value for name, value in message.items() if value is not None}


def _drop_message_fields(quirk: Quirk) -> BodyEdit:
    fields = frozenset(quirk.given["fields"])
    roles = quirk.given.get("roles", ())

    def without_fields(message: Mapping[str, Any]) -> Mapping[str, Any]:
        if fields.isdisjoint(message):
            return message
        return {name: value for name, value in message.items() if name not in fields}

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        edited = with_messages(body, without_fields, roles)
        return body if edited is body or is_forwarded(MESSAGES, route, ledger, quirk) else edited

    return edit


def _keep_tool_call_fields(quirk: Quirk) -> BodyEdit:
    fields = frozenset(quirk.given["fields"])

    def only_fields(call: Mapping[str, Any]) -> Mapping[str, Any]:
        return call if fields.issuperset(call) else {name: item for name, item in call.items() if name in fields}

    def edit_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
        calls = message.get("tool_calls")
        edited = edited_list(calls, only_fields)
        return message if edited is calls else {**message, "tool_calls": edited}

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        edited = with_messages(body, edit_message)
        return body if edited is body or is_forwarded(MESSAGES, route, ledger, quirk) else edited

    return edit


def _flatten_text(quirk: Quirk) -> BodyEdit:
    roles = quirk.given.get("roles", ())
    refuses_others = quirk.given.get("other_parts") == "refuse"

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        def flat(message: Mapping[str, Any]) -> Mapping[str, Any]:
            content = message.get("content")
            if not isinstance(content, list):
                return message
            text = _text_of(content)
            if text is not None:
                return {**message, "content": text}
            if refuses_others and route.param_policy != "forward":
                raise route.refuse(MESSAGES, f"{quirk.reason}; a message has other parts than text [{quirk.source}]")
            return message

        edited = with_messages(body, flat, roles)
        if edited is not body:
            ledger.bridged(MESSAGES, quirk.reason)
        return edited

    return edit


def _text_of(parts: list[Any]) -> str | None:
    """Return the text of parts; None: one of them is something else."""
    strings = [part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None for part in parts]
    known = [text for text in strings if isinstance(text, str)]
    return "".join(known) if len(known) == len(strings) else None


def _fill_message_field(quirk: Quirk) -> BodyEdit:
    """Give a field to messages that lack it, such as the thoughts of assistant turns with tool calls."""
    field, value = quirk.given["field"], quirk.given["value"]
    roles, beside = quirk.given.get("roles", ()), quirk.given.get("beside")
    unless = quirk.given.get("unless", ())

    def filled(message: Mapping[str, Any]) -> Mapping[str, Any]:
        is_missing = message.get(field) in (None, "", []) and (beside is None or bool(message.get(beside)))
        has_other = any(message.get(name) for name in unless)
        return {**message, field: value} if is_missing and not has_other else message

    def edit(body: JsonObject, _route: Route, ledger: Ledger) -> JsonObject:
        edited = with_messages(body, filled, roles)
        if edited is not body:
            ledger.bridged(MESSAGES, quirk.reason)
        return edited

    return edit


def _shorten_tool_ids(quirk: Quirk) -> BodyEdit:
    """Give another id to each tool call whose id is not of the one form that is taken, and to its result."""
    length = quirk.given["length"]

    def is_right(name: Any) -> bool:
        return not isinstance(name, str) or (len(name) == length and name.isascii() and name.isalnum())

    def edit_call(call: Mapping[str, Any]) -> Mapping[str, Any]:
        return call if is_right(call.get("id")) else {**call, "id": _short_id(call["id"], length)}

    def edit_message(message: Mapping[str, Any]) -> Mapping[str, Any]:
        calls = message.get("tool_calls")
        edited = edited_list(calls, edit_call)
        if edited is not calls:
            message = {**message, "tool_calls": edited}
        if not is_right(message.get("tool_call_id")):
            message = {**message, "tool_call_id": _short_id(message["tool_call_id"], length)}
        return message

    def edit(body: JsonObject, _route: Route, ledger: Ledger) -> JsonObject:
        edited = with_messages(body, edit_message)
        if edited is not body:
            ledger.bridged(MESSAGES, quirk.reason)
        return edited

    return edit


def _short_id(name: str, length: int) -> str:
    """Return an id of letters and digits that is always the same for the same name."""
    number = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest(), "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(LETTERS))
        digits.append(LETTERS[digit])
    return "".join(digits)


def _ask_for_tool(quirk: Quirk) -> BodyEdit:
    """Ask in words for what `tool_choice: required` asks for."""
    text = quirk.given["text"]

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        messages = body.get(MESSAGES)
        if body.get("tool_choice") != "required" or not isinstance(messages, list):
            return body
        if route.param_policy == "forward":
            ledger.forwards("tool_choice", quirk.reason)
            return body
        ledger.emulated("tool_choice", quirk.reason)
        rest = {name: value for name, value in body.items() if name != "tool_choice"}
        return {**rest, MESSAGES: [*messages, {"role": "user", "content": text}]}

    return edit


MESSAGE_EDITS: Mapping[str, MakeEdit] = MappingProxyType(
    {
        "drop_nulls": _drop_nulls,
        "drop_message_fields": _drop_message_fields,
        "keep_tool_call_fields": _keep_tool_call_fields,
        "flatten_text": _flatten_text,
        "fill_message_field": _fill_message_field,
        "shorten_tool_ids": _shorten_tool_ids,
        "ask_for_tool": _ask_for_tool,
    }
)
"""Name of a quirk -> what makes its edit."""
