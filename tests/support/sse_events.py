"""The events of a recorded stream, as a plugin's parser gets them."""

from __future__ import annotations

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.reading.framing.sse import SSEDecoder, as_event

__all__ = ["sse_events"]


def sse_events(content: bytes) -> list[SSEEvent]:
    """Return every event of a stream of whole events."""
    return [as_event(*raw) for raw in SSEDecoder().feed(content)]
