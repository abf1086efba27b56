"""Fold streamed chunks into a whole answer, and a whole answer into chunks.

Pure, on dicts. It also makes the `partial` of errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgate_core.contract.call import JsonObject

__all__ = ["fold", "unfold"]

PARTS = ("reasoning_content", "content", "refusal", "annotations", "audio", "tool_calls", "function_call")
"""What of a message has a chunk of its own when a whole answer is handed out as a stream, in that order."""

GROWING = frozenset({"data", "transcript", "arguments"})
"""Texts of an object (audio, the legacy function_call) that come in pieces."""

TEXTS = ("content", "refusal", "reasoning_content", "text")


def fold(family: str, chunks: Iterable[Mapping[str, Any]]) -> JsonObject:
    """Return the whole answer that `chunks` of `chat` or `text_completion` add up to."""
    whole: JsonObject = {}
    choices: dict[int, JsonObject] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if name not in ("choices", "obfuscation") and value is not None:
                whole[name] = value  # the last one wins, which is right for usage
        for choice in chunk.get("choices") or ():
            index = choice.get("index") or 0
            _fold_choice(choices.setdefault(index, {"index": index, "logprobs": None}), choice, family)
    whole["object"] = "chat.completion" if family == "chat" else "text_completion"
    whole["choices"] = [_finished(choices[index]) for index in sorted(choices)]
    return whole


def unfold(family: str, answer: Mapping[str, Any], *, with_usage: bool) -> list[JsonObject]:
    """Return a whole answer as the chunks or events that say it all, for a stream that is none.

    `with_usage`: the caller asked for the usage chunk of a chat stream.
    """
    if family == "chat":
        return _unfold_chat(answer, with_usage=with_usage)
    if family == "responses":
        end = answer.get("status") or "completed"
        begun = {**answer, "status": "in_progress", "output": [], "usage": None}
        return [
            {"type": "response.created", "sequence_number": 0, "response": begun},
            {"type": f"response.{end}", "sequence_number": 1, "response": dict(answer)},
        ]
    if family == "transcription":
        return [{**answer, "type": "transcript.text.done"}]
    return [dict(answer)]  # a text completion's chunk has the shape of its whole answer


def _unfold_chat(answer: Mapping[str, Any], *, with_usage: bool) -> list[JsonObject]:
    """Return role, then each part of the message, then the reason it ended; the usage last."""
    base = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    base["object"] = "chat.completion.chunk"
    chunks = []
    for choice in answer["choices"]:
        index, message = choice.get("index") or 0, choice["message"]
        begin = {"role": message.get("role") or "assistant", "content": ""}
        parts = [{name: _as_delta(name, message[name])} for name in PARTS if message.get(name)]
        rest = {name: value for name, value in message.items() if value and name not in (*PARTS, "role")}
        deltas = [begin, *parts, rest]
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
        whole["text"] = _appended(whole.get("text"), choice.get("text") or "")
        return
    message = whole.setdefault("message", {"role": "assistant", "content": None, "refusal": None})
    for name, value in (choice.get("delta") or {}).items():
        if name == "tool_calls":
            for piece in value or ():
                _fold_tool_call(message.setdefault("tool_calls", {}), piece)
        elif name in TEXTS:
            if isinstance(value, str):
                message[name] = _appended(message.get(name), value)
        elif value is not None:
            message[name] = _merged(message.get(name), value)


def _appended(pieces: Any, text: str) -> list[str]:
    """Collect pieces in one list that is joined once, so that long answers stay linear."""
    if not isinstance(pieces, list):
        return [text]
    pieces.append(text)
    return pieces


def _fold_tool_call(calls: dict[int, list[JsonObject]], piece: Mapping[str, Any]) -> None:
    index = piece.get("index")
    known = calls.setdefault(len(calls) if index is None else index, [{}])
    if _begins_another(known[-1], piece):
        known.append({})
    call = known[-1]
    for name, value in piece.items():
        if isinstance(value, Mapping):
            part = call.setdefault(name, {})
            for key, item in value.items():
                if key in ("arguments", "input") and isinstance(item, str):
                    part[key] = _appended(part.get(key), item)
                elif item is not None:
                    part[key] = item
        elif value is not None and name != "index":
            call[name] = value


def _begins_another(call: JsonObject, piece: Mapping[str, Any]) -> bool:
    """Return whether a piece names a call of its own, as from servers that give every call the same index."""
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


def _merged(known: Any, new: Any) -> Any:
    """Merge an object that comes in pieces, such as audio: texts grow, the rest is replaced."""
    if isinstance(known, list) and isinstance(new, list):
        return known + new
    if not isinstance(known, Mapping) or not isinstance(new, Mapping):
        return new
    grown = {
        name: known[name] + item
        for name, item in new.items()
        if name in GROWING and isinstance(known.get(name), str) and isinstance(item, str)
    }
    return {**known, **new, **grown}


def _finished(choice: JsonObject) -> JsonObject:
    if isinstance(choice.get("text"), list):
        choice["text"] = "".join(choice["text"])
    message = choice.get("message")
    if message is not None:
        for name in TEXTS:
            if isinstance(message.get(name), list):
                message[name] = "".join(message[name])
        if "tool_calls" in message:
            by_index = sorted(message["tool_calls"].items())
            message["tool_calls"] = [_joined(call) for _, known in by_index for call in known]
    return choice


def _joined(call: JsonObject) -> JsonObject:
    return {name: _joined_part(part) if isinstance(part, dict) else part for name, part in call.items()}


def _joined_part(part: JsonObject) -> JsonObject:
    return {key: "".join(item) if isinstance(item, list) else item for key, item in part.items()}
