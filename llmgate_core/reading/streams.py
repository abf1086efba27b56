"""What both kinds of stream share: what a chunk says, and what is known of the call.

Pure but for the file that a stream of bytes is written to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from llmgate_core.catalogue.prices import Cost
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Headers
from llmgate_core.files.atomic import AtomicFile
from llmgate_core.reading.accumulate.whole import StreamHistory
from llmgate_core.types.record import CallRecord, Recorded

__all__ = ["AsyncStreamBase", "StreamBase", "StreamEvent", "StreamStop", "awrite_block", "events_of", "write_block"]

StreamEventKind = Literal["text", "reasoning", "refusal", "tool_call", "finish", "usage"]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing that a chunk says.

    Attributes:
        kind: what it is. index: of the choice it belongs to; 0 for usage.
        text: the new text of `text`, `reasoning` and `refusal`, the arguments' new piece of
            `tool_call`, the reason of `finish`.
        value: the tool call's delta or the usage object; None for the kinds that have a `text` only.
    """

    kind: StreamEventKind
    index: int = 0
    text: str = ""
    value: Any = None


KIND_OF_DELTA: Mapping[str, StreamEventKind] = MappingProxyType(
    {
        "response.output_text.delta": "text",
        "response.refusal.delta": "refusal",
        "response.reasoning_text.delta": "reasoning",
        "response.reasoning_summary_text.delta": "reasoning",
        "response.function_call_arguments.delta": "tool_call",
        "response.custom_tool_call_input.delta": "tool_call",
        "transcript.text.delta": "text",
    }
)
"""Type of a typed event that brings a piece of something -> what it brings."""


OF_MESSAGES = frozenset(
    {"message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta"}
)
"""The events of a message's stream that say something, or whose fields have names of other events."""
FIELD_OF_DELTA: Mapping[str, tuple[StreamEventKind, str]] = MappingProxyType(
    {
        "text_delta": ("text", "text"),
        "thinking_delta": ("reasoning", "thinking"),
        "input_json_delta": ("tool_call", "partial_json"),
    }
)
"""Type of a delta of a message's block -> what it brings, and its field."""

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""Fields of a delta for the model's thoughts: llmgate's and DeepSeek's name, and that of vLLM and OpenRouter."""


def events_of(chunk: Any) -> Iterator[StreamEvent]:
    """Yield what one chunk or typed event says, one thing at a time."""
    if "choices" not in type(chunk).model_fields:  # a typed event, even if it has a field of this name
        yield from _events_of_event(chunk)
        return
    for choice in chunk.choices or ():
        yield from _events_of_choice(choice)
    if chunk.usage is not None:
        yield StreamEvent("usage", value=chunk.usage)


def _events_of_choice(choice: Any) -> Iterator[StreamEvent]:
    index = choice.index if type(choice.index) is int else 0
    delta = getattr(choice, "delta", None) or choice
    if text := getattr(delta, "text", None):  # of a chat delta it is the text of its content
        yield from _texts("text", index, text)
    for field in REASONING_FIELDS:
        if text := getattr(delta, field, None):
            yield from _texts("reasoning", index, text)
            break
    if text := getattr(delta, "refusal", None):
        yield from _texts("refusal", index, text)
    calls = getattr(delta, "tool_calls", None)
    for call in calls if isinstance(calls, list) else ():
        arguments = getattr(getattr(call, "function", None), "arguments", None)
        yield StreamEvent("tool_call", index, arguments if isinstance(arguments, str) else "", call)
    if choice.finish_reason:
        yield StreamEvent("finish", index, str(choice.finish_reason))


def _texts(kind: StreamEventKind, index: int, text: Any) -> Iterator[StreamEvent]:
    if isinstance(text, str):
        yield StreamEvent(kind, index, text)


def _events_of_event(event: Any) -> Iterator[StreamEvent]:
    event_type = getattr(event, "type", None)
    if isinstance(event_type, str) and event_type in OF_MESSAGES:
        yield from _events_of_message(event)
        return
    kind = KIND_OF_DELTA.get(event_type) if isinstance(event_type, str) else None
    if kind is not None:
        index = event.get("output_index") if kind == "tool_call" else 0
        index, delta = index if type(index) is int else 0, event.get("delta")
        text = delta if isinstance(delta, str) else ""
        yield StreamEvent(kind, index, text, event if kind == "tool_call" else None)
    response = getattr(event, "response", None)
    usage = getattr(event, "usage", None) or (response is not None and getattr(response, "usage", None))
    if usage:
        yield StreamEvent("usage", value=usage)


def _events_of_message(event: Any) -> Iterator[StreamEvent]:
    delta = event.get("delta")
    said = delta if hasattr(delta, "get") else {}
    index = event.get("index")
    index = index if type(index) is int else 0
    kind, field = FIELD_OF_DELTA.get(str(said.get("type")), (None, ""))
    if kind is not None and isinstance(said.get(field), str):
        is_call = kind == "tool_call"
        yield StreamEvent(kind, index if is_call else 0, str(said.get(field)), event if is_call else None)
    if said.get("stop_reason"):
        yield StreamEvent("finish", 0, str(said.get("stop_reason")))
    message = event.get("message")
    usage = event.get("usage") or (message.get("usage") if hasattr(message, "get") else None)
    if usage:
        yield StreamEvent("usage", value=usage)


class StreamStop:
    """Stops a stream while another task or thread reads it.

    Attributes:
        is_set: the stream was stopped.
    """

    __slots__ = ("_abort", "is_set")

    def __init__(self, abort: Callable[[], object] | None = None) -> None:
        self._abort = abort
        self.is_set = False

    def set(self) -> None:
        """Close the upstream's connection, which ends the read that is under way."""
        self.is_set = True  # first: the read may end before this returns
        if self._abort is not None:
            self._abort()


class AsyncStreamBase:
    """What both kinds of stream know of their call, before the first chunk."""

    _model: str
    _past: StreamHistory
    _record: CallRecord

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._model} {self._past.state}, {self._past.count} chunks>"

    @property
    def record(self) -> CallRecord:
        """What is known of the call, for programs that serve llmgate to others."""
        return self._record

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was dropped, renamed, replaced, emulated or bridged; whole once the stream has ended."""
        return self._record.ledger

    @property
    def cost(self) -> Cost | None:
        """US dollars, once the stream has ended with a usage; None where price or usage is not known."""
        record = self._record
        if isinstance(record.answer, Recorded):
            return record.answer.cost
        return record.cost_of(record.usage, record.tier)

    @property
    def attempts(self) -> int:
        """The number of requests that were sent for this stream, the first included."""
        return self._record.attempts

    @property
    def headers(self) -> Headers | None:
        """The upstream's response headers; None unless the setting `return_response_headers` is on."""
        return self._record.headers

    @property
    def _response_headers(self) -> Headers | None:
        """`headers`, under the name that LiteLLM has for it."""
        return self.headers

    @property
    def _request_id(self) -> str | None:
        return self._record.request_id


class StreamBase(AsyncStreamBase):
    """A synchronous stream, which can also close itself when it is dropped; an event loop does it for the other."""

    def close(self) -> None:
        """Stop: the upstream sees the connection close. Idempotent."""
        raise NotImplementedError

    def __del__(self) -> None:
        if hasattr(self, "_chunks"):
            self.close()


def write_block(file: AtomicFile, block: Any) -> None:
    """Write a block of a stream of bytes.

    Raises:
        TypeError: it is not bytes.
    """
    if not isinstance(block, bytes):
        raise TypeError(f"only a stream of bytes goes to a file, this one has {type(block).__name__}")
    file.write(block)


async def awrite_block(file: AtomicFile, block: Any) -> None:
    """As `write_block`, without blocking the event loop."""
    import asyncio  # imported here, so that synchronous calls do not load it

    await asyncio.to_thread(write_block, file, block)
