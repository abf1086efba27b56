"""Check that the events of a stream of the Messages API come as its clients need them, and put the message together.

Source: Anthropic API reference, "Streaming Messages"; what clients have been seen to break on: a thin `usage` in
`message_start`, two of them, a block inside of another, indexes with gaps, tool input that is no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["StreamCheck", "checked_message", "events_of"]

FULL_USAGE = frozenset(
    {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"}
)
"""What `message_start` has, be it zero: clients read these without looking whether they are there."""
FIELD_OF_DELTA: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "text_delta": ("text", "text", "text"),
        "thinking_delta": ("thinking", "thinking", "thinking"),
        "signature_delta": ("thinking", "signature", "signature"),
        "input_json_delta": ("tool_use", "partial_json", "json"),
        "citations_delta": ("text", "citation", "citations"),
    }
)
"""Type of a delta -> the type of block it belongs to, its field, and where that is gathered."""
STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    }
)


def events_of(content: bytes) -> list[tuple[str | None, Any]]:
    """Return the name and the data of every event; comments are left out."""
    assert content.endswith(b"\n\n"), content[-200:]
    found: list[tuple[str | None, Any]] = []
    for event in content.decode().split("\n\n")[:-1]:
        fields = [line.partition(": ") for line in event.split("\n") if not line.startswith(":")]
        named = [value for name, _, value in fields if name == "event"]
        data = "\n".join(value for name, _, value in fields if name == "data")
        if fields:
            found.append((named[-1] if named else None, json.loads(data)))
    return found


def checked_message(content: bytes) -> dict[str, Any]:
    """Return the message of a whole stream.

    Raises:
        AssertionError: an event is not one that may come where it does.
    """
    check = StreamCheck()
    for name, data in events_of(content):
        check.feed(name, data)
    assert check.has_ended, "there is no message_stop"
    return check.message


class StreamCheck:
    """Takes the events of one stream in turn.

    Attributes:
        message: as far as it has come. has_ended: with `message_stop`. error: that of an `error` event.
    """

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.has_ended = False
        self.error: dict[str, Any] | None = None
        self._open: dict[str, Any] | None = None
        self._json = ""
        self._tool_ids: set[str] = set()

    def feed(self, name: str | None, data: Any) -> None:
        """Take the next event.

        Raises:
            AssertionError: it may not come here, or is not whole.
        """
        assert isinstance(data, dict), data
        assert name == data["type"], f"event {name!r} has the type {data['type']!r}"
        assert not self.has_ended, f"{name} after message_stop"
        assert self.error is None, f"{name} after an error"
        if name == "ping":
            return
        if name == "error":
            assert isinstance(data["error"]["type"], str)
            assert isinstance(data["error"]["message"], str)
            self.error = data["error"]
            return
        assert (name == "message_start") == (not self.message), f"{name} where message_start belongs, or a second one"
        getattr(self, f"_{name}")(data)

    def _message_start(self, data: dict[str, Any]) -> None:
        message = data["message"]
        assert (message["type"], message["role"], message["content"]) == ("message", "assistant", [])
        assert message["id"]
        assert message["model"]
        assert message["stop_reason"] is None
        assert message["stop_sequence"] is None
        assert message["usage"].keys() >= FULL_USAGE, f"thin usage: {message['usage']}"
        self.message = {**message, "content": []}

    def _content_block_start(self, data: dict[str, Any]) -> None:
        assert self._open is None, "a block starts inside of another"
        assert "stop_reason" not in self.message or self.message["stop_reason"] is None, "a block after message_delta"
        assert data["index"] == len(self.message["content"]), f"index {data['index']}"
        self._open, self._json = dict(data["content_block"]), ""
        if self._open["type"] == "tool_use":
            assert self._open["input"] == {}
            assert self._open["name"]
            assert self._open["id"].startswith("toolu_"), self._open["id"]
            assert self._open["id"] not in self._tool_ids, "the same id twice"
            self._tool_ids.add(self._open["id"])
        self.message["content"].append(self._open)

    def _content_block_delta(self, data: dict[str, Any]) -> None:
        assert self._open is not None, "a delta outside of a block"
        assert data["index"] == len(self.message["content"]) - 1
        kind, field, target = FIELD_OF_DELTA[data["delta"]["type"]]
        assert self._open["type"].endswith(kind), f"{data['delta']['type']} in a block of {self._open['type']}"
        value = data["delta"][field]
        if target == "json":
            self._json += value
        elif target == "citations":
            self._open.setdefault(target, []).append(value)
        else:
            self._open[target] = self._open.get(target, "") + value

    def _content_block_stop(self, data: dict[str, Any]) -> None:
        assert self._open is not None, "a block ends that has not begun"
        assert data["index"] == len(self.message["content"]) - 1
        if self._open["type"] == "tool_use" and self._json:
            self._open["input"] = json.loads(self._json)
            assert isinstance(self._open["input"], dict)
        self._open = None

    def _message_delta(self, data: dict[str, Any]) -> None:
        assert self._open is None, "message_delta inside of a block"
        delta = data["delta"]
        assert delta["stop_reason"] in STOP_REASONS, delta
        assert data["usage"]["output_tokens"] >= 0
        self.message |= delta
        self.message["usage"] = {**self.message["usage"], **data["usage"]}

    def _message_stop(self, data: dict[str, Any]) -> None:
        assert self._open is None, "message_stop inside of a block"
        assert self.message["stop_reason"] is not None, "message_stop before message_delta"
        has_tools = any(block["type"] == "tool_use" for block in self.message["content"])
        assert has_tools or self.message["stop_reason"] != "tool_use"
        self.has_ended = True
