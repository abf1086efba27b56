"""The events of ConverseStream as chat chunks.

Pure; one object reads one stream. The messages are an AWS event stream, which core cuts and checks.

Source: service model `bedrock-runtime`, `ConverseStreamOutput`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from llmgate_bedrock.converse.answer import annotation_of, finish_reason, image_of, tier_of, usage_of
from llmgate_bedrock.converse.names import names_of
from llmgate_bedrock.converse.thoughts import REASONING
from llmgate_bedrock.failures import error_of_exception
from llmgate_core.plugin import Call, JsonObject, LedgerEntry, SSEEvent, asks_for_usage, decode, errors, string_of

__all__ = ["ConverseStream"]

MAX_BLOCKS = 10_000
MAX_ENTRIES = 20
SOURCE = "service model bedrock-runtime, ConverseStreamOutput"
NO_CONTENT = frozenset({"initial-response"})
"""Events of the protocol itself."""
READ_DELTAS = frozenset({"text", "toolUse", REASONING, "citation", "image"})
READ_METADATA = frozenset({"usage", "metrics", "serviceTier", "performanceConfig", "p"})


class ConverseStream:
    """Reads one stream.

    Attributes:
        framing: of its bytes.
        done: the last event has come, which has the usage.
        usage: for observers, whether the caller asked for it or not.
        ledger: entries about what chat has no chunk for.
    """

    framing = "aws-eventstream"

    def __init__(self, call: Call) -> None:
        self.done = False
        self.usage: JsonObject | None = None
        self.ledger: list[LedgerEntry] = []
        self._wants_usage = asks_for_usage(call.body)
        self._names = names_of(call.body)
        self._calls = 0
        self._blocks: dict[int, _Block] = {}

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunks of an event.

        Raises:
            APIResponseValidationError: it is not an object. BadGatewayError: the model's output was malformed.
        """
        read = _READERS.get(event.event)
        if read is None:
            self._pass_over("an event", event.event)
            return ()
        try:
            said = decode(event.data)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise errors.APIResponseValidationError(f"the event {event.event!r:.40} is not an object")
        return list(read(self, said))

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: the events have said all."""
        return ()

    def error(self, event: SSEEvent) -> errors.APIError | None:
        """Return the error of an exception within the stream; None: core's own, by its name."""
        return error_of_exception(event.event, event.data)

    def _start(self, said: JsonObject) -> Iterator[JsonObject]:
        yield _chunk({"role": "assistant", "content": ""})

    def _block_start(self, said: JsonObject) -> Iterator[JsonObject]:
        start = said.get("start")
        use = start.get("toolUse") if isinstance(start, dict) else None
        image = start.get("image") if isinstance(start, dict) else None
        block = self._block(said)
        if isinstance(image, dict):
            block.image_format = string_of(image.get("format"))
        if isinstance(use, dict):
            block.call = self._calls
            self._calls += 1
            function = {"name": self._names.given(string_of(use.get("name"))), "arguments": ""}
            made = {
                "index": block.call,
                "id": string_of(use.get("toolUseId")),
                "type": "function",
                "function": function,
            }
            yield _chunk({"tool_calls": [made]})

    def _block_delta(self, said: JsonObject) -> Iterator[JsonObject]:
        delta = said.get("delta")
        block = self._block(said)
        for kind, value in delta.items() if isinstance(delta, dict) else ():
            if kind == "text" and isinstance(value, str):
                yield _chunk({"content": value})
            elif kind == "toolUse" and isinstance(value, dict) and block.call is not None:
                yield from self._arguments(block, string_of(value.get("input")))
            elif kind == REASONING and isinstance(value, dict):
                yield from block.think(value)
            elif kind == "citation" and isinstance(value, dict):
                yield _chunk({"annotations": [annotation_of(value)]})
            elif kind == "image" and (image := block.image(value)):
                yield _chunk({"images": [image]})
            elif kind not in READ_DELTAS:
                self._pass_over("a delta", kind)

    def _pass_over(self, what: str, name: str) -> None:
        """Note, once for each name, what a later version of the API has added."""
        entry = LedgerEntry("stream", "dropped", f"chat has nothing for {what} {name!r:.40}", SOURCE)
        if name not in NO_CONTENT and len(self.ledger) < MAX_ENTRIES and entry not in self.ledger:
            self.ledger.append(entry)

    def _arguments(self, block: _Block, piece: str) -> Iterator[JsonObject]:
        if piece:
            block.has_arguments = True
            yield _chunk({"tool_calls": [{"index": block.call, "function": {"arguments": piece}}]})

    def _block_stop(self, said: JsonObject) -> Iterator[JsonObject]:
        block = self._blocks.pop(_index_of(said), None)
        if block is None:
            return
        if block.call is not None and not block.has_arguments:
            yield from self._arguments(block, "{}")
        if thought := block.thought():
            yield _chunk({"reasoning_items": [thought]})

    def _stop(self, said: JsonObject) -> Iterator[JsonObject]:
        for index in list(self._blocks):
            yield from self._block_stop({"contentBlockIndex": index})
        yield _chunk({}, finish_reason(said.get("stopReason"), self._calls > 0))

    def _metadata(self, said: JsonObject) -> Iterator[JsonObject]:
        self.done = True
        self.usage = usage_of(said.get("usage")).get("usage")
        further = {name: value for name, value in said.items() if name not in READ_METADATA}
        usage = {"usage": self.usage} if self._wants_usage and self.usage is not None else {}
        last = {**further, **tier_of(said), **usage}
        if last:
            yield {"choices": [], **last}

    def _block(self, said: JsonObject) -> _Block:
        index = _index_of(said)
        if index not in self._blocks and len(self._blocks) >= MAX_BLOCKS:
            raise errors.APIResponseValidationError(f"more than {MAX_BLOCKS} blocks are open at once")
        return self._blocks.setdefault(index, _Block())


class _Block:
    """What is known of one block that has not ended."""

    __slots__ = ("_redacted", "_signature", "_thoughts", "call", "has_arguments", "image_format")

    def __init__(self) -> None:
        self.call: int | None = None
        self.has_arguments = False
        self.image_format = ""
        self._thoughts: list[str] = []
        self._signature: str | None = None
        self._redacted: str | None = None

    def image(self, delta: Any) -> JsonObject | None:
        """Return a picture as an entry of `images`, or None if it has no bytes."""
        return image_of({"format": self.image_format, **delta}) if isinstance(delta, dict) else None

    def think(self, delta: JsonObject) -> Iterator[JsonObject]:
        """Keep a piece of a thought, and yield its text."""
        if isinstance(text := delta.get("text"), str):
            self._thoughts.append(text)
            if text:
                yield _chunk({"reasoning_content": text})
        if isinstance(signature := delta.get("signature"), str):
            self._signature = (self._signature or "") + signature
        if isinstance(redacted := delta.get("redactedContent"), str):
            self._redacted = (self._redacted or "") + redacted

    def thought(self) -> JsonObject | None:
        """Return the whole block, as Converse wants it back."""
        if self._redacted is not None:
            return {REASONING: {"redactedContent": self._redacted}}
        if not self._thoughts and self._signature is None:
            return None
        signed = {} if self._signature is None else {"signature": self._signature}
        return {REASONING: {"reasoningText": {"text": "".join(self._thoughts), **signed}}}


def _chunk(delta: JsonObject, reason: str | None = None) -> JsonObject:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _index_of(said: JsonObject) -> int:
    index = said.get("contentBlockIndex")
    return index if type(index) is int else 0


_READERS: Mapping[str, Callable[[ConverseStream, Any], Iterator[JsonObject]]] = MappingProxyType(
    {
        "messageStart": ConverseStream._start,
        "contentBlockStart": ConverseStream._block_start,
        "contentBlockDelta": ConverseStream._block_delta,
        "contentBlockStop": ConverseStream._block_stop,
        "messageStop": ConverseStream._stop,
        "metadata": ConverseStream._metadata,
    }
)
