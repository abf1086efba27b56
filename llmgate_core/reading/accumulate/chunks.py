"""Fold streamed chunks into a complete response, and unfold a complete response into chunks.

Pure, on dicts. Also makes the `partial` of errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.reading.accumulate.message_events import events_of_message
from llmgate_core.reading.accumulate.pieces import extended, grown, is_empty, joined, merged
from llmgate_core.reading.accumulate.response_events import events_of_response
from llmgate_core.reading.accumulate.tool_calls import ToolCalls

__all__ = ["as_chunk", "fold", "unfold"]

PARTS = ("reasoning_content", "content", "refusal", "annotations", "audio", "tool_calls", "function_call")
PROOFS = "reasoning_items"  # of the reasoning, so that they come before the text
"""The fields of a message that get their own chunk when a complete response is streamed, in this order."""

WORDS = frozenset(
    {"channel", "format", "id", "model", "name", "object", "phase", "recipient", "role", "status", "type"}
)
"""Strings of a delta that say what it is and come whole; every other string is text, and grows."""

LISTS_OF_PARTS = frozenset({"content", "reasoning", "reasoning_content"})
"""Lists of a delta whose text comes in pieces; the items of every other list are whole, and may be opaque."""


def fold(family: str, chunks: Iterable[Mapping[str, Any]]) -> JsonObject:
    """Return the complete response that `chunks` of `chat` or `text_completion` add up to.

    A field of an unexpected type is kept or skipped: this also makes the `partial` of errors.
    """
    whole: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            is_said = name not in whole or not is_empty(value)
            if is_said and value is not None and name not in ("choices", "obfuscation"):
                whole[name] = value  # the last one that says something, as usage requires
        sent = chunk.get("choices")
        for choice in sent if isinstance(sent, list) else ():
            if isinstance(choice, Mapping):
                index = _index_of(choice)
                _fold_choice(choices.setdefault(index, {"index": index, "logprobs": None}), choice, family)
    whole["object"] = "chat.completion" if family == "chat" else "text_completion"
    whole["choices"] = [_joined_choice(choices[index]) for index in sorted(choices)]
    return whole


def _index_of(choice: Mapping[str, Any]) -> int:
    index = choice.get("index")
    return index if type(index) is int else 0


def as_chunk(answer: Mapping[str, Any]) -> JsonObject:
    """Return a complete chat response, which some servers send as the only event of a stream, as a chunk."""
    choices = [
        {**{name: value for name, value in choice.items() if name != "message"}, "delta": choice["message"]}
        if isinstance(choice, Mapping) and choice.get("delta") is None and "message" in choice
        else choice
        for choice in answer["choices"]
    ]
    return {**answer, "choices": choices}


def unfold(family: str, answer: Mapping[str, Any], *, with_usage: bool) -> list[JsonObject]:
    """Return a complete response as chunks or events, for a stream from an upstream that does not stream.

    Args:
        family: the endpoint family.
        answer: the complete response.
        with_usage: True if the caller asked for the usage chunk of a chat stream.
    """
    if family == "chat":
        return _unfold_chat(answer, with_usage=with_usage)
    if family == "responses":
        return events_of_response(answer)
    if family == "messages":
        return events_of_message(answer)
    if family == "transcription":
        return [{**answer, "type": "transcript.text.done"}]
    return [dict(answer)]  # a text completion's chunk has the shape of a complete response


def _unfold_chat(answer: Mapping[str, Any], *, with_usage: bool) -> list[JsonObject]:
    """Return chunks with the role, each part of the message, the finish reason and, last, the usage."""
    base = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    base["object"] = "chat.completion.chunk"
    chunks = []
    for choice in answer["choices"]:
        index, message = _index_of(choice), choice.get("message") or {}
        role = {"role": message.get("role") or "assistant", "content": ""}
        parts = [{name: _as_delta(name, message[name])} for name in PARTS if message.get(name)]
        if parts and message.get(PROOFS):
            parts[0] = {**parts[0], PROOFS: message[PROOFS]}
        sent = {"role", *PARTS, *(parts[0] if parts else ())}
        rest = {name: value for name, value in message.items() if value and name not in sent}
        deltas = [role, *parts, rest]
        chunks += [{**base, "choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas]
        if choice.get("logprobs") is not None:
            chunks[-2]["choices"][0]["logprobs"] = choice["logprobs"]
        chunks[-1]["choices"][0]["finish_reason"] = choice.get("finish_reason")
    if with_usage:
        chunks.append({**base, "choices": [], "usage": answer.get("usage")})
    return chunks


def _as_delta(name: str, value: Any) -> Any:
    if name != "tool_calls" or not isinstance(value, list):
        return value
    return [{"index": index, **call} if isinstance(call, Mapping) else call for index, call in enumerate(value)]


def _fold_choice(whole: JsonObject, choice: Mapping[str, Any], family: str) -> None:
    for name, value in choice.items():
        if name == "logprobs":
            if isinstance(value, Mapping):
                whole["logprobs"] = _with_logprobs(whole["logprobs"] or {}, value)
        elif name == "text" and family != "chat":
            if isinstance(value, str):
                whole["text"] = grown(whole.get("text"), value)
        elif name not in ("delta", "index", "message") and not is_empty(value):
            whole[name] = value
    if family != "chat":
        whole.setdefault("text", "")
        return
    message = whole.setdefault("message", {"role": "assistant", "content": None, "refusal": None})
    delta = choice.get("delta")
    if isinstance(delta, Mapping):
        _fold_delta(message, delta)


def _fold_delta(message: JsonObject, delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            if value is not None:
                message.setdefault("tool_calls", ToolCalls()).add(value)
        elif isinstance(value, str):
            if name not in WORDS:
                message[name] = grown(message.get(name), value)
            elif value:
                message[name] = value
        elif isinstance(value, list):
            message[name] = extended(message.get(name), value, of_parts=name in LISTS_OF_PARTS)
        elif isinstance(value, Mapping):
            message[name] = merged(message.get(name), value)
        elif value is not None:
            message[name] = value


def _with_logprobs(whole: JsonObject, piece: Mapping[str, Any]) -> JsonObject:
    for name, value in piece.items():
        if isinstance(value, list):
            whole[name] = extended(whole.get(name), value)
        else:
            whole.setdefault(name, value)
    return whole


def _joined_choice(choice: JsonObject) -> JsonObject:
    message = choice.get("message")
    if message is not None and "tool_calls" in message:
        message["tool_calls"] = message["tool_calls"].whole()
    whole: JsonObject = joined(choice)
    return whole
