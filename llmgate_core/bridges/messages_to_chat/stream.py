"""Convert the chunks of a chat stream to the events of a message's stream.

Pure. One `message_start`, one block at a time, and the end only where the upstream has said it.

Source: Anthropic API reference, `RawMessageStreamEvent`; OpenAI API reference, `ChatCompletionStreamResponseDelta`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.bridges.chat_shapes import SHAPE_ERRORS, misshapen, no_choice
from llmgate_core.bridges.fields import object_of, objects_of, string_of
from llmgate_core.bridges.messages_to_chat.answer import Ending, delta_usage, empty_message, message_usage
from llmgate_core.bridges.messages_to_chat.blocks import Blocks
from llmgate_core.bridges.messages_to_chat.response import NO_USAGE, calls_of, record_lost
from llmgate_core.bridges.messages_to_chat.streamed_calls import StreamedCalls
from llmgate_core.bridges.messages_to_chat.tools import names_of
from llmgate_core.bridges.messages_to_chat.values import SOURCE
from llmgate_core.bridges.responses_to_chat.output import Ids, text_of
from llmgate_core.bridges.sealing import Sealing
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.errors import StreamTruncatedError

__all__ = ["MessagesStream"]

ENDS = ("finish_reason", "stop_reason", "matched_stop")


class MessagesStream:
    """The events of one stream: `feed_chunk` each chunk, then `close`."""

    def __init__(self, call: Call, route: Route) -> None:
        self._route = route
        self._ledger = Ledger(route, SOURCE)
        self._ending = Ending(call, route)
        self._sealing = Sealing(route.provider, self._ledger)
        self._blocks = Blocks(self._sealing)
        self._names = names_of(call.body)
        self._calls: StreamedCalls | None = None  # once the stream has begun
        self._choice: JsonObject = {}  # what was said about the end
        self._refusal: list[str] = []
        self._usage: Any = None
        self._tier: Any = None
        self._ended = False

    @property
    def ledger(self) -> list[LedgerEntry]:
        """The ledger entries so far."""
        return list(self._ledger.entries)

    def feed_chunk(self, chunk: Mapping[str, Any]) -> list[JsonObject]:
        """Return the events for a chunk: none, one or several.

        Raises:
            APIResponseValidationError: the chunk is not shaped as chat promises.
        """
        try:
            self._feed(chunk)
        except SHAPE_ERRORS as error:
            raise misshapen(self._route, error) from error
        return self._blocks.drain()

    def close(self, done: bool = False) -> list[JsonObject]:
        """Return the last events of the stream; `done` is True if the upstream sent its end marker.

        Raises:
            StreamTruncatedError: neither a finish_reason nor the end marker came.
            APIResponseValidationError: the stream ended properly, but had no choice.
        """
        if self._ended:
            return []
        if self._choice.get("finish_reason") is None and not done:
            raise StreamTruncatedError(
                "the chat stream ended without a finish_reason or an end marker",
                code="closed",
                provider=self._route.provider,
                model=self._route.model,
            )
        if self._calls is None:
            raise no_choice(self._route)
        self._ended = True
        self._calls.finish()
        self._blocks.carry_sealed()
        if not self._usage:
            self._ledger.emulated("usage", NO_USAGE)
        refusal, has_calls = "".join(self._refusal), self._calls.are_any
        delta = self._ending.of(self._choice, refusal, self._ledger, has_calls=has_calls)
        usage = delta_usage(message_usage(self._usage, self._tier))
        self._blocks.add_event("message_delta", delta=delta, usage=usage)
        self._blocks.add_event("message_stop")
        return self._blocks.drain()

    def _feed(self, chunk: Mapping[str, Any]) -> None:
        self._usage = object_of(chunk.get("usage")) or self._usage
        self._tier = chunk.get("service_tier") or self._tier
        choices = objects_of(chunk.get("choices"))
        if self._calls is None and (choices or chunk.get("id")):
            self._begin(chunk)
        for choice in choices:
            if isinstance(choice.get("index"), int) and choice["index"] > 0:
                self._ledger.lost("n", "a message is a single answer: the first choice")
            else:
                self._feed_choice(choice)

    def _begin(self, chunk: Mapping[str, Any]) -> None:
        ids = Ids(chunk.get("id"))
        model = string_of(chunk.get("model")) or self._route.model
        self._calls = StreamedCalls(self._blocks, self._sealing, self._names, ids, self._ledger)
        usage = message_usage(self._usage, self._tier)
        self._blocks.add_event("message_start", message=empty_message(ids.message, model, usage))

    def _feed_choice(self, choice: Mapping[str, Any]) -> None:
        delta = object_of(choice.get("delta"))
        record_lost(delta, choice, self._ledger)
        reasoning, content, refusal = text_of(delta)
        calls = self._calls
        if calls is None:
            return
        if reasoning or content or refusal:
            calls.finish()
        if reasoning:
            self._blocks.add_thinking(reasoning)
        if delta.get("reasoning_items"):
            self._sealing.add_items(delta["reasoning_items"])
            self._blocks.hold_sealed()
        for text in (content, refusal):
            if text:
                self._blocks.add_text(text)
        if refusal:
            self._refusal.append(refusal)
        for piece in calls_of(delta):
            calls.add(piece)
        self._choice.update({name: choice[name] for name in ENDS if choice.get(name)})
