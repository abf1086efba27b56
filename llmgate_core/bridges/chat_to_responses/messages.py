"""Convert chat messages to the instructions and input items of POST /responses.

Pure; does not modify the messages, and keeps their order. What no item can express is recorded or rejected.

Source: OpenAI API reference, `InputItem` and `CreateChatCompletionRequest.messages`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_core.bridges.chat_to_responses.output import ITEM_ORDER, key_in_order
from llmgate_core.bridges.chat_to_responses.parts import MESSAGES, input_parts, is_plain_text, shown_kind
from llmgate_core.bridges.fields import listed, object_of, other_fields, text_of_value
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.chat_messages import REQUEST_MESSAGE_FIELDS
from llmgate_core.endpoints.sealed_reasoning import is_sealed
from llmgate_core.errors import bad_request

__all__ = ["input_of"]

BLANK_LINE = "\n\n"
KNOWN_FIELDS = frozenset((*REQUEST_MESSAGE_FIELDS, "reasoning_content"))
INSTRUCTION_FIELDS = frozenset({"role", "content", "name"})
ANSWERED_FIELDS = frozenset({"annotations", "images", "parsed", "provider_specific_fields"})
"""Fields of a response's message that a request's message lacks; the model does not need them again."""

REASONING_FIELDS = ("id", "summary", "content", "encrypted_content")
FIELDS_OF_ROLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "assistant": KNOWN_FIELDS - {"tool_call_id"},
        "tool": frozenset({*INSTRUCTION_FIELDS, "tool_call_id", "reasoning_content"}),
    }
)
"""Role -> the known fields that its messages may have; those of another role say nothing in them."""
FIELDS_OF_ANY_ROLE = INSTRUCTION_FIELDS | {"reasoning_content"}
OF_AN_ANSWER = frozenset({"index", "parsed_arguments", "provider_specific_fields", "annotations", "logprobs"})
"""Fields of the parts and calls of an answer, which the model does not need again."""


def input_of(messages: Any, ledger: Ledger, *, keep_system: bool, stored: bool) -> tuple[str | None, list[Any]]:
    """Return the instructions, or None, and the input items.

    Args:
        messages: the chat messages.
        ledger: receives what is dropped or converted.
        keep_system: keep leading system messages as items, because the caller passes instructions.
        stored: the upstream has stored earlier responses, so that an id is enough to refer to reasoning.

    Raises:
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
        BadRequestError: a message is malformed.
    """
    if not isinstance(messages, (list, tuple)) or not messages:
        raise bad_request(MESSAGES, "messages must be a list with at least one message")
    leading = 0 if keep_system else _leading_system_messages(messages)
    if leading == len(messages):  # the upstream rejects an empty input
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
    """Return the unknown fields, which are sent unchanged, and record the known ones that cannot be sent."""
    unknown = message.keys() - KNOWN_FIELDS
    if strange := other_fields(message, unknown | FIELDS_OF_ROLE.get(message["role"], FIELDS_OF_ANY_ROLE)):
        ledger.dropped(MESSAGES, f"{listed(strange)} says nothing in a message of the role {message['role']}")
    if message.get("name") is not None:
        ledger.lost(MESSAGES, "input items have no name")
    if message.get("reasoning_content"):
        ledger.dropped(MESSAGES, "reasoning_content is not sent back; send reasoning_items instead")
    if not unknown:
        return None
    if not unknown.isdisjoint(ANSWERED_FIELDS):
        ledger.dropped(MESSAGES, "annotations, images and other fields of a response are not sent back")
    extras = {name: message[name] for name in message if name in unknown - ANSWERED_FIELDS}
    return {name: value for name, value in extras.items() if value is not None}


class _Conversation:
    """The items so far, and the calls that have no output yet."""

    def __init__(self, ledger: Ledger, *, stored: bool) -> None:
        self.items: list[Any] = []
        self._ledger = ledger
        self._stored = stored
        self._waiting: dict[str, None] = {}
        self._custom: set[str] = set()
        self._legacy: deque[str] = deque()

    def add(self, index: int, message: Any) -> None:
        """Add the items of one message."""
        role = message.get("role") if isinstance(message, Mapping) else None
        add = _ADD_ROLE.get(role) if isinstance(role, str) else None
        if add is not None:
            add(self, index, message)
        elif role is None:
            raise bad_request(MESSAGES, f"messages[{index}] must be an object with role and content")
        elif self._ledger.forwards(MESSAGES, f"POST /responses has no role {role!r:.80}"):
            self.items.append(message)

    def end(self) -> None:
        """Record the calls without an output: the upstream's 400 does not explain them."""
        for call_id in self._waiting:
            self._ledger.bridged(
                MESSAGES,
                f"tool call {call_id!r:.80} has no tool message: the upstream will reject this with a 400",
            )

    def _add_input(self, index: int, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        content = message.get("content")
        if isinstance(content, (list, tuple)):
            content = input_parts(content, self._ledger)
        elif not isinstance(content, str):
            raise bad_request(MESSAGES, f"messages[{index}] has no content")
        self.items.append(_message(message["role"], content, extras))

    def _add_assistant(self, index: int, message: Mapping[str, Any]) -> None:
        start = len(self.items)
        self._add_items_of_assistant(index, message)
        order = object_of(message.get("provider_specific_fields")).get(ITEM_ORDER)
        if isinstance(order, list):
            places = {key: place for place, key in enumerate(order) if isinstance(key, str)}
            self.items[start:] = sorted(
                self.items[start:], key=lambda item: places.get(key_in_order(object_of(item)), len(order))
            )

    def _add_items_of_assistant(self, index: int, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        if message.get("audio") is not None and self._ledger.forwards(
            "audio", "POST /responses takes no assistant audio"
        ):
            extras = {**(extras or {}), "audio": message["audio"]}
        for item in _list_field(index, message, "reasoning_items"):
            self._add_reasoning(index, item)
        calls = _list_field(index, message, "tool_calls")
        texts = self._assistant_texts(index, message)
        if not texts and not calls and not message.get("function_call"):
            texts = [""]  # an empty message is still a message
        for text in texts:
            self.items.append(_message("assistant", text, extras))
        if extras and not texts:
            self._ledger.lost(MESSAGES, f"an assistant message without text cannot have {', '.join(extras)}")
        for position, call in enumerate(calls):
            self._add_tool_call(f"messages[{index}].tool_calls[{position}]", call)
        if message.get("function_call"):
            self._add_function_call(index, message["function_call"])

    def _assistant_texts(self, index: int, message: Mapping[str, Any]) -> list[str]:
        """Return the assistant's text as one string and its refusal as another, without empty ones."""
        content, refusal = message.get("content"), message.get("refusal")
        if not isinstance(content, (str, list, tuple, type(None))) or not isinstance(refusal, (str, type(None))):
            raise bad_request(MESSAGES, f"messages[{index}] must have a string or a list of parts as content")
        texts = [content] if isinstance(content, str) else []
        refusals = [refusal] if isinstance(refusal, str) else []
        for part in content if isinstance(content, (list, tuple)) else ():
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind in ("text", "output_text") and isinstance(part.get("text"), str):
                texts.append(part["text"])
            elif kind == "refusal" and isinstance(part.get("refusal"), str):
                refusals.append(part["refusal"])
            else:
                self._ledger.unsupported(MESSAGES, f"assistant messages have no part of type {shown_kind(part)}")
                continue
            self._note_others(part, {"type", "text", "refusal"}, "the text of an assistant message")
        if any(refusals):
            self._ledger.lost(MESSAGES, "an assistant's refusal is sent as plain text")
        return [text for text in ("".join(texts), "".join(refusals)) if text]

    def _add_reasoning(self, index: int, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise bad_request(MESSAGES, f"messages[{index}].reasoning_items must be a list of objects")
        if item.get("type", "reasoning") != "reasoning" or is_sealed(item.get("encrypted_content")):
            self._ledger.dropped(MESSAGES, "reasoning of another provider can only be read by that provider")
            return
        if not item.get("encrypted_content") and not self._stored:
            self._ledger.dropped(
                MESSAGES, "reasoning that is neither stored upstream nor encrypted cannot be sent back"
            )
            return
        self._note_others(item, {"type", "status", *REASONING_FIELDS}, "a reasoning item")
        fields = {name: item[name] for name in REASONING_FIELDS if item.get(name) is not None}
        self.items.append({"type": "reasoning", "summary": [], **fields})

    def _add_tool_call(self, path: str, call: Any) -> None:
        kind = call.get("type", "function") if isinstance(call, Mapping) else None
        if kind not in ("function", "custom"):
            if self._ledger.forwards(MESSAGES, f"{path} is not a call of a function or a custom tool"):
                self.items.append(call)
            return
        function = call.get(kind)
        call_id = call.get("id")
        if not isinstance(function, Mapping) or not isinstance(call_id, str):
            raise bad_request(MESSAGES, f"{path} must have an id and {kind}: {{'name': ...}}")
        self._waiting[call_id] = None
        if kind == "custom":
            self._custom.add(call_id)
            item = {"type": "custom_tool_call", "call_id": call_id, "name": function.get("name")}
            item["input"] = text_of_value(function.get("input"))
        else:
            item = _function_call(call_id, function)
        self._note_others(function, {"name", "arguments" if kind == "function" else "input"}, "a call")
        self._note_answered(call)
        unknown = other_fields(call, {"id", "type", kind, *OF_AN_ANSWER})  # sent unchanged, as those of a message
        self.items.append({**unknown, **item})

    def _note_others(self, fields: Mapping[str, Any], known: Iterable[str], owner: str) -> None:
        """Record fields that cannot be sent."""
        self._note_answered(fields)
        if lost := other_fields(fields, OF_AN_ANSWER.union(known)):
            self._ledger.lost(MESSAGES, f"{owner} cannot have {listed(lost)}")

    def _note_answered(self, fields: Mapping[str, Any]) -> None:
        """Record fields of an answer that are not needed again."""
        if not OF_AN_ANSWER.isdisjoint(fields) and (left_out := other_fields(fields, fields.keys() - OF_AN_ANSWER)):
            self._ledger.dropped(MESSAGES, f"{listed(left_out)} of an earlier answer are not sent back")

    def _add_function_call(self, index: int, function: Any) -> None:
        """Add a legacy call, which has no id, under a generated id."""
        if not isinstance(function, Mapping):
            raise bad_request(MESSAGES, f"messages[{index}].function_call must be {{'name': ..., 'arguments': ...}}")
        call_id = f"call_of_message_{index}"
        self._legacy.append(call_id)
        self._waiting[call_id] = None
        self._ledger.bridged(MESSAGES, "a legacy function_call is sent under a generated call id")
        self._note_others(function, {"name", "arguments"}, "a call")
        self.items.append(_function_call(call_id, function))

    def _add_tool(self, index: int, message: Mapping[str, Any]) -> None:
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str):
            raise bad_request(MESSAGES, f"messages[{index}] is a tool message without tool_call_id")
        self._add_output(call_id, message)

    def _add_function(self, index: int, message: Mapping[str, Any]) -> None:
        if not self._legacy:
            raise bad_request(MESSAGES, f"messages[{index}] is a function message, but no function_call precedes it")
        message = {name: value for name, value in message.items() if name != "name"}  # its call is known by position
        self._add_output(self._legacy.popleft(), message)

    def _add_output(self, call_id: str, message: Mapping[str, Any]) -> None:
        extras = _extras(message, self._ledger)
        if extras:
            self._ledger.lost(MESSAGES, f"a tool's output cannot have {', '.join(extras)}")
        content = message.get("content")
        output = input_parts(content, self._ledger) if isinstance(content, (list, tuple)) else content
        kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
        self._waiting.pop(call_id, None)
        self.items.append({"type": kind, "call_id": call_id, "output": "" if output is None else output})


def _list_field(index: int, message: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = message.get(name)
    if value is None or isinstance(value, (list, tuple)):
        return value or ()
    raise bad_request(MESSAGES, f"messages[{index}].{name} must be a list")


def _function_call(call_id: str, function: Mapping[str, Any]) -> JsonObject:
    """Return the item of a call; arguments that are an object, as some servers send them, become JSON."""
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": function.get("name"),
        "arguments": text_of_value(function.get("arguments")),
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
