"""What a plugin's parser makes of one stream: bytes in, canonical pieces out. Pure.

Source: docs/plugins/streams.md; docs/reliability.md, rows R2 to R7 and R13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.upstream import Framing, SSEEvent, StreamParser
from llmgate_core.errors import APIError, LLMGateError, PluginError, StreamTruncatedError
from llmgate_core.json_codec import decode_leniently, encode, has_more_values
from llmgate_core.reading.framing.decoder import decoder_of
from llmgate_core.reading.framing.sse import SSEDecoder
from llmgate_core.reading.readers.end_of_stream import DONE, EndOfStream
from llmgate_core.reading.results import HALF_CHARACTERS
from llmgate_core.reading.upstream_errors import error_reported_by, lenient_decode

__all__ = ["ParsedStream"]


class ParsedStream:
    """The events of one stream on their way through a plugin's parser.

    Each piece has to be shown to `end` before the next one is asked for.

    Attributes:
        events: how many the parser has taken; each shows that the upstream is alive.
        notes: what reading them changed.
        rejects_documents: a JSON object cannot begin a stream of this framing.
    """

    __slots__ = (
        "_decoder",
        "_end",
        "_error_of",
        "_invalid",
        "_max_event_values",
        "_parser",
        "events",
        "notes",
        "rejects_documents",
    )

    def __init__(
        self,
        parser: StreamParser,
        end: EndOfStream,
        *,
        server_sent: SSEDecoder,
        max_event_bytes: int,
        max_event_values: int,
        error_of: Callable[[object], APIError],
        invalid: Callable[[str], APIError],
    ) -> None:
        framing: Framing = getattr(parser, "framing", "sse")
        self._decoder = decoder_of(framing, server_sent, max_event_bytes)
        self._parser = parser
        self._end = end
        self._max_event_values = max_event_values
        self._error_of = error_of
        self._invalid = invalid
        self.rejects_documents = framing in ("sse", "aws-eventstream")
        self.events = 0
        self.notes: tuple[LedgerEntry, ...] = ()

    @property
    def ledger(self) -> Sequence[LedgerEntry]:
        """What the parser and reading noted."""
        return (*getattr(self._parser, "ledger", ()), *self.notes)

    @property
    def usage(self) -> Any:
        """The parser's own account of the usage; None: it has none."""
        return getattr(self._parser, "usage", None)

    def feed(self, block: bytes) -> Iterator[JsonObject]:
        """Yield the pieces that `block` completes.

        Raises:
            LLMGateError: an event reports an error, is too large, or cannot be read; the parser failed.
        """
        try:
            events = self._decoder.feed(block)
        except ValueError as error:
            raise self._invalid(str(error)) from None
        return self._pieces(events)

    def close(self) -> Iterator[JsonObject]:
        """Yield the last pieces when the body has ended.

        Raises:
            StreamTruncatedError: it ended within an event, or nothing said that the answer was complete.
            LLMGateError: as `feed`.
        """
        yield from self.feed(b"")  # of a decoder that has failed behind good events it raises the failure
        try:
            events = self._decoder.close()
        except ValueError as error:
            raise StreamTruncatedError(f"the stream ended within an event: {error}", phase="body") from None
        yield from self._pieces(events)
        if self._end.is_over:
            return
        yield from self._parser.close()
        if not self._is_complete:
            raise StreamTruncatedError("the stream ended, and nothing said that the answer was complete", phase="body")
        self._end.is_over = True

    @property
    def _is_complete(self) -> bool:
        return self._end.is_complete or bool(getattr(self._parser, "done", False))

    def _pieces(self, events: Sequence[SSEEvent]) -> Iterator[JsonObject]:
        parser, end, longest = self._parser, self._end, self._max_event_values
        for raw in events:
            event = raw
            if len(event.data) > longest or "\\u" in event.data or event.is_error or event.event == "error":
                event = self._checked(event)
            try:
                yield from parser.feed(event)
            except PluginError as error:
                if isinstance(error.__cause__, ValueError) and _is_broken_json(event.data):
                    raise self._invalid("it is not JSON") from None
                raise
            if event.data == DONE and not end.is_over:
                yield from parser.close()
                end.is_over = True
            elif getattr(parser, "done", False):
                end.is_over = True
            self.events += 1
            if end.is_over:
                return

    def _checked(self, event: SSEEvent) -> SSEEvent:
        """Return an event as the parser gets it.

        Raises:
            LLMGateError: it reports an error, or would take more memory than its size shows.
        """
        if len(event.data) > self._max_event_values and has_more_values(event.data.encode(), self._max_event_values):
            raise self._invalid(f"it holds more than {self._max_event_values} values (Limits.event_values)")
        if event.is_error or event.event == "error":
            raise self._reported(event)
        return self._without_half_characters(event) if "\\u" in event.data else event

    def _reported(self, event: SSEEvent) -> LLMGateError:
        """Return the error that an event reports: the parser's, else by code and type."""
        report: Callable[[SSEEvent], LLMGateError | None] | None = getattr(self._parser, "error", None)
        own = None if report is None else report(event)
        return self._error_of(_error_in(event)) if own is None else own

    def _without_half_characters(self, event: SSEEvent) -> SSEEvent:
        """Return an event whose JSON a parser can read: lone surrogates, which no decoder takes, are replaced."""
        try:
            value, has_replacements = decode_leniently(event.data)
        except ValueError:
            return event
        if not has_replacements:
            return event
        if HALF_CHARACTERS not in self.notes:
            self.notes = (*self.notes, HALF_CHARACTERS)
        return SSEEvent(encode(value).decode(), event.event)


def _error_in(event: SSEEvent) -> object:
    """Return the error object of an event; the name of the event is its code where it has none."""
    parsed = lenient_decode(event.data)
    reported = error_reported_by(parsed) or (parsed if isinstance(parsed, Mapping) else event.data)
    if event.event in ("error", "message"):
        return reported
    fields = reported if isinstance(reported, Mapping) else {"message": reported}
    return {**fields, "code": fields.get("code") or event.event}


def _is_broken_json(data: str) -> bool:
    """Return whether an event begins like JSON but is not JSON, which is the upstream's fault and not the parser's."""
    if not data.lstrip().startswith(("{", "[")):
        return False
    try:
        decode_leniently(data)
    except ValueError:
        return True
    return False
