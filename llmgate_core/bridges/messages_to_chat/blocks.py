"""The content blocks of a message's stream: one is open at a time, and their indexes have no gaps.

Pure.

Source: Anthropic API reference, `RawContentBlockStartEvent`, `RawContentBlockDeltaEvent`, `RawContentBlockStopEvent`.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.call import JsonObject

__all__ = ["Blocks"]

THINKING, TEXT, TOOL_USE = "thinking", "text", "tool_use"


class Blocks:
    """Makes the events of the blocks. A thinking block carries what waits in `sealing` as its signature."""

    def __init__(self, sealing: Sealing) -> None:
        self._sealing = sealing
        self._events: list[JsonObject] = []
        self._index = -1
        self._open: str | None = None

    def drain(self) -> list[JsonObject]:
        """Return the events since the last time."""
        events, self._events = self._events, []
        return events

    def add_event(self, kind: str, **fields: Any) -> None:
        """Add an event that is not about a block."""
        self._events.append({"type": kind, **fields})

    def add_thinking(self, text: str) -> None:
        """Add a piece of the model's thoughts."""
        self._open_block(THINKING, {"type": THINKING, "thinking": "", "signature": ""})
        self._delta({"type": "thinking_delta", "thinking": text})

    def add_text(self, text: str) -> None:
        """Add a piece of text."""
        self._open_block(TEXT, {"type": TEXT, "text": ""})
        self._delta({"type": "text_delta", "text": text})

    def begin_tool_use(self, block: JsonObject) -> None:
        """Begin the block of a tool call, behind a thinking block if something waits to be carried."""
        self.carry_sealed()
        self._open_block(TOOL_USE, block)

    def add_input(self, piece: str) -> None:
        """Add a piece of the JSON of a tool's input."""
        self._delta({"type": "input_json_delta", "partial_json": piece})

    def end_tool_use(self) -> None:
        """End the block of a tool call."""
        self._close()

    def hold_sealed(self) -> None:
        """Open a thinking block for what waits, if no block is open; else it comes behind that one."""
        if self._open is None and self._sealing.is_waiting:
            self._open_block(THINKING, {"type": THINKING, "thinking": "", "signature": ""})

    def carry_sealed(self) -> None:
        """Close the open block; what still waits gets a thinking block of its own, whose text is empty."""
        self._close()
        self.hold_sealed()
        self._close()

    def _open_block(self, kind: str, block: JsonObject) -> None:
        if self._open == kind:
            return
        self._close()
        self._open = kind
        self._index += 1
        self.add_event("content_block_start", index=self._index, content_block=block)

    def _delta(self, delta: JsonObject) -> None:
        self.add_event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> None:
        if self._open is None:
            return
        if self._open == THINKING:
            self._delta({"type": "signature_delta", "signature": self._sealing.signature()})
        self.add_event("content_block_stop", index=self._index)
        self._open = None
