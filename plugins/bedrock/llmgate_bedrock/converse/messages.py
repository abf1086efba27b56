"""Chat messages as the system prompt and the turns of Converse.

Pure; does not modify the messages. Turns of one role in a row become one turn, as Bedrock requires.

Source: service model `bedrock-runtime`, `Message`, `ContentBlock`, `SystemContentBlock`; AWS, "Prompt caching".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.converse.media import DocumentNames, audio_block, file_block, image_block, video_block
from llmgate_bedrock.converse.names import tool_use_id
from llmgate_bedrock.converse.thoughts import thoughts_of
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

__all__ = ["Conversation", "cache_point"]

MESSAGES = "messages"
SYSTEM_ROLES = ("system", "developer")
KNOWN_FIELDS = frozenset(
    {
        *("role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content", "reasoning_items"),
        *("thinking_blocks", "refusal", "cache_control", "is_error", "annotations", "provider_specific_fields"),
        *("images", "parsed", "audio", "function_call"),
    }
)
LIFETIMES = ("5m", "1h")
CACHE_POINT = "cachePoint"
RESULTS = frozenset({"text", "image", "document", "video"})
"""Blocks that may be part of a tool's result."""


class Conversation:
    """The system prompt and the turns of one call.

    Args:
        route: of the call.
        names: of its tools.
        ledger: receives what is left out.
    """

    def __init__(self, route: Route, names: ToolNames, ledger: Ledger) -> None:
        self.system: list[JsonObject] = []
        self.turns: list[JsonObject] = []
        self.has_tools = False
        self.called: dict[str, None] = {}  # names of functions that were called, in order
        self._route, self._names, self._ledger = route, names, ledger
        self._documents = DocumentNames()

    def add_all(self, messages: Any) -> None:
        """Add the messages of a call.

        Raises:
            BadRequestError: one is malformed, or nothing is left of all of them. UnsupportedParamsError: one has what
                Bedrock does not take, and the policy is `error`.
        """
        if not isinstance(messages, (list, tuple)) or not messages:
            raise self._route.bad_request(MESSAGES, "messages must be a list with at least one message")
        for message in messages:
            self._add(message)
        if not self.turns and self.system:
            self._ledger.emulated(MESSAGES, "Bedrock needs a turn of the user: the system prompt is sent as one")
            self.turns, self.system = [{"role": "user", "content": self.system}], []
        if not self.turns:
            raise self._route.bad_request(MESSAGES, "Bedrock takes no empty messages, and there are no others")
        self._strip_end()

    def _add(self, message: Any) -> None:
        role = given_string(message, "role", self._route)
        if role in SYSTEM_ROLES:
            self._add_system(message)
        elif role == "user":
            self._append("user", [*self._blocks(message)])
        elif role == "assistant":
            self._append("assistant", [*self._assistant_blocks(message)])
        elif role == "tool":
            self._append("user", [*self._result(message)])
        else:
            raise self._route.bad_request(MESSAGES, f"Bedrock has no role {role!r:.40}")
        self._note_fields(message)

    def _append(self, role: str, blocks: list[JsonObject]) -> None:
        if not blocks:
            self._ledger.dropped(MESSAGES, "Bedrock takes no empty message")
        elif self.turns and self.turns[-1]["role"] == role:
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": role, "content": blocks})

    def _add_system(self, message: Mapping[str, Any]) -> None:
        blocks = [*self._blocks(message)]
        if not self.turns:
            self.system += blocks
            return
        self._ledger.emulated(MESSAGES, "a system message within the conversation is sent as text of the user")
        self._append("user", blocks)

    def _blocks(self, message: Mapping[str, Any]) -> Iterator[JsonObject]:
        """Yield the blocks of a message's content, and the end of what it wants cached."""
        content = message.get("content")
        if isinstance(content, str):
            yield from self._text(content)
        elif content is None and message["role"] != "assistant":
            raise self._route.bad_request(MESSAGES, "content must be a string or a list of parts")
        else:
            for part in given_list(message, "content", self._route):
                yield from self._part(part)
        yield from cache_point(message, self._route)

    def _text(self, text: str) -> Iterator[JsonObject]:
        if text.strip():
            yield {"text": text}
        else:
            self._ledger.dropped(MESSAGES, "Bedrock takes no blank text")

    def _part(self, part: Any) -> Iterator[JsonObject]:
        kind = given_string(part, "type", self._route)
        if kind in ("text", "output_text"):
            yield from self._text(given_string(part, "text", self._route))
        elif kind == "refusal":
            yield from self._text(given_string(part, "refusal", self._route))
        elif kind == "guarded_text":
            yield {"guardContent": {"text": {"text": given_string(part, "text", self._route)}}}
        elif kind == "file":
            yield file_block(part, self._documents, self._route)
        elif kind in _MEDIA:
            yield _MEDIA[kind](part, self._route)
        else:
            self._ledger.unsupported(MESSAGES, f"Bedrock has no part of the type {kind!r:.40}")
        yield from cache_point(part, self._route)

    def _assistant_blocks(self, message: Mapping[str, Any]) -> Iterator[JsonObject]:
        """Yield thoughts, which must come first, then text, then calls."""
        yield from thoughts_of(message, self._route, self._ledger)
        if isinstance(refusal := message.get("refusal"), str):
            yield from self._text(refusal)
        if message.get("content") not in (None, ""):
            yield from self._blocks({**message, "cache_control": None})
        for call in given_list(message, "tool_calls", self._route):
            yield self._call(call)
        yield from cache_point(message, self._route)

    def _call(self, call: Any) -> JsonObject:
        if isinstance(call, Mapping) and call.get("type") == "custom":
            raise self._route.bad_request(MESSAGES, "Bedrock has no custom tools; use functions")
        function = given_object(call, "function", self._route)
        name = given_string(function, "name", self._route)
        self.has_tools = True
        self.called[name] = None
        identifier = given_string(call, "id", self._route)
        arguments = arguments_of(function)
        if arguments is None:
            raise self._route.bad_request(MESSAGES, "the arguments of a tool call must be a JSON object")
        return {"toolUse": {"toolUseId": self._id(identifier), "name": self._names.sent(name), "input": arguments}}

    def _id(self, identifier: str) -> str:
        sent = tool_use_id(identifier)
        if sent != identifier:
            self._ledger.bridged(MESSAGES, "ids of calls have other characters at Bedrock: each is replaced by another")
        return sent

    def _result(self, message: Mapping[str, Any]) -> Iterator[JsonObject]:
        """Yield the result of a call, and behind it the end of what is to be cached, which cannot be within it."""
        self.has_tools = True
        result: JsonObject = {"toolUseId": self._id(given_string(message, "tool_call_id", self._route)), "content": []}
        points: list[JsonObject] = []
        for block in self._blocks(message):
            if CACHE_POINT in block:
                points.append(block)
            elif RESULTS.isdisjoint(block):
                self._ledger.unsupported(MESSAGES, f"a tool's result has no {', '.join(block)} at Bedrock")
            else:
                result["content"].append(block)
        if message.get("is_error") is True:
            result["status"] = "error"
        yield {"toolResult": result}
        yield from points[-1:]

    def _note_fields(self, message: Mapping[str, Any]) -> None:
        if message.get("name") is not None:
            self._ledger.lost(MESSAGES, "messages have no name at Bedrock")
        for field in ("audio", "function_call"):
            if message.get(field):
                self._ledger.unsupported(MESSAGES, f"messages have no {field} at Bedrock")
        for field in sorted(str(name) for name in message.keys() - KNOWN_FIELDS):
            if message[field] not in (None, [], {}, ""):
                self._ledger.lost(MESSAGES, f"messages have no {field:.40} at Bedrock")

    def _strip_end(self) -> None:
        """Strip the last text, if the assistant's: models refuse a turn to be continued that ends in white space."""
        last = self.turns[-1]
        block = last["content"][-1]
        if last["role"] == "assistant" and "text" in block and block["text"] != block["text"].rstrip():
            self._ledger.dropped(MESSAGES, "white space at the end of the assistant's last text")
            last["content"][-1] = {"text": block["text"].rstrip()}


def cache_point(owner: Any, route: Route, param: str = MESSAGES) -> Iterator[JsonObject]:
    """Yield the block that ends what is to be cached, where a message, a part or a tool has `cache_control`.

    Raises:
        BadRequestError: it is not an object, or its lifetime is not one of Bedrock's.
    """
    control = owner.get("cache_control")
    if control is None:
        return
    if not isinstance(control, Mapping):
        raise route.bad_request(param, f"cache_control must be an object, not {type(control).__name__}")
    lifetime = control.get("ttl")
    if lifetime is not None and not (isinstance(lifetime, str) and lifetime in LIFETIMES):
        raise route.bad_request(param, f"the ttl of cache_control must be {' or '.join(LIFETIMES)}")
    yield {CACHE_POINT: {"type": "default", **({} if lifetime is None else {"ttl": lifetime})}}


_MEDIA: Mapping[str, Callable[[Mapping[str, Any], Route], JsonObject]] = MappingProxyType(
    {"image_url": image_block, "video_url": video_block, "input_audio": audio_block}
)
