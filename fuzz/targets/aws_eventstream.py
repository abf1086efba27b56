"""The decoder of AWS event streams.

Any cut of the same bytes gives the same events and the same refusal. A fuzzer cannot guess checksums, so the bytes are
also the headers and the payload of a message whose checksums are right.
"""

from __future__ import annotations

import struct
import zlib

from fuzz.cuts import ways_to_cut
from llmgate_core.reading.framing.aws_eventstream import AWSEventDecoder

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_core.reading.framing.aws_eventstream",)
LIMIT = 100_000
Outcome = tuple[list[tuple[str, str, bool]], str]


def check(data: bytes) -> None:
    """Decode the bytes as they are, and as two messages."""
    headers_size = min(data[0] if data else 0, len(data))
    framed = message(data[:headers_size], data[headers_size:])
    for stream in (data, framed, framed + framed, framed + data):
        whole = decoded([stream])
        for blocks in ways_to_cut(stream):
            assert decoded(blocks) == whole, "a cut changed the events"
    if not decoded([framed])[1]:
        events = decoded([framed + framed])[0]
        assert len(events) == 2, "a whole message was not read"
        assert events[0] == events[1]


def message(headers: bytes, payload: bytes) -> bytes:
    """Return a message with right lengths and checksums."""
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def decoded(blocks: list[bytes]) -> Outcome:
    """Return the events, and why the stream was refused."""
    decoder, events = AWSEventDecoder(LIMIT), list[tuple[str, str, bool]]()
    try:
        for block in blocks:
            events += [(event.event, event.data, event.is_error) for event in decoder.feed(block)]
        events += [(event.event, event.data, event.is_error) for event in decoder.close()]
    except ValueError as error:
        return events, str(error)
    return events, ""
