"""When a stream is complete: the one rule for every reader, and for the bridge.

Pure. A stream of choices is complete after a `finish_reason` or `[DONE]`; a stream of typed events only after one of
its family's last events, whatever `[DONE]` says.

Source: OpenAI API reference, the stream sections of each endpoint; docs/reliability.md, rows R3 and R13.
"""

from __future__ import annotations

from typing import Any

from llmgate_core.endpoints.families import Family
from llmgate_core.reading.accumulate.message_events import merged_usage

__all__ = ["DONE", "EndOfStream"]

DONE = "[DONE]"
"""The data of the event that ends a stream of choices."""


class EndOfStream:
    """What a stream has said about its end.

    Attributes:
        is_complete: the answer is whole; the body may end here.
        is_over: nothing after this belongs to the stream.
        usage: the last usage in the stream; None if there was none. tier: the last service tier that was named.
    """

    __slots__ = ("_grows_usage", "_last_events", "_stops_at_last", "is_complete", "is_over", "tier", "usage")

    def __init__(self, family: Family) -> None:
        self._last_events = family.ends
        self._stops_at_last = family.stops_at_end
        self._grows_usage = family.grows_usage
        self.is_complete = False
        self.is_over = False
        self.usage: Any = None
        self.tier: str | None = None

    def see_chunk(self, chunk: Any) -> None:
        """Note what a chunk with choices says; it is a dict, or an object with `get`."""
        if (usage := chunk.get("usage")) is not None:
            self.usage = usage
        self.tier = chunk.get("service_tier") or self.tier
        if not self.is_complete:
            for choice in chunk.get("choices") or ():
                is_dict = isinstance(choice, dict)
                # some servers send an empty string with every chunk, which does not end the stream
                if choice.get("finish_reason") if is_dict else getattr(choice, "finish_reason", None):
                    self.is_complete = True

    def see_usage(self, event: Any) -> None:
        """Note the usage that a typed event has, before or in the last one; some servers send it with every event."""
        response = event.get("message" if self._grows_usage else "response")
        usage = event.get("usage") or (response.get("usage") if hasattr(response, "get") else None)
        if usage:
            self.usage = merged_usage(_plain(self.usage), _plain(usage)) if self._grows_usage else usage

    def see_event(self, event: Any) -> bool:
        """Note what a typed event says; return whether it is one of the last.

        Raises:
            ValueError: the response that it should hold is not an object.
        """
        kind = event.get("type")
        if not isinstance(kind, str) or kind not in self._last_events:
            return False
        response = event.get("response") or event
        if not hasattr(response, "get"):
            raise ValueError("the last event has no response")
        self.see_usage(event)
        self.tier = response.get("service_tier")
        self.is_complete = True
        self.is_over = self._stops_at_last
        return True

    def see_done(self) -> str | None:
        """Note `[DONE]`; return why the stream may not end there, None: it may."""
        if self._last_events and not self.is_complete:
            return "the stream ended with [DONE] before its last event"
        self.is_over = True
        return None

    def see_close(self) -> str | None:
        """Note the end of the body; return what the stream lacks, None: it is complete."""
        if not self.is_complete:
            marker = "its last event" if self._last_events else "a finish_reason and without [DONE]"
            return f"the stream ended without {marker}"
        self.is_over = True
        return None


def _plain(usage: Any) -> Any:
    return usage.model_dump(exclude_unset=True) if hasattr(usage, "model_dump") else usage
