"""Messages of the chat API as those of Ollama's own: text and pictures apart, arguments of calls as objects. Pure.

Source: Ollama's API documentation, "Generate a chat completion".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, arguments_of

__all__ = ["native_messages"]

DATA_URL = re.compile(r"data:(?:image/[\w.+-]+)?;base64,(.*)", re.DOTALL)
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
READ = frozenset({"role", "content", "tool_calls", "tool_call_id", "reasoning_content", "reasoning", "images"})
HARMLESS = frozenset({"annotations", "refusal", "audio", "function_call"})


def native_messages(messages: Any, route: Route, ledger: Ledger) -> list[JsonObject]:
    """Return the messages in the shape of Ollama's own API.

    Raises:
        BadRequestError: a message is malformed. UnsupportedParamsError: one has a part that Ollama cannot take.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, (str, bytes)):
        raise route.bad_request("messages", "messages must be a list of messages")
    names: dict[str, str] = {}
    return [_message(message, f"messages[{index}]", names, route, ledger) for index, message in enumerate(messages)]


def _message(message: Any, where: str, names: dict[str, str], route: Route, ledger: Ledger) -> JsonObject:
    if not isinstance(message, Mapping):
        raise route.bad_request("messages", f"{where} must be an object with a role and content")
    role = message.get("role")
    if role not in ROLES:
        raise route.bad_request("messages", f"{where}.role must be one of {', '.join(ROLES)}")
    if role == "developer":
        ledger.bridged("messages", "a developer message is sent as a system message, the only such role of Ollama")
    _note_lost(message, ledger)
    text, images = _content(message.get("content"), where, route, ledger)
    made: JsonObject = {"role": ROLES[role], "content": text}
    if images:
        made["images"] = images
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thinking, str):
        made["thinking"] = thinking
    if message.get("tool_calls"):
        made["tool_calls"] = _calls(message["tool_calls"], where, names, route)
    if role == "tool":
        made |= _answered_call(message, names)
    return made


def _note_lost(message: Mapping[str, Any], ledger: Ledger) -> None:
    """Record the fields that have no counterpart; those that are null or empty say nothing."""
    for name, value in message.items():
        if name in READ or value in (None, "", [], {}):
            continue
        if name in HARMLESS:
            ledger.dropped("messages", f"Ollama has no {name} in messages")
        else:
            ledger.lost("messages", f"Ollama has no {name} in messages")


def _content(content: Any, where: str, route: Route, ledger: Ledger) -> tuple[str, list[str]]:
    """Return the text and the pictures, in base64."""
    if content is None:
        return "", []
    if isinstance(content, str):
        return content, []
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise route.bad_request("messages", f"{where}.content must be a string or a list of parts")
    strings: list[str] = []
    images: list[str] = []
    for index, part in enumerate(content):
        place = f"{where}.content[{index}]"
        if not isinstance(part, Mapping):
            raise route.bad_request("messages", f"{place} must be an object with a type")
        kind = part.get("type")
        if kind in ("text", "refusal"):
            strings.append(_text_of(part.get(str(kind)), place, route))
        elif kind == "image_url":
            images.append(_image(part.get("image_url"), place, route, ledger))
        else:
            raise ledger.refuse("messages", f"{place} is of a type that Ollama cannot take; it takes text and pictures")
    return "\n".join(strings), images


def _text_of(value: Any, place: str, route: Route) -> str:
    if not isinstance(value, str):
        raise route.bad_request("messages", f"{place}.text must be a string")
    return value


def _image(value: Any, place: str, route: Route, ledger: Ledger) -> str:
    url = value.get("url") if isinstance(value, Mapping) else value
    if not isinstance(url, str):
        raise route.bad_request("messages", f"{place}.image_url must have a url")
    match = DATA_URL.fullmatch(url)
    if match is None:
        raise ledger.refuse("messages", f"{place}: Ollama takes pictures as data:image/…;base64 URLs only")
    if isinstance(value, Mapping) and value.get("detail") not in (None, "auto"):
        ledger.lost("messages", "Ollama has no detail of pictures")
    return match[1]


def _calls(calls: Any, where: str, names: dict[str, str], route: Route) -> list[JsonObject]:
    """Return the calls of an assistant's turn, and note the name of each id for the results that follow."""
    if not isinstance(calls, Sequence) or isinstance(calls, (str, bytes)):
        raise route.bad_request("messages", f"{where}.tool_calls must be a list")
    made = []
    for index, call in enumerate(calls):
        place = f"{where}.tool_calls[{index}]"
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise route.bad_request("messages", f"{place} must have a function with a name")
        identifier = call.get("id")
        if isinstance(identifier, str):
            names[identifier] = function["name"]
        arguments = arguments_of(function)
        if arguments is None:
            raise route.bad_request("messages", f"{place}.function.arguments must be a JSON object as a string")
        known = {"id": identifier} if isinstance(identifier, str) else {}
        made.append({**known, "function": {"name": function["name"], "arguments": arguments}})
    return made


def _answered_call(message: Mapping[str, Any], names: Mapping[str, str]) -> JsonObject:
    """Return which call a result is for: by id, and by name, which is all that older servers know."""
    identifier = message.get("tool_call_id")
    if not isinstance(identifier, str):
        return {}
    named = {"tool_name": names[identifier]} if identifier in names else {}
    return {"tool_call_id": identifier, **named}
