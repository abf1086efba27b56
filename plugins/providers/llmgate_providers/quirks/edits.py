"""What the quirks that edit share: the shape of an edit, and how a list is edited without changing the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route
from llmgate_providers.row import Quirk

__all__ = ["BodyEdit", "MakeEdit", "edited_list", "is_forwarded", "with_messages"]

BodyEdit = Callable[[JsonObject, Route, Ledger], JsonObject]
"""Takes the body of a request and returns it, the same object where nothing changes."""
MakeEdit = Callable[[Quirk], BodyEdit]


def edited_list(items: Any, edit: Callable[[Mapping[str, Any]], Any]) -> Any:
    """Return a list whose objects are edited; the same list where no object changes.

    `edit` returns what takes an object's place, the object itself where it stays.
    """
    if not isinstance(items, list):
        return items
    if len(items) == 1 and type(items[0]) is dict:  # most chunks of a stream
        item = edit(items[0])
        return items if item is items[0] else [item]
    edited = [edit(item) if isinstance(item, Mapping) else item for item in items]
    return items if all(new is old for new, old in zip(edited, items, strict=True)) else edited


def with_messages(body: JsonObject, edit: Callable[[Mapping[str, Any]], Any], roles: Iterable[str] = ()) -> JsonObject:
    """Return a body whose messages are edited: those of `roles`, or all."""
    chosen = frozenset(roles)

    def edit_chosen(message: Mapping[str, Any]) -> Any:
        return edit(message) if not chosen or message.get("role") in chosen else message

    messages = body.get("messages")
    edited = edited_list(messages, edit_chosen)
    return body if edited is messages else {**body, "messages": edited}


def is_forwarded(parameter: str, route: Route, ledger: Ledger, quirk: Quirk) -> bool:
    """Return whether the policy sends as it came what an edit would lose, and record which of both is done."""
    if route.param_policy == "forward":
        return ledger.forwards(parameter, quirk.reason)
    ledger.lost(parameter, quirk.reason)
    return False
