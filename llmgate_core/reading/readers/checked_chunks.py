"""Read the chunks of a stream that are canonical already, where something has to look into them. Pure.

Without that, a reader takes the bytes of an event as its chunk; see `base`.

Source: docs/reliability.md, rows R3 to R5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import SSEEvent, UpstreamResponse
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import StreamTruncatedError
from llmgate_core.reading.accumulate.chunks import as_chunk
from llmgate_core.reading.readers.chunks import WHOLE_ANSWER
from llmgate_core.reading.readers.end_of_stream import DONE, EndOfStream
from llmgate_core.reading.upstream_errors import error_of_object, error_reported_by, lenient_decode, validation_error
from llmgate_core.secrets import Secret

__all__ = ["CheckedChunks"]


class CheckedChunks:
    """A `StreamParser` of chunks or events that need no conversion.

    Attributes:
        ledger: what reading them changed.
    """

    def __init__(self, family: Family, response: UpstreamResponse, secrets: Sequence[Secret | None]) -> None:
        self._family = family
        self._response = response
        self._secrets = secrets
        self._end = EndOfStream(family)
        self._is_first = True
        self.ledger: list[LedgerEntry] = []

    @property
    def usage(self) -> Any:
        """The last usage that the upstream sent, as a dict."""
        return self._end.usage

    def feed(self, event: SSEEvent) -> Sequence[JsonObject]:
        """Return the chunk of an event.

        Raises:
            APIError: the event is an error, or not a chunk.
        """
        if event.data == DONE:
            if (problem := self._end.see_done()) is not None:
                raise StreamTruncatedError(problem, phase="body")
            return ()
        chunk = lenient_decode(event.data)
        if not isinstance(chunk, dict):
            raise self._invalid("it is not a JSON object", event)
        is_error = chunk.get("type") == "error"
        if reported := error_reported_by(chunk) if not self._family.ends or is_error or not chunk.get("type") else None:
            raise self._error_of(reported)
        if is_error:
            raise self._error_of(chunk)
        try:
            return (self._seen(chunk),)
        except (AttributeError, TypeError, ValueError):
            raise self._invalid("it does not have the shape of one", event) from None

    def close(self) -> Sequence[JsonObject]:
        """Return nothing more.

        Raises:
            StreamTruncatedError: the stream had no end marker.
        """
        if not self._end.is_over and (problem := self._end.see_close()) is not None:
            raise StreamTruncatedError(problem, phase="body")
        return ()

    def _seen(self, chunk: JsonObject) -> JsonObject:
        if self._family.ends:
            self._end.see_usage(chunk)
            self._end.see_event(chunk)
            return chunk
        if self._is_first and self._family.name == "chat" and _is_whole(chunk):
            chunk = as_chunk(chunk)
            self.ledger.append(WHOLE_ANSWER)
        self._is_first = False
        self._end.see_chunk(chunk)
        return chunk

    def _error_of(self, reported: object) -> Exception:
        return error_of_object(reported, self._response.status, self._response.headers, self._secrets)

    def _invalid(self, why: str, event: SSEEvent) -> Exception:
        response = UpstreamResponse(self._response.status, self._response.raw_headers, event.data.encode())
        return validation_error(response, f"an event of the stream is not a chunk: {why}", self._secrets)


def _is_whole(chunk: Mapping[str, Any]) -> bool:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return isinstance(first, dict) and "message" in first and not first.get("delta")
