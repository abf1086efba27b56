"""Convert chat messages to the turns of POST /messages, and the leading system messages to its `system`.

Pure; does not modify the messages. Turns of one role are merged. The results of tools come first in their turn, as the
upstream wants them, and the signed thoughts of an answer first in theirs.

Source: Anthropic API reference, `MessageParam`; OpenAI API reference, the messages of a chat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.names import sent_id
from llmgate_anthropic.wire.parts import PartReader, is_blank
from llmgate_anthropic.wire.thoughts import CALL_FIELDS, OWN, kept_blocks, signed_items
from llmgate_anthropic.wire.traits import Traits
from llmgate_core.plugin import JsonObject, Ledger, Route, ToolNames, arguments_of, given_list, given_string, object_at

__all__ = ["Conversation"]

SYSTEM = frozenset({"system", "developer"})
MEMBERS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"assistant": frozenset({"name", "audio"}), "user": frozenset({"name"}), "system": frozenset({"name"})}
)
"""Role -> fields of its messages that the upstream has not."""


class Conversation:
    """The messages of one call, read once.

    Attributes:
        system: the blocks of the leading system messages.
        turns: the turns, in order.
    """

    def __init__(self, route: Route, ledger: Ledger, traits: Traits, names: ToolNames) -> None:
        self.system: list[JsonObject] = []
        self.turns: list[JsonObject] = []
        self._route = route
        self._ledger = ledger
        self._traits = traits
        self._names = names
        self._parts = PartReader(route, ledger)
        self._instructions: list[JsonObject] = []  # of later system messages, for the next turn of the user
        self._legacy: list[str] = []  # ids of calls without one, oldest first

    def read(self, messages: Any) -> None:
        """Read all messages.

        Raises:
            BadRequestError: a message is malformed.
            UnsupportedParamsError: the upstream has no such part.
        """
        if not isinstance(messages, (list, tuple)):
            raise self._route.bad_request("messages", f"messages must be a list, not {type(messages).__name__}")
        for index, message in enumerate(messages):
            place = f"messages[{index}]"
            role = given_string(message, "role", self._route, place)
            read = _READ.get("system" if role in SYSTEM else role)
            if read is None:
                raise self._route.bad_request("messages", f"{place}.role is not known: {role!r:.40}")
            self._note_lost(role, message)
            read(self, message, place)
        if self._instructions:
            self._add("user", [])
        self._order_results()

    # --- turns ---

    def _add(self, role: str, blocks: list[JsonObject]) -> None:
        if role == "user" and self._instructions:
            blocks = [*self._instructions, *blocks]
            self._instructions = []
        if self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": role, "content": blocks})

    def _order_results(self) -> None:
        """Move the results of tools to the front of their turns: the upstream refuses them behind text."""
        for turn in self.turns:
            content = turn["content"]
            if turn["role"] == "user" and any(block["type"] == "tool_result" for block in content):
                turn["content"] = sorted(content, key=lambda block: block["type"] != "tool_result")

    def _note_lost(self, role: str, message: Mapping[str, Any]) -> None:
        for name in MEMBERS.get("system" if role in SYSTEM else role, ()):
            if message.get(name) is not None:
                self._ledger.lost("messages", f"a message of the role {role} has no {name} in the Messages API")

    def _content(self, message: Mapping[str, Any], place: str) -> list[JsonObject]:
        """Return the blocks of a message; its own `cache_control` goes to the last of them."""
        blocks = self._parts.blocks(message, place)
        if message.get("cache_control") is not None and blocks:
            blocks[-1] = {**blocks[-1], "cache_control": message["cache_control"]}
        return blocks

    # --- roles ---

    def _system(self, message: Mapping[str, Any], place: str) -> None:
        blocks = self._content(message, place)
        if any(block["type"] != "text" for block in blocks):
            raise self._route.bad_request("messages", f"{place}.content must be text: it is a system message")
        if not self.turns:
            self.system += blocks
        elif self._traits.system_turns:
            self._add("system", blocks)
        elif blocks:
            self._ledger.emulated("messages", "a later system message goes into the next turn of the user")
            self._instructions += blocks

    def _user(self, message: Mapping[str, Any], place: str) -> None:
        if message.get("content") is None:
            raise self._route.bad_request("messages", f"{place} has no content")
        self._add("user", self._content(message, place))

    def _tool(self, message: Mapping[str, Any], place: str) -> None:
        self._add_result(given_string(message, "tool_call_id", self._route, place), message, place)

    def _function(self, message: Mapping[str, Any], place: str) -> None:
        if not self._legacy:
            raise self._route.bad_request("messages", f"{place} is a function message without a call before it")
        self._add_result(self._legacy.pop(0), message, place)

    def _add_result(self, call_id: str, message: Mapping[str, Any], place: str) -> None:
        result: JsonObject = {"type": "tool_result", "tool_use_id": sent_id(call_id)}
        content = message.get("content")
        if isinstance(content, str):
            if content:
                result["content"] = content
        elif blocks := self._parts.blocks(message, place):
            result["content"] = blocks
        for name in ("is_error", "cache_control"):
            if message.get(name) is not None:
                result[name] = message[name]
        self._add("user", [result])

    def _assistant(self, message: Mapping[str, Any], place: str) -> None:
        items = given_list(message, "reasoning_items", self._route, place)
        signed = signed_items(message, items, self._ledger)
        content = self._content(message, place)
        if isinstance(refusal := message.get("refusal"), str) and not is_blank(refusal):
            self._ledger.lost("messages", "an assistant's refusal is sent as plain text")
            content.append({"type": "text", "text": refusal})
        calls = self._calls(message, place)
        text = "".join(block["text"] for block in content if block["type"] == "text")
        kept = kept_blocks(message, text, (call["id"] for call in calls))
        blocks = kept if kept is not None else [*signed, *content, *calls]
        if not blocks:
            self._ledger.dropped("messages", "an assistant's message without content is left out")
            return
        self._add("assistant", self._without_blanks(blocks))

    def _without_blanks(self, blocks: list[JsonObject]) -> list[JsonObject]:
        return [block for block in blocks if block["type"] != "text" or not is_blank(block["text"])]

    def _calls(self, message: Mapping[str, Any], place: str) -> list[JsonObject]:
        calls = given_list(message, "tool_calls", self._route, place)
        blocks = [self._call(call, f"{place}.tool_calls[{index}]") for index, call in enumerate(calls)]
        if message.get("function_call"):
            call_id = f"call_of_{place.replace('[', '_').rstrip(']')}"
            self._legacy.append(call_id)
            self._ledger.bridged("messages", "a function_call of the older form is sent under an id of its own")
            blocks.append(self._use(call_id, message["function_call"], f"{place}.function_call"))
        return blocks

    def _call(self, call: Any, place: str) -> JsonObject:
        if object_at(place, call, self._route).get("type", "function") != "function":
            raise self._ledger.refuse("messages", f"{place} is not the call of a function")
        call_id = given_string(call, "id", self._route, place)
        block = self._use(call_id, call.get("function"), f"{place}.function")
        own = call.get(OWN)
        further = {name: own[name] for name in own if name not in CALL_FIELDS} if isinstance(own, Mapping) else {}
        if call.get("cache_control") is not None:
            further["cache_control"] = call["cache_control"]
        return {**further, **block}

    def _use(self, call_id: str, function: Any, place: str) -> JsonObject:
        name = given_string(function, "name", self._route, place)
        given = self._arguments(function, place)
        return {"type": "tool_use", "id": sent_id(call_id), "name": self._names.sent(name), "input": given}

    def _arguments(self, function: Mapping[str, Any], place: str) -> JsonObject:
        """Return the arguments of a call as an object; other text as one, if the policy allows that."""
        if (parsed := arguments_of(function)) is not None:
            return parsed
        text = given_string(function, "arguments", self._route, place)
        self._ledger.unsupported("messages", "the arguments of a call must be a JSON object in the Messages API")
        return {"_raw": text}


_READ: Mapping[str, Callable[[Conversation, Mapping[str, Any], str], None]] = MappingProxyType(
    {
        "system": Conversation._system,
        "user": Conversation._user,
        "assistant": Conversation._assistant,
        "tool": Conversation._tool,
        "function": Conversation._function,
    }
)
