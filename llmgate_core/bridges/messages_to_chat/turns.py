"""Convert the system prompt and the turns of a Messages call to chat messages.

Pure. Never sends an empty message, and always puts the results of tools right after their calls: upstreams reject
anything else. Thinking goes back to the provider that has written it, and to no other.

Source: Anthropic API reference, `MessageParam`; OpenAI API reference, `ChatCompletionRequestMessage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.bridges.fields import list_of, string_of, text_of_value
from llmgate_core.bridges.messages_to_chat.marks import CacheMarks
from llmgate_core.bridges.messages_to_chat.parts import MESSAGES, PARAGRAPH, Parts, collapsed
from llmgate_core.bridges.messages_to_chat.tool_ids import call_id_of
from llmgate_core.bridges.messages_to_chat.tools import RULE
from llmgate_core.bridges.messages_to_chat.values import SERVER_BLOCKS
from llmgate_core.bridges.sealing import Unsealing
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["chat_messages"]

ROLES = ("user", "assistant", "system")
THINKING = frozenset({"thinking", "redacted_thinking"})
FAILED = "Error: "
"""Begins the output of a tool that has failed: a chat message cannot say so in any other way."""
PICTURE_FOLLOWS = "(The tool has returned the following.)"


def chat_messages(body: Mapping[str, Any], provider: str, marks: CacheMarks, ledger: Ledger) -> list[JsonObject]:
    """Return the messages for `system` and `messages`; `provider` gets back the thinking that it has written.

    Raises:
        BadRequestError: they are malformed, or say nothing that can be sent.
        UnsupportedParamsError: chat has no counterpart for a block, and the policy is `error`.
    """
    conversation = _Conversation(Parts(marks, ledger), marks, Unsealing(provider, ledger, MESSAGES), ledger)
    conversation.add_system("system", body.get("system"))
    for index, message in enumerate(list_of(body.get(MESSAGES))):
        conversation.add(f"{MESSAGES}[{index}]", message)
    if not conversation.messages:
        raise bad_request(MESSAGES, "messages: they have nothing that a chat call can send")
    if conversation.messages[-1]["role"] == "assistant":
        ledger.emulated(MESSAGES, "a chat model answers after the last message, where the assistant's should go on")
    return conversation.messages


class _Conversation:
    def __init__(self, parts: Parts, marks: CacheMarks, unsealing: Unsealing, ledger: Ledger) -> None:
        self.messages: list[JsonObject] = []
        self._parts = parts
        self._marks = marks
        self._unsealing = unsealing
        self._ledger = ledger

    def add_system(self, path: str, system: Any) -> None:
        """Add a system prompt: a string or a list of text blocks."""
        if system is None:
            return
        if not isinstance(system, (str, list)):
            raise bad_request("system", f"{path} must be a string or a list of blocks, not {type(system).__name__}")
        self._add("system", system if isinstance(system, str) else collapsed(self._parts.of(path, system)))

    def add(self, path: str, message: Any) -> None:
        """Add one turn."""
        if not isinstance(message, Mapping):
            raise bad_request(MESSAGES, f"{path} must be an object")
        role, content = message.get("role"), message.get("content")
        if role not in ROLES:
            raise bad_request(MESSAGES, f"{path}.role must be user, assistant or system")
        if not isinstance(content, (str, list)):
            raise bad_request(MESSAGES, f"{path}.content must be a string or a list of blocks")
        if role == "system":
            self.add_system(path, content)
        elif isinstance(content, str):
            self._add(role, content)
        elif role == "user":
            self._add_user(f"{path}.content", content)
        else:
            self._add_assistant(f"{path}.content", content)

    def _add(self, role: str, content: Any) -> None:
        if content:
            self.messages.append({"role": role, "content": content})

    def _add_user(self, path: str, blocks: Sequence[Any]) -> None:
        """Add the results of tools as messages of their own, and the rest behind them."""
        results = [(index, block) for index, block in enumerate(blocks) if _kind(block) == "tool_result"]
        rest = [block for block in blocks if _kind(block) != "tool_result"]
        pictures: list[JsonObject] = []
        for index, block in results:
            pictures += self._add_result(f"{path}[{index}]", block)
        self._add("user", collapsed([*pictures, *self._parts.of(path, rest)]))

    def _add_result(self, path: str, block: Mapping[str, Any]) -> list[JsonObject]:
        """Add the result of a tool; return the parts of it that only a user's message can have."""
        block_id, content = block.get("tool_use_id"), block.get("content")
        if not isinstance(block_id, str) or not block_id:
            raise bad_request(MESSAGES, f"{path} is a tool_result without tool_use_id")
        if content is not None and not isinstance(content, (str, list)):
            raise bad_request(MESSAGES, f"{path}.content must be a string or a list of blocks")
        call_id = call_id_of(block_id)
        parts = [] if isinstance(content, str) else self._parts.of(f"{path}.content", content or ())
        output = content if isinstance(content, str) else PARAGRAPH.join(p["text"] for p in parts if "text" in p)
        others = [part for part in parts if part.get("type") != "text"]
        if block.get("is_error"):
            self._ledger.emulated(MESSAGES, f"a tool's failure is said by {FAILED!r} before its output")
            output = FAILED + output
        if others:
            self._ledger.emulated(MESSAGES, "pictures of a tool's result follow in a user's message")
            others = [{"type": "text", "text": f"{PICTURE_FOLLOWS} {call_id}"}, *others]
        self.messages.append(self._marks.moved({"role": "tool", "tool_call_id": call_id, "content": output}, block))
        return others

    def _add_assistant(self, path: str, blocks: Sequence[Any]) -> None:
        turn = _AssistantTurn(self._unsealing, self._marks, self._ledger)
        for index, block in enumerate(blocks):
            turn.add(f"{path}[{index}]", block)
        if (message := turn.message()) is not None:
            self.messages.append(message)


class _AssistantTurn:
    """The blocks of one assistant's turn, as one chat message."""

    def __init__(self, unsealing: Unsealing, marks: CacheMarks, ledger: Ledger) -> None:
        self._unsealing = unsealing
        self._marks = marks
        self._ledger = ledger
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._items: list[JsonObject] = []
        self._calls: list[JsonObject] = []
        self._fields_of_calls: dict[str, JsonObject] = {}

    def add(self, path: str, block: Any) -> None:
        """Add one block."""
        kind = _kind(block)
        if kind is None:
            raise bad_request(MESSAGES, f"{path} must be an object with a type")
        if kind == "text":
            self._texts.append(string_of(block.get("text")))
            self._marks.moved({}, block)
        elif kind in THINKING:
            self._add_thinking(block)
        elif kind == "tool_use":
            self._add_call(path, block)
        elif kind in SERVER_BLOCKS:
            self._ledger.lost(MESSAGES, f"a chat message has no block of type {kind}")
        elif self._ledger.forwards(MESSAGES, f"a chat message of the assistant has no block of type {kind!r:.80}"):
            self._texts.append(text_of_value(block))

    def _add_thinking(self, block: Mapping[str, Any]) -> None:
        """Keep what the provider of this call has written; all other thinking can only be read by its own."""
        signature = block.get("signature")
        if not signature and block.get("type") == "thinking":
            self._ledger.dropped(MESSAGES, "thinking without a signature is not sent back")
            return
        unsealed = self._unsealing.open(signature)
        if unsealed is None:
            return
        self._thoughts.append(string_of(block.get("thinking")))
        self._items += unsealed.items
        self._fields_of_calls.update(unsealed.calls)

    def _add_call(self, path: str, block: Mapping[str, Any]) -> None:
        block_id, name, given = block.get("id"), block.get("name"), block.get("input")
        if not isinstance(block_id, str) or not block_id or not isinstance(name, str) or not name:
            raise bad_request(MESSAGES, f"{path} is a tool_use without id and name")
        arguments = text_of_value(given) or "{}"
        function = {"name": RULE.fitted(name), "arguments": arguments}
        self._marks.moved({}, block)
        self._calls.append({"id": call_id_of(block_id), "type": "function", "function": function})

    def message(self) -> JsonObject | None:
        """Return the message; None: nothing is left of the turn."""
        content, thoughts = "".join(self._texts), "".join(self._thoughts)
        calls = [{**self._fields_of_calls.get(call["id"], {}), **call} for call in self._calls]
        if not content and not calls and not thoughts and not self._items:
            return None
        message: JsonObject = {"role": "assistant", "content": content or None}
        if thoughts:
            message["reasoning_content"] = thoughts
        if self._items:
            message["reasoning_items"] = self._items
        if calls:
            message["tool_calls"] = calls
        return message


def _kind(block: Any) -> str | None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    return kind if isinstance(kind, str) else None
