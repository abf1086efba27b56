"""Convert chat messages to `systemInstruction` and `contents`.

Pure; does not modify the messages. Messages of the same role in a row become one content; the results of functions are
a content of their own, in the order of their calls, as the API wants them.

Source: Gemini API reference, `Content`, `FunctionResponse`; https://ai.google.dev/gemini-api/docs/function-calling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import JsonObject, Ledger, Route, ToolNames, given_string
from llmgate_gemini.wire.dialect import Dialect
from llmgate_gemini.wire.fields import parsed_object
from llmgate_gemini.wire.model_turns import ModelTurns
from llmgate_gemini.wire.parts import Parts
from llmgate_gemini.wire.signatures import DUMMY, plain_id
from llmgate_gemini.wire.traits import Traits

__all__ = ["Contents"]

ONLY_SYSTEM = "the API needs a turn beside systemInstruction: a user's turn of one space is sent"
MOVED = "systemInstruction comes before all turns: later system messages are moved there"
NO_SIGNATURE = "a call of the current turn has no thought signature; the documented dummy is sent, and the model thinks"
FIELDS_OF_ROLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "system": frozenset({"role", "content", "name"}),
        "developer": frozenset({"role", "content", "name"}),
        "user": frozenset({"role", "content", "name"}),
        "tool": frozenset({"role", "content", "name", "tool_call_id"}),
        "function": frozenset({"role", "content", "name"}),
        "assistant": frozenset(
            {"role", "content", "name", "refusal", "tool_calls", "function_call", "reasoning_items", "images"}
        ),
    }
)
"""Role -> the fields of its messages that are read."""
OF_ANSWERS = frozenset(
    {"annotations", "reasoning_content", "provider_specific_fields", "thinking_blocks", "parsed", "reasoning"}
)
"""Fields of an answer's message that the model does not need again."""


class Contents:
    """Collects what is said in one call.

    Attributes:
        system: the parts of `systemInstruction`.
        turns: the contents.
    """

    def __init__(self, route: Route, ledger: Ledger, dialect: Dialect, traits: Traits, names: ToolNames) -> None:
        self.system: list[JsonObject] = []
        self.turns: list[JsonObject] = []
        self._route = route
        self._ledger = ledger
        self._dialect = dialect
        self._traits = traits
        self._names = names
        self._parts = Parts(route, ledger, dialect, traits)
        self._model_turns = ModelTurns(route, ledger, dialect, names, self._parts)
        self._called: dict[str, str] = {}  # id of a call -> name of its function
        self._order: list[str] = []  # ids of the last turn with calls
        self._results: list[tuple[str, JsonObject, list[JsonObject]]] = []  # id, response, pictures beside it

    def read(self, messages: Any) -> None:
        """Convert all messages.

        Raises:
            BadRequestError: something is malformed, or nothing is said.
            UnsupportedParamsError: something has no counterpart.
        """
        if not isinstance(messages, (list, tuple)) or not messages:
            raise self._route.bad_request("messages", "messages must be a list with at least one message")
        for message in messages:
            self._read_message(message)
        self._end_results()
        if self.system and not self.turns:
            self._ledger.emulated("messages", ONLY_SYSTEM)
            self.turns.append({"role": "user", "parts": [{"text": " "}]})
        if not self.turns:
            raise self._route.bad_request("messages", "messages say nothing that can be sent")
        if self._traits.needs_signatures:
            self._sign_current_turn()

    def _read_message(self, message: Any) -> None:
        role = given_string(message, "role", self._route)
        read = _READ.get(role)
        if read is None:
            raise self._route.bad_request("messages", f"messages: no role {role!r:.40}; roles: {', '.join(_READ)}")
        self._note_fields(message, role)
        if role not in ("tool", "function"):
            self._end_results()
        read(self, message)

    def _note_fields(self, message: Mapping[str, Any], role: str) -> None:
        if message.get("name") is not None and role not in ("tool", "function"):
            self._ledger.lost("messages", "a content has no name of its speaker")
        others = [name for name in message if name not in FIELDS_OF_ROLE[role] and message[name] is not None]
        if any(name in OF_ANSWERS for name in others):
            self._ledger.dropped("messages", "annotations, thoughts and other fields of an answer are not sent back")
        if lost := sorted(str(name) for name in others if name not in OF_ANSWERS):
            self._ledger.lost("messages", f"a content has no {', '.join(lost)[:80]}")

    def _system(self, message: Mapping[str, Any]) -> None:
        if self.turns:
            self._ledger.bridged("messages", MOVED)
        self.system += [{"text": text} for text in self._parts.text(message.get("content"))]

    def _user(self, message: Mapping[str, Any]) -> None:
        self._add("user", self._parts.of(message.get("content")))

    def _assistant(self, message: Mapping[str, Any]) -> None:
        parts, calls = self._model_turns.parts_of(message)
        self._add("model", parts)
        if calls:
            self._called.update(calls)
            self._order = [call_id for call_id, _ in calls]

    def _add(self, role: str, parts: list[JsonObject]) -> None:
        if not parts:
            self._ledger.dropped("messages", "a message says nothing, which the API refuses")
            return
        last = self.turns[-1] if self.turns else None
        if last is not None and last["role"] == role and not _has_results(last):
            last["parts"] = [*last["parts"], *parts]
        else:
            self.turns.append({"role": role, "parts": parts})

    def _tool(self, message: Mapping[str, Any]) -> None:
        call_id = plain_id(given_string(message, "tool_call_id", self._route))
        self._add_result(call_id, self._called.get(call_id) or message.get("name"), message)

    def _function(self, message: Mapping[str, Any]) -> None:
        self._add_result("", given_string(message, "name", self._route), message)

    def _add_result(self, call_id: str, name: Any, message: Mapping[str, Any]) -> None:
        if not isinstance(name, str):
            raise self._route.bad_request("messages", "messages: a tool message needs a call with its tool_call_id")
        parts = self._parts.of("" if message.get("content") is None else message["content"])
        said: JsonObject = {"name": self._names.sent(name), "response": _response("".join(map(_text_of, parts)))}
        media = [part for part in parts if "text" not in part]
        if call_id and self._dialect.sends_call_ids:
            said = {"id": call_id, **said}
        if media and self._traits.result_parts:
            said["parts"], media = media, []
        elif media:
            self._ledger.bridged("messages", "a picture in the result of a function is sent behind the result")
        self._results.append((call_id, {"functionResponse": said}, media))

    def _end_results(self) -> None:
        """Add the results that came in a row, in the order of their calls."""
        if not self._results:
            return
        places = {call_id: place for place, call_id in enumerate(self._order)}
        ordered = sorted(self._results, key=lambda result: places.get(result[0], len(places)))
        parts = [response for _, response, _ in ordered] + [part for *_, media in ordered for part in media]
        self.turns.append({"role": "user", "parts": parts})
        self._results = []

    def _sign_current_turn(self) -> None:
        """Give the first call of each step of the current turn the dummy, where it has no signature."""
        for turn in reversed(self.turns):
            if turn["role"] == "user" and not _has_results(turn):
                return
            place = next((place for place, part in enumerate(turn["parts"]) if "functionCall" in part), None)
            if turn["role"] == "model" and place is not None and "thoughtSignature" not in turn["parts"][place]:
                self._ledger.emulated("messages", f"{NO_SIGNATURE} without what it thought before")
                turn["parts"][place] = {**turn["parts"][place], "thoughtSignature": DUMMY}


def _has_results(turn: JsonObject) -> bool:
    return any("functionResponse" in part for part in turn["parts"])


def _text_of(part: JsonObject) -> str:
    text: str = part.get("text", "")
    return text


def _response(text: str) -> JsonObject:
    """Return the result of a function as the object that the API wants: the JSON object that it is, else `result`."""
    parsed = parsed_object(text)
    return {"result": text} if parsed is None else parsed


_READ: Mapping[str, Callable[[Contents, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "system": Contents._system,
        "developer": Contents._system,
        "user": Contents._user,
        "assistant": Contents._assistant,
        "tool": Contents._tool,
        "function": Contents._function,
    }
)
