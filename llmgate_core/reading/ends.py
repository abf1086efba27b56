"""Judge JSON that is too large to be parsed by its ends. Pure.

Parsing it would hold up every other call of a server, and take many times its size of memory.

Source: docs/decisions/relay-of-bytes.md; docs/reliability.md, rows R10 and R27.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["MAX_PARSED_BYTES", "finish_reason", "is_object", "last_usage", "type_of_event"]

MAX_PARSED_BYTES = 1024 * 1024
END_BYTES = 8192
USAGE_KEY = b'"usage"'
FINISH_REASON = re.compile(rb'"finish_reason"\s*:\s*"([\w.-]+)"')
TYPE = re.compile(rb'\s*{\s*"type"\s*:\s*"([\w.-]+)"')


def is_object(content: bytes) -> bool:
    """Return whether JSON begins and ends as an object does."""
    return content[:END_BYTES].lstrip()[:1] == b"{" and content[-END_BYTES:].rstrip()[-1:] == b"}"


def last_usage(content: bytes) -> Any:
    """Return the last usage in a large answer; None if none can be read."""
    at = content.rfind(USAGE_KEY)
    if at < 0:
        return None
    text = content[at + len(USAGE_KEY) : at + END_BYTES].decode("utf-8", "replace").lstrip(" \r\n\t:")
    try:
        usage, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return usage if isinstance(usage, dict) else None


def finish_reason(content: bytes) -> str | None:
    """Return the last finish reason near the ends of a large chunk of a stream, or None."""
    found = FINISH_REASON.findall(content[-END_BYTES:]) or FINISH_REASON.findall(content[:END_BYTES])
    return found[-1].decode() if found else None


def type_of_event(content: bytes) -> str | None:
    """Return the type of a large event whose first member it is; None where it is not."""
    found = TYPE.match(content[:END_BYTES])
    return found[1].decode() if found else None
