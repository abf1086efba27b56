"""Messages and items that come from earlier answers -> what an endpoint takes of them; and lists with nothing in them.

Pure, on plain values. An answer has fields that a request may not have, and a dump of one has None for every field that
the upstream did not send. None says nothing and is left out, as it is of parameters; anything else that is left out is
an entry in the ledger.

Source: OpenAI API reference, messages of POST /chat/completions, items of POST /responses; OpenAPI description 2.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.ledger import LedgerEntry

__all__ = [
    "NULLABLE_ITEM_FIELDS",
    "TYPED_FIELDS",
    "without_answer_fields",
    "without_empty_tools",
    "without_item_nulls",
    "without_message_extras",
]

SOURCE = "OpenAI API reference"
Entries = dict[LedgerEntry, None]


def _entry(parameter: str, reason: str) -> LedgerEntry:
    return LedgerEntry(parameter, "dropped", reason, SOURCE)


NO_EMPTY_CALLS = _entry("messages", "tool_calls is empty, which no endpoint takes")
NO_ANNOTATIONS = _entry("messages", "annotations belong to an answer")
ONLY_AUDIO_ID = _entry("messages", "of the audio of an answer only its id is sent")

NULLABLE_ITEM_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "additional_tools": frozenset({"id"}),
        "apply_patch_call": frozenset({"id"}),
        "apply_patch_call_output": frozenset({"id"}),
        "code_interpreter_call": frozenset({"code", "outputs"}),
        "compaction": frozenset({"id"}),
        "computer_call_output": frozenset({"id", "status"}),
        "file_search_call": frozenset({"results"}),
        "function_call_output": frozenset({"call_id", "id", "name", "status"}),
        "image_generation_call": frozenset({"result"}),
        "local_shell_call_output": frozenset({"status"}),
        "mcp_approval_response": frozenset({"id"}),
        "reasoning": frozenset({"encrypted_content"}),
        "shell_call": frozenset({"id", "status"}),
        "shell_call_output": frozenset({"id", "status"}),
        "tool_search_call": frozenset({"call_id", "id", "status"}),
        "tool_search_output": frozenset({"call_id", "id", "status"}),
    }
)
"""Type of an item -> those of its typed fields that may be null in a request."""

DOCUMENTED_OBJECTS = frozenset({"custom", "file", "function", "image_url", "input_audio"})
"""The objects inside of content parts and tool calls."""

TYPED_FIELDS = frozenset(
    {
        "action", "arguments", "call_id", "code", "content", "encrypted_content", "id", "input", "name", "outputs",
        "queries", "result", "results", "role", "server_label", "status", "summary", "type",
    }
)  # fmt: skip
"""The fields of a typed item, of which a dump has every one."""


def without_message_extras(messages: list[Any]) -> tuple[list[Any], tuple[LedgerEntry, ...]]:
    """Return chat messages without nulls and without what only answers have, and the entries."""
    entries: Entries = {}
    cleaned = [_clean_message(message, entries) if _has_extras(message) else message for message in messages]
    return cleaned, tuple(entries)


def _clean_message(message: dict[str, Any], entries: Entries) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    for name, value in message.items():
        if value is None:
            cleaned.update({name: None} if name == "content" else {})
        elif name == "tool_calls" and value == []:
            entries[NO_EMPTY_CALLS] = None
        elif name == "annotations":
            entries[NO_ANNOTATIONS] = None
        elif name == "audio" and isinstance(value, dict) and "id" in value:
            entries.update({} if value.keys() == {"id"} else {ONLY_AUDIO_ID: None})
            cleaned[name] = {"id": value["id"]}
        elif name in ("tool_calls", "content", "function_call"):
            cleaned[name] = _without_nulls(value)
        else:
            cleaned[name] = value
    return cleaned


def _has_extras(message: Any) -> bool:
    """Return whether a message may need cleaning; most do not."""
    return isinstance(message, dict) and (
        None in message.values()
        or "tool_calls" in message
        or "annotations" in message
        or "audio" in message
        or "function_call" in message
        or isinstance(message.get("content"), list)
    )


def _without_nulls(value: Any) -> Any:
    """Return parts or calls without nulls in their documented fields.

    What a provider has added, such as a signature, and arguments that are an object stay as they are.
    """
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    given = {name: item for name, item in value.items() if item is not None}
    return {name: _without_nulls(item) if name in DOCUMENTED_OBJECTS else item for name, item in given.items()}


def without_answer_fields(message: Any) -> Any:
    """Return a turn of a Messages call: of an answer its role and its blocks, whose fields that are not set are null.

    Any other message stays as it is.
    """
    if not isinstance(message, dict) or message.get("type") != "message":
        return message
    content = message.get("content")
    blocks = [_clean_part(block) for block in content] if isinstance(content, list) else content
    return {"role": message.get("role"), "content": blocks}


def without_item_nulls(items: list[Any]) -> list[Any]:
    """Return the items of a Responses call without nulls where none is allowed.

    Items as an upstream sent them stay as they are; a dump of a typed item has a null for every other type's fields.
    """
    return [_clean_item(item) for item in items]


def _clean_item(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    allowed = NULLABLE_ITEM_FIELDS.get(item.get("type") or "message", frozenset())
    return {
        name: _clean_parts(value) if name in ("content", "summary") else value
        for name, value in item.items()
        if value is not None or name in allowed or name not in TYPED_FIELDS
    }


def _clean_parts(parts: Any) -> Any:
    if not isinstance(parts, list):
        return parts
    return [_clean_part(part) for part in parts]


def _clean_part(part: Any) -> Any:
    if not isinstance(part, dict) or None not in part.values():
        return part
    return {name: value for name, value in part.items() if value is not None}


def without_empty_tools(body: dict[str, Any]) -> tuple[LedgerEntry, ...]:
    """Take empty lists of tools out of a body, with what chooses among them, and return the entries.

    An endpoint refuses an empty list, and a choice without tools.
    """
    if body.get("tools") != [] and body.get("functions") != []:
        return ()
    entries = []
    for lists, choices in (("tools", ("tool_choice", "parallel_tool_calls")), ("functions", ("function_call",))):
        if body.get(lists) == []:
            del body[lists]
            entries.append(_entry(lists, f"{lists} is empty, which no endpoint takes"))
            for choice in choices:
                if choice in body and body[choice] in ("auto", "none", True, False):
                    del body[choice]
                    entries.append(_entry(choice, f"there are no {lists} to choose from"))
    return tuple(entries)
