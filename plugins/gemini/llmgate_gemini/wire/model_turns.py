"""Convert a message of the assistant to the parts of a model's turn, with every signed part where it was.

Pure. Chat keeps one string and one list of calls; the reasoning items say between which characters and calls the other
parts were, so that the turn comes back as it was said.

Source: Gemini API reference, `Content`; https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.plugin import (
    JsonObject,
    Ledger,
    Route,
    ToolNames,
    arguments_of,
    given_list,
    given_object,
    given_string,
)
from llmgate_gemini.wire.dialect import Dialect
from llmgate_gemini.wire.parts import Parts
from llmgate_gemini.wire.signatures import plain_id, signature_of_call

__all__ = ["ModelTurns"]

NOT_SAID_BY_MODELS = frozenset({"functionCall", "functionResponse", "fileData", "inlineData"})
"""Fields of parts that a reasoning item may not smuggle in: they have fields of their own in chat."""
CUSTOM_CALLS = "Gemini has no custom tools, so a call of one cannot be in the history"


class ModelTurns:
    """Converts the assistant's messages of one call."""

    def __init__(self, route: Route, ledger: Ledger, dialect: Dialect, names: ToolNames, parts: Parts) -> None:
        self._route = route
        self._ledger = ledger
        self._dialect = dialect
        self._names = names
        self._parts = parts

    def parts_of(self, message: Mapping[str, Any]) -> tuple[list[JsonObject], list[tuple[str, str]]]:
        """Return the parts of the turn, and id and name of each call in it.

        Raises:
            BadRequestError: a field is malformed.
        """
        text, media = self._said(message)
        calls = given_list(message, "tool_calls", self._route)
        made = [self._call(call) for call in calls]
        asked = [(plain_id(call["id"]), call["function"]["name"]) for call in calls]
        if (legacy := message.get("function_call")) is not None:
            made.append(self._function_call("", legacy))
            asked.append(("", given_string(legacy, "name", self._route)))
        turn = _Turn(text, made)
        for item in given_list(message, "reasoning_items", self._route):
            self._place(turn, item)
        return [*turn.complete(), *media, *self._images(message)], asked

    def _said(self, message: Mapping[str, Any]) -> tuple[str, list[JsonObject]]:
        """Return the text of a message, and the parts of its content that are something else."""
        content = message.get("content")
        parts = [] if content is None else self._parts.of(content)
        text = "".join(part["text"] for part in parts if "text" in part)
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            self._ledger.lost("messages", "a refusal is sent as plain text")
            text += refusal
        return text, [part for part in parts if "text" not in part]

    def _call(self, call: Any) -> JsonObject:
        if isinstance(call, Mapping) and call.get("type", "function") != "function":
            raise self._ledger.refuse("messages", CUSTOM_CALLS)
        call_id = given_string(call, "id", self._route)
        made = self._function_call(plain_id(call_id), given_object(call, "function", self._route))
        signature = signature_of_call(call)
        return {**made, "thoughtSignature": signature} if signature else made

    def _function_call(self, call_id: str, function: Any) -> JsonObject:
        name = given_string(function, "name", self._route)
        said: JsonObject = {"name": self._names.sent(name), "args": self._arguments(function)}
        return {"functionCall": {"id": call_id, **said} if call_id and self._dialect.sends_call_ids else said}

    def _arguments(self, function: Mapping[str, Any]) -> JsonObject:
        arguments = arguments_of(function)
        if arguments is None:
            raise self._route.bad_request("messages", "messages: the arguments of a call must be a JSON object")
        return arguments

    def _images(self, message: Mapping[str, Any]) -> list[JsonObject]:
        """Return the pictures of an earlier answer, which the model needs to change them."""
        made = []
        for image in given_list(message, "images", self._route):
            part = self._parts.of([image])[0]
            signature = signature_of_call(image)
            made.append({**part, "thoughtSignature": signature} if signature else part)
        return made

    def _place(self, turn: _Turn, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise self._route.bad_request("messages", "messages: reasoning_items must be a list of objects")
        kind, at = item.get("type"), _place_of(item.get("at"))
        if kind == "google_part" and at and _is_said(item.get("part")):
            turn.add(at, item["part"])
        elif kind == "google_text" and at and isinstance(item.get("thought_signature"), str):
            length = item.get("length")
            turn.add_text(at, length if type(length) is int else 0, item["thought_signature"])
        else:
            self._ledger.dropped("messages", "reasoning of another provider can only be read by that provider")


class _Turn:
    """The parts of one turn, in the order in which the reasoning items and the calls come."""

    def __init__(self, text: str, calls: Sequence[JsonObject]) -> None:
        self._text = text
        self._calls = calls
        self._at = (0, 0)
        self._made: list[JsonObject] = []

    def add(self, at: tuple[int, int], part: JsonObject) -> None:
        self._go_to(at)
        self._made.append(part)

    def add_text(self, at: tuple[int, int], length: int, signature: str) -> None:
        self._go_to(at)
        start = self._at[0]
        end = min(max(start, start + length), len(self._text))
        self._made.append({"text": self._text[start:end], "thoughtSignature": signature})
        self._at = (end, self._at[1])

    def complete(self) -> list[JsonObject]:
        self._go_to((len(self._text), len(self._calls)))
        return self._made

    def _go_to(self, at: tuple[int, int]) -> None:
        """Add the text and the calls before a place; a place that was passed already is here."""
        (here, called), (there, calls) = self._at, at
        there, calls = min(max(here, there), len(self._text)), min(max(called, calls), len(self._calls))
        if text := self._text[here:there]:
            self._made.append({"text": text})
        self._made += self._calls[called:calls]
        self._at = (there, calls)


def _place_of(at: Any) -> tuple[int, int] | None:
    is_place = isinstance(at, (list, tuple)) and len(at) == 2 and all(type(count) is int for count in at)
    return (at[0], at[1]) if is_place else None


def _is_said(part: Any) -> bool:
    is_plain_text = isinstance(part, Mapping) and "text" in part and part.get("thought") is not True
    return isinstance(part, dict) and not is_plain_text and NOT_SAID_BY_MODELS.isdisjoint(part)
