"""Read how long an upstream asks us to wait.

Pure: headers in, seconds out. Source: RFC 9110, section 10.2.3, and the OpenAI SDK's `retry-after-ms`.
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping

__all__ = ["retry_after_of"]


def retry_after_of(headers: Mapping[str, str], wall_clock: float) -> float | None:
    """Return how many seconds the upstream asks us to wait; None if it asks for nothing readable.

    `headers` are looked up in lower case; `wall_clock` is the time now, for a Retry-After date.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        date = email.utils.parsedate_to_datetime(headers["retry-after"])
    except (KeyError, ValueError, TypeError):
        return None
    return max(0.0, date.timestamp() - wall_clock)
