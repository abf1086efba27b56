"""The decoder of server-sent events.

Any cut of the same bytes gives the same events, those of a plain reading of the standard; a limit ends the stream at
the same event however the bytes are cut. A long stream of the same shape takes no longer than the time limit of an
input, which it would if the decoder were not linear.

Source of the reference: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
"""

from __future__ import annotations

import re
import zlib

from fuzz.cuts import ways_to_cut
from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.reading.framing.sse import MAX_EVENT_BYTES, SSEDecoder, as_event

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_core.reading.framing.sse",)
SMALL_LIMIT = 40
LONG_STREAM_BYTES = 16 * 1024
Outcome = tuple[list[SSEEvent], int, bytes, bool]


def check(data: bytes) -> None:
    """Decode the bytes whole and in pieces."""
    whole, limited = decoded([data], MAX_EVENT_BYTES), decoded([data], SMALL_LIMIT)
    assert whole[0] == reference(data), "the events are not those of the standard"
    assert limited[3] or limited == whole, "a limit that was not reached changed the events"
    assert limited[0] == whole[0][: len(limited[0])], "a limit changed an event before it"
    for blocks in ways_to_cut(data):
        assert decoded(blocks, MAX_EVENT_BYTES) == whole, "a cut changed the events"
        assert decoded(blocks, SMALL_LIMIT) == limited, "a cut changed where the limit is"
    if data and zlib.crc32(data) % 512 == 0:
        check_long(data * (LONG_STREAM_BYTES // len(data)))


def decoded(blocks: list[bytes], limit: int) -> Outcome:
    """Return events, number of comments, the last comment, and whether the limit was reached."""
    decoder, events = SSEDecoder(limit), list[SSEEvent]()
    try:
        for block in [*blocks, b""]:  # a failure behind good events is reported by the next call
            events += [as_event(*raw) for raw in decoder.feed(block)]
    except ValueError:
        return events, decoder.comments, decoder.comment, True
    return events, decoder.comments, decoder.comment, False


def check_long(stream: bytes) -> None:
    """Decode a long stream byte by byte; its events are those of the whole."""
    decoder, events = SSEDecoder(), list[SSEEvent]()
    for at in range(len(stream)):
        events += [as_event(*raw) for raw in decoder.feed(stream[at : at + 1])]
    assert events == [as_event(*raw) for raw in SSEDecoder().feed(stream)]


def reference(data: bytes) -> list[SSEEvent]:
    """Return the events of a stream, read in the plainest way."""
    *lines, _ = re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"))
    events, kind, values = list[SSEEvent](), b"", list[bytes]()
    for line in lines:
        if not line:
            if any(values):  # empty data is not dispatched: llmgate's choice
                text = b"\n".join(values).decode("utf-8", "replace")
                events.append(SSEEvent(text, kind.decode("utf-8", "replace") or "message"))
            kind, values = b"", []
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            values.append(value)
        elif name == b"event":
            kind = value
    return events
