"""The tool calls of a stream: their pieces may be mixed, but the blocks come one after another.

Pure. The first call is sent as it arrives. A later one waits until the JSON of the one before is complete.

Source: OpenAI API reference, `ChatCompletionMessageToolCallChunk`; Anthropic API reference, `InputJSONDelta`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.fields import object_of
from llmgate_core.bridges.messages_to_chat.answer import arguments_of, tool_use
from llmgate_core.bridges.messages_to_chat.blocks import Blocks
from llmgate_core.bridges.messages_to_chat.object_scan import ObjectScan
from llmgate_core.bridges.messages_to_chat.tool_ids import ToolIds
from llmgate_core.bridges.responses_to_chat.output import Ids, call_parts, other_fields_of_call
from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.tool_names import ToolNames
from llmgate_core.json_codec import decode
from llmgate_core.reading.accumulate.tool_calls import CallKey, CallPlaces

__all__ = ["StreamedCalls"]


class _Call:
    """One call, as far as it has come."""

    def __init__(self) -> None:
        self.call_id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.sent = 0
        self.is_custom = False
        self.is_closed = False
        self._scan = ObjectScan()
        self._scanned = 0
        self._is_complete = False

    def add(self, piece: Mapping[str, Any]) -> None:
        name, arguments = call_parts(piece)
        self.name = self.name or name
        self.is_custom = self.is_custom or bool(object_of(piece.get("custom")))
        if arguments:
            self.pieces.append(arguments)

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments so far are a JSON object; each piece is read once."""
        pieces, self._scanned = self.pieces[self._scanned :], len(self.pieces)
        for piece in pieces:
            was_over = self._scan.is_over
            self._scan.feed(piece)
            if self._scan.is_over and not was_over:
                self._is_complete = _is_object(self.arguments)
            elif was_over and piece.strip():
                self._is_complete = False
        return self._is_complete

    def unsent(self) -> str:
        pieces, self.sent = self.pieces[self.sent :], len(self.pieces)
        return "".join(pieces)


class StreamedCalls:
    """Sends the calls of one stream as blocks.

    Attributes:
        are_any: the answer has at least one call.
    """

    def __init__(self, blocks: Blocks, sealing: Sealing, names: ToolNames, ids: Ids, ledger: Ledger) -> None:
        self._blocks = blocks
        self._sealing = sealing
        self._names = names
        self._ids = ids
        self._ledger = ledger
        self._places = CallPlaces()
        self._taken = ToolIds()
        self._calls: dict[CallKey, _Call] = {}
        self._waiting = deque[_Call]()
        self._open: _Call | None = None

    @property
    def are_any(self) -> bool:
        """See above."""
        return bool(self._calls)

    def add(self, piece: Mapping[str, Any]) -> None:
        """Add a piece of a call, from a chunk.

        Raises:
            ValueError: it continues a call whose block has ended.
        """
        key = self._places.key_of(piece)
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = _Call()
            self._waiting.append(call)
            call.call_id = self._taken.take(piece.get("id"), self._ids.item("call", len(self._calls) - 1))
        if other := other_fields_of_call(piece):
            self._sealing.add_call(call.call_id, other)
        call.add(piece)
        if call.is_closed and call.unsent().strip():
            raise ValueError("a piece of a tool call came after the call's end")
        self._advance()

    def finish(self) -> None:
        """End every call that has begun, in order."""
        self._end()
        while self._waiting:
            self._begin()
            self._end()

    def _advance(self) -> None:
        """Send what has come of the open call; begin the next one when there is none, or it is complete."""
        while True:
            if self._open is not None:
                self._send(self._open)
                if not self._waiting or not self._open.is_complete:
                    return
                self._end()
            if not self._waiting or not self._waiting[0].name:
                return
            self._begin()

    def _begin(self) -> None:
        """Open the block of the call that has waited longest."""
        call = self._open = self._waiting.popleft()
        self._blocks.begin_tool_use(tool_use(call.call_id, self._names.given(call.name), {}))

    def _send(self, call: _Call) -> None:
        if not call.is_custom and (piece := call.unsent()):
            self._blocks.add_input(piece)

    def _end(self) -> None:
        call = self._open
        if call is None:
            return
        if call.is_custom:
            self._blocks.add_input(arguments_of({"custom": {"input": ""}}, call.arguments))
        else:
            self._send(call)
            if not call.arguments.strip():
                self._blocks.add_input("{}")
            elif not _is_object(call.arguments):
                self._ledger.lost("tool_calls", "the arguments of a call are not a JSON object")
        self._blocks.end_tool_use()
        call.is_closed, self._open = True, None


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(decode(arguments), dict)
    except ValueError:
        return False
