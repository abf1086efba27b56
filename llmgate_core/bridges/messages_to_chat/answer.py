"""The parts of a message: usage, stop reason and blocks, made from a chat completion.

Pure. Whole answers and streams share these parts, so that both make the same message.

Source: Anthropic API reference, `Message`, `Usage`, `StopReason` and `ContentBlock`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.fields import count_of, list_of, object_of, string_of
from llmgate_core.bridges.messages_to_chat.tool_ids import tool_use_id
from llmgate_core.bridges.messages_to_chat.values import SERVICE_TIERS, STOP_REASONS
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger
from llmgate_core.json_codec import decode, encode

__all__ = ["Ending", "arguments_of", "delta_usage", "empty_message", "input_of", "message_usage", "tool_use"]

OF_DELTAS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
STOP_FIELDS = ("stop_reason", "matched_stop")
"""Fields of a choice in which vLLM and SGLang say which stop sequence has ended the answer."""
RAW = "_raw"
"""The field of an input whose JSON the model did not finish, or did not write as an object."""


def empty_message(message_id: str, model: str, usage: JsonObject) -> JsonObject:
    """Return a message without content, as a stream begins with it."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def message_usage(usage: Any, tier: Any) -> JsonObject:
    """Return chat's usage under the names of a message, whose `input_tokens` has no tokens of the cache.

    Without a usage every count is zero, since clients cannot read a message without them.
    """
    counted, details = object_of(usage), object_of(object_of(usage).get("prompt_tokens_details"))
    cached, written = count_of(details.get("cached_tokens")), count_of(details.get("cache_write_tokens"))
    longer = count_of(details.get("cache_write_1h_tokens"))
    converted: JsonObject = {
        "input_tokens": max(count_of(counted.get("prompt_tokens")) - cached - written, 0),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": max(written - longer, 0),
            "ephemeral_1h_input_tokens": longer,
        },
        "output_tokens": count_of(counted.get("completion_tokens")),
        "service_tier": SERVICE_TIERS.get(string_of(tier), "standard"),
    }
    thought = object_of(counted.get("completion_tokens_details")).get("reasoning_tokens")
    if isinstance(thought, int) and thought:
        converted["output_tokens_details"] = {"thinking_tokens": thought}
    return converted


def delta_usage(usage: Mapping[str, Any]) -> JsonObject:
    """Return the usage of the last `message_delta`: the counts of the whole answer."""
    counts: JsonObject = {name: usage[name] for name in OF_DELTAS}
    if "output_tokens_details" in usage:
        counts["output_tokens_details"] = usage["output_tokens_details"]
    return counts


class Ending:
    """Why an answer ended, in the words of a message."""

    def __init__(self, call: Call, route: Route) -> None:
        self._stops = list_of(call.body.get("stop_sequences"))
        self._route = route

    def of(self, choice: Mapping[str, Any], refusal: str, ledger: Ledger, *, has_calls: bool) -> JsonObject:
        """Return `stop_reason`, `stop_sequence` and, of a refusal, `stop_details`.

        Args:
            choice: the fields of chat's choice, or of the last piece of it that said why the answer ended.
            refusal: what the model wrote instead of an answer.
            ledger: of the conversion.
            has_calls: the answer calls tools, which some servers do not say.
        """
        finish = choice.get("finish_reason")
        known = isinstance(finish, str) and finish in STOP_REASONS
        if finish is not None and not known:
            ledger.emulated("finish_reason", f"{finish!r:.80} is not one of chat's; shown as 'end_turn'")
        reason = STOP_REASONS[finish] if known else "end_turn"
        sequence = next(filter(self._is_stop, map(choice.get, STOP_FIELDS)), None)
        if reason == "tool_use" and not has_calls:
            ledger.emulated("finish_reason", f"{finish!r:.80} without a call is shown as 'end_turn'")
            reason = "end_turn"
        if reason == "end_turn" and has_calls:
            reason = "tool_use"
        elif reason == "end_turn" and refusal:
            reason = "refusal"
        elif reason == "end_turn" and sequence is not None:
            reason = "stop_sequence"
        ending: JsonObject = {"stop_reason": reason, "stop_sequence": sequence if reason == "stop_sequence" else None}
        if reason == "refusal":
            ending["stop_details"] = {"type": "refusal", "category": None, "explanation": refusal or None}
        return ending

    def _is_stop(self, value: Any) -> bool:
        return isinstance(value, str) and value in self._stops


def tool_use(call_id: str, name: str, given: JsonObject) -> JsonObject:
    """Return the block of a tool call."""
    return {"type": "tool_use", "id": tool_use_id(call_id), "name": name, "input": given}


def input_of(arguments: str, ledger: Ledger) -> JsonObject:
    """Return the arguments of a chat call as an object; what is no JSON object is inside one, under `_raw`."""
    if not arguments.strip():
        return {}
    try:
        parsed = decode(arguments)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return parsed
    ledger.emulated("tool_calls", f"arguments that are not a JSON object are the field {RAW!r} of the input")
    return {RAW: arguments}


def arguments_of(call: Mapping[str, Any], arguments: str) -> str:
    """Return the arguments of a chat call as JSON; the plain text of a custom tool is its field `input`."""
    return encode({"input": arguments}).decode() if object_of(call.get("custom")) else arguments
