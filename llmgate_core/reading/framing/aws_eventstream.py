"""Decode an AWS event stream: binary messages with headers, a payload and two checksums. Pure: bytes in, events out.

    total length (4), headers' length (4), CRC32 of these 8 bytes (4), headers, payload, CRC32 of all before it (4)

Numbers are big-endian. A header is the length of its name (1), the name, the type of its value (1), the value.

Source: "Event stream encoding" in the Smithy and Amazon Transcribe documentation.
"""

from __future__ import annotations

import struct
import zlib

from llmgate_core.contract.upstream import SSEEvent
from llmgate_core.json_codec import encode

__all__ = ["MESSAGE_TYPE", "AWSEventDecoder", "header_values"]

MESSAGE_TYPE = ":message-type"
PRELUDE_BYTES = 12
OVERHEAD_BYTES = 16  # prelude and the checksum at the end
MAX_HEADER_BYTES = 128 * 1024
UINT = struct.Struct(">I")
LENGTHS = struct.Struct(">II")
BYTES_TYPE, STRING_TYPE = 6, 7
SIZE_OF_TYPE = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Type of a header's value -> its size: true, false, numbers of 1, 2, 4 and 8 bytes, a time, a UUID."""


class AWSEventDecoder:
    """Turn byte blocks of any size into events; see `FrameDecoder`.

    The name of an event is its `:event-type`, or the `:exception-type` of an exception or the `:error-code` of an
    error, which have `is_error`; its data is the payload as text.
    """

    __slots__ = ("_buffer", "_failure", "_headers", "_max_event_bytes")

    def __init__(self, max_event_bytes: int) -> None:
        self._buffer = bytearray()
        self._max_event_bytes = max_event_bytes
        self._failure = ""
        self._headers: tuple[bytes, dict[str, str]] = (b"", {})  # the last ones: those of most messages are the same

    def feed(self, block: bytes) -> list[SSEEvent]:
        """Return the events that `block` completes.

        Raises:
            ValueError: the bytes are not such messages, or one is larger than `max_event_bytes`; after the events that
                came before it.
        """
        if self._failure:
            raise ValueError(self._failure)
        self._buffer += block
        events: list[SSEEvent] = []
        start = 0
        try:
            while size := self._size_of_message(start):
                events.append(self._event(bytes(self._buffer[start : start + size])))
                start += size
        except ValueError as error:
            self._failure = str(error)
            if not events:
                raise
        del self._buffer[:start]
        return events

    def close(self) -> list[SSEEvent]:
        """Return nothing: a message ends with its last byte.

        Raises:
            ValueError: the stream ended within a message, or it was no such stream.
        """
        if self._failure or self._buffer:
            raise ValueError(self._failure or "it ended within a message")
        return []

    def _size_of_message(self, start: int) -> int:
        """Return the size of the message that begins there, 0 if it is not complete.

        A wrong length is found as soon as the prelude is here, so that no one waits for bytes that never come.
        """
        waiting = len(self._buffer) - start
        if waiting < PRELUDE_BYTES:
            return 0
        total, headers = LENGTHS.unpack_from(self._buffer, start)
        if zlib.crc32(self._buffer[start : start + 8]) != UINT.unpack_from(self._buffer, start + 8)[0]:
            raise ValueError("the checksum of a message's prelude is wrong")
        if total < OVERHEAD_BYTES + headers or headers > MAX_HEADER_BYTES:
            raise ValueError("the lengths of a message are wrong")
        if total > self._max_event_bytes:
            raise ValueError(f"a message of {total} bytes exceeds {self._max_event_bytes} bytes")
        return int(total) if waiting >= total else 0

    def _event(self, message: bytes) -> SSEEvent:
        if zlib.crc32(message[:-4]) != UINT.unpack(message[-4:])[0]:
            raise ValueError("the checksum of a message is wrong")
        _, headers_size = LENGTHS.unpack_from(message)
        block = message[PRELUDE_BYTES : PRELUDE_BYTES + headers_size]
        if block != self._headers[0]:
            self._headers = block, header_values(block)
        headers = self._headers[1]
        data = message[PRELUDE_BYTES + headers_size : -4].decode("utf-8", "replace")
        kind = headers.get(MESSAGE_TYPE, "event")
        if kind == "event":
            return SSEEvent(data, headers.get(":event-type", "message"))
        if kind == "exception":
            return SSEEvent(data, headers.get(":exception-type", "error"), is_error=True)
        if kind == "error":
            code = headers.get(":error-code", "error")
            return SSEEvent(
                data or encode({"message": headers.get(":error-message", code)}).decode(), code, is_error=True
            )
        raise ValueError(f"a message has the unknown type {kind!r:.80}")


def header_values(block: bytes) -> dict[str, str]:
    """Return the headers whose value is a string, by name.

    Raises:
        ValueError: the block ends within a header, or a value has an unknown type.
    """
    values: dict[str, str] = {}
    at = 0
    while at < len(block):
        name_end = at + 1 + block[at]
        name = block[at + 1 : name_end].decode("utf-8", "replace")
        if name_end >= len(block):
            raise ValueError("the headers of a message are cut off")
        kind, at = block[name_end], name_end + 1
        if kind in (BYTES_TYPE, STRING_TYPE):
            size, at = int.from_bytes(block[at : at + 2], "big"), at + 2
        elif kind in SIZE_OF_TYPE:
            size = SIZE_OF_TYPE[kind]
        else:
            raise ValueError(f"a header of a message has the unknown type {kind}")
        if at + size > len(block):
            raise ValueError("the headers of a message are cut off")
        if kind == STRING_TYPE:
            values[name] = block[at : at + size].decode("utf-8", "replace")
        at += size
    return values
