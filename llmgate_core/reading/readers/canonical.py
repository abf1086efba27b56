"""Read events that hold canonical chunks as a plugin's parser would, so that they pass where converted chunks do.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.errors import APIResponseValidationError
from llmgate_core.json_codec import decode
from llmgate_core.reading.readers.end_of_stream import DONE
from llmgate_core.reading.upstream_errors import error_of_object, error_reported_by

__all__ = ["CanonicalParser"]


class CanonicalParser:
    """The parser of an upstream that speaks the OpenAI API: each event is a chunk, an error, or `[DONE]`.

    For what wraps the hook `stream_parser`: it takes the place of None.

    Args:
        edit: takes each chunk, and returns it or another in its place. A chunk that is not canonical is the upstream's
            fault, so an edit leaves what it does not know as it is.
        ledger: what the edits add to it is added to the stream's ledger.
    """

    def __init__(
        self,
        edit: Callable[[JsonObject], JsonObject] | None = None,
        ledger: Sequence[LedgerEntry] = (),
    ) -> None:
        self._edit = edit
        self.ledger = ledger

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the event's chunk; none for `[DONE]`.

        Raises:
            APIError: the event is an error, or not a JSON object.
        """
        if event.data == DONE:
            return ()
        try:
            chunk = decode(event.data)
        except ValueError as error:
            raise APIResponseValidationError(f"an event of the stream is not JSON: {error}") from None
        if not isinstance(chunk, dict):
            raise APIResponseValidationError("an event of the stream is not an object")
        if reported := error_reported_by(chunk):
            raise error_of_object(reported)
        return (chunk,) if self._edit is None else (self._edit(chunk),)

    def close(self) -> Sequence[JsonObject]:
        """Return nothing; core knows by the chunks whether the stream is complete."""
        return ()
