"""The headers that say how much a key has left, under the names that clients of Anthropic's API read. Pure.

Core gives every upstream's headers OpenAI's names, beside those that they have. A number means the same in both APIs,
and so does a date; how long it takes until a limit is reset (`1m30s`) has no name in this API, and keeps OpenAI's.

Source: Anthropic API reference, "Rate limits", "Response headers".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["own_names"]

OPENAIS: Final = re.compile(rb"x-ratelimit-(limit|remaining|reset)-([a-z]+(?:-[a-z]+)*)")
NUMBER: Final = re.compile(rb"[0-9]{1,18}")
DATE: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)")


def own_names(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return headers with the limits among them renamed, such as `anthropic-ratelimit-requests-remaining`."""
    named = [(_own_name(name, value), value) for name, value in headers]
    return list(dict.fromkeys(named))


def _own_name(name: bytes, value: bytes) -> bytes:
    found = OPENAIS.fullmatch(name)
    if found is None:
        return name
    form = DATE if found[1] == b"reset" else NUMBER
    return b"anthropic-ratelimit-%s-%s" % (found[2], found[1]) if form.fullmatch(value) else name
