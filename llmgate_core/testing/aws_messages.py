"""Encode the messages of an AWS event stream, for tests.

Pure.

Source: "Event stream encoding" in the Smithy and Amazon Transcribe documentation.
"""

from __future__ import annotations

import struct
import zlib

__all__ = ["event_message", "message"]

OVERHEAD_BYTES = 16  # lengths and checksums
STRING_TYPE = 7


def event_message(name: str, payload: str) -> bytes:
    """Return the message of an event, or of an exception where the name ends in `Exception`."""
    kind = "exception" if name.endswith("Exception") else "event"
    headers = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    return message(headers, payload.encode())


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """Return a message with these headers, of strings."""
    block = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack(">II", OVERHEAD_BYTES + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    body = prelude + block + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", STRING_TYPE, len(value)) + value
