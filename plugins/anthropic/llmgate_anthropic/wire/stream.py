"""Convert the events of a streamed message to chat chunks.

Pure. The blocks are put together on the way, since what goes back unchanged is known at their end only. The counts,
which are cumulative, come once, at the end.

Source: Anthropic API reference, `RawMessageStreamEvent`; docs/plugins/streams.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_anthropic.wire.citations import annotations_of
from llmgate_anthropic.wire.errors import stream_error
from llmgate_anthropic.wire.params import SOURCE
from llmgate_anthropic.wire.response import Reading, finish_reason, json_of, side_fields, tool_call
from llmgate_anthropic.wire.thoughts import is_carried
from llmgate_anthropic.wire.usage import chat_usage, merged_usage
from llmgate_core.plugin import (
    Call,
    JsonObject,
    Ledger,
    LedgerEntry,
    Route,
    SSEEvent,
    asks_for_usage,
    decode,
    errors,
    string_of,
)

__all__ = ["ChatStream"]

NOTHING: Sequence[JsonObject] = ()
ITEMS = "reasoning_items"
OF_A_DELTA = ("stop_reason", "stop_sequence", "stop_details", "container")
GROWING: Mapping[str, str] = MappingProxyType({"text": "text", "thinking": "thinking"})
"""Type of a block -> its field that grows; that of any other is its input."""
MAX_UNKNOWN = 20


class _Block:
    """One block as it grows.

    Attributes:
        made: the block, without what is in `pieces`.
        call: index of the tool call; None: it calls nothing.
        is_content: it is the call whose input is the content of the answer.
        pieces: of its text, of its thought, or of the JSON of its input.
        start: length of the content before it.
    """

    __slots__ = ("call", "is_content", "made", "pieces", "start")

    def __init__(self, made: JsonObject, start: int) -> None:
        self.made = made
        self.start = start
        self.call: int | None = None
        self.is_content = False
        self.pieces: list[str] = []

    def finish(self) -> None:
        """Put the pieces into the block. An input that is not JSON stays as text, as the caller has it too."""
        if not self.pieces:
            return
        name, text = GROWING.get(string_of(self.made.get("type")), "input"), "".join(self.pieces)
        self.pieces = []
        if name != "input":
            self.made[name] = string_of(self.made.get(name)) + text
            return
        try:
            self.made[name] = decode(text)
        except ValueError:
            self.made[name] = text


class ChatStream:
    """Reads one stream.

    Attributes:
        ledger: entries about what chat has no chunk for.
        usage: for observers and cost, once it has come.
        done: `message_stop` has come.
    """

    def __init__(self, call: Call, route: Route, *, lacks: Collection[str] = ()) -> None:
        self.ledger: list[LedgerEntry] = []
        self.usage: JsonObject | None = None
        self.done = False
        self._route = route
        self._wants_usage = asks_for_usage(call.body)
        self._reading = Reading(call, route, lacks)
        self._base: JsonObject = {"object": "chat.completion.chunk"}
        self._counted: JsonObject = {}
        self._ended: JsonObject = {}
        self._blocks: dict[int, _Block] = {}
        self._last = -1  # index of the block that began last
        self._calls = 0
        self._length = 0
        self._has_begun = False
        self._unknown: dict[str, None] = {}

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks for `event`.

        Raises:
            APIResponseValidationError: the event is not an object.
        """
        if self.done or event.data == "[DONE]":  # which other servers of this API send behind the end
            return NOTHING
        try:
            said = decode(event.data)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise errors.APIResponseValidationError(f"the event {event.event!r:.40} is not an object")
        read = _READ.get(string_of(said.get("type")) or event.event)
        return NOTHING if read is None else read(self, said)

    def error(self, event: SSEEvent) -> errors.APIError | None:
        """Return the error of an event `error`."""
        return stream_error(event.data)

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: `message_stop` has made the last chunk."""
        return NOTHING

    # --- events of the message ---

    def _begin(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        message = said.get("message")
        if isinstance(message, Mapping):
            self._counted = merged_usage(self._counted, message.get("usage"))
            self._base |= {name: message[name] for name in ("id", "model") if isinstance(message.get(name), str)}
        if self._has_begun:
            return NOTHING
        self._has_begun = True
        return [self._chunk({"role": "assistant", "content": ""})]

    def _grow(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        """Read a `message_delta`: why it ends, and the counts so far."""
        delta = said.get("delta")
        if isinstance(delta, Mapping):
            self._ended |= {name: delta[name] for name in OF_A_DELTA if delta.get(name) is not None}
        self._counted = merged_usage(self._counted, said.get("usage"))
        self.usage = chat_usage(self._counted)
        return NOTHING

    def _end(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        self.done = True
        self.usage = chat_usage(self._counted)
        for block in self._blocks.values():
            block.finish()
        blocks = [block.made for block in self._blocks.values()]
        delta = side_fields(blocks, self._ended)
        delta.pop(ITEMS, None)  # sent at the end of each block
        reason = finish_reason(self._ended.get("stop_reason"), blocks, self._reading)
        chunks = [self._chunk(delta, reason)]
        if self._wants_usage and self.usage is not None:
            chunks.append({**self._base, "choices": [], "usage": self.usage})
        self._note_unknown()
        return chunks

    def _note_unknown(self) -> None:
        ledger = Ledger(self._route, SOURCE)
        for kind in self._unknown:
            ledger.lost("stream", f"chat has nothing for a delta of the type {kind!r:.40}")
        self.ledger += ledger.entries

    # --- events of a block ---

    def _block_begins(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        made = said.get("content_block")
        block = _Block(dict(made) if isinstance(made, Mapping) else {}, self._length)
        index = said.get("index")
        self._last = index if type(index) is int else self._last + 1
        self._blocks[self._last] = block
        kind = block.made.get("type")
        if kind == "tool_use":
            return self._call_begins(block)
        if kind == "text":
            return self._content(string_of(block.made.get("text")))
        return self._thought(string_of(block.made.get("thinking"))) if kind == "thinking" else NOTHING

    def _call_begins(self, block: _Block) -> Sequence[JsonObject]:
        block.is_content = self._reading.is_content(block.made)
        if block.is_content:
            return NOTHING
        block.call = self._calls
        self._calls += 1
        return [self._chunk({"tool_calls": [{"index": block.call, **tool_call(block.made, self._reading, "")}]})]

    def _block_grows(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        block, delta = self._block_of(said), said.get("delta")
        if block is None or type(delta) is not dict:
            return NOTHING
        kind = string_of(delta.get("type"))
        grow = _GROW.get(kind)
        if grow is None:
            if len(self._unknown) < MAX_UNKNOWN:
                self._unknown[kind] = None
            return NOTHING
        return grow(self, block, delta)

    def _block_ends(self, said: Mapping[str, Any]) -> Sequence[JsonObject]:
        block = self._block_of(said)
        if block is None:
            return NOTHING
        chunks: list[JsonObject] = []
        if not block.pieces and (block.call is not None or block.is_content):
            chunks += self._arguments(block, json_of(block.made))
        block.finish()
        if annotations := annotations_of(block.made, block.start):
            chunks.append(self._chunk({"annotations": annotations}))
        if is_carried(block.made):
            chunks.append(self._chunk({ITEMS: [block.made]}))
        return chunks

    def _block_of(self, said: Mapping[str, Any]) -> _Block | None:
        index = said.get("index")
        return self._blocks.get(index if type(index) is int else self._last)

    # --- deltas of a block ---

    def _text(self, block: _Block, delta: Mapping[str, Any]) -> Sequence[JsonObject]:
        piece = string_of(delta.get("text"))
        block.pieces.append(piece)
        return self._content(piece)

    def _thinking(self, block: _Block, delta: Mapping[str, Any]) -> Sequence[JsonObject]:
        piece = string_of(delta.get("thinking"))
        block.pieces.append(piece)
        return self._thought(piece)

    def _signature(self, block: _Block, delta: Mapping[str, Any]) -> Sequence[JsonObject]:
        block.made["signature"] = string_of(delta.get("signature"))
        return NOTHING

    def _citation(self, block: _Block, delta: Mapping[str, Any]) -> Sequence[JsonObject]:
        given = block.made.get("citations")
        block.made["citations"] = [*(given if isinstance(given, list) else ()), delta.get("citation")]
        return NOTHING

    def _input(self, block: _Block, delta: Mapping[str, Any]) -> Sequence[JsonObject]:
        piece = string_of(delta.get("partial_json"))
        if not piece:
            return NOTHING
        block.pieces.append(piece)
        return self._arguments(block, piece)

    # --- chunks ---

    def _arguments(self, block: _Block, piece: str) -> Sequence[JsonObject]:
        if block.is_content:
            return self._content(piece)
        if block.call is None:
            return NOTHING
        return [self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": piece}}]})]

    def _content(self, piece: str) -> Sequence[JsonObject]:
        self._length += len(piece)
        return [self._chunk({"content": piece})] if piece else NOTHING

    def _thought(self, piece: str) -> Sequence[JsonObject]:
        return [self._chunk({"reasoning_content": piece})] if piece else NOTHING

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> JsonObject:
        return {**self._base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


_READ: Mapping[str, Callable[[ChatStream, Mapping[str, Any]], Sequence[JsonObject]]] = MappingProxyType(
    {
        "message_start": ChatStream._begin,
        "content_block_start": ChatStream._block_begins,
        "content_block_delta": ChatStream._block_grows,
        "content_block_stop": ChatStream._block_ends,
        "message_delta": ChatStream._grow,
        "message_stop": ChatStream._end,
    }
)
"""Type of an event -> what reads it; a ping, and what the API has added since, says nothing."""

_GROW: Mapping[str, Callable[[ChatStream, _Block, Mapping[str, Any]], Sequence[JsonObject]]] = MappingProxyType(
    {
        "text_delta": ChatStream._text,
        "input_json_delta": ChatStream._input,
        "thinking_delta": ChatStream._thinking,
        "signature_delta": ChatStream._signature,
        "citations_delta": ChatStream._citation,
    }
)
