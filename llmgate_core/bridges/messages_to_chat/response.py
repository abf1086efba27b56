"""Convert a complete chat completion to a message.

Pure. Never presents a completion without a choice as an empty one.

Source: OpenAI API reference, `CreateChatCompletionResponse`; Anthropic API reference, `Message`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.chat_shapes import convert_choices
from llmgate_core.bridges.fields import list_of, object_of, objects_of, string_of
from llmgate_core.bridges.messages_to_chat.answer import (
    Ending,
    arguments_of,
    empty_message,
    input_of,
    message_usage,
    tool_use,
)
from llmgate_core.bridges.messages_to_chat.tool_ids import ToolIds
from llmgate_core.bridges.messages_to_chat.tools import names_of
from llmgate_core.bridges.messages_to_chat.values import SOURCE
from llmgate_core.bridges.responses_to_chat.output import Ids, call_parts, other_fields_of_call, text_of
from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.contract.upstream import Converted
from llmgate_core.endpoints.tool_names import ToolNames

__all__ = ["NO_USAGE", "calls_of", "message_object", "record_lost"]

NO_USAGE = "the upstream did not count its tokens; they are shown as zero"
WITHOUT_BLOCK = ("audio", "images", "annotations")


def message_object(call: Call, route: Route, answer: JsonObject) -> Converted:
    """Return the message for `answer`, a canonical chat completion.

    Raises:
        APIResponseValidationError: the answer has no choice or does not have the documented shape.
    """
    return convert_choices(_converted, call, route, answer)


def _converted(call: Call, route: Route, answer: JsonObject, choices: list[Any]) -> Converted:
    ledger = Ledger(route, SOURCE)
    if len(choices) > 1:
        ledger.lost("n", "a message is a single answer: the first choice")
    if not object_of(answer.get("usage")):
        ledger.emulated("usage", NO_USAGE)
    choice = choices[0]
    message = object_of(choice.get("message"))
    record_lost(message, choice, ledger)
    ids = Ids(answer.get("id"))
    usage = message_usage(answer.get("usage"), answer.get("service_tier"))
    whole = empty_message(ids.message, string_of(answer.get("model")) or route.model, usage)
    calls = calls_of(message)
    names, sealing = names_of(call.body), Sealing(route.provider, ledger)
    whole["content"] = _blocks(message, calls, ids, names, sealing, ledger)
    refusal = text_of(message)[2]
    whole.update(Ending(call, route).of(choice, refusal, ledger, has_calls=bool(calls)))
    return Converted(whole, ledger.entries)


def _blocks(
    message: Mapping[str, Any],
    calls: list[Mapping[str, Any]],
    ids: Ids,
    names: ToolNames,
    sealing: Sealing,
    ledger: Ledger,
) -> list[JsonObject]:
    reasoning, content, refusal = text_of(message)
    sealing.add_items(message.get("reasoning_items"))
    taken, uses = ToolIds(), []
    for index, call in enumerate(calls):
        call_id = taken.take(call.get("id"), ids.item("call", index))
        if other := other_fields_of_call(call):
            sealing.add_call(call_id, other)
        name, arguments = call_parts(call)
        given = input_of(arguments_of(call, arguments), ledger)
        uses.append(tool_use(call_id, names.given(name), given))
    blocks: list[JsonObject] = []
    if reasoning or sealing.is_waiting:
        blocks.append({"type": "thinking", "thinking": reasoning, "signature": sealing.signature()})
    blocks += [{"type": "text", "text": text} for text in (content, refusal) if text]
    return [*blocks, *uses]


def calls_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the tool calls of a message or a delta, including a legacy function_call."""
    legacy = object_of(message.get("function_call"))
    return [*objects_of(message.get("tool_calls")), *([{"index": 0, "function": legacy}] if legacy else ())]


def record_lost(message: Mapping[str, Any], choice: Mapping[str, Any], ledger: Ledger) -> None:
    """Record what of an answer a message has no block for."""
    for name in WITHOUT_BLOCK:
        if message.get(name):
            ledger.lost(f"message.{name}", "a message that was a chat completion has no block for it")
    if choice.get("logprobs"):
        ledger.lost("logprobs", "a message has no log probabilities")
    parts = objects_of(list_of(message.get("content")))
    if parts and any(part.get("type", "text") not in ("text", "output_text") for part in parts):
        ledger.lost("message.content", "a message that was a chat completion has text only")
