"""Read events that hold canonical chunks as a plugin's parser would, so that they pass where converted chunks do.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.json_codec import decode

__all__ = ["CanonicalChunks"]


class CanonicalChunks:
    """The parser of a stream that is made in this process: each event is a chunk, and the end is the end.

    Attributes:
        done: the end has come.
    """

    done = False

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the event's chunk."""
        return (decode(event.data),)

    def close(self) -> Sequence[JsonObject]:
        """Return nothing: what makes the chunks says itself when it has failed."""
        self.done = True
        return ()
