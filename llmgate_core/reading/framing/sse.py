"""Decode a server-sent event stream.

Pure: bytes in, events out, no I/O. The sync and the async sender both feed it.

Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

from llmgate_core.contract.upstream import SSEEvent

__all__ = ["MESSAGE", "RawEvent", "SSEDecoder", "as_event"]

RawEvent = tuple[bytes, str]
"""One dispatched event: its data lines joined by newlines, still encoded and possibly not UTF-8, and its type.

A plain tuple, since a stream has one for every token.
"""
MESSAGE = "message"
"""The type of an event without a name."""

MAX_EVENT_BYTES = 16_777_216
MAX_COMMENT_BYTES = 256
DATA, EVENT_END = b"data: ", b"\n\n"


def as_event(data: bytes, name: str) -> SSEEvent:
    """Return an event as a plugin's parser gets it: bytes that are not UTF-8 are replaced, as the standard says."""
    return SSEEvent(data.decode("utf-8", "replace"), name)


class SSEDecoder:
    """Turn byte blocks of any size into whole events, in time linear in their bytes.

    A block may end inside a line, a CRLF pair or a UTF-8 character; what is
    incomplete waits for the next `feed`, in pieces that are joined once.

    Attributes:
        comments: how many comments have come so far.
        comment: the last one, without its colon, cut at `MAX_COMMENT_BYTES`.
        is_within: what comes next may not begin an event: something waits, or this is the first block.
    """

    __slots__ = (
        "_after_cr",
        "_bom",
        "_failure",
        "_line",
        "_lines",
        "_max_event_bytes",
        "_size",
        "comment",
        "comments",
        "is_within",
    )

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._line: list[bytes] = []  # pieces of the unfinished line
        self._lines = bytearray()  # finished lines of the unfinished event: a list of many short ones would be huge
        self._size = 0
        self._after_cr = False
        self._bom = b"\xef\xbb\xbf"  # dropped from the first line only
        self._max_event_bytes = max_event_bytes
        self._failure = ""
        self.is_within = True
        self.comments = 0
        self.comment = b""

    def feed(self, block: bytes) -> list[RawEvent]:
        """Return the events that `block` completes, oldest first.

        Raises:
            ValueError: an unfinished event has grown past `max_event_bytes`.
        """
        if not self.is_within and block[-2:] == EVENT_END and block[:6] == DATA:  # one event: a paced stream's blocks
            data = block[6:-2]
            if data and data.find(b"\n") < 0 and data.find(b"\r") < 0 and len(block) <= self._max_event_bytes:
                return [(data, MESSAGE)]
        if self._failure:
            raise ValueError(self._failure)
        if block.find(b"\r") >= 0 and not self._after_cr and block[-1:] != b"\r":  # Google ends lines with CRLF
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[RawEvent] = []
        try:
            if self.is_within or block.find(b"\r") >= 0:
                self._feed_rest(events, block)
            else:
                self._feed_whole(events, block)
        except ValueError as error:
            if not events:
                raise
            self._failure = str(error)  # what came before it is good, and the caller's first
        finally:
            self.is_within = bool(self._size or self._bom or self._after_cr or self._failure)
        return events

    def _feed_rest(self, events: list[RawEvent], block: bytes) -> None:
        """Take a block that begins within an event, which ends at the first blank line, or one with a CR."""
        start = block.find(b"\n\n") + 2
        if start == 1 or self._after_cr or block.find(b"\r") >= 0:
            self._feed_any(events, block)
        else:
            self._feed_any(events, block[:start])
            self._feed_whole(events, block[start:])

    def _feed_whole(self, events: list[RawEvent], block: bytes) -> None:
        """Take a block while nothing waits from before: at once if each event has one line of data and no name."""
        end = block.rfind(b"\n\n") + 2
        if end == 1:
            self._feed_any(events, block)
            return
        pieces = block[len(DATA) : end - 2].split(b"\n\n" + DATA)
        is_common = block.startswith(DATA) and block.count(b"\n", 0, end) == 2 * len(pieces)  # so no piece has any
        if is_common and end <= self._max_event_bytes and all(pieces):
            events += [(data, MESSAGE) for data in pieces]
        else:
            self._feed_each(events, block[: end - 2].split(b"\n\n"))
        if end < len(block):
            self._feed_any(events, block[end:])

    def _feed_each(self, events: list[RawEvent], texts: list[bytes]) -> None:
        """Take whole events without their blank lines; those of one line of data, with a name or without, directly."""
        for text in texts:
            name, data = MESSAGE, text
            if text[:7] == b"event: ":
                line, _, data = text.partition(b"\n")
                name = _name_of(line[7:])
            if data[:6] != DATA or data.find(b"\n") >= 0 or len(text) > self._max_event_bytes:
                self._feed_any(events, text + b"\n\n")
            elif data := data[6:]:  # without data nothing is dispatched
                events.append((data, name))

    def _feed_any(self, events: list[RawEvent], block: bytes) -> None:
        if not block:
            return
        second_half = self._after_cr and block.startswith(b"\n")  # of a CRLF
        self._after_cr = block.endswith(b"\r")
        lines = block[second_half:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ends, rest = lines.split(b"\n")
        for end in ends:
            if (event := self._end_line(end)) is not None:
                events.append(event)
        self._keep(rest)

    def _end_line(self, end: bytes) -> RawEvent | None:
        """Close the current line; a blank one dispatches what came before it."""
        self._keep(end)
        line, self._line = b"".join(self._line), []
        if self._bom:
            line, self._bom = line.removeprefix(self._bom), b""
        if line[:1] == b":":
            self.comments += 1
            self.comment = line[1 : 1 + MAX_COMMENT_BYTES]
            self._size -= len(line)
            return None
        if line:
            self._lines += line
            self._lines += b"\n"
            return None
        lines, self._lines, self._size = self._lines, bytearray(), 0
        return _parse(bytes(lines).split(b"\n"))

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._size += len(piece)
            if self._size > self._max_event_bytes:
                raise ValueError(f"event exceeds {self._max_event_bytes} bytes")
            self._line.append(piece)


def _parse(lines: list[bytes]) -> RawEvent | None:
    """Read the fields of one event; None where no data was seen, or only empty data, so nothing is dispatched."""
    event, data = MESSAGE, []
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = _name_of(value.removeprefix(b" "))
    return (b"\n".join(data), event) if any(data) else None


def _name_of(value: bytes) -> str:
    return value.decode("utf-8", "replace") or MESSAGE
