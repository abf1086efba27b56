"""Convert the input of a Responses call to chat messages.

Pure. Never converts unknown items to text, never sends an empty message, and always puts a call's output right after
the call: upstreams reject anything else.

Source: OpenAI API reference, `InputParam` and `ChatCompletionRequestMessage`; BerriAI/litellm#27953.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from llmgate_core.bridges.fields import listed, other_fields
from llmgate_core.bridges.responses_to_chat.output import place_of_item
from llmgate_core.bridges.responses_to_chat.parts import OF_ITEMS, Parts, collapse
from llmgate_core.bridges.responses_to_chat.tools import Tools
from llmgate_core.bridges.sealing import Unsealed, Unsealing
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.errors import bad_request

__all__ = ["chat_messages", "with_one_system_message"]

ROLES = frozenset({"user", "system", "developer", "assistant"})
CALLS = frozenset({"function_call", "custom_tool_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
STATE = frozenset({"item_reference", "compaction", "compaction_summary", "compaction_trigger"})
BUILT_IN = frozenset(
    {
        "file_search_call",
        "web_search_call",
        "computer_call",
        "computer_call_output",
        "tool_search_call",
        "tool_search_output",
        "image_generation_call",
        "code_interpreter_call",
        "local_shell_call",
        "local_shell_call_output",
        "shell_call",
        "shell_call_output",
        "apply_patch_call",
        "apply_patch_call_output",
        "mcp_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "program",
        "program_output",
    }
)
PARAGRAPH = "\n\n"
NOTHING_FOLLOWS = "no assistant message follows the reasoning"
OF_CALLS = frozenset({"call_id", "namespace", "name", "arguments", "input"})


def chat_messages(
    body: Mapping[str, Any], tools: Tools, provider: str, ledger: Ledger, left_out: MutableMapping[str, None]
) -> list[JsonObject]:
    """Return the messages for `instructions` and `input`.

    `provider` gets back the reasoning that it signed, and no other one. `left_out` receives the names of fields, such
    as the ids of items, without which the messages say the same.

    Raises:
        BadRequestError: the input is missing or malformed.
        UnsupportedParamsError: chat has no counterpart for an item or a part, and the policy is `error`.
    """
    conversation = _Conversation(tools, Unsealing(provider, ledger), ledger, left_out)
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise bad_request("instructions", f"instructions must be a string, not {type(instructions).__name__}")
    if instructions:
        conversation.messages.append({"role": "system", "content": instructions})
    items = body.get("input")
    if isinstance(items, str):
        conversation.messages.append({"role": "user", "content": items})
    elif isinstance(items, Sequence):
        for item in items:
            conversation.add(item)
    elif items is not None:
        raise bad_request("input", f"input must be a string or a list, not {type(items).__name__}")
    messages = conversation.complete()
    if not messages:
        raise bad_request("input", "input: contains nothing that a chat call can send")
    return messages


def with_one_system_message(messages: list[JsonObject]) -> list[JsonObject]:
    """Return the messages with all system and developer text in a single system message at the start."""
    system = [message for message in messages if message["role"] in ("system", "developer")]
    if not system or (len(system) == 1 and system[0] is messages[0] and system[0]["role"] == "system"):
        return messages
    contents = [message["content"] for message in system]
    merged: Any
    if all(isinstance(content, str) for content in contents):
        merged = PARAGRAPH.join(contents)
    else:
        merged = [part for content in contents for part in _as_parts(content)]
    return [
        {"role": "system", "content": merged},
        *(message for message in messages if message["role"] not in ("system", "developer")),
    ]


def _as_parts(content: Any) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class _Conversation:
    """Collects messages; outputs are inserted once all calls have a message.

    The items of one bridged answer become one chat message again, which its upstream may have signed as a whole. Their
    ids say so; where a client has dropped them, sealed reasoning does: it begins a message or continues the last one,
    and what the assistant says right after it belongs to that message too.
    """

    def __init__(self, tools: Tools, unsealing: Unsealing, ledger: Ledger, left_out: MutableMapping[str, None]) -> None:
        self.messages: list[JsonObject] = []
        self._tools = tools
        self._ledger = ledger
        self._left_out = left_out
        self._parts = Parts(ledger, left_out)
        self._unsealing = unsealing
        self._reasoning: list[str] = []  # for the assistant message that follows
        self._signed: list[JsonObject] | None = None  # reasoning items for that message; None: it is not signed
        self._is_signed = False  # the last message is, and the assistant has not stopped speaking
        self._place: tuple[str, int] = ("", 0)  # of the assistant's last item: its answer, and its index there
        self._calls: list[tuple[JsonObject, dict[str, Any]]] = []  # each call, and fields that its item had besides
        self._signed_calls: dict[str, JsonObject] = {}  # id of a call to come -> the fields of its provider
        self._takes_calls = False  # the last item added was an assistant's message or call
        self._call_indexes: dict[str, int] = {}  # call id -> index of the message with the call
        self._outputs: list[tuple[int | None, str, JsonObject]] = []

    def add(self, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise bad_request("input", f"input: an item must be an object, not {type(item).__name__}")
        kind = item.get("type") or ("message" if "role" in item else None)
        if kind == "message":
            self._add_message(item)
        elif kind in CALLS:
            self._add_call(item)
        elif kind in OUTPUTS:
            self._add_output(item)
        elif kind == "reasoning":
            self._add_reasoning(item)
        elif kind in STATE:
            raise self._ledger.refuse("input", f"{kind} items need state that a Responses API stores; chat stores none")
        elif kind in BUILT_IN:
            self._ledger.lost("input", f"chat has no {kind} items")
        else:
            self._ledger.unsupported("input", f"chat has no items of type {kind!r:.80}")

    def complete(self) -> list[JsonObject]:
        """Return the messages, with each call's output right after the message with the call."""
        if self._reasoning or self._signed:
            self._ledger.dropped("input", NOTHING_FOLLOWS)
        self._note_lost_of_calls()
        answers: dict[int, list[JsonObject]] = {}
        for call_index, call_id, message in self._outputs:
            index = self._call_indexes.get(call_id) if call_index is None else call_index
            if index is None:
                self._ledger.unsupported("input", f"no call in the input has the call_id {call_id!r:.80}")
            else:
                answers.setdefault(index, []).append(message)
        if not answers:
            return self.messages
        return [each for index, message in enumerate(self.messages) for each in (message, *answers.get(index, ()))]

    def _note_lost_of_calls(self) -> None:
        """Record the fields of call items that chat calls have no place for, and that were not sealed either."""
        for call, other in self._calls:
            if lost := [name for name in other if name not in call]:
                self._ledger.lost("input", f"a chat call has no {listed(lost)}")

    def _end_turn(self) -> None:
        """Note that somebody else speaks: what follows begins another message."""
        self._takes_calls = self._is_signed = False

    def _add_message(self, item: Mapping[str, Any]) -> None:
        role, content = item.get("role"), item.get("content")
        if role not in ROLES:
            raise bad_request(
                "input", f"input: no message has the role {role!r:.80}; roles: {', '.join(sorted(ROLES))}"
            )
        if item.get("phase") is not None:
            self._ledger.lost("input", "chat messages have no phase")
        self._parts.note_others(item, OF_ITEMS | {"role", "content", "phase"}, "a chat message")
        if role == "assistant":
            self._add_assistant(content, joins=self._continues(item) or (self._is_signed and not self._begins))
            return
        self._end_turn()
        if self._signed is not None:
            self._ledger.dropped("input", NOTHING_FOLLOWS)
            self._signed = None
        parts = None if isinstance(content, str) else self._parts.of(content)
        if parts or parts is None:
            self.messages.append({"role": role, "content": content if parts is None else collapse(parts)})
        elif not content:  # otherwise each of its parts has been recorded
            self._ledger.dropped("input", "the message has no content")

    def _continues(self, item: Mapping[str, Any]) -> bool:
        """Return whether the assistant's item belongs to the last message: its id says that it is from that answer."""
        before, self._place = self._place, place_of_item(item.get("id"))
        answer, index = self._place
        is_same = answer != "" and answer == before[0] and index > before[1]
        return is_same and not self._begins and self._last_is_assistants

    @property
    def _last_is_assistants(self) -> bool:
        return bool(self.messages) and self.messages[-1]["role"] == "assistant"

    def _add_assistant(self, content: Any, *, joins: bool) -> None:
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else self._parts.of(content)
        text = "".join(part["text"] for part in parts if part["type"] == "text")
        refusal = "".join(part["refusal"] for part in parts if part["type"] == "refusal")
        for part in parts:
            if part["type"] not in ("text", "refusal"):
                self._ledger.unsupported("input", f"an assistant message cannot have a part of type {part['type']!r}")
            else:
                self._parts.note_others(part, {"type", "text", "refusal"}, "the text of an assistant message")
        if (text or refusal) and joins:
            self._continue_text(text, refusal)
        elif text or refusal:
            self._assistant({"content": text or None, **({"refusal": refusal} if refusal else {})})
        else:
            self._ledger.dropped("input", "the assistant message is empty")

    @property
    def _begins(self) -> bool:
        """Whether reasoning is waiting for another message of the assistant."""
        return bool(self._reasoning) or self._signed is not None

    def _continue_text(self, text: str, refusal: str) -> None:
        message = self.messages[-1]
        message["content"] = (message["content"] or "") + text or None
        if refusal:
            message["refusal"] = message.get("refusal", "") + refusal

    def _assistant(self, fields: JsonObject) -> JsonObject:
        message: JsonObject = {"role": "assistant", **fields}
        if self._reasoning:
            message["reasoning_content"] = PARAGRAPH.join(self._reasoning)
            self._reasoning = []
        if self._signed:
            message["reasoning_items"] = self._signed
        self._is_signed, self._signed = self._signed is not None, None
        self.messages.append(message)
        self._takes_calls = True
        return message

    def _add_call(self, item: Mapping[str, Any]) -> None:
        if not isinstance(item.get("call_id"), str):
            raise bad_request("input", f"input: a {item['type']} has no call_id")
        if not isinstance(item.get("name"), str):
            raise bad_request("input", f"input: a {item['type']} has no name")
        self._parts.note_others(item, OF_ITEMS | item.keys(), "a chat call")
        joins = self._continues(item) or (self._takes_calls and not self._begins)
        message = self.messages[-1] if joins else self._assistant({"content": None})
        call = self._tools.call(item)
        call.update(self._signed_calls.pop(call["id"], {}))
        message.setdefault("tool_calls", []).append(call)
        self._calls.append((call, other_fields(item, OF_ITEMS | OF_CALLS)))
        self._call_indexes[item["call_id"]] = len(self.messages) - 1

    def _add_output(self, item: Mapping[str, Any]) -> None:
        call_id = item.get("call_id")
        if not isinstance(call_id, str):
            raise bad_request("input", f"input: a {item['type']} has no call_id")
        self._end_turn()
        self._parts.note_others(item, OF_ITEMS | {"call_id", "output"}, "a tool message")
        message = {"role": "tool", "tool_call_id": call_id, "content": self._output(item.get("output"))}
        self._outputs.append((self._call_indexes.get(call_id), call_id, message))

    def _output(self, output: Any) -> Any:
        if output is None or isinstance(output, str):
            return output or ""
        if not isinstance(output, Sequence):
            raise bad_request(
                "input", f"input: an output must be a string or a list of parts, not {type(output).__name__}"
            )
        parts = self._parts.of(output)
        return collapse([part for part in parts if part["type"] == "text" or self._forwards_to_tool(part["type"])])

    def _forwards_to_tool(self, kind: str) -> bool:
        return self._ledger.forwards("input", f"a tool message takes text only, not {kind}")

    def _add_reasoning(self, item: Mapping[str, Any]) -> None:
        sealed = item.get("encrypted_content")
        unsealed = self._unsealing.open(sealed) if sealed else None
        self._parts.note_others(item, OF_ITEMS | {"encrypted_content", "content", "summary"}, "chat's reasoning")
        self._place = place_of_item(item.get("id"))
        raw, summary = _joined_text(item.get("content"), ""), _joined_text(item.get("summary"), PARAGRAPH)
        if raw and summary:
            self._left_out["summary"] = None  # of the text, which is sent
        if unsealed is not None:
            self._add_signed(unsealed, raw or summary)
        elif raw or summary:
            self._reasoning.append(raw or summary)
        elif not sealed:
            self._ledger.dropped("input", "reasoning without text means something to the server that stored it only")

    def _add_signed(self, unsealed: Unsealed, text: str) -> None:
        """Put signed reasoning on the message that it belongs to: the last one, or the next."""
        spoken = self.messages[-1] if self._last_is_assistants else None
        if not unsealed.continues or spoken is None:
            self._signed_calls = dict(unsealed.calls)
            self._reasoning += [text] if text else []
            self._signed = [*(self._signed or ()), *unsealed.items]
            return
        for call in spoken.get("tool_calls", ()):
            call.update(unsealed.calls.get(call["id"], {}))
        self._signed_calls.update(unsealed.calls)
        if text := "".join([*self._reasoning, text]):
            spoken["reasoning_content"] = spoken.get("reasoning_content", "") + text
            self._reasoning = []
        if unsealed.items:
            spoken["reasoning_items"] = [*spoken.get("reasoning_items", ()), *unsealed.items]
        self._takes_calls = self._is_signed = True


def _joined_text(parts: Any, separator: str) -> str:
    if not isinstance(parts, Sequence) or isinstance(parts, str):
        return ""
    return separator.join(str(part["text"]) for part in parts if isinstance(part, Mapping) and part.get("text"))
