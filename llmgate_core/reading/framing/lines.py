"""Decode a stream of one event a line, such as NDJSON. Pure: bytes in, events out.

Source: the NDJSON specification, version 1.0.0, of which empty lines are its "MAY be silently ignored"; JSON Lines.
"""

from __future__ import annotations

import re

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.json_codec import decode_leniently

__all__ = ["LineDecoder"]

BOM = b"\xef\xbb\xbf"
FIRST_IS_ERROR = re.compile(r'\s*\{\s*"error"\s*:')


class LineDecoder:
    """Turn byte blocks of any size into one event for each line that is not blank; see `FrameDecoder`.

    A line ends with LF or CRLF. The last one may lack its end if it is a whole JSON object or array, since anything
    else could be the beginning of a longer line. A line whose object begins with an `error` reports one.
    """

    __slots__ = ("_failure", "_is_first", "_line", "_max_event_bytes", "_size")

    def __init__(self, max_event_bytes: int) -> None:
        self._line: list[bytes] = []  # pieces of the unfinished line, joined once
        self._size = 0
        self._is_first = True
        self._max_event_bytes = max_event_bytes
        self._failure = ""

    def feed(self, block: bytes) -> list[SSEEvent]:
        """Return the events that `block` completes.

        Raises:
            ValueError: a line is longer than `max_event_bytes`; after the events that came before it.
        """
        if self._failure:
            raise ValueError(self._failure)
        events: list[SSEEvent] = []
        *ends, rest = block.split(b"\n")
        try:
            for piece in ends:
                self._keep(piece)
                events += self._taken()
            self._keep(rest)
        except ValueError as error:
            self._failure = str(error)
            if not events:
                raise
        return events

    def close(self) -> list[SSEEvent]:
        """Return the last line, if it has no end.

        Raises:
            ValueError: it may be cut off; or a line was too long.
        """
        if self._failure:
            raise ValueError(self._failure)
        events = self._taken()
        if events and not _is_whole(events[0].data):
            raise ValueError("the last line may be cut off: it has no line end, and is no JSON object or array")
        return events

    def _keep(self, piece: bytes) -> None:
        """Add a piece to the line."""
        if piece:
            self._size += len(piece)
            if self._size > self._max_event_bytes:
                raise ValueError(f"a line exceeds {self._max_event_bytes} bytes")
            self._line.append(piece)

    def _taken(self) -> list[SSEEvent]:
        """Return the line that has ended as an event; none if it is blank."""
        line, self._line, self._size = b"".join(self._line), [], 0
        if self._is_first:
            line, self._is_first = line.removeprefix(BOM), False
        line = line.removesuffix(b"\r")
        if not line.strip():
            return []
        text = line.decode("utf-8", "replace")
        return [SSEEvent(text, is_error=_reports_error(text))]


def _reports_error(line: str) -> bool:
    if not FIRST_IS_ERROR.match(line):
        return False
    try:
        value, _ = decode_leniently(line)
    except ValueError:
        return False
    return bool(value["error"])


def _is_whole(line: str) -> bool:
    try:
        value, _ = decode_leniently(line)
    except ValueError:
        return False
    return isinstance(value, (dict, list))
