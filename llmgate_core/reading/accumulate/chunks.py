"""Fold streamed chunks into a complete response, and unfold a complete response into chunks.

Pure, on dicts. Also makes the `partial` of errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject

__all__ = ["fold", "unfold"]

PARTS = ("reasoning_content", "content", "refusal", "annotations", "audio", "tool_calls", "function_call")
"""The fields of a message that get their own chunk when a complete response is streamed, in this order."""

GROWING = frozenset({"data", "transcript", "arguments"})
"""Strings of an object (audio, the legacy function_call) that arrive in pieces."""

TEXTS = ("content", "refusal", "reasoning_content", "text")


def fold(family: str, chunks: Iterable[Mapping[str, Any]]) -> JsonObject:
    """Return the complete response that `chunks` of `chat` or `text_completion` add up to."""
    whole: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if name not in ("choices", "obfuscation") and value is not None:
                whole[name] = value  # the last value wins, as usage requires
        for choice in chunk.get("choices") or ():
            index = choice.get("index") or 0
            _fold_choice(choices.setdefault(index, {"index": index, "logprobs": None}), choice, family)
    whole["object"] = "chat.completion" if family == "chat" else "text_completion"
    whole["choices"] = [_join_choice(choices[index]) for index in sorted(choices)]
    return whole


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
        end = answer.get("status") or "completed"
        started = {**answer, "status": "in_progress", "output": [], "usage": None}
        return [
            {"type": "response.created", "sequence_number": 0, "response": started},
            {"type": f"response.{end}", "sequence_number": 1, "response": dict(answer)},
        ]
    if family == "transcription":
        return [{**answer, "type": "transcript.text.done"}]
    return [dict(answer)]  # a text completion's chunk has the shape of a complete response


def _unfold_chat(answer: Mapping[str, Any], *, with_usage: bool) -> list[JsonObject]:
    """Return chunks with the role, each part of the message, the finish reason and, last, the usage."""
    base = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    base["object"] = "chat.completion.chunk"
    chunks = []
    for choice in answer["choices"]:
        index, message = choice.get("index") or 0, choice["message"]
        role = {"role": message.get("role") or "assistant", "content": ""}
        parts = [{name: _as_delta(name, message[name])} for name in PARTS if message.get(name)]
        rest = {name: value for name, value in message.items() if value and name not in (*PARTS, "role")}
        deltas = [role, *parts, rest]
        chunks += [{**base, "choices": [{"index": index, "delta": delta, "finish_reason": None}]} for delta in deltas]
        if choice.get("logprobs") is not None:
            chunks[-2]["choices"][0]["logprobs"] = choice["logprobs"]
        chunks[-1]["choices"][0]["finish_reason"] = choice.get("finish_reason")
    if with_usage:
        chunks.append({**base, "choices": [], "usage": answer.get("usage")})
    return chunks


def _as_delta(name: str, value: Any) -> Any:
    return [{"index": index, **call} for index, call in enumerate(value)] if name == "tool_calls" else value


def _fold_choice(whole: JsonObject, choice: Mapping[str, Any], family: str) -> None:
    if choice.get("finish_reason") is not None:
        whole["finish_reason"] = choice["finish_reason"]
    if isinstance(choice.get("logprobs"), Mapping):
        whole["logprobs"] = _with_logprobs(whole["logprobs"] or {}, choice["logprobs"])
    if family != "chat":
        whole["text"] = _append(whole.get("text"), choice.get("text") or "")
        return
    message = whole.setdefault("message", {"role": "assistant", "content": None, "refusal": None})
    for name, value in (choice.get("delta") or {}).items():
        if name == "tool_calls":
            for piece in value or ():
                _fold_tool_call(message.setdefault("tool_calls", {}), piece)
        elif name in TEXTS:
            if isinstance(value, str):
                message[name] = _append(message.get(name), value)
        elif value is not None:
            message[name] = _merge(message.get(name), value)


def _append(pieces: Any, text: str) -> list[str]:
    """Collect pieces in a list that is joined once, so that long responses take linear time."""
    if not isinstance(pieces, list):
        return [text]
    pieces.append(text)
    return pieces


def _fold_tool_call(calls: dict[int, list[JsonObject]], piece: Mapping[str, Any]) -> None:
    index = piece.get("index")
    same_index = calls.setdefault(len(calls) if index is None else index, [{}])
    if _starts_call(same_index[-1], piece):
        same_index.append({})
    call = same_index[-1]
    for name, value in piece.items():
        if isinstance(value, Mapping):
            part = call.setdefault(name, {})
            for key, item in value.items():
                if key in ("arguments", "input") and isinstance(item, str):
                    part[key] = _append(part.get(key), item)
                elif item is not None:
                    part[key] = item
        elif value is not None and name != "index":
            call[name] = value


def _starts_call(call: JsonObject, piece: Mapping[str, Any]) -> bool:
    """Return True if a piece starts another call: some servers give every call the same index."""
    has_other_id = call.get("id") and piece.get("id") and piece["id"] != call["id"]
    return bool(has_other_id and (piece.get("function") or {}).get("name"))


def _with_logprobs(whole: JsonObject, piece: Mapping[str, Any]) -> JsonObject:
    for name, value in piece.items():
        if isinstance(value, list):
            whole[name] = whole.get(name) or []
            whole[name].extend(value)
        else:
            whole.setdefault(name, value)
    return whole


def _merge(old: Any, new: Any) -> Any:
    """Merge an object that arrives in pieces, such as audio: append to strings, replace other values."""
    if isinstance(old, list) and isinstance(new, list):
        return old + new
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    appended = {
        name: old[name] + item
        for name, item in new.items()
        if name in GROWING and isinstance(old.get(name), str) and isinstance(item, str)
    }
    return {**old, **new, **appended}


def _join_choice(choice: JsonObject) -> JsonObject:
    if isinstance(choice.get("text"), list):
        choice["text"] = "".join(choice["text"])
    message = choice.get("message")
    if message is not None:
        for name in TEXTS:
            if isinstance(message.get(name), list):
                message[name] = "".join(message[name])
        if "tool_calls" in message:
            by_index = sorted(message["tool_calls"].items())
            message["tool_calls"] = [_join_call(call) for _, same_index in by_index for call in same_index]
    return choice


def _join_call(call: JsonObject) -> JsonObject:
    return {name: _join_part(part) if isinstance(part, dict) else part for name, part in call.items()}


def _join_part(part: JsonObject) -> JsonObject:
    return {key: "".join(item) if isinstance(item, list) else item for key, item in part.items()}
