"""Convert a message of the Messages API to a chat completion.

Pure. What chat has no field for stays: blocks of server tools and signed thoughts in `reasoning_items`, all blocks in
`provider_specific_fields` where their order matters, other fields of the message beside the chat's own.

Source: Anthropic API reference, `Message`; docs/plugins/canonical-shapes.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.citations import annotations_of
from llmgate_anthropic.wire.fields import objects
from llmgate_anthropic.wire.formats import JSON_TOOL, emulates_format
from llmgate_anthropic.wire.names import names_of
from llmgate_anthropic.wire.params import SOURCE
from llmgate_anthropic.wire.thoughts import BLOCKS, CALL_FIELDS, OWN, is_carried
from llmgate_anthropic.wire.traits import traits_of
from llmgate_anthropic.wire.usage import chat_usage
from llmgate_core.plugin import Call, Converted, JsonObject, Ledger, Route, UpstreamResponse, encode, errors, string_of

__all__ = [
    "FINISH_REASONS",
    "Reading",
    "chat_completion",
    "completion_of",
    "finish_reason",
    "json_of",
    "side_fields",
    "tool_call",
]

FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "pause_turn": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }
)
"""`stop_reason` -> `finish_reason`; another one is `stop`, and is itself in `provider_specific_fields`."""

PLAIN = frozenset({"end_turn", "max_tokens", "tool_use"})
"""Stop reasons of which the finish reason says all."""

CONVERTED = frozenset({"content", "role", "type", "stop_reason", "stop_sequence", "stop_details", "usage", "container"})


class Reading:
    """How the answer of one call is read.

    Attributes:
        names: of the call's tools.
        unwraps_json: the input of the tool for structured output is the content.
    """

    __slots__ = ("names", "unwraps_json")

    def __init__(self, call: Call, route: Route, lacks: Collection[str] = ()) -> None:
        self.names = names_of(call.body)
        self.unwraps_json = emulates_format(call.body, traits_of(route, lacks))

    def is_content(self, block: Mapping[str, Any]) -> bool:
        """Return whether a call is the structured output itself."""
        return self.unwraps_json and block.get("name") == JSON_TOOL


def chat_completion(call: Call, route: Route, response: UpstreamResponse, *, lacks: Collection[str] = ()) -> Converted:
    """Return the chat completion of a complete response; `lacks` as in the request.

    Raises:
        APIResponseValidationError: the response is not a message.
    """
    said = response.json()
    if not isinstance(said, dict) or not isinstance(said.get("content"), list):
        raise errors.APIResponseValidationError(
            "the answer is not a message: it has no list of blocks as its content", status_code=response.status
        )
    return completion_of(said, call, route, lacks=lacks)


def completion_of(said: Mapping[str, Any], call: Call, route: Route, *, lacks: Collection[str] = ()) -> Converted:
    """Return the chat completion of a parsed message."""
    reading, ledger = Reading(call, route, lacks), Ledger(route, SOURCE)
    blocks = objects(said["content"])
    message = _message(blocks, said, reading)
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(said.get("stop_reason"), blocks, reading)}
    further = {name: value for name, value in said.items() if name not in CONVERTED}
    answer: JsonObject = {**further, "object": "chat.completion", "choices": [choice]}
    if (usage := chat_usage(said.get("usage"))) is not None:
        answer["usage"] = usage
    if len(blocks) < len(said["content"]):
        ledger.lost("message.content", "a block of the answer is not an object")
    return Converted(answer, ledger.entries)


def finish_reason(stop_reason: Any, blocks: Iterable[Mapping[str, Any]], reading: Reading) -> str:
    """Return the finish reason; a model that gave its structured output has stopped, and called nothing."""
    found = FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"
    if found == "tool_calls" and reading.unwraps_json:
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        return "stop" if all(map(reading.is_content, calls)) else found
    return found


def _message(blocks: list[JsonObject], said: Mapping[str, Any], reading: Reading) -> JsonObject:
    strings, calls, thoughts, annotations = [], [], [], []
    length = 0
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            annotations += annotations_of(block, length)
            strings.append(string_of(block.get("text")))
            length += len(strings[-1])
        elif kind == "tool_use" and reading.is_content(block):
            strings.append(json_of(block))
        elif kind == "tool_use":
            calls.append(tool_call(block, reading, json_of(block)))
        elif kind == "thinking":
            thoughts.append(string_of(block.get("thinking")))
    message: JsonObject = {"role": "assistant", "content": "".join(strings) or None}
    if calls:
        message["tool_calls"] = calls
    if reasoning := "".join(thoughts):
        message["reasoning_content"] = reasoning
    if annotations:
        message["annotations"] = annotations
    return {**message, **side_fields(blocks, said)}


def side_fields(blocks: list[JsonObject], said: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a chat message that a stream has at its end: what goes back unchanged, and why it stopped.

    Args:
        blocks: all blocks of the answer.
        said: the message, or what the last event said of it: `stop_reason`, `stop_sequence`, `stop_details`,
            `container`.
    """
    fields: JsonObject = {}
    if items := [block for block in blocks if is_carried(block)]:
        fields["reasoning_items"] = items
    own: JsonObject = {}
    if not _is_in_order(blocks):
        own[BLOCKS] = blocks
    stopped = said.get("stop_reason")
    if stopped is not None and not (isinstance(stopped, str) and stopped in PLAIN):
        own["stop_reason"] = stopped
    for name in ("stop_sequence", "stop_details", "container"):
        if said.get(name) is not None:
            own[name] = said[name]
    if stopped == "refusal":
        fields["refusal"] = _refusal(said)
    if own:
        fields[OWN] = own
    return fields


def _refusal(said: Mapping[str, Any]) -> str:
    details = said.get("stop_details")
    explained = string_of(details.get("explanation")) if isinstance(details, Mapping) else ""
    return explained or "the model refused to answer"


def _is_in_order(blocks: list[JsonObject]) -> bool:
    """Return whether the fields of a chat message say all of the blocks: thoughts, one text, calls."""
    ranks = [_rank(block) for block in blocks]
    return None not in ranks and ranks == sorted(ranks, key=lambda rank: rank or 0) and ranks.count(1) <= 1


def _rank(block: Mapping[str, Any]) -> int | None:
    kind = block.get("type")
    if kind in ("thinking", "redacted_thinking"):
        return 0
    if kind == "text":
        return None if block.get("citations") else 1
    return 2 if kind == "tool_use" else None


def tool_call(block: Mapping[str, Any], reading: Reading, arguments: str) -> JsonObject:
    """Return the tool call of a block; fields that chat has not, such as the `caller`, stay beside it and come back."""
    name = reading.names.given(string_of(block.get("name")))
    function = {"name": name, "arguments": arguments}
    call: JsonObject = {"id": string_of(block.get("id")), "type": "function", "function": function}
    if further := {field: value for field, value in block.items() if field not in CALL_FIELDS and value is not None}:
        call[OWN] = further
    return call


def json_of(block: Mapping[str, Any]) -> str:
    """Return the input of a call as JSON."""
    given = block.get("input")
    return encode({} if given is None else given).decode()
