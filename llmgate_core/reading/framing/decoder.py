"""Which decoder cuts a stream into events. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from llmgate_core.contract.upstream import FrameDecoder, Framing, SSEEvent
from llmgate_core.reading.framing.sse import SSEDecoder, as_event

__all__ = ["decoder_of"]


def decoder_of(framing: Framing, server_sent: SSEDecoder, max_event_bytes: int) -> FrameDecoder:
    """Return the decoder of a framing; `server_sent` is the one for server-sent events."""
    if not isinstance(framing, str):
        return LimitedDecoder(framing, max_event_bytes)
    if framing == "lines":
        from llmgate_core.reading.framing.lines import LineDecoder  # few providers stream so

        return LineDecoder(max_event_bytes)
    if framing == "aws-eventstream":
        from llmgate_core.reading.framing.aws_eventstream import AWSEventDecoder  # fewer still

        return AWSEventDecoder(max_event_bytes)
    return ServerSentEvents(server_sent)


class ServerSentEvents:
    """Server-sent events, as a plugin's parser gets them."""

    __slots__ = ("_decoder",)

    def __init__(self, decoder: SSEDecoder) -> None:
        self._decoder = decoder

    def feed(self, block: bytes) -> list[SSEEvent]:
        """Return the events that `block` completes."""
        return [as_event(*raw) for raw in self._decoder.feed(block)]

    def close(self) -> list[SSEEvent]:
        """Return nothing: an event without the blank line at its end is dropped, as the standard says."""
        return []


class LimitedDecoder:
    """A plugin's own decoder, in which no more may wait than one event may have."""

    __slots__ = ("_decoder", "_max_event_bytes", "_waiting")

    def __init__(self, decoder: FrameDecoder, max_event_bytes: int) -> None:
        self._decoder = decoder
        self._max_event_bytes = max_event_bytes
        self._waiting = 0

    def feed(self, block: bytes) -> Sequence[SSEEvent]:
        """Return the events that `block` completes.

        Raises:
            ValueError: an event is larger than `max_event_bytes`, or that much came without an event.
        """
        events = self._decoder.feed(block) if block else ()
        self._waiting = 0 if events else self._waiting + len(block)
        if self._waiting > self._max_event_bytes or any(len(event.data) > self._max_event_bytes for event in events):
            raise ValueError(f"event exceeds {self._max_event_bytes} bytes")
        return events

    def close(self) -> Sequence[SSEEvent]:
        """Return the events that the end of the body completes."""
        return self._decoder.close()
