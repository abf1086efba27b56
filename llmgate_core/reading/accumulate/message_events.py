"""The events of a message's stream: fold them into the message so far, and unfold a whole message into them.

Pure, on dicts, in linear time. Makes the `partial` of errors, so folding never raises because of an unexpected event.

Source: Anthropic API reference, `RawMessageStreamEvent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.json_codec import decode, encode

__all__ = ["events_of_message", "fold_message", "merged_usage"]

PIECES: Mapping[str, str] = MappingProxyType(
    {
        "text_delta": "text",
        "thinking_delta": "thinking",
        "signature_delta": "signature",
        "input_json_delta": "partial_json",
    }
)
"""Type of a delta -> its field of text, which is also the block's, but for JSON."""
GROWING: Mapping[str, tuple[tuple[str, str, str], ...]] = MappingProxyType(
    {
        "text": (("text", "text_delta", "text"),),
        "thinking": (("thinking", "thinking_delta", "thinking"), ("signature", "signature_delta", "signature")),
    }
)
"""Type of a block -> its fields that come in pieces, and the type and the field of the deltas."""
INPUT_JSON = "partial_json"


def merged_usage(before: Any, after: Any) -> Any:
    """Return the usage so far: the last counts, and of earlier events what the last one does not say."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after or before
    return {**before, **{name: value for name, value in after.items() if value is not None}}


def fold_message(events: Iterable[Mapping[str, Any]]) -> JsonObject | None:
    """Return the message that the events add up to; None if they say nothing of a message."""
    whole: JsonObject = {}
    blocks: dict[int, _Block] = {}
    for event in events:
        kind, index = event["type"], event.get("index")
        place = index if type(index) is int else max(blocks, default=0)
        if kind == "message_start" and isinstance(event.get("message"), Mapping):
            whole = {**event["message"], **whole}
        elif kind == "content_block_start" and isinstance(event.get("content_block"), Mapping):
            blocks[place] = _Block(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), Mapping):
            blocks.setdefault(place, _Block({})).add(event["delta"])
        elif kind == "message_delta":
            delta = event.get("delta")
            whole.update(delta if isinstance(delta, Mapping) else {})
            if usage := merged_usage(whole.get("usage"), event.get("usage")):
                whole["usage"] = usage
    if not whole and not blocks:
        return None
    return {"type": "message", "role": "assistant", **whole, "content": _content(whole, blocks)}


def _content(whole: Mapping[str, Any], blocks: Mapping[int, _Block]) -> Any:
    sent = whole.get("content")
    return [blocks[place].whole() for place in sorted(blocks)] if blocks or not isinstance(sent, list) else sent


class _Block:
    """One block, whose strings come in pieces."""

    def __init__(self, base: Mapping[str, Any]) -> None:
        self._base = base
        self._pieces: dict[str, list[str]] = {}
        self._citations: list[Any] = []

    def add(self, delta: Mapping[str, Any]) -> None:
        """Add a delta; of an unknown type each string grows."""
        kind = delta.get("type")
        if kind == "citations_delta":
            self._citations.append(delta.get("citation"))
            return
        names = (PIECES[kind],) if isinstance(kind, str) and kind in PIECES else tuple(delta)
        for name in names:
            if name != "type" and isinstance(delta.get(name), str):
                self._pieces.setdefault(name, []).append(delta[name])

    def whole(self) -> JsonObject:
        """Return the block so far; an input that is not complete is left as it began."""
        whole: JsonObject = dict(self._base)
        for name, pieces in self._pieces.items():
            if name == INPUT_JSON:
                whole.update(_input_of("".join(pieces)))
            else:
                before = whole.get(name)
                whole[name] = (before if isinstance(before, str) else "") + "".join(pieces)
        if self._citations:
            before = whole.get("citations")
            whole["citations"] = [*(before if isinstance(before, list) else ()), *self._citations]
        return whole


def _input_of(text: str) -> JsonObject:
    try:
        return {"input": decode(text)} if text.strip() else {}
    except ValueError:
        return {}


def events_of_message(answer: Mapping[str, Any]) -> list[JsonObject]:
    """Return the events of a whole message, whose blocks come one after another."""
    ending = {name: answer.get(name) for name in ("stop_reason", "stop_sequence")}
    ending.update({name: answer[name] for name in ("stop_details", "container") if answer.get(name) is not None})
    usage = answer.get("usage")
    begun = {name: value for name, value in answer.items() if name not in ("stop_details", "container")}
    if isinstance(usage, Mapping):
        begun["usage"] = {**usage, "output_tokens": 0}
    begun.update(content=[], stop_reason=None, stop_sequence=None)
    content = answer.get("content")
    blocks = [block for block in content if isinstance(block, Mapping)] if isinstance(content, list) else []
    return [
        {"type": "message_start", "message": begun},
        *(event for index, block in enumerate(blocks) for event in _of_block(index, block)),
        {"type": "message_delta", "delta": ending, "usage": _counts(usage)},
        {"type": "message_stop"},
    ]


def _counts(usage: Any) -> JsonObject:
    """Return the counts of a usage, which the last delta repeats."""
    fields = usage if isinstance(usage, Mapping) else {}
    return {name: value for name, value in fields.items() if name.endswith("_tokens") or name == "server_tool_use"}


def _of_block(index: int, block: Mapping[str, Any]) -> Iterator[JsonObject]:
    kind = block.get("type")
    begun, deltas = dict(block), []
    for name, delta, field in GROWING.get(str(kind), ()):
        if isinstance(block.get(name), str):
            begun[name] = ""
            deltas += [{"type": delta, field: block[name]}] if block[name] else []
    if kind == "text" and isinstance(block.get("citations"), list):
        begun["citations"] = []
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block["citations"]]
    if isinstance(kind, str) and kind.endswith("tool_use") and isinstance(block.get("input"), Mapping):
        begun["input"] = {}
        deltas.append({"type": "input_json_delta", INPUT_JSON: encode(block["input"]).decode()})
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    for delta_fields in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta_fields}
    yield {"type": "content_block_stop", "index": index}
