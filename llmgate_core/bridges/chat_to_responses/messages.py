"""Chat messages -> the instructions and input items of POST /responses.

Pure; changes no message in place, and keeps the order. What a message says that no item can is noted or refused.

Source: OpenAPI 2.3.0, `InputItem` and `CreateChatCompletionRequest.messages`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_to_responses.failures import malformed
from llmgate_core.bridges.chat_to_responses.parts import MESSAGES, input_parts, is_plain_text, shown_kind
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.chat_messages import REQUEST_MESSAGE_FIELDS

__all__ = ["input_of"]

BLANK_LINE = "\n\n"
KNOWN_FIELDS = frozenset((*REQUEST_MESSAGE_FIELDS, "reasoning_content"))
INSTRUCTION_FIELDS = frozenset({"role", "content", "name"})
ANSWERED_FIELDS = frozenset({"annotations", "images", "parsed", "provider_specific_fields"})
"""What an answer's message has beyond a request's: it says nothing that the model must be told again."""

REASONING_FIELDS = ("id", "summary", "content", "encrypted_content")


def input_of(messages: Any, ledger: Ledger, *, keep_system: bool, stored: bool) -> tuple[str | None, list[Any]]:
    """Return the instructions, or None, and the input items.

    With `keep_system` the leading system messages stay items, since the caller has instructions of their own.
    `stored` says whether the upstream kept the earlier answers, so that reasoning may be named by its id alone.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: a message lacks what it is about.
    """
    if not isinstance(messages, (list, tuple)) or not messages:
        raise malformed(MESSAGES, "messages must be a list with one message at least")
    leading = 0 if keep_system else _leading_system_messages(messages)
    if leading == len(messages):  # an empty input is refused upstream
        return None, [_message("system", _instructions(messages, ledger))]
    conversation = _Conversation(ledger, stored=stored)
    instructions = _instructions(messages[:leading], ledger) if leading else ""
    for index in range(leading, len(messages)):
        conversation.add(index, messages[index])
    conversation.end()
    return instructions or None, conversation.items


def _leading_system_messages(messages: Sequence[Any]) -> int:
    count = 0
    for message in messages:
        if not isinstance(message, Mapping) or message.get("role") != "system":
            break
        if not is_plain_text(message.get("content")) or not message.keys() <= INSTRUCTION_FIELDS:
            break
        count += 1
    return count


def _instructions(messages: Sequence[Mapping[str, Any]], ledger: Ledger) -> str:
    texts: list[str] = []
    for message in messages:
        _extras(message, ledger)
        content = message["content"]
        texts += [content] if isinstance(content, str) else [part["text"] for part in content]
    return BLANK_LINE.join(text for text in texts if text)


def _message(role: str, content: Any, extras: Mapping[str, Any] | None = None) -> JsonObject:
    if isinstance(content, str) and role != "assistant":
        content = [{"type": "input_text", "text": content}]
    return {"type": "message", "role": role, "content": content, **(extras or {})}


def _extras(message: Mapping[str, Any], ledger: Ledger) -> JsonObject | None:
    """Return the fields that nobody here knows: they go along as they are. Notes those that cannot."""
    unknown = message.keys() - KNOWN_FIELDS
    if message.get("name") is not None:
        ledger.lost(MESSAGES, "an input item has no name")
    if message.get("reasoning_content"):
        ledger.dropped(MESSAGES, "reasoning_content is not sent back; reasoning_items are")
    if not unknown:
        return None
    if not unknown.isdisjoint(ANSWERED_FIELDS):
        ledger.dropped(MESSAGES, "annotations, images and other fields of an answer are not sent back")
    extras = {name: message[name] for name in message if name in unknown - ANSWERED_FIELDS}
    return {name: value for name, value in extras.items() if value is not None}


class _Conversation:
    """The items so far, and which calls wait for an answer."""

    def __init__(self, ledger: Ledger, *, stored: bool) -> None:
        self.items: list[Any] = []
        self._ledger = ledger
        self._stored = stored
        self._waiting: dict[str, None] = {}
        self._custom: set[str] = set()
        self._legacy: deque[str] = deque()

    def add(self, index: int, message: Any) -> None:
        """Add what one message says."""
        role = message.get("role") if isinstance(message, Mapping) else None
        add = _ADD_ROLE.get(role) if isinstance(role, str) else None
        if add is not None:
            add(self, index, message)
        elif role is None:
            raise malformed(MESSAGES, f"messages[{index}] must be an object with role and content")
        elif self._ledger.forwards(MESSAGES, f"POST /responses has no role {role!r:.80}"):
            self.items.append(message)

    def end(self) -> None:
        """Note the calls that nobody answered: the upstream's 400 says only that there is no output."""
        for call_id in self._waiting:
            self._ledger.bridged(
                MESSAGES, f"tool call {call_id!r:.80} has no tool message: the upstream refuses that with a 400"
            )

    def _add_input(self, index: int, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        content = message.get("content")
        if isinstance(content, (list, tuple)):
            content = input_parts(content, self._ledger)
        elif not isinstance(content, str):
            raise malformed(MESSAGES, f"messages[{index}] has no content")
        self.items.append(_message(message["role"], content, extras))

    def _add_assistant(self, index: int, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        if message.get("audio") is not None and self._ledger.forwards("audio", "POST /responses takes no audio back"):
            extras = {**(extras or {}), "audio": message["audio"]}
        for item in _listed(index, message, "reasoning_items"):
            self._add_reasoning(index, item)
        calls = _listed(index, message, "tool_calls")
        texts = self._assistant_texts(message)
        if not texts and not calls and not message.get("function_call"):
            texts = [""]  # an empty message of the caller's is still one
        for text in texts:
            self.items.append(_message("assistant", text, extras))
        if extras and not texts:
            self._ledger.lost(MESSAGES, f"no item holds {', '.join(extras)} of an assistant message without text")
        for position, call in enumerate(calls):
            self._add_tool_call(f"messages[{index}].tool_calls[{position}]", call)
        if message.get("function_call"):
            self._add_function_call(index, message["function_call"])

    def _assistant_texts(self, message: Mapping[str, Any]) -> list[str]:
        """Return what the assistant said, as one text, and what it refused, as another."""
        content, refusal = message.get("content"), message.get("refusal")
        said = [content] if isinstance(content, str) else []
        refused = [refusal] if isinstance(refusal, str) else []
        for part in content if isinstance(content, (list, tuple)) else ():
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind in ("text", "output_text") and isinstance(part.get("text"), str):
                said.append(part["text"])
            elif kind == "refusal" and isinstance(part.get("refusal"), str):
                refused.append(part["refusal"])
            else:
                self._ledger.unsupported(MESSAGES, f"an assistant message has no part of type {shown_kind(part)}")
                continue
            if part.get("prompt_cache_breakpoint") is not None:
                self._ledger.lost(MESSAGES, "the text of an assistant message has no cache breakpoint")
        if any(refused):
            self._ledger.lost(MESSAGES, "a refusal of the assistant is sent as its plain text")
        return [text for text in ("".join(said), "".join(refused)) if text]

    def _add_reasoning(self, index: int, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise malformed(MESSAGES, f"messages[{index}].reasoning_items must be a list of objects")
        if not item.get("encrypted_content") and not self._stored:
            self._ledger.dropped(
                MESSAGES, "reasoning that is neither stored upstream nor encrypted cannot be sent back"
            )
            return
        kept = {name: item[name] for name in REASONING_FIELDS if item.get(name) is not None}
        self.items.append({"type": "reasoning", "summary": [], **kept})

    def _add_tool_call(self, place: str, call: Any) -> None:
        kind = call.get("type", "function") if isinstance(call, Mapping) else None
        if kind not in ("function", "custom"):
            if self._ledger.forwards(MESSAGES, f"{place} is no call of a function or custom tool"):
                self.items.append(call)
            return
        about = call.get(kind)
        call_id = call.get("id")
        if not isinstance(about, Mapping) or not isinstance(call_id, str):
            raise malformed(MESSAGES, f"{place} must have an id and {kind}: {{'name': ...}}")
        self._waiting[call_id] = None
        if kind == "custom":
            self._custom.add(call_id)
            item = {"type": "custom_tool_call", "call_id": call_id, "name": about.get("name")}
            self.items.append({**item, "input": about.get("input") or ""})
        else:
            self.items.append(_function_call(call_id, about))

    def _add_function_call(self, index: int, about: Any) -> None:
        """Add a call of the days before tool calls had ids, under one that is made up."""
        if not isinstance(about, Mapping):
            raise malformed(MESSAGES, f"messages[{index}].function_call must be {{'name': ..., 'arguments': ...}}")
        call_id = f"call_of_message_{index}"
        self._legacy.append(call_id)
        self._waiting[call_id] = None
        self._ledger.bridged(MESSAGES, "a legacy function_call is sent under a made-up call id")
        self.items.append(_function_call(call_id, about))

    def _add_tool(self, index: int, message: Mapping[str, Any]) -> None:
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str):
            raise malformed(MESSAGES, f"messages[{index}] is a tool's answer without tool_call_id")
        self._add_output(call_id, message)

    def _add_function(self, index: int, message: Mapping[str, Any]) -> None:
        if not self._legacy:
            raise malformed(MESSAGES, f"messages[{index}] is a function's answer, but no function_call came before it")
        message = {name: value for name, value in message.items() if name != "name"}  # whose call it is, is known
        self._add_output(self._legacy.popleft(), message)

    def _add_output(self, call_id: str, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        if extras:
            self._ledger.lost(MESSAGES, f"a tool's answer has no {', '.join(extras)}")
        content = message.get("content")
        output = input_parts(content, self._ledger) if isinstance(content, (list, tuple)) else content
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        self._waiting.pop(call_id, None)
        self.items.append({"type": kind, "call_id": call_id, "output": "" if output is None else output})


def _listed(index: int, message: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = message.get(name)
    if value is None or isinstance(value, (list, tuple)):
        return value or ()
    raise malformed(MESSAGES, f"messages[{index}].{name} must be a list")


def _function_call(call_id: str, about: Mapping[str, Any]) -> JsonObject:
    arguments = about.get("arguments")
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": about.get("name"),
        "arguments": "" if arguments is None else arguments,
    }


_ADD_ROLE: Mapping[str, Callable[[_Conversation, int, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "user": _Conversation._add_input,
        "system": _Conversation._add_input,
        "developer": _Conversation._add_input,
        "assistant": _Conversation._add_assistant,
        "tool": _Conversation._add_tool,
        "function": _Conversation._add_function,
    }
)
